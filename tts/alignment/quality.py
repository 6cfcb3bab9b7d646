"""Which alignments are fit for use, and how good they are."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from tts.alignment.intervals import Interval
from tts.alignment.kaldi import Aligned, Failed
from tts.errors import AlignmentError
from tts.phones import SILENCE

_WITHIN_MS = (10, 20, 50)
_SHOWN = 5


def unfit(aligned: Aligned, expected: Sequence[str]) -> Failed | None:
    """The reason why an alignment cannot be used: other phones than the front end's, or impossible times."""
    found = [phone for phone in aligned.phones if phone != SILENCE]
    if found != list(expected):
        return Failed(aligned.utterance_id, "other phones", f"{len(found)} phones for {len(expected)} in the text")
    if not np.isfinite(aligned.boundaries).all() or (np.diff(aligned.boundaries) <= 0).any():
        return Failed(aligned.utterance_id, "impossible times", "boundaries do not increase")
    return None


def require_few_unaligned(failed: Sequence[Failed], *, num_clips: int, limit: float) -> None:
    """Stop when too many clips have no alignment.

    Args:
        failed: those without.
        num_clips: with and without.
        limit: share, `align.max_unaligned`.

    Raises:
        AlignmentError: counts the reasons and names the first few clips.
    """
    if len(failed) <= limit * num_clips and len(failed) < max(num_clips, 1):
        return
    reasons = Counter(each.reason for each in failed).most_common()
    counted = ", ".join(f"{count} × {reason}" for reason, count in reasons)
    named = "; ".join(f"{each.utterance_id} ({each.reason}: {each.detail})" for each in failed[:_SHOWN])
    raise AlignmentError(
        f"{len(failed)} of {num_clips} clips could not be aligned, align.max_unaligned is {limit:g}: "
        f"{counted or 'there are no clips'}. First: {named or 'none'}. Mend their texts or audio, or raise the limit"
    )


def alignment_metrics(
    aligned: Mapping[str, Sequence[Interval]],
    results: Sequence[Aligned | Failed],
    truth: Mapping[str, Sequence[Interval]] | None,
) -> dict[str, Any]:
    """Sum up a corpus: shares, likelihood, and the errors of boundaries where true times are known.

    Args:
        aligned: intervals of the clips that are kept.
        results: of all clips.
        truth: true intervals by utterance id; clips whose true phones are others are left out.
    """
    kept = [each for each in results if isinstance(each, Aligned) and each.utterance_id in aligned]
    rows = [interval for clip in aligned.values() for interval in clip]
    seconds = sum(row.end - row.start for row in rows)
    silence = sum(row.end - row.start for row in rows if row.phone == SILENCE)
    metrics: dict[str, Any] = {
        "aligned_share": len(kept) / len(results) if results else 0.0,
        "clips": len(results),
        "log_likelihood_per_frame": sum(r.log_likelihood for r in kept) / max(sum(r.num_frames for r in kept), 1),
        "silence_share": silence / seconds if seconds else 0.0,
    }
    return {**metrics, **_boundary_metrics(aligned, truth)} if truth else metrics


def boundary_errors(found: Sequence[Interval], truth: Sequence[Interval]) -> list[float]:
    """Found less true time, in seconds, of each boundary between two phones; none if the phones are not the same.

    A pause between two phones has two boundaries. Where only one side sees a pause, the onset after it is compared.
    """
    ours = [row for row in found if row.phone != SILENCE]
    theirs = [row for row in truth if row.phone != SILENCE]
    if [row.phone for row in ours] != [row.phone for row in theirs]:
        return []
    pairs = itertools.pairwise(zip(ours, theirs, strict=True))
    return [error for before, after in pairs for error in _errors_between(before, after)]


def _errors_between(before: tuple[Interval, Interval], after: tuple[Interval, Interval]) -> Iterator[float]:
    if all(left.end < right.start for left, right in zip(before, after, strict=True)):
        yield before[0].end - before[1].end
    yield after[0].start - after[1].start


def _boundary_metrics(
    aligned: Mapping[str, Sequence[Interval]], truth: Mapping[str, Sequence[Interval]]
) -> dict[str, Any]:
    compared = [boundary_errors(aligned[name], truth[name]) for name in sorted(aligned) if name in truth]
    errors = np.abs([error for clip in compared for error in clip]) * 1000
    if not len(errors):
        return {}
    return {
        "boundaries": len(errors),
        "boundary_error_ms": {"mean": float(errors.mean()), "median": float(np.median(errors))},
        "boundary_within": {f"{limit}_ms": float((errors <= limit).mean()) for limit in _WITHIN_MS},
    }
