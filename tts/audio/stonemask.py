"""StoneMask: F0 refined by the instantaneous frequencies of the first harmonics.

Around each voiced frame three periods are windowed; the phase of a harmonic's bin turns at the harmonic's frequency,
which the window and its derivative give without a second frame (Flanagan's formula). The refined F0 is the mean over
six harmonics, weighted by amplitude.

Source: StoneMask in WORLD (M. Morise, F. Yokomori, K. Ozawa, 2016, https://doi.org/10.1587/transinf.2015EDP7457;
https://github.com/mmorise/World, d625e76, modified BSD licence); results equal those of pyworld 0.3.5.
Differs from WORLD in the way only: the few bins that are needed come from Goertzel's recursion and not from
transforms of whole frames, and the window's cosines from a recursion too. Where one and a half periods are a whole
number of samples, as in tones made to measure, rounding in the F0 that comes in decides the window's length, and F0
may change by 5e-4.
"""

from __future__ import annotations

import math

import numba
import numpy as np
import numpy.typing as npt

from tts.audio.dio import Floats, as_samples

_LOWEST_HZ = 40.0
_LARGEST_CORRECTION = 0.2
_TINY = 1e-12


def stonemask(
    waveform: npt.NDArray[np.floating], f0: Floats, sample_rate: int, *, frame_period_ms: float = 5.0
) -> Floats:
    """Refined F0 [frames] in Hz, 0 = unvoiced.

    Args:
        waveform: [samples].
        f0: [frames] Hz, 0 = unvoiced; frame t lies on second ``t * frame_period_ms / 1000``.
        sample_rate: Hz.
        frame_period_ms: from one frame to the next.

    Raises:
        ValueError: the waveform is not [samples] of finite numbers, or has none.
    """
    samples = as_samples(waveform)
    if len(samples) == 0 and f0.any():
        raise ValueError("F0 cannot be refined on a waveform of 0 samples; drop the clip")
    times = np.arange(len(f0)) * frame_period_ms / 1000
    refined: Floats = _refine(samples, np.ascontiguousarray(f0, dtype=np.float64), float(sample_rate), times)
    return refined


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _refine(samples: Floats, f0: Floats, rate: float, times: Floats) -> Floats:
    refined = np.zeros(len(f0))
    for t in range(len(f0)):
        if _LOWEST_HZ < f0[t] <= rate / 12:
            frame = _frame(samples, rate, times[t], int(1.5 * rate / f0[t] + 1))
            mean = _mean_of_harmonics(frame, rate, f0[t], 2)
            mean = _mean_of_harmonics(frame, rate, mean, 6) if 0 < mean <= 2 * f0[t] else 0.0
            refined[t] = mean if abs(mean - f0[t]) <= _LARGEST_CORRECTION * f0[t] else f0[t]
    return refined


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _frame(samples: Floats, rate: float, time: float, half: int) -> Floats:
    """[2, 2 half + 1] samples around a time, windowed by a Blackman window and by its slope."""
    length = 2 * half + 1
    places = np.empty(length, np.int64)
    for index in range(length):
        places[index] = _round((time + (index - half) / rate) * rate)  # may repeat or skip one, as WORLD's do
    window = _window(places, rate, time)
    frame = np.empty((2, length))
    for index in range(length):
        sample = samples[max(0, min(len(samples) - 1, places[index] - 1))]
        frame[0, index] = sample * window[index + 1]
        frame[1, index] = sample * (window[index] - window[index + 2]) / 2
    return frame


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _window(places: npt.NDArray[np.int64], rate: float, time: float) -> Floats:
    """Blackman window as long as the places, at each of these; between two zeros."""
    turn = 2 * math.pi / len(places)
    first = ((places[0] - 1) / rate - time) * rate
    cosines = np.empty(places[-1] - places[0] + 1)
    here, before, twice = math.cos(turn * first), math.cos(turn * (first - 1)), 2 * math.cos(turn)
    for index in range(len(cosines)):
        cosines[index] = here
        here, before = twice * here - before, here
    window = np.zeros(len(places) + 2)
    for index in range(len(places)):
        cosine = cosines[places[index] - places[0]]
        window[index + 1] = 0.34 + 0.5 * cosine + 0.16 * cosine * cosine
    return window


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _mean_of_harmonics(frame: Floats, rate: float, f0: float, num_harmonics: int) -> float:
    """F0 as the frequencies at the first harmonics tell it, weighted by their amplitudes."""
    size = 2 ** (2 + int(math.log(frame.shape[1]) / math.log(2.0)))
    bins = np.empty(num_harmonics, np.int64)
    for index in range(num_harmonics):
        bins[index] = min(_round(f0 * size / rate * (index + 1)), size // 2)
    powers, turns = _spectrum(frame, bins, size)
    weighted, weights = 0.0, 0.0
    for index in range(num_harmonics):
        amplitude = math.sqrt(powers[index])
        if amplitude > 0:
            hz = bins[index] * rate / size + turns[index] / powers[index] * rate / 2 / math.pi
            weighted += amplitude * hz
        weights += amplitude * (index + 1)
    return weighted / (weights + _TINY)


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
def _spectrum(frame: Floats, bins: npt.NDArray[np.int64], size: int) -> tuple[Floats, Floats]:
    """Powers [bins] of the windowed signal, and how its slope turns against it there (Goertzel).

    Two bins, an even number of them, run side by side, as each recursion waits for its own last result.
    """
    powers, turns = np.empty(len(bins)), np.empty(len(bins))
    for pair in range(0, len(bins), 2):
        angle_a, angle_b = 2 * math.pi * bins[pair] / size, 2 * math.pi * bins[pair + 1] / size
        twice_a, twice_b = 2 * math.cos(angle_a), 2 * math.cos(angle_b)
        main_a, main_b, slope_a, slope_b = 0.0, 0.0, 0.0, 0.0
        old_main_a, old_main_b, old_slope_a, old_slope_b = 0.0, 0.0, 0.0, 0.0
        for index in range(frame.shape[1]):
            main, slope = frame[0, index], frame[1, index]
            main_a, old_main_a = main - old_main_a + twice_a * main_a, main_a
            main_b, old_main_b = main - old_main_b + twice_b * main_b, main_b
            slope_a, old_slope_a = slope - old_slope_a + twice_a * slope_a, slope_a
            slope_b, old_slope_b = slope - old_slope_b + twice_b * slope_b, slope_b
        powers[pair], turns[pair] = _power_and_turn(main_a, old_main_a, slope_a, old_slope_a, angle_a)
        powers[pair + 1], turns[pair + 1] = _power_and_turn(main_b, old_main_b, slope_b, old_slope_b, angle_b)
    return powers, turns


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _power_and_turn(main: float, old_main: float, slope: float, old_slope: float, angle: float) -> tuple[float, float]:
    cosine, sine = math.cos(angle), math.sin(angle)
    main_re, main_im = main - cosine * old_main, sine * old_main
    slope_re, slope_im = slope - cosine * old_slope, sine * old_slope
    return main_re * main_re + main_im * main_im, main_re * slope_im - main_im * slope_re


@numba.njit(cache=True, nogil=True)
def _round(value: float) -> int:
    return int(value + 0.5) if value > 0 else int(value - 0.5)
