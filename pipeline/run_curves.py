"""What `dvc plots` draws of a run: a CSV file for each curve, whose last column is drawn over the steps.

``loss.csv`` holds the validation loss. ``<metric>.csv`` holds what was measured while the run learned: a column for
each clip, and their mean; of a run that has new speakers, ``<metric>_known.csv`` and ``<metric>_new.csv``.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.watching import Evaluation

Rows = Sequence[Mapping[str, object]]

MEAN = "mean"


@dataclass(frozen=True)
class MeasuredCurve:
    """A metric of some clips over the steps.

    Attributes:
        metric: its name.
        group: known or new speakers; empty where the run has no new ones.
        values: by step and utterance; a clip without a value is absent.
    """

    metric: str
    group: str
    values: Mapping[int, Mapping[str, float]]

    @property
    def name(self) -> str:
        """Of its file, without the suffix."""
        return f"{self.metric}_{self.group}" if self.group else self.metric

    @property
    def means(self) -> list[tuple[float, float]]:
        """Steps and means of the clips that have a value."""
        return [(step, math.fsum(found.values()) / len(found)) for step, found in self.values.items() if found]

    @property
    def first(self) -> Mapping[str, float]:
        """Values by utterance, of the first step that was measured."""
        return self.values[min(self.values)]

    @property
    def last(self) -> Mapping[str, float]:
        """Values by utterance, of the last step that was measured."""
        return self.values[max(self.values)]


def measured_curves(
    evaluations: Sequence[Evaluation], speakers: Mapping[str, str], new: Iterable[str]
) -> list[MeasuredCurve]:
    """Curves of all metrics that have a value.

    Args:
        evaluations: by step.
        speakers: by utterance id.
        new: speakers that the run's start did not know; where there are none, nor any other, clips are not divided.
    """
    fresh = set(new)
    is_divided = bool(fresh) and not set(speakers.values()) <= fresh
    groups = {
        name: "" if not is_divided else "new" if speaker in fresh else "known" for name, speaker in speakers.items()
    }
    metrics = dict.fromkeys(metric for each in evaluations for metric in each.scores)
    found = [
        MeasuredCurve(metric, group, {each.step: _of_group(each, metric, groups, group) for each in evaluations})
        for metric in metrics
        for group in sorted(set(groups.values()))
    ]
    return [curve for curve in found if any(curve.values.values())]


def write_curves(folder: Path, losses: Path, curves: Sequence[MeasuredCurve]) -> None:
    """Fill a folder.

    Args:
        folder: that exists.
        losses: the run's CSV file.
        curves: what was measured.
    """
    with losses.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["validation_loss"]]
    _write(folder / "loss.csv", ["step", "validation_loss"], rows)
    for curve in curves:
        names = sorted({name for found in curve.values.values() for name in found})
        means = dict(curve.means)
        lines = [
            {"step": step, **{name: f"{value:.6g}" for name, value in found.items()}, MEAN: f"{means[step]:.6g}"}
            for step, found in curve.values.items()
            if found
        ]
        _write(folder / f"{curve.name}.csv", ["step", *names, MEAN], lines)


def read_curves(folder: Path) -> dict[str, MeasuredCurve]:
    """What `write_curves` wrote of measures, by the name of the file."""
    return {path.stem: _read(path) for path in sorted(folder.glob("*.csv")) if path.stem != "loss"}


def summary(curves: Sequence[MeasuredCurve], evaluations: Sequence[Evaluation], *, seed: int) -> dict[str, Any]:
    """Last step, means with intervals by curve, why a metric is absent, and what measuring took, as in metrics/runs."""
    from tts.metrics.intervals import interval

    last = evaluations[-1]
    intervals = {curve.name: interval(list(curve.last.values()), seed=seed) for curve in curves if curve.last}
    return {
        "step": last.step,
        **{name: {key: getattr(each, key) for key in ("mean", "low", "high", "n")} for name, each in intervals.items()},
        "absent": dict(last.reasons),
        "measuring_cpu_seconds": math.fsum(each.cpu_seconds for each in evaluations),
    }


def _of_group(evaluation: Evaluation, metric: str, groups: Mapping[str, str], group: str) -> dict[str, float]:
    return {name: value for name, value in evaluation.scores.get(metric, {}).items() if groups[name] == group}


def _read(path: Path) -> MeasuredCurve:
    metric, _, group = path.stem.rpartition("_")
    if group not in ("known", "new"):
        metric, group = path.stem, ""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return MeasuredCurve(
        metric,
        group,
        {
            int(row["step"]): {name: float(row[name]) for name in row if name not in ("step", MEAN) and row[name]}
            for row in rows
        },
    )


def _write(path: Path, columns: Sequence[str], rows: Rows) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
