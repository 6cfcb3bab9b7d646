"""Tacotron 2 checkpoints of github.com/NVIDIA/tacotron2: ``{"state_dict": tensors, "optimizer": …, "iteration": …}``.

Its mel: 22,050 Hz, windows of 1,024 every 256 samples, centred, 80 bands from 0 to 8,000 Hz, natural logarithm; it is
predicted as it is, not standardised. Its hparams may be given as JSON. Symbols are letters and the marks between them.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from tts.acoustic.tacotron2 import Config
from tts.config import build
from tts.imports import symbols, tacotron2
from tts.imports.layout import Given, Layout, Understood, Weights, renamed

_NAME, _TABLE = "tacotron2_nvidia", "embedding"


def recognises(state: Mapping[str, Tensor]) -> bool:
    """By its table of symbols and its attention."""
    return {f"{_TABLE}.weight", tacotron2.ATTENTION} <= state.keys()


def understand(state: Weights, given: Given) -> Understood:
    """Config and Inventory from shapes and, where they are given, hparams."""
    names = symbols.named(len(state[f"{_TABLE}.weight"]), given.symbols, symbols.nvidia(), layout=_NAME)
    config = build(Config, tacotron2.model(state, given), where=_NAME)
    return Understood(config, tacotron2.inventory(state, given, names, sample_rate=22050))


def converted(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename tensors.

    Raises:
        CheckpointError: tensors are missing or left over.
    """
    state = Weights(state)
    return tacotron2.without_layer_number(renamed(state, [("symbols", _TABLE), *tacotron2.modules(state)]))


LAYOUT = Layout(_NAME, "acoustic/tacotron2", recognises, understand, converted)
