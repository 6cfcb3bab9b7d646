"""Effective bandwidth: up to which frequency a file holds sound, whatever its sample rate promises."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from tts.lint.findings import Case, Check, Clip, Finding, finding
from tts.lint.spectrum import Floats

NARROW = Check(
    name="bandwidth",
    title="Narrower than its sample rate",
    unit="Hz",
    rule="nothing is heard above 80 % of half the sample rate (of 20 kHz for higher rates), as after upsampling",
    advice="set audio.sample_rate to what the recordings hold, or find the originals",
)
_SHARE = 0.8  # filters against aliasing end above it
_AUDIBLE_HZ = 20_000  # what lies above need not be there
_RANGE_DB = 80.0  # below the strongest bin: about as far as the window's side lobes let see
_ROUNDING_DB = -95.0  # rounding to 16 bits leaves -101 dB in all, dithering some 5 dB more


def bandwidth_hz(mean_power: Floats, bin_hz: float) -> float:
    """Highest frequency that holds sound, to some 500 Hz.

    That is a mean power within 80 dB of the strongest, and above what rounding to 16 bits leaves everywhere.

    Args:
        mean_power: [bins], from 0 Hz on, over the whole clip.
        bin_hz: distance of two bins.
    """
    smooth = np.convolve(mean_power, np.ones(3) / 3, mode="same")
    rounding = 10 ** (_ROUNDING_DB / 10) / len(mean_power)
    heard = np.flatnonzero(smooth > max(smooth.max() * 10 ** (-_RANGE_DB / 10), rounding))
    return float(min(heard[-1] + 1, len(mean_power) - 1) * bin_hz) if len(heard) else 0.0


def bandwidth(clips: Sequence[Clip]) -> Iterator[Finding]:
    """Clips that hold less than their sample rate promises."""
    yield from finding(NARROW, (_case(clip) for clip in clips if _is_narrow(clip)))


def _is_narrow(clip: Clip) -> bool:
    return 0 < clip.sound.bandwidth_hz < _SHARE * min(clip.sound.sample_rate / 2, _AUDIBLE_HZ)


def _case(clip: Clip) -> Case:
    held, rate = clip.sound.bandwidth_hz, clip.sound.sample_rate
    return Case(clip.utterance_id, held, f"sound up to {held:,.0f} Hz, {rate:,} Hz could hold {rate // 2:,}", -held)
