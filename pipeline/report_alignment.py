"""Alignments in the report: the clips most likely to be wrong and typical ones, to be looked at and listened to."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.clips import Clip, read_clips
from pipeline.intervals import read_intervals
from pipeline.report_clip import ClipPicture, clip_svg
from pipeline.report_html import card, clip_figure, data_uri, details, paragraph
from pipeline.report_pictures import small_sound
from tts.alignment.intervals import Interval
from tts.audio.mel_definition import MelDefinition
from tts.data.tables import MANIFEST, QUALITY, read_table

Row = Mapping[str, Any]

_EACH = 3
_ABOUT = (
    "Grey areas are silence. A good boundary stands where the spectrum changes. Likelihoods are those that the aligner "
    "gives itself: they tell clips of one corpus apart, not corpora or aligners."
)


@dataclass(frozen=True)
class _Shown:
    """A clip and why it is shown."""

    quality: Row
    reason: str


def alignment_section(corpus: Path, alignments: Path, definition: MelDefinition) -> str:
    """The clips of a corpus that tell how good its alignment is; empty where none is aligned.

    Args:
        corpus: data/corpus/<corpus>.
        alignments: data/alignments/<corpus>.
        definition: of the mel spectrograms, whose sample rate is the clips'.

    Raises:
        DataError: a table is missing or damaged.
    """
    shown = list(_choose(read_table(alignments / "quality.parquet", QUALITY)))
    names = {each.quality["utterance_id"] for each in shown}
    clips, phones = read_clips(corpus), read_intervals(alignments / "phones.parquet", only=names)
    texts = {row["utterance_id"]: row["text"] for row in read_table(corpus / "manifest.parquet", MANIFEST, only=names)}
    cards = []
    for each in shown:
        name = each.quality["utterance_id"]
        cards.append(_card(each, texts[name], clips[name], phones[name], definition))
    if not cards:
        return ""
    return details(
        "Clips whose alignment is likely to be wrong, and typical ones", "\n".join([paragraph(_ABOUT), *cards])
    )


def _choose(rows: Sequence[Row]) -> Iterator[_Shown]:
    """Least likely clips, those with most phones of unusual length, and typical ones; no clip twice."""
    taken: set[str] = set()
    for group in (_unlikely(rows), _outlying(rows), _typical(rows)):
        fresh = (each for each in group if each.quality["utterance_id"] not in taken)
        chosen = [each for each, _ in zip(fresh, range(_EACH), strict=False)]
        taken.update(each.quality["utterance_id"] for each in chosen)
        yield from chosen


def _unlikely(rows: Sequence[Row]) -> Iterator[_Shown]:
    likely = [row for row in rows if row["log_likelihood_per_frame"] is not None]
    middle = _median(likely, "log_likelihood_per_frame")
    for row in sorted(likely, key=lambda row: row["log_likelihood_per_frame"]):
        value = row["log_likelihood_per_frame"]
        if value < middle:
            yield _Shown(row, f"least likely: log-likelihood {value:.2f} per frame, median {middle:.2f}")


def _outlying(rows: Sequence[Row]) -> Iterator[_Shown]:
    for row in sorted(rows, key=lambda row: (-row["outlier_phones"], row["seconds"])):
        if row["outlier_phones"]:
            yield _Shown(row, f"most phones of unusual length: {row['outlier_phones']} in {row['seconds']:.1f} s")


def _typical(rows: Sequence[Row]) -> Iterator[_Shown]:
    """Clips at the median of likelihood, or where it is not known, of the share of silence."""
    is_known = any(row["log_likelihood_per_frame"] is not None for row in rows)
    column = "log_likelihood_per_frame" if is_known else "silence_share"
    known = [row for row in rows if row[column] is not None]
    middle = _median(known, column)
    for row in sorted(known, key=lambda row: abs(row[column] - middle)):
        yield _Shown(row, f"typical: median {'log-likelihood' if is_known else 'share of silence'}")


def _median(rows: Sequence[Row], column: str) -> float:
    return statistics.median(row[column] for row in rows) if rows else 0.0


def _card(shown: _Shown, text: str, clip: Clip, phones: Sequence[Interval], definition: MelDefinition) -> str:
    name, waveform = shown.quality["utterance_id"], clip.waveform()
    picture = ClipPicture(waveform, definition, phones, has_wave=True)
    svg = clip_svg(picture, label=f"phones of {name}: {' '.join(row.phone for row in phones)}")
    sound = data_uri(*small_sound(waveform, sample_rate=clip.sample_rate))
    reasons = [name, shown.reason, *([shown.quality["suspicion"]] if shown.quality["suspicion"] else [])]
    return card(text, " · ".join(reasons), clip_figure("", "", svg, audio=sound, label=f"Recording: {text}"))
