"""What listeners said: mean opinions and preferences, with what they are worth."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tts.metrics.intervals import Interval

_RESAMPLES = 2000
_AT_ONCE = 250  # resamples, so that thousands of answers fit into memory
_TAIL = 2.5  # percent


@dataclass(frozen=True)
class Opinion:
    """An answer of a listener.

    Attributes:
        listener: who gave it.
        sentence: of what was heard.
        value: such as 1 to 5, or a preference of 1, 0.5 or 0.
    """

    listener: str
    sentence: str
    value: float


def opinion_interval(opinions: Sequence[Opinion], *, seed: int = 0) -> Interval:
    """Give the mean of opinions with a 95 % interval over listeners and sentences; `n` counts opinions.

    One listener's answers are alike, and so are the answers about one sentence: an interval that takes all for
    independent is too narrow. Here listeners and sentences are drawn anew, each with replacement: the pigeonhole
    bootstrap, Owen 2007, https://doi.org/10.1214/07-AOAS122.

    Args:
        opinions: at least one.
        seed: of the resampling.

    Raises:
        ValueError: there is none.
    """
    if not opinions:
        raise ValueError("needs at least one opinion")
    values = np.array([each.value for each in opinions])
    listeners, sentences = (
        _numbered(names) for names in zip(*((o.listener, o.sentence) for o in opinions), strict=True)
    )
    rng = np.random.default_rng(seed)
    means = np.concatenate([_resampled(values, listeners, sentences, rng) for _ in range(_RESAMPLES // _AT_ONCE)])
    low, high = np.percentile(means, [_TAIL, 100 - _TAIL])
    return Interval(mean=float(values.mean()), low=float(low), high=float(high), n=len(opinions))


def sign_test(ours: int, theirs: int) -> float:
    """Probability of a split of decided preferences at least as uneven as this, if both were as likely: two-sided.

    Args:
        ours: preferences for one.
        theirs: for the other; who had none counts for neither.
    """
    count = ours + theirs
    tail = sum(math.comb(count, more) for more in range(max(ours, theirs), count + 1))
    return min(2 * tail / (1 << count), 1.0)


def _numbered(names: Sequence[str]) -> npt.NDArray[np.intp]:
    return np.unique(np.array(names), return_inverse=True)[1]


def _resampled(
    values: npt.NDArray[np.float64],
    listeners: npt.NDArray[np.intp],
    sentences: npt.NDArray[np.intp],
    rng: np.random.Generator,
) -> npt.NDArray[np.float64]:
    """Means [resamples]; those that drew no answer at all are left out."""
    weights = _drawn(listeners, rng) * _drawn(sentences, rng)
    totals = weights.sum(axis=1)
    means: npt.NDArray[np.float64] = (weights @ values)[totals > 0] / totals[totals > 0]
    return means


def _drawn(groups: npt.NDArray[np.intp], rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """How often the group of each answer was drawn, [resamples, answers]."""
    count = int(groups.max()) + 1
    return rng.multinomial(count, np.full(count, 1 / count), size=_AT_ONCE)[:, groups]
