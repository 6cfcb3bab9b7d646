"""A voice in the report: its scores beside its anchors, its utterances to listen to, and the styles it hears."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.clip_scores import SCORES
from pipeline.ledger import read_ledger
from pipeline.parallel import Executor
from pipeline.report_dropped import dropped_table
from pipeline.report_facts import ROWS, VoiceFacts
from pipeline.report_html import cell, definitions, details, heading, paragraph, section, table
from pipeline.report_metrics import METRICS, number
from pipeline.report_styles import style_part
from pipeline.report_utterances import Budget, utterances_part
from tts.data.tables import read_table

Row = Mapping[str, Any]
Means = Mapping[str, Mapping[str, Mapping[str, float]]]


def voice_section(voice: VoiceFacts, budget: Budget, executor: Executor) -> str:
    """The section of a voice.

    Args:
        voice: what is known of it.
        budget: how much sound it may bring along.
        executor: where pictures and sounds are made.

    Raises:
        DataError: scores are missing.
        AudioError: a clip is missing or damaged.
    """
    scores = read_table(voice.scores / "scores.parquet", SCORES)
    return section(
        f"voice-{voice.name}",
        f"Voice {voice.name}",
        paragraph(voice.description),
        _scores_table(voice.means),
        details("What the metrics mean", _meanings(voice.means)),
        _absences(scores, len(voice.sentences)),
        heading("Listen"),
        *utterances_part(voice, scores, budget, executor),
        dropped_table(read_ledger(voice.audio / "dropped.parquet"), folder=str(voice.audio)),
        style_part(voice.scores / "styles.parquet"),
    )


def _scores_table(means: Means) -> str:
    present = [name for name in METRICS if any(name in means[row] for row in ROWS)]
    most = max((int(means[row][name]["n"]) for row in ROWS for name in means[row]), default=0)
    rows = [[METRICS[name].heading, *(_score(means[row].get(name), most, row) for row in ROWS)] for name in present]
    caption = f"Means over {most} test utterances with 95 % bootstrap intervals; ↑ higher is better, ↓ lower is better."
    if most == 1:
        caption += " One utterance alone has no interval."
    return table(caption, ["", *ROWS.values()], rows)


def _score(found: Mapping[str, float] | None, most: int, row: str) -> str:
    if found is None:
        return cell("–")
    if found["low"] == found["high"] == 0:
        return cell("0")  # the recording beside itself
    fewer = f" (n = {found['n']:.0f})" if found["n"] != most else ""
    interval = f"{number(found['low'])} to {number(found['high'])}" if found["n"] > 1 else "n = 1"
    return cell(number(found["mean"]), below=interval + fewer * (found["n"] > 1), is_first=row == "voice")


def _meanings(means: Means) -> str:
    present = [name for name in METRICS if any(name in means[row] for row in ROWS)]
    return definitions((METRICS[name].title, METRICS[name].meaning) for name in present)


def _absences(scores: Sequence[Row], num_utterances: int) -> str:
    """Why cells are empty, or made of fewer utterances."""
    counts = Counter((row["metric"], row["row"], row["reason"]) for row in scores if row["reason"])
    if not counts:
        return ""
    return details(
        "Why some values are missing",
        definitions(
            (f"{METRICS[metric].title}, {ROWS[row]}", f"{reason} ({count} of {num_utterances} utterances)")
            for (metric, row, reason), count in sorted(counts.items())
        ),
    )
