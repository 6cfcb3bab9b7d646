"""How far predicted phone durations are from those of the recording, in milliseconds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from tts.metrics.measurable import NotMeasurableError
from tts.phones import SILENCE


@dataclass(frozen=True)
class TimedPhones:
    """Phones and how long each lasts.

    Attributes:
        phones: labels, silences included.
        frames: duration of each.
    """

    phones: Sequence[str]
    frames: Sequence[int]


def duration_mae_ms(predicted: TimedPhones, aligned: TimedPhones, *, frames_per_second: float) -> float:
    """Mean absolute difference over the phones that both sequences have, silences left out.

    A reader may pronounce or pause differently than the front end foresees, so phones are matched by difflib's longest
    common blocks.

    Raises:
        NotMeasurableError: fewer than half of the recording's phones have a match.
    """
    ours, theirs = _spoken(predicted), _spoken(aligned)
    matcher = SequenceMatcher(None, [p for p, _ in ours], [p for p, _ in theirs], autojunk=False)
    differences = [
        abs(ours[block.a + step][1] - theirs[block.b + step][1])
        for block in matcher.get_matching_blocks()
        for step in range(block.size)
    ]
    if not differences or 2 * len(differences) < len(theirs):
        raise NotMeasurableError(f"{len(differences)} of the recording's {len(theirs)} phones are those predicted")
    return 1000 * sum(differences) / len(differences) / frames_per_second


def _spoken(timed: TimedPhones) -> list[tuple[str, int]]:
    pairs = zip(timed.phones, timed.frames, strict=True)
    return [(phone, frames) for phone, frames in pairs if phone != SILENCE]
