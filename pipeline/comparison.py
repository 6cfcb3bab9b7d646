"""Two sets of scores of the same sentences: the means of each, and of the differences sentence by sentence."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pipeline.clip_scores import SCORES, values_by_row
from pipeline.paths import Paths
from tts.data.tables import read_table
from tts.errors import DataError
from tts.metrics.intervals import Interval, interval, paired_difference
from tts.metrics.settings import HIGHER_IS_BETTER, METRICS

Values = Mapping[str, Mapping[str, float]]
"""By metric and utterance."""


@dataclass(frozen=True)
class Compared:
    """A metric of two sets on the utterances that both have.

    Attributes:
        metric: its name.
        ours, theirs: means.
        difference: of ours - theirs, by pairs.
    """

    metric: str
    ours: Interval
    theirs: Interval
    difference: Interval

    @property
    def better(self) -> int:
        """1 where ours is better, -1 where theirs is, 0 where the interval of the difference does not tell."""
        if not self.difference.excludes_zero:
            return 0
        return 1 if (self.difference.mean > 0) == (self.metric in HIGHER_IS_BETTER) else -1


def compare(ours: Values, theirs: Values, *, metrics: Sequence[str] = METRICS, seed: int = 0) -> list[Compared]:
    """Compare by every metric that both have of some utterance."""
    found = []
    for metric in metrics:
        mine, other = ours.get(metric, {}), theirs.get(metric, {})
        if common := sorted(mine.keys() & other.keys()):
            means = [interval([values[name] for name in common], seed=seed) for values in (mine, other)]
            found.append(Compared(metric, means[0], means[1], paired_difference(mine, other, seed=seed)))
    return found


def require_common(found: Sequence[Compared], ours: str, theirs: str) -> None:
    """Refuse to compare what has nothing in common.

    Raises:
        DataError: there is no metric of a common sentence.
    """
    if not found:
        raise DataError(
            f"{ours} and {theirs}: no sentence was measured by one metric in both; compare voices of a corpus"
        )


def read_scores(source: str, root: Path) -> Values:
    """Scores of a voice, by the evaluate stage; or of a CSV file, by `tts score`.

    Raises:
        DataError: there are no such scores, or the file is not one of scores.
    """
    if source.endswith(".csv"):
        return values_by_row(_read_csv(Path(source)))["clips"]
    path = Paths(root).scores(source) / "scores.parquet"
    if not path.exists():
        raise DataError(f"{path} is missing; run `tts evaluate {source}`, or name a CSV file that `tts score` wrote")
    return values_by_row(list(read_table(path, SCORES)))["voice"]


def as_json(found: Sequence[Compared]) -> dict[str, Any]:
    """Intervals by metric: ours, theirs and difference."""
    return {
        each.metric: {name: asdict(getattr(each, name)) for name in ("ours", "theirs", "difference")} for each in found
    }


def _read_csv(path: Path) -> list[dict[str, Any]]:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        return [{**row, "value": float(row["value"]) if row["value"] else None} for row in rows]
    except FileNotFoundError as error:
        raise DataError(f"{path}: there is no such file; `tts score FOLDER --csv {path}` writes one") from error
    except (KeyError, ValueError) as error:
        raise DataError(f"{path}: is not a table of scores; `tts score FOLDER --csv {path}` writes one") from error
