"""The mean of a few dozen clips, with what it is worth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_RESAMPLES = 2000
_LEVEL = 95


@dataclass(frozen=True)
class Interval:
    """A mean and its 95 % interval.

    Attributes:
        mean: of the clips.
        low, high: percentile bootstrap over clips (Efron 1979, https://doi.org/10.1214/aos/1176344552); both equal
            the mean where there is one clip.
        n: clips.
    """

    mean: float
    low: float
    high: float
    n: int


def interval(values: Sequence[float], *, seed: int = 0) -> Interval:
    """Give the mean of values with its bootstrap interval.

    Args:
        values: one for each clip.
        seed: of the resampling; equal values in equal order then give equal results.

    Raises:
        ValueError: there is no value, or one is not finite.
    """
    array = np.asarray(values, dtype=np.float64)
    if array.size == 0 or not np.isfinite(array).all():
        raise ValueError(f"needs finite values, not {list(values)}")
    draws = np.random.default_rng(seed).integers(0, array.size, size=(_RESAMPLES, array.size))
    tail = (100 - _LEVEL) / 2
    low, high = np.percentile(array[draws].mean(axis=1), [tail, 100 - tail])
    return Interval(mean=float(array.mean()), low=float(low), high=float(high), n=int(array.size))
