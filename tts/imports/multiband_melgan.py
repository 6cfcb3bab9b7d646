"""MelGAN generators of github.com/kan-bayashi/ParallelWaveGAN: multi-band, full-band, and of MelGAN's own shape."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from tts.config import build
from tts.imports import kan_bayashi
from tts.imports.layout import Given, Layout, Understood, Weights, renamed
from tts.imports.melgan import Words, judges
from tts.vocoders.multiband_melgan import Config

_NAME = "multiband_melgan"
_WORDS = Words("melgan", dilated="stack.2", pointwise="stack.4", shortcut="skip_layer")


def recognises(state: Mapping[str, Tensor]) -> bool:
    """By its first modules."""
    return _WORDS.recognises(state)


def understand(state: Weights, given: Given) -> Understood:
    """Config and mel from shapes, the statistics and, where it is given, config.yml."""
    sizes = _WORDS.sizes(state)
    model = {name: sizes[name] for name in ("channels", "upsample_rates", "blocks", "bands")}
    standard = kan_bayashi.standard(given, n_mels=sizes["n_mels"])
    config = build(Config, {**model, "standard": standard}, where=_NAME)
    hop_length = math.prod(sizes["upsample_rates"]) * sizes["bands"]
    return Understood(config, kan_bayashi.inventory(given, n_mels=sizes["n_mels"], hop_length=hop_length))


def converted(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename tensors.

    Raises:
        CheckpointError: tensors are missing or left over.
    """
    return renamed(state, _WORDS.modules(state), unused=kan_bayashi.STATISTICS)


def discriminator(content: Mapping[str, Any]) -> dict[str, Tensor]:
    """Tensors of our discriminators.

    Raises:
        CheckpointError: tensors are missing or left over.
    """
    return judges(kan_bayashi.discriminator(content), "discriminators.{member}.layers.{number}")


LAYOUT = Layout(_NAME, "vocoders/multiband_melgan", recognises, understand, converted, discriminator)
