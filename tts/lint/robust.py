"""What is usual of a speaker, whatever a few odd clips say."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence, Sized

import numpy as np

from tts.lint.findings import Clip

_ENOUGH = 10


def by_speaker(clips: Sequence[Clip]) -> list[list[Clip]]:
    """Clips of each speaker, speakers in order of their names."""
    groups: dict[str, list[Clip]] = defaultdict(list)
    for clip in clips:
        groups[clip.speaker].append(clip)
    return [groups[name] for name in sorted(groups)]


def enough(values: Sized) -> bool:
    """Whether there are enough values, ten, to say what is usual."""
    return len(values) >= _ENOUGH


def middle_and_spread(values: Sequence[float], *, least: float) -> tuple[float, float]:
    """Median, and the standard deviation that the median distance from it would have in a normal distribution.

    Args:
        values: at least one.
        least: smallest spread to give, for values that hardly differ.
    """
    median = float(np.median(values))
    return median, max(1.4826 * float(np.median(np.abs(np.asarray(values) - median))), least)
