"""How far two alignments of the same clips are apart."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tts.alignment.intervals import Interval
from tts.alignment.quality import boundary_errors
from tts.alignment.textgrids import written_like
from tts.phones import SILENCE

_WITHIN_MS = (10, 20, 50, 100)
_WORST = 10


@dataclass(frozen=True)
class ClipDifference:
    """A clip in two alignments.

    Attributes:
        num_phones: of the first and of the second, without silences.
        num_matched: phones that both have.
        errors: [boundaries] ms, first less second, of the boundaries between matched neighbours.
    """

    num_phones: tuple[int, int]
    num_matched: int
    errors: npt.NDArray[np.float64]

    @property
    def is_same(self) -> bool:
        """Whether both have the same phones."""
        return self.num_phones == (self.num_matched, self.num_matched)


def clip_difference(first: Sequence[Interval], second: Sequence[Interval]) -> ClipDifference:
    """Compare two alignments of a clip where their phones, apart from silences, run in step.

    Phones are matched as `difflib.SequenceMatcher` matches sequences, so that another pronunciation of a word costs
    the boundaries of that word alone. Stress digits count only if both alignments have them.
    """
    ours, theirs = ([row for row in rows if row.phone != SILENCE] for rows in (first, second))
    ours, theirs = _written_like(ours, theirs), _written_like(theirs, ours)
    phones, others = [row.phone for row in ours], [row.phone for row in theirs]
    blocks = difflib.SequenceMatcher(None, phones, others, autojunk=False).get_matching_blocks()
    errors = [
        error * 1000
        for block in blocks
        for error in boundary_errors(ours[block.a :][: block.size], theirs[block.b :][: block.size])
    ]
    return ClipDifference((len(ours), len(theirs)), sum(block.size for block in blocks), np.array(errors, np.float64))


def compare_alignments(
    first: Mapping[str, Sequence[Interval]], second: Mapping[str, Sequence[Interval]]
) -> dict[str, Any]:
    """Sum up how far two alignments are apart, as plain JSON; times in ms, first less second.

    Args:
        first: intervals by utterance id.
        second: the same of another alignment; `errors` are the first's if this one is the truth.
    """
    both = sorted(first.keys() & second.keys())
    clips = {name: clip_difference(first[name], second[name]) for name in both}
    errors = np.concatenate([np.zeros(0), *(clip.errors for clip in clips.values())])
    return {
        "clips": {
            "both": len(both),
            "only_first": len(first.keys() - second.keys()),
            "only_second": len(second.keys() - first.keys()),
            "same_phones": sum(clip.is_same for clip in clips.values()),
        },
        "phones": {
            "first": sum(clip.num_phones[0] for clip in clips.values()),
            "second": sum(clip.num_phones[1] for clip in clips.values()),
            "matched": sum(clip.num_matched for clip in clips.values()),
        },
        "boundaries": len(errors),
        **(_spread(errors) if len(errors) else {}),
        "worst": _worst(clips),
    }


def _written_like(rows: Sequence[Interval], others: Sequence[Interval]) -> list[Interval]:
    phones = written_like([row.phone for row in rows], [row.phone for row in others])
    return [dataclasses.replace(row, phone=phone) for row, phone in zip(rows, phones, strict=True)]


def _spread(errors: npt.NDArray[np.float64]) -> dict[str, dict[str, float]]:
    sizes = np.abs(errors)
    median, p95, p99 = np.percentile(sizes, [50, 95, 99]).tolist()
    return {
        "difference_ms": {
            "mean": float(sizes.mean()),
            "median": median,
            "p95": p95,
            "p99": p99,
            "bias": float(errors.mean()),
        },
        "within": {f"{limit}_ms": float((sizes <= limit + 1e-6).mean()) for limit in _WITHIN_MS},
    }


def _worst(clips: Mapping[str, ClipDifference]) -> list[dict[str, Any]]:
    """The clips with the largest mean difference, largest first."""
    sizes = {name: np.abs(clip.errors) for name, clip in clips.items() if len(clip.errors)}
    worst = sorted(sizes, key=lambda name: (-sizes[name].mean(), name))[:_WORST]
    return [
        {
            "utterance_id": name,
            "boundaries": len(sizes[name]),
            "mean_ms": float(sizes[name].mean()),
            "largest_ms": float(sizes[name].max()),
            "bias_ms": float(clips[name].errors.mean()),
        }
        for name in worst
    ]
