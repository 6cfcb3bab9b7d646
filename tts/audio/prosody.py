"""Pitch per frame, and the means of pitch and energy over phones."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from tts.audio.mel_definition import MelDefinition, num_frames
from tts.config import config

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]


@config
class PitchSettings:
    """How F0 is measured.

    An hour of speech takes about 9 CPU seconds by dio (mel takes 2), 900 by harvest, 750 to 1400 by pyin, all less in
    a narrower range. WORLD's own ways to a faster DIO were tried and are not offered: lower rates (`speed`) take
    aliases for voices of a third or a quarter of the pitch, one channel per octave doubles the gross errors, and
    `allowed_range` 0.2 too.

    Attributes:
        method: `dio`, refined by StoneMask, both of WORLD (https://doi.org/10.1587/transinf.2015EDP7457); `harvest`
            (https://doi.org/10.21437/Interspeech.2017-68); `pyin` (https://doi.org/10.1109/ICASSP.2014.6853678).
        f_min, f_max: search range in Hz.
        per_speaker: search in each speaker's own part of the range (see `tts.audio.pitch_range`).
    """

    method: Literal["dio", "harvest", "pyin"] = "dio"
    f_min: float = Field(default=71.0, gt=0)
    f_max: float = 800.0
    per_speaker: bool = False

    def __post_init__(self) -> None:
        """Refuse an empty search range."""
        if not self.f_min < self.f_max:
            raise ValueError(f"needs f_min < f_max, not {self.f_min:g} and {self.f_max:g} Hz")


def f0(waveform: npt.NDArray[np.floating], definition: MelDefinition, settings: PitchSettings) -> Floats:
    """F0 in Hz, 0 = unvoiced, measured at the centres of the mel frames.

    Args:
        waveform: [samples] in [-1, 1], of any length.
        definition: gives sample rate, hop and framing.
        settings: gives method and search range; ranges of speakers are the caller's part.

    Returns:
        [frames] with exactly `num_frames` frames.
    """
    count = num_frames(len(waveform), definition)
    if count == 0:
        return np.zeros(0, np.float32)
    # Every method's frame t lies on sample hop_length * t: drop what comes before the centre of mel frame 0. Silence
    # behind a clip changes its last frames; one sample of it, under the last centre, is put where the clip ends there.
    shifted = waveform[int(definition.first_center) :]
    padded = np.zeros(max(len(shifted), (count - 1) * definition.hop_length + 1))
    padded[: len(shifted)] = shifted
    return _METHODS[settings.method](padded, definition, settings)[:count].astype(np.float32)


def _dio(waveform: Doubles, definition: MelDefinition, settings: PitchSettings) -> Doubles:
    from tts.audio.dio import dio  # numba comes with it, which takes long to load and which training does without
    from tts.audio.stonemask import stonemask

    rate, period_ms = definition.sample_rate, 1000 / definition.frames_per_second
    raw = dio(waveform, rate, frame_period_ms=period_ms, f_min=settings.f_min, f_max=settings.f_max)
    return stonemask(waveform, raw, rate, frame_period_ms=period_ms)


def _harvest(waveform: Doubles, definition: MelDefinition, settings: PitchSettings) -> Doubles:
    with warnings.catch_warnings():  # its __init__ reads its own version through the deprecated pkg_resources
        warnings.simplefilter("ignore")
        import pyworld
    measured: Doubles
    measured, _ = pyworld.harvest(
        waveform,
        definition.sample_rate,
        f0_floor=settings.f_min,
        f0_ceil=settings.f_max,
        frame_period=1000 / definition.frames_per_second,
    )
    return measured


def _pyin(waveform: Doubles, definition: MelDefinition, settings: PitchSettings) -> Doubles:
    from librosa import pyin

    measured, _, _ = pyin(
        waveform,
        fmin=settings.f_min,
        fmax=settings.f_max,
        sr=definition.sample_rate,
        # Two of the longest periods are the least that shows one. Only an even frame is centred on its sample.
        frame_length=2 * math.ceil(max(_PYIN_SECONDS, 2 / settings.f_min) * definition.sample_rate / 2),
        hop_length=definition.hop_length,
        fill_na=0.0,
    )
    return np.asarray(measured, dtype=np.float64)


_PYIN_SECONDS = 0.028  # shorter frames miss voiced ones
_METHODS: dict[str, Callable[[Doubles, MelDefinition, PitchSettings], Doubles]] = {
    "dio": _dio,
    "harvest": _harvest,
    "pyin": _pyin,
}


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
