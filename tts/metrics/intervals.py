"""The mean of a few dozen clips, or of their differences, with what it is worth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

_RESAMPLES = 2000
_LEVEL = 95
_LEAST_PAIRS = 6
"""Of fewer, all differ in one direction by chance in over 5 % of cases (sign test)."""


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

    @property
    def excludes_zero(self) -> bool:
        """Whether it lies on one side of 0, of clips enough that this says something."""
        return self.n >= _LEAST_PAIRS and (self.low > 0 or self.high < 0)


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


def paired_difference(ours: Mapping[str, float], theirs: Mapping[str, float], *, seed: int = 0) -> Interval:
    """Give the mean of ours - theirs over the utterances that both have, with its bootstrap interval.

    What makes a sentence hard is hard for both, and so falls out: the interval is narrower than those of two means.

    Args:
        ours: values by utterance.
        theirs: likewise.
        seed: of the resampling.

    Raises:
        ValueError: they have no utterance in common.
    """
    return interval([ours[name] - theirs[name] for name in sorted(ours.keys() & theirs.keys())], seed=seed)
