"""The mel of Tacotron 2's public code, which most public models of its time were taught."""

from __future__ import annotations

from typing import Any

from tts.audio.conventions import CONVENTIONS
from tts.audio.mel_definition import MelDefinition
from tts.config import build, to_plain

HPARAMS = {
    "sample_rate": ("sampling_rate",),
    "n_fft": ("filter_length",),
    "hop_length": ("hop_length",),
    "win_length": ("win_length",),
    "f_min": ("mel_fmin",),
    "f_max": ("mel_fmax",),
}
"""Where public configurations say what differs from it, by our names."""


def tacotron2_mel(n_mels: int, **said: Any) -> MelDefinition:  # noqa: ANN401 - any JSON value
    """As github.com/NVIDIA/tacotron2 computes it, but for what a public configuration says.

    An `f_max` of None is half the sample rate.

    Raises:
        ConfigError: a value cannot be.
    """
    values: dict[str, Any] = {**to_plain(CONVENTIONS["tacotron2"].definition), "n_mels": n_mels, **said}
    if values["f_max"] is None:
        values["f_max"] = values["sample_rate"] / 2
    return build(MelDefinition, values, where="mel")
