"""Pitch per frame, and the means of pitch and energy over phones."""

from __future__ import annotations

import warnings
from types import ModuleType
from typing import Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from tts.audio.spectrogram import MelDefinition, num_frames
from tts.config import config

Floats = npt.NDArray[np.float32]


@config
class PitchSettings:
    """How F0 is measured.

    Attributes:
        method: DIO refined by StoneMask, of WORLD (https://doi.org/10.1587/transinf.2015EDP7457).
        f_min, f_max: search range in Hz.
    """

    method: Literal["dio"] = "dio"
    f_min: float = Field(default=71.0, gt=0)
    f_max: float = 800.0

    def __post_init__(self) -> None:
        """Refuse an empty search range."""
        if not self.f_min < self.f_max:
            raise ValueError(f"needs f_min < f_max, not {self.f_min:g} and {self.f_max:g} Hz")


def f0(waveform: npt.NDArray[np.floating], definition: MelDefinition, settings: PitchSettings) -> Floats:
    """F0 in Hz, 0 = unvoiced, measured at the centres of the mel frames.

    Args:
        waveform: [samples] in [-1, 1], of any length.
        definition: gives sample rate, hop and framing.
        settings: gives the search range.

    Returns:
        [frames] with exactly `num_frames` frames.
    """
    pyworld = _pyworld()
    frames = num_frames(len(waveform), definition)
    # DIO's frame t lies on sample hop_length * t: drop what comes before the centre of mel frame 0. One hop
    # of silence at the end makes sure of the last frame, whatever way WORLD rounds.
    shifted = waveform[int(definition.first_center) :].astype(np.float64)
    padded = np.pad(shifted, (0, definition.hop_length))
    raw, seconds = pyworld.dio(
        padded,
        definition.sample_rate,
        f0_floor=settings.f_min,
        f0_ceil=settings.f_max,
        frame_period=1000 / definition.frames_per_second,
    )
    refined: Floats = pyworld.stonemask(padded, raw, seconds, definition.sample_rate)[:frames].astype(np.float32)
    return refined


def phone_pitch(frame_f0: npt.NDArray[np.floating], durations: npt.NDArray[np.integer]) -> Floats:
    """F0 of phones in Hz: the mean over voiced frames, 0 where fewer than half of the frames are voiced.

    A lone voiced frame at the edge of a fricative is its neighbour's voice or an octave error; the model
    should learn the fricative as unvoiced.

    Args:
        frame_f0: [frames] Hz, 0 = unvoiced.
        durations: [phones] frames, summing to the number of frames; zeros are allowed.

    Returns:
        [phones].
    """
    voiced = frame_f0 > 0
    num_voiced = _sum_over_phones(voiced, durations)
    total = _sum_over_phones(frame_f0, durations)
    mean = total / np.maximum(num_voiced, 1)
    return np.where((num_voiced > 0) & (2 * num_voiced >= durations), mean, 0).astype(np.float32)


def phone_energy(frame_energy: npt.NDArray[np.floating], durations: npt.NDArray[np.integer]) -> Floats:
    """Mean energy of phones, 0 for phones without frames.

    Args:
        frame_energy: [frames] linear.
        durations: [phones] frames, summing to the number of frames; zeros are allowed.

    Returns:
        [phones].
    """
    mean = _sum_over_phones(frame_energy, durations) / np.maximum(durations, 1)
    return np.asarray(mean, dtype=np.float32)


def _sum_over_phones(
    values: npt.NDArray[np.floating] | npt.NDArray[np.bool_], durations: npt.NDArray[np.integer]
) -> npt.NDArray[np.float64]:
    if durations.sum() != len(values):
        raise ValueError(f"durations sum to {durations.sum()}, but there are {len(values)} frames")
    # Unlike np.add.reduceat, which gives an empty slice its neighbour's value.
    owners = np.repeat(np.arange(len(durations)), durations)
    return np.bincount(owners, weights=values, minlength=len(durations)).astype(np.float64)


def _pyworld() -> ModuleType:
    with warnings.catch_warnings():  # its __init__ reads its own version through the deprecated pkg_resources
        warnings.simplefilter("ignore")
        import pyworld
    module: ModuleType = pyworld
    return module
