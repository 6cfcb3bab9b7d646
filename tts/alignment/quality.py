"""Which alignments are fit for use, and how good they are."""

from __future__ import annotations

import itertools
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tts.alignment.intervals import Interval
from tts.alignment.utterances import Aligned, Failed
from tts.errors import AlignmentError
from tts.phones import SILENCE

_WITHIN_MS = (10, 20, 50)
_SHOWN = 5
_ENOUGH = 20  # values to tell what is usual
_FAR = 5.0  # spreads
_MANY_OUTLIERS, _OUTLIER_SHARE = 3, 0.1


@dataclass(frozen=True)
class ClipQuality:
    """How far the alignment of a clip is to be trusted.

    Attributes:
        utterance_id: of the clip.
        log_likelihood_per_frame: as the aligner has it; None where it does not say.
        outlier_phones: phones far longer or shorter than others of their name.
        silence_share: of its time.
        seconds: its length.
        suspicion: why it may be wrong, in words; "" for most.
    """

    utterance_id: str
    log_likelihood_per_frame: float | None
    outlier_phones: int
    silence_share: float
    seconds: float
    suspicion: str


def unfit(aligned: Aligned) -> Failed | None:
    """The reason why an alignment cannot be used: other phones than those of its words, or impossible times."""
    found = [phone for phone in aligned.phones if phone != SILENCE]
    expected = [phone for word in aligned.words for phone in word.phones]
    if found != expected:
        return Failed(aligned.utterance_id, "other phones", f"{len(found)} phones for {len(expected)} in the text")
    if not np.isfinite(aligned.boundaries).all() or (np.diff(aligned.boundaries) <= 0).any():
        return Failed(aligned.utterance_id, "impossible times", "boundaries do not increase")
    return None


def clip_qualities(
    aligned: Mapping[str, Sequence[Interval]], likelihoods: Mapping[str, float | None]
) -> list[ClipQuality]:
    """Judge every clip by the others of its corpus, in the order of their ids."""
    usual = _usual_durations(aligned.values())
    limit = _unlikely_below([value for value in likelihoods.values() if value is not None])
    return [_clip_quality(name, aligned[name], likelihoods[name], usual, limit) for name in sorted(aligned)]


def _clip_quality(
    name: str,
    rows: Sequence[Interval],
    likelihood: float | None,
    usual: Mapping[str, tuple[float, float]],
    unlikely_below: float,
) -> ClipQuality:
    seconds = rows[-1].end
    silence = sum(row.end - row.start for row in rows if row.phone == SILENCE)
    spoken = [row for row in rows if row.phone in usual]
    outliers = sum(_is_outlier(row, *usual[row.phone]) for row in spoken)
    doubts = []
    if likelihood is not None and likelihood < unlikely_below:
        doubts.append(f"its sound is unlikely for its text ({likelihood:.1f}, most are above {unlikely_below:.1f})")
    if outliers >= _MANY_OUTLIERS and outliers > _OUTLIER_SHARE * len(spoken):
        doubts.append(f"{outliers} of {len(spoken)} phones have unusual lengths")
    return ClipQuality(name, likelihood, outliers, silence / seconds, seconds, "; ".join(doubts))


def _usual_durations(clips: Iterable[Sequence[Interval]]) -> dict[str, tuple[float, float]]:
    """Middle and spread of the logarithm of each phone's length, of phones that are frequent enough to tell."""
    logarithms: dict[str, list[float]] = defaultdict(list)
    for rows in clips:
        for row in rows:
            if row.phone != SILENCE and row.end > row.start:
                logarithms[row.phone].append(math.log(row.end - row.start))
    return {phone: _middle(values) for phone, values in logarithms.items() if len(values) >= _ENOUGH}


def _is_outlier(row: Interval, middle: float, spread: float) -> bool:
    length = row.end - row.start
    return length <= 0 or abs(math.log(length) - middle) > _FAR * spread


def _unlikely_below(likelihoods: Sequence[float]) -> float:
    if len(likelihoods) < _ENOUGH:
        return -math.inf
    middle, spread = _middle(likelihoods)
    return middle - _FAR * spread


def _middle(values: Sequence[float]) -> tuple[float, float]:
    """Median, and the standard deviation that the median distance from it would have in a normal distribution."""
    median = float(np.median(values))
    return median, max(1.4826 * float(np.median(np.abs(np.asarray(values) - median))), 1e-6)


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
    qualities: Sequence[ClipQuality],
    *,
    num_clips: int,
    truth: Mapping[str, Sequence[Interval]] | None,
) -> dict[str, Any]:
    """Sum up a corpus: shares, likelihood, doubtful clips, and the errors of boundaries where true times are known.

    Args:
        aligned: intervals of the clips that are kept.
        qualities: of the same clips.
        num_clips: with those that could not be aligned.
        truth: true intervals by utterance id; clips whose true phones are others are left out.
    """
    seconds = sum(each.seconds for each in qualities)
    known = [each for each in qualities if each.log_likelihood_per_frame is not None]
    num_phones = sum(row.phone != SILENCE for rows in aligned.values() for row in rows)
    metrics: dict[str, Any] = {
        "aligned_share": len(aligned) / num_clips if num_clips else 0.0,
        "clips": num_clips,
        "phone_duration_outliers": sum(each.outlier_phones for each in qualities) / max(num_phones, 1),
        "silence_share": sum(each.silence_share * each.seconds for each in qualities) / max(seconds, 1e-9),
        "doubtful_clips": sum(bool(each.suspicion) for each in qualities),
    }
    if known:
        weighted = sum((each.log_likelihood_per_frame or 0.0) * each.seconds for each in known)
        metrics["log_likelihood_per_frame"] = weighted / sum(each.seconds for each in known)
        worst = sorted(known, key=lambda each: each.log_likelihood_per_frame or 0.0)[:_SHOWN]
        metrics["least_likely"] = {each.utterance_id: each.log_likelihood_per_frame for each in worst}
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
