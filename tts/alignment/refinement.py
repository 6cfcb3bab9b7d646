"""Boundaries moved to where the spectrum changes.

An HMM puts the whole transition between two phones on one side of a boundary, usually the left one, so that its
boundaries come late, by about 8 ms, and whole frames are coarse. Here each boundary goes to the change point between
two stationary stretches: either side a Gaussian of its own (the maximum likelihood split of a sequence in two,
Basseville and Nikiforov 1993, chapter 2), with a normal prior around the HMM's boundary, and the mean of the posterior
for less than a frame.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from tts.alignment.features import FloatArray

Array = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

_REACH_SECONDS = 0.025  # farthest from the HMM's boundary
_CONTEXT_SECONDS = 0.030  # seen beyond that, on both sides
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
    moved: Array = boundaries.copy()
    if len(boundaries) > 2:
        scaled = np.concatenate([np.zeros((1, fine.shape[1])), fine / deviations]).astype(np.float64)
        sums, squares = np.cumsum(scaled, axis=0), np.cumsum(scaled**2, axis=0)
        moved[1:-1] = seconds_per_frame * _change_points(
            sums, squares, boundaries / seconds_per_frame, seconds_per_frame
        )
    return moved


def _change_points(sums: Array, squares: Array, boundaries: Array, seconds: float) -> Array:
    """Expected places [phones - 1] of the changes near the inner boundaries [phones + 1], all in frames."""
    left, here, right = boundaries[:-2, None], boundaries[1:-1, None], boundaries[2:, None]
    reach, margin = _REACH_SECONDS / seconds, (_REACH_SECONDS + _CONTEXT_SECONDS) / seconds
    first = np.maximum(np.rint(np.maximum(left, here - margin)), 0).astype(np.int64)
    last = np.minimum(np.rint(np.minimum(right, here + margin)), len(sums) - 1).astype(np.int64)
    candidates = np.rint(here).astype(np.int64) + np.arange(-math.ceil(reach), math.ceil(reach) + 1)
    # Up to the middles of both neighbours, so that boundaries cannot meet.
    lowest, highest = np.maximum((left + here) / 2, here - reach), np.minimum((here + right) / 2, here + reach)
    allowed = (candidates > np.maximum(lowest, first)) & (candidates < np.minimum(highest, last))
    inside = np.clip(candidates, first, last)
    cost = _spread(sums, squares, first, inside) + _spread(sums, squares, inside, last)
    cost += 0.5 * ((candidates - here) * seconds / _PRIOR_SECONDS) ** 2
    cost = np.where(allowed, cost, np.inf)
    found = allowed.any(axis=1)
    best = np.where(found, cost.min(axis=1), 0.0)[:, None]
    posterior = np.exp(best - cost)
    expected: Array = (posterior * candidates).sum(axis=1) / np.where(found, posterior.sum(axis=1), 1.0)
    return np.where(found, expected, here[:, 0])


def _spread(sums: Array, squares: Array, start: IntArray, end: IntArray) -> Array:
    """Negative log-likelihood of frames [start, end) under their own Gaussian, per cepstrum, as frames overlap."""
    count = (end - start)[..., None]
    divisor = np.maximum(count, 1)
    mean = (sums[end] - sums[start]) / divisor
    variance = np.maximum((squares[end] - squares[start]) / divisor - mean**2, 0.0)
    spread: Array = 0.5 * (count * np.log(variance + _VARIANCE_FLOOR)).mean(axis=-1)
    return spread
