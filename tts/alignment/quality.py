"""Which alignments are fit for use, and how good they are."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

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
    names = sorted(aligned)
    if not names:
        return []
    limit = _unlikely_below([value for value in likelihoods.values() if value is not None])
    rows = [row for name in names for row in aligned[name]]
    first = np.cumsum([0, *(len(aligned[name]) for name in names[:-1])])
    lengths = np.array([row.end - row.start for row in rows])
    is_silent = np.array([row.phone == SILENCE for row in rows])
    is_judged, is_outlier = _outliers([row.phone for row in rows], lengths, is_silent)
    silences = np.add.reduceat(np.where(is_silent, lengths, 0.0), first)
    judgeable, outlying = (np.add.reduceat(each, first, dtype=int) for each in (is_judged, is_outlier))
    seconds = [aligned[name][-1].end for name in names]
    return [
        ClipQuality(
            utterance_id=name,
            log_likelihood_per_frame=likelihoods[name],
            outlier_phones=outliers,
            silence_share=silence / length,
            seconds=length,
            suspicion=_suspicion(likelihoods[name], limit, outliers, judged),
        )
        for name, length, silence, outliers, judged in zip(
            names, seconds, silences.tolist(), outlying.tolist(), judgeable.tolist(), strict=True
        )
    ]


def _suspicion(likelihood: float | None, unlikely_below: float, num_outliers: int, num_judged: int) -> str:
    doubts = []
    if likelihood is not None and likelihood < unlikely_below:
        doubts.append(f"its sound is unlikely for its text ({likelihood:.1f}, most are above {unlikely_below:.1f})")
    if num_outliers >= _MANY_OUTLIERS and num_outliers > _OUTLIER_SHARE * num_judged:
        doubts.append(f"{num_outliers} of {num_judged} phones have unusual lengths")
    return "; ".join(doubts)


def _outliers(
    phones: Sequence[str], lengths: npt.NDArray[np.float64], is_silent: npt.NDArray[np.bool_]
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Which phones are frequent enough to tell what is usual, and which of those are far longer or shorter."""
    number: dict[str, int] = {}
    numbers = np.array([number.setdefault(phone, len(number)) for phone in phones])
    has_length = lengths > 0
    logarithms = np.log(lengths, out=np.zeros_like(lengths), where=has_length)
    is_judged, is_outlier = np.zeros(len(phones), bool), np.zeros(len(phones), bool)
    for each in number.values():
        of_phone = (numbers == each) & ~is_silent
        values = logarithms[of_phone & has_length]
        if len(values) >= _ENOUGH:
            middle, spread = _middle(values)
            is_judged |= of_phone
            is_outlier |= of_phone & (~has_length | (np.abs(logarithms - middle) > _FAR * spread))
    return is_judged, is_outlier


def _unlikely_below(likelihoods: Sequence[float]) -> float:
    if len(likelihoods) < _ENOUGH:
        return -math.inf
    middle, spread = _middle(likelihoods)
    return middle - _FAR * spread


def _middle(values: Sequence[float] | npt.NDArray[np.float64]) -> tuple[float, float]:
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
