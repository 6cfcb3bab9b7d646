"""WaveGlow checkpoints of github.com/NVIDIA/waveglow, as state dicts.

Its training saves ``{"model": module, ...}``, a pickled module that only its own code can read: there, save
``checkpoint["model"].state_dict()``. Its mel is Tacotron 2's: 22,050 Hz, windows of 1,024 every 256 samples, centred,
80 bands from 0 to 8,000 Hz, natural logarithm.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from torch import Tensor

from tts.imports.layout import Given, Layout, Understood, Weights, renamed
from tts.imports.mels import HPARAMS, tacotron2_mel
from tts.interfaces import Inventory
from tts.vocoders.waveglow import Config


def recognises(state: Mapping[str, Tensor]) -> bool:
    """By its upsampling, the first mixing matrix and the first coupling."""
    return {"upsample.weight", "convinv.0.conv.weight", "WN.0.end.weight"} <= state.keys()


def configuration(state: Mapping[str, Tensor]) -> Config:
    """Sizes as the shapes tell them; all else as published.

    Raises:
        CheckpointError: tensors are missing.
    """
    renamed(state, _modules(state))  # which refuses what is missing
    widths = [len(state[f"convinv.{step}.conv.weight"]) for step in range(_count(state, "convinv"))]
    falls = [step for step in range(1, len(widths)) if widths[step] < widths[step - 1]]
    dilated = next(state[f"WN.0.in_layers.0.{name}"] for name in _WEIGHTS if f"WN.0.in_layers.0.{name}" in state)
    return Config(
        steps=len(widths),
        group=widths[0],
        early_every=falls[0] if falls else len(widths),
        early_size=widths[falls[0] - 1] - widths[falls[0]] if falls else 0,
        layers=_count(state, "WN.0.in_layers"),
        channels=dilated.shape[1],
        kernel=dilated.shape[2],
        upsample_kernel=state["upsample.weight"].shape[2],
    )


def understand(state: Weights, given: Given) -> Understood:
    """Config and mel from shapes and, where it is given, `data_config` of the public config.json."""
    mel = tacotron2_mel(len(state["upsample.weight"]), **given.settings(HPARAMS, "data_config"))
    return Understood(configuration(state), Inventory(mel=mel))


def converted(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Tensors by our names, weight norm folded or not, as it was.

    Raises:
        CheckpointError: tensors are missing or left over; names the first five.
    """
    ours = renamed(state, _modules(state))
    return {name: each.squeeze(2) if name.startswith("mixings.") else each for name, each in ours.items()}


_WEIGHTS = ("weight", "weight_v", "parametrizations.weight.original1")


def _modules(state: Mapping[str, Tensor]) -> Iterator[tuple[str, str]]:
    """Our name and theirs of every module that the numbers of steps and layers make."""
    yield "upsample", "upsample"
    for step in range(_count(state, "convinv")):
        yield f"mixings.{step}", f"convinv.{step}.conv"
        ours, theirs = f"couplings.{step}", f"WN.{step}"
        yield from ((f"{ours}.{new}", f"{theirs}.{old}") for new, old in _ENDS)
        for layer in range(_count(state, "WN.0.in_layers")):
            yield from ((f"{ours}.{new}.{layer}", f"{theirs}.{old}.{layer}") for new, old in _LAYERS)


_ENDS = (("start", "start"), ("condition", "cond_layer"), ("end", "end"))
_LAYERS = (("dilated", "in_layers"), ("residual", "res_skip_layers"))


def _count(state: Mapping[str, Tensor], prefix: str) -> int:
    """How many modules a list has: one more than the highest number after its prefix."""
    found = [re.match(rf"{re.escape(prefix)}\.(\d+)\.", name) for name in state]
    return 1 + max((int(each[1]) for each in found if each), default=-1)


LAYOUT = Layout("waveglow_nvidia", "vocoders/waveglow", recognises, understand, converted)
