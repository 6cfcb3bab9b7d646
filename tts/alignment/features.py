"""Cepstra for the aligner: fine frames for refinement, and coarser ones with slopes for the HMMs.

Mel-frequency cepstra as in HTK and Kaldi: pre-emphasis, Kaldi's window, 23 triangles on the mel
scale up to 8 kHz, logarithm, DCT.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]

NUM_CEPSTRA = 13
_NUM_BANDS = 23
_LOWEST_HZ, _HIGHEST_HZ = 20.0, 8000.0  # what recordings of 16 kHz and more have in common
_PRE_EMPHASIS = 0.97
# Of a band's mean energy, added to all: what dies away 30 dB below the speech is silence, and not an ending of its own.
_MASKED_BELOW = 1e-3
_FRAMES_AT_ONCE = 128  # these stay in the processor's cache
_TINY = 1e-10  # so that the logarithm of digital silence exists
# Regression over two frames on each side, as in HTK and Kaldi.
_SLOPE = np.array([-2.0, -1.0, 0.0, 1.0, 2.0], dtype=np.float32) / 10.0


@dataclass(frozen=True)
class Framing:
    """Analysis frames of one sample rate; frame t is centred on sample ``hop * (t + 1/2)``.

    The hop is a whole number of samples, and times are counted in samples, so that boundaries do not drift.

    Attributes:
        sample_rate: Hz.
        shift_ms: of the HMM's frames, which average two fine frames each.
    """

    sample_rate: int
    shift_ms: float

    @property
    def hop(self) -> int:
        """Samples from one fine frame to the next."""
        return round(self.sample_rate * self.shift_ms / 2000)

    @property
    def window_length(self) -> int:
        """Samples in a frame: three hops."""
        return 3 * self.hop

    def num_frames(self, num_samples: int) -> int:
        """Fine frames of a clip."""
        return (num_samples + self.hop // 2) // self.hop


def cepstra(waveform: FloatArray, framing: Framing) -> FloatArray:
    """Fine frames [frames, NUM_CEPSTRA] of a waveform [samples] in [-1, 1]."""
    num_frames = framing.num_frames(len(waveform))
    if num_frames == 0:
        return np.empty((0, NUM_CEPSTRA), np.float32)
    before = (framing.window_length - framing.hop) // 2
    after = max(num_frames * framing.hop + framing.window_length - before - len(waveform), 0)
    padded = np.pad(waveform, (before + 1, after), mode="symmetric")
    emphasized = padded[1:] - np.float32(_PRE_EMPHASIS) * padded[:-1]
    frames = np.lib.stride_tricks.sliding_window_view(emphasized, framing.window_length)[:: framing.hop][:num_frames]
    window, bands, cosines = _constants(framing)
    energies = np.empty((num_frames, _NUM_BANDS), np.float32)
    for start in range(0, num_frames, _FRAMES_AT_ONCE):
        some = frames[start : start + _FRAMES_AT_ONCE]
        spectrum = np.fft.rfft((some - some.mean(axis=1, keepdims=True)) * window, n=_fft_length(framing))
        energies[start : start + len(some)] = (spectrum.real**2 + spectrum.imag**2) @ bands
    masked = energies + np.float32(_MASKED_BELOW) * energies.mean(axis=0) + np.float32(_TINY)
    found: FloatArray = np.log(masked) @ cosines
    return found


def observations(fine: FloatArray, mean: FloatArray) -> FloatArray:
    """What the HMMs see: [frames // 2, 3 * NUM_CEPSTRA] cepstra less the speaker's mean, slopes, slopes of slopes."""
    pairs = fine[: len(fine) // 2 * 2].reshape(-1, 2, NUM_CEPSTRA)
    coarse = pairs.mean(axis=1) - mean
    slopes = _slopes(coarse)
    return np.concatenate([coarse, slopes, _slopes(slopes)], axis=1)


def _slopes(frames: FloatArray) -> FloatArray:
    padded = np.pad(frames, ((2, 2), (0, 0)), mode="edge")
    terms = [weight * padded[lag : lag + len(frames)] for lag, weight in enumerate(_SLOPE) if weight]
    slopes: FloatArray = np.sum(terms, axis=0, dtype=np.float32)
    return slopes


def _fft_length(framing: Framing) -> int:
    return 1 << (framing.window_length - 1).bit_length()


@lru_cache(maxsize=4)
def _constants(framing: Framing) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Window [samples], triangles [bins, bands] and cosines [bands, cepstra]."""
    hann = np.hanning(framing.window_length + 2)[1:-1]
    bands = _triangles(framing.sample_rate, _fft_length(framing))
    angles = np.pi * np.outer(np.arange(_NUM_BANDS) + 0.5, np.arange(NUM_CEPSTRA)) / _NUM_BANDS
    cosines = np.sqrt(2 / _NUM_BANDS) * np.cos(angles)
    window = hann**0.85  # Kaldi's own, "povey"
    return window.astype(np.float32), bands.astype(np.float32), cosines.astype(np.float32)


def _triangles(sample_rate: int, fft_length: int) -> npt.NDArray[np.float64]:
    """Weights [bins, bands]."""
    edges = np.linspace(_mel(_LOWEST_HZ), _mel(min(_HIGHEST_HZ, sample_rate / 2)), _NUM_BANDS + 2)
    bins = np.array([_mel(bin_ * sample_rate / fft_length) for bin_ in range(fft_length // 2 + 1)])[:, None]
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    weights: npt.NDArray[np.float64] = np.maximum(np.minimum(rising, falling), 0)
    return weights


def _mel(hz: float) -> float:
    return 1127 * math.log1p(hz / 700)
