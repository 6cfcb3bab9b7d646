"""Boundaries moved to where the spectrum changes.

An HMM puts the whole transition between two phones on one side of a boundary, usually the left one, so that its
boundaries come late, by about 8 ms, and whole frames are coarse. Here each boundary goes to the change point between
two stationary stretches: either side a Gaussian of its own (the maximum likelihood split of a sequence in two,
Basseville and Nikiforov 1993, chapter 2), with a normal prior around the HMM's boundary, and the mean of the posterior
for less than a frame.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tts.alignment.features import FloatArray

Array = npt.NDArray[np.float64]

_REACH_SECONDS = 0.025  # farthest from the HMM's boundary
_CONTEXT_SECONDS = 0.060  # seen beyond that, on both sides
_PRIOR_SECONDS = 0.015  # standard deviation
_VARIANCE_FLOOR = 0.03  # of cepstra of unit variance: no stretch is more stationary than this


def refine(boundaries: Array, fine: FloatArray, deviations: FloatArray, seconds_per_frame: float) -> Array:
    """Move the inner boundaries of a clip; their order and the two outer ones stay.

    Args:
        boundaries: [phones + 1] seconds, increasing.
        fine: [frames, cepstra]; frame t covers the time from t to t + 1 frames.
        deviations: [cepstra] standard deviations over the corpus.
        seconds_per_frame: of `fine`.
    """
    scaled = (fine / deviations).astype(np.float64)
    zero = np.zeros((1, scaled.shape[1]))
    sums = np.concatenate([zero, np.cumsum(scaled, axis=0)])
    squares = np.concatenate([zero, np.cumsum(scaled**2, axis=0)])
    moved: Array = boundaries.copy()
    for index in range(1, len(boundaries) - 1):
        left, here, right = boundaries[index - 1 : index + 2] / seconds_per_frame
        moved[index] = seconds_per_frame * _change_point(sums, squares, (left, here, right), seconds_per_frame)
    return moved


def _change_point(sums: Array, squares: Array, around: tuple[float, float, float], seconds: float) -> float:
    """Expected place of the change near the middle one of three boundaries, all in frames."""
    left, here, right = around
    margin = (_REACH_SECONDS + _CONTEXT_SECONDS) / seconds
    first = max(round(left), round(here - margin), 0)
    last = min(round(right), round(here + margin), len(sums) - 1)
    candidates = np.arange(first + 1, last)
    # Up to the middles of both neighbours, so that boundaries cannot meet.
    lowest = max((left + here) / 2, here - _REACH_SECONDS / seconds)
    highest = min((here + right) / 2, here + _REACH_SECONDS / seconds)
    candidates = candidates[(candidates > lowest) & (candidates < highest)]
    if len(candidates) == 0:
        return here
    cost = _spread(sums, squares, np.full_like(candidates, first), candidates)
    cost += _spread(sums, squares, candidates, np.full_like(candidates, last))
    cost += 0.5 * ((candidates - here) * seconds / _PRIOR_SECONDS) ** 2
    posterior = np.exp(cost.min() - cost)
    return float((posterior * candidates).sum() / posterior.sum())


def _spread(sums: Array, squares: Array, start: npt.NDArray[np.int64], end: npt.NDArray[np.int64]) -> Array:
    """Negative log-likelihood of frames [start, end) under their own Gaussian, per cepstrum, as frames overlap."""
    count = (end - start)[:, None]
    mean = (sums[end] - sums[start]) / count
    variance = np.maximum((squares[end] - squares[start]) / count - mean**2, 0.0)
    spread: Array = 0.5 * (count * np.log(variance + _VARIANCE_FLOOR)).mean(axis=1)
    return spread
