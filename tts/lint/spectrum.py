"""The one short-time spectrum of a clip that levels, noise, bandwidth and fingerprint are taken from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

HOP_SECONDS = 0.01
SILENT_DB = -120.0
"""Level of frames of zeros."""

_FRAME_SECONDS = 0.025
_LOWEST_HZ = 60.0  # below are hum and rumble, not voices
_BLOCK = 1000  # frames at a time: the memory of ten seconds, however long the clip


@dataclass(frozen=True)
class Spectrum:
    """Levels over time and frequency.

    Attributes:
        level_db: [frames], RMS above 60 Hz, dB below full scale; a frame each 10 ms.
        bands: [frames, bands], power in the bands asked for.
        mean_power: [bins], from 0 Hz to half the sample rate.
        bin_hz: distance of two bins.
    """

    level_db: Floats
    bands: Floats
    mean_power: Floats
    bin_hz: float


def spectrum_of(waveform: npt.NDArray[np.float32], sample_rate: int, *, edges_hz: Floats) -> Spectrum:
    """Spectrum of a clip [samples], by 25 ms Hann windows.

    Args:
        waveform: of any length; what is shorter than a window is padded with zeros.
        sample_rate: Hz.
        edges_hz: [bands + 1], rising.
    """
    length, hop = round(_FRAME_SECONDS * sample_rate), round(HOP_SECONDS * sample_rate)
    num_bins = 1 << (length - 1).bit_length()
    window = np.hanning(length + 1)[:-1].astype(np.float32)
    padded = np.pad(waveform, (0, max(0, length - len(waveform))))
    frames = np.lib.stride_tricks.sliding_window_view(padded, length)[::hop]
    hz = np.fft.rfftfreq(num_bins, 1 / sample_rate)
    into_bands = ((hz >= edges_hz[:-1, None]) & (hz < edges_hz[1:, None])).astype(np.float32).T
    heard = np.concatenate([(hz >= _LOWEST_HZ)[:, None].astype(np.float32), into_bands], axis=1)
    scale = 2 / (num_bins * float((window**2).sum()))  # a full-scale square wave has 0 dB
    sums, total = [], np.zeros(len(hz))
    for start in range(0, len(frames), _BLOCK):
        power = _power(frames[start : start + _BLOCK], window, num_bins) * np.float32(scale)
        sums.append(power @ heard)
        total += power.sum(axis=0)
    found = np.concatenate(sums).astype(np.float64)
    level = 10 * np.log10(np.maximum(found[:, 0], 10 ** (SILENT_DB / 10)))
    return Spectrum(level, found[:, 1:], total / len(frames), sample_rate / num_bins)


def _power(frames: npt.NDArray[np.float32], window: npt.NDArray[np.float32], num_bins: int) -> npt.NDArray[np.float32]:
    """Power [frames, bins] of frames [frames, samples], each less its mean, which would leak into low frequencies."""
    found = np.fft.rfft((frames - frames.mean(axis=1, keepdims=True)) * window, num_bins, axis=1)
    power: npt.NDArray[np.float32] = (found.real**2 + found.imag**2).astype(np.float32)
    return power
