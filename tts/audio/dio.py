"""DIO: F0 from the zero crossings of lowpass-filtered speech.

Behind a lowpass whose cutoff lies between F0 and its double, speech is nearly a sine: the spacings of its falling and
rising zero crossings, of its peaks and of its dips agree, and their mean is the period. DIO tries cutoffs half an
octave apart, takes for each frame the one whose four spacings agree best, and removes jumps.

Sources: M. Morise, H. Kawahara, H. Katayose, "Fast and reliable F0 estimation method based on the period extraction
of vocal fold vibration of singing voice and speech", AES 35th Conf., 2009; M. Morise, F. Yokomori, K. Ozawa, "WORLD",
2016, https://doi.org/10.1587/transinf.2015EDP7457. What the papers leave open follows WORLD
(https://github.com/mmorise/World, d625e76, modified BSD licence), so that results equal those of pyworld 0.3.5.
Differs from WORLD: filters are designed once per sample rate and range, and clips filtered in blocks (overlap-save),
not in one transform of the next power of two. So rounding differs, which can be seen in the frame or two beside
digital silence. WORLD also puts a product of the clip's spectrum with itself into its two highest bins, which makes F0
depend on loudness; that is left out, and can be seen in clips far beyond [-1, 1] or loud at half the sample rate. In
both cases F0 differed by 4e-3 at most. WORLD's `speed`, which decimates first, is not offered.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import numba
import numpy as np
import numpy.typing as npt
from scipy import fft

Floats = npt.NDArray[np.float64]
Spectra = npt.NDArray[np.complex128]

_BANDS_PER_OCTAVE = 2
_LOW_CUT_HZ = 50.0
_NUTTALL = (0.355768, -0.487396, 0.144232, -0.012604)
_NO_SCORE = 1e5  # of a frame without candidate, before it is divided by F0
_TINY = 1e-12
_LEAST_CROSSINGS = 4  # of each kind, for a band to give candidates
_RIPPLE = 1e-15  # of the loudest that a filter could give
_BLOCKS_AT_ONCE = 4  # what stays in the cache


def dio(
    waveform: npt.NDArray[np.floating],
    sample_rate: int,
    *,
    frame_period_ms: float = 5.0,
    f_min: float = 71.0,
    f_max: float = 800.0,
    allowed_range: float = 0.1,
) -> Floats:
    """F0 in Hz, 0 = unvoiced; frame t lies on second ``t * frame_period_ms / 1000``.

    Args:
        waveform: [samples] of any length and scale.
        sample_rate: Hz.
        frame_period_ms: from one frame to the next.
        f_min: lowest F0 in Hz.
        f_max: highest F0 in Hz.
        allowed_range: largest change of F0 from one frame to the next, as a share of F0.

    Returns:
        [frames] as many as `num_frames` says.

    Raises:
        ValueError: the waveform is not [samples] of finite numbers, the range is empty, or time stands still.
    """
    samples = as_samples(waveform)
    if sample_rate <= 0 or frame_period_ms <= 0:
        raise ValueError(f"DIO needs a rate and a period above 0, not {sample_rate} Hz and {frame_period_ms:g} ms")
    if not 0 < f_min < f_max:
        raise ValueError(f"DIO needs 0 < f_min < f_max, not {f_min:g} and {f_max:g} Hz")
    times = frame_times(len(samples), sample_rate, frame_period_ms)
    shortest = int(0.5 + 1000 / frame_period_ms / f_min) * 2 + 1  # frames of a voiced section
    if len(times) <= shortest:
        return np.zeros(len(times))
    bank = _filter_bank(sample_rate, f_min, f_max)
    candidates, scores = _all_candidates(samples, bank, sample_rate, times, (f_min, f_max))
    best = np.take_along_axis(candidates, scores.argmin(axis=0)[None], axis=0)[0]
    return _without_jumps(best, candidates, shortest, allowed_range)


def num_frames(num_samples: int, sample_rate: int, frame_period_ms: float) -> int:
    """Frames that WORLD gives a clip."""
    return int(1000.0 * num_samples / sample_rate / frame_period_ms) + 1


def frame_times(num_samples: int, sample_rate: int, frame_period_ms: float) -> Floats:
    """[frames] in seconds."""
    times: Floats = np.arange(num_frames(num_samples, sample_rate, frame_period_ms)) * frame_period_ms / 1000
    return times


def as_samples(waveform: npt.NDArray[np.floating]) -> Floats:
    """The waveform as contiguous float64 [samples].

    Raises:
        ValueError: it has channels, or a sample is not finite.
    """
    if waveform.ndim != 1:
        raise ValueError(f"F0 needs a waveform [samples], not one of shape {list(waveform.shape)}; mix its channels")
    samples = np.ascontiguousarray(waveform, dtype=np.float64)
    if not np.isfinite(samples).all():
        raise ValueError(
            f"sample {np.isfinite(samples).argmin()} is {samples[~np.isfinite(samples)][0]}; drop the clip"
        )
    return samples


class _FilterBank(NamedTuple):
    cutoffs: Floats  # [bands] Hz
    responses: Spectra  # [bands, bins] of blocks
    gain: float  # the largest of any band
    halo: int  # samples on either side that a filtered sample depends on
    block: int  # samples of a transform


@lru_cache(maxsize=16)
def _filter_bank(rate: float, f_min: float, f_max: float) -> _FilterBank:
    num_bands = 1 + int(math.log(f_max / f_min) / math.log(2) * _BANDS_PER_OCTAVE)
    cutoffs = [f_min * 2 ** ((band + 1) / _BANDS_PER_OCTAVE) for band in range(num_bands)]
    low_cut = _low_cut(_round(rate / _LOW_CUT_HZ))
    filters = [np.convolve(low_cut, _lowpass(_round(rate / cutoff / 2))) for cutoff in cutoffs]
    halo = len(filters[0]) // 2 + 1
    # The less of a block its overlap takes, the better; but short transforms are faster for each sample.
    block = 2 ** math.ceil(math.log2(8 * halo))
    responses = fft.rfft([_around_zero(taps, block) for taps in filters])
    return _FilterBank(np.array(cutoffs), responses, float(abs(responses).max()), halo, block)


def _low_cut(half: int) -> Floats:
    """[2 half + 1] taps of one minus a Hann window of unit gain."""
    taps = np.hanning(2 * half + 3)[1:-1]
    taps /= -taps.sum()
    taps[half] += 1
    return taps


def _lowpass(half: int) -> Floats:
    """[4 half] taps: a Nuttall window, two periods of the cutoff long."""
    phase = 2 * np.pi * np.arange(4 * half) / (4 * half - 1)
    window: Floats = np.cos(np.outer(phase, np.arange(len(_NUTTALL)))) @ np.array(_NUTTALL)
    return window if half else np.zeros(1)


def _around_zero(taps: Floats, block: int) -> Floats:
    return np.roll(np.pad(taps, (0, block - len(taps))), -(len(taps) // 2))


def _round(value: float) -> int:
    return int(value + 0.5)


def _all_candidates(
    samples: Floats, bank: _FilterBank, rate: float, times: Floats, limits: tuple[float, float]
) -> tuple[Floats, Floats]:
    """F0 in Hz (0 = none) and scores (lower = better), both [bands, frames]."""
    candidates, scores = np.empty((2, len(bank.cutoffs), len(times)))
    spectra = fft.rfft(_blocks(samples, bank))
    filtered = np.empty((len(spectra), bank.block - 2 * bank.halo))
    signal = filtered.reshape(-1)[: len(samples) + 1]
    # In digital silence only errors of rounding are left, and those of a block can look like a voice: hide them.
    ripple = _RIPPLE * bank.gain * max(samples.max(), -samples.min()) * (-1.0) ** np.arange(filtered.shape[1])
    for band, (cutoff, response) in enumerate(zip(bank.cutoffs, bank.responses, strict=True)):
        for start in range(0, len(spectra), _BLOCKS_AT_ONCE):
            group = slice(start, start + _BLOCKS_AT_ONCE)
            blocks = fft.irfft(spectra[group] * response, bank.block, overwrite_x=True)
            np.add(blocks[:, bank.halo : -bank.halo], ripple, out=filtered[group])
        _candidates(signal, rate, times, (cutoff, *limits), candidates[band], scores[band])
    return candidates, scores


def _blocks(samples: Floats, bank: _FilterBank) -> Floats:
    """[blocks, block] without mean, each overlapping the next by two halos; zero outside of the clip."""
    length = len(samples) + 1  # WORLD analyses one sample more, which is 0
    step = bank.block - 2 * bank.halo
    padded = np.zeros(math.ceil(length / step) * step + 2 * bank.halo)
    padded[bank.halo : bank.halo + len(samples)] = samples
    padded[bank.halo : bank.halo + length] -= samples.sum() / length
    return np.lib.stride_tricks.sliding_window_view(padded, bank.block)[::step]


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _candidates(
    signal: Floats,
    rate: float,
    times: Floats,
    limits: tuple[float, float, float],
    candidates: Floats,
    scores: Floats,
) -> None:
    """Fill the candidates and scores [frames] of one band, limited by its cutoff, f_min and f_max."""
    cutoff, f_min, f_max = limits
    crossings, counts = _crossings(signal)
    if counts.min() < _LEAST_CROSSINGS:
        candidates[:] = 0
        scores[:] = _NO_SCORE / _TINY
        return
    found = np.empty((4, len(times)))
    for kind in range(4):
        _interpolate(crossings[kind, : counts[kind]], rate, times, found[kind])
    for t in range(len(times)):
        mean = (found[0, t] + found[1, t] + found[2, t] + found[3, t]) / 4
        deviation = 0.0
        for kind in range(4):
            deviation += (found[kind, t] - mean) ** 2
        deviation = math.sqrt(deviation / 3)
        if mean > cutoff or mean < cutoff / 2 or mean > f_max or mean < f_min:
            mean, deviation = 0.0, _NO_SCORE
        candidates[t] = mean
        scores[t] = deviation / (mean + _TINY)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _crossings(signal: Floats) -> tuple[Floats, npt.NDArray[np.int64]]:
    """Places [4 kinds, many] in samples of falling and rising zeros, peaks and dips, and how many there are of each.

    Zeros are counted from 1, and peaks from the difference in front of them, as WORLD does.
    """
    places = np.empty((4, len(signal) // 2 + 1))
    counts = np.zeros(4, np.int64)
    turns = _turns(signal)
    eights = turns.view(np.uint64)
    for eight in range(len(eights)):
        if eights[eight] == 0:
            continue
        for index in range(8 * eight, 8 * eight + 8):
            if turns[index]:
                here, after = signal[index - 1], signal[index]
                _add_crossing(here, after, index, places[0:2], counts[0:2])
                if index > 1:
                    _add_crossing(here - signal[index - 2], after - here, index - 1, places[2:4], counts[2:4])
    return places, counts


# With a signature, numba gets ready (0.4 s) when this is imported: a fork server does that once for all workers.
@numba.njit("u1[::1](f8[::1])", cache=True, nogil=True, error_model="numpy")
def _turns(signal: Floats) -> npt.NDArray[np.uint8]:
    """[samples, rounded up to eights] 1 where the signal or its slope may change sign; one loop without a branch."""
    turns = np.empty((len(signal) + 7) // 8 * 8, np.uint8)
    turns[len(signal) :] = 0
    turns[0], turns[1] = 0, 1
    for index in range(2, len(signal)):
        here, after = signal[index - 1], signal[index]
        turns[index] = (here * after <= 0) | ((here - signal[index - 2]) * (after - here) <= 0)
    return turns


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _add_crossing(here: float, after: float, index: int, places: Floats, counts: npt.NDArray[np.int64]) -> None:
    if here > 0 and after <= 0:
        places[0, counts[0]] = index - here / (after - here)
        counts[0] += 1
    elif here < 0 and after >= 0:
        places[1, counts[1]] = index - here / (after - here)
        counts[1] += 1


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _interpolate(places: Floats, rate: float, times: Floats, found: Floats) -> None:
    """Frequencies at times [frames], along lines through one over each spacing at its middle."""
    last = len(places) - 3
    index = 0
    for t in range(len(times)):
        while index < last and times[t] >= (places[index + 1] + places[index + 2]) / 2 / rate:
            index += 1
        first, second, third = places[index], places[index + 1], places[index + 2]
        left, right = (first + second) / 2 / rate, (second + third) / 2 / rate
        before, after = rate / (second - first), rate / (third - second)
        found[t] = before + (times[t] - left) / (right - left) * (after - before)


def _without_jumps(best: Floats, candidates: Floats, shortest: int, allowed_range: float) -> Floats:
    """Keep sections that are smooth for `shortest` frames, and follow them to both sides through the candidates."""
    smooth = np.zeros_like(best)
    smooth[shortest:-shortest] = best[shortest:-shortest]
    change = np.abs(np.diff(smooth, prepend=0)) / (_TINY + smooth)
    voiced = (smooth > 0) & (change < allowed_range)
    half = (shortest - 1) // 2
    inside = np.zeros_like(voiced)
    inside[half : len(best) - half] = np.lib.stride_tricks.sliding_window_view(voiced, shortest).all(axis=1)
    f0: Floats = np.where(inside, smooth, 0.0)
    edges = np.diff(inside.astype(np.int8))
    starts, ends = np.flatnonzero(edges == 1) + 1, np.flatnonzero(edges == -1)
    _follow(f0, candidates, np.append(ends, len(f0) - 1), allowed_range)
    # Backwards, WORLD leaves out the first frame.
    _follow(f0[:0:-1], candidates[:, :0:-1], len(f0) - 1 - np.append(starts[::-1], 1), allowed_range)
    return f0


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _follow(f0: Floats, candidates: Floats, ends: npt.NDArray[np.int64], allowed_range: float) -> None:
    """Prolong each section, at most up to the end of the next one, by the candidates nearest to a straight line."""
    for section in range(len(ends) - 1):
        for t in range(ends[section] + 1, ends[section + 1] + 1):
            expected = (3 * f0[t - 1] - f0[t - 2]) / 2
            nearest = candidates[0, t]
            for band in range(1, len(candidates)):
                if abs(expected - candidates[band, t]) < abs(expected - nearest):
                    nearest = candidates[band, t]
            f0[t] = 0.0 if abs(1 - nearest / expected) > allowed_range else nearest
            if f0[t] == 0:
                break
