"""Scores as tables on a terminal."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.table import Table

from pipeline.clip_scores import values_by_row
from pipeline.comparison import Compared, compare
from pipeline.folder_scores import FolderScores, absences
from tts.metrics.intervals import Interval, interval
from tts.metrics.settings import HIGHER_IS_BETTER

_SHOWN = 3


def show_scores(found: FolderScores) -> None:
    """Print means with intervals, what recordings reach, and what is absent and why."""
    console = Console()
    console.print(_scores_table(found))
    for line in _notes(found):
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def show_comparison(found: Sequence[Compared], ours: str, theirs: str) -> None:
    """Print both means and the paired differences, and who is better by those that tell."""
    table = _table("metric", "n", ours, theirs, f"{ours} - {theirs}", "better")
    names = {1: ours, -1: theirs, 0: ""}
    for each in found:
        means = (shown(part) for part in (each.ours, each.theirs, each.difference))
        table.add_row(_title(each.metric), str(each.difference.n), *means, names[each.better])
    Console().print(table)


def shown(found: Interval) -> str:
    """A mean and its interval."""
    return f"{found.mean:.3f} [{found.low:.3f}, {found.high:.3f}]"


def _scores_table(found: FolderScores) -> Table:
    values = values_by_row(found.rows)["clips"]
    beside = {each.metric: each for each in compare(values, found.values["reference"])}
    with_reference = found.request.reference is not None
    table = _table("metric", "n", "mean [95 %]", *(("recordings", "clips - recordings") if with_reference else ()))
    for metric in found.request.metrics:
        if not values.get(metric):
            continue
        both = beside.get(metric)
        more = (shown(both.theirs), shown(both.difference)) if both else ("", "")
        means = interval(list(values[metric].values()))
        table.add_row(_title(metric), str(means.n), shown(means), *(more if with_reference else ()))
    return table


def _notes(found: FolderScores) -> Iterator[str]:
    by_reason: dict[tuple[str, int], list[str]] = defaultdict(list)
    for metric, reasons in absences(found).items():
        for reason, count in reasons.items():
            by_reason[reason, count].append(metric)
    for (reason, count), metrics in by_reason.items():
        yield f"absent for {count} of {len(found.clips)}: {', '.join(metrics)}: {reason}"
    if found.request.reference is not None and not found.request.in_step:
        yield "--in-step compares samples too, of clips made from the recordings' own timing (copy-synthesis)"
    if names := found.without_clip:
        more = ", …" if len(names) > _SHOWN else ""
        yield f"{len(names)} recordings have no clip: {', '.join(names[:_SHOWN])}{more}"


def _title(metric: str) -> str:
    return f"{metric} {'↑' if metric in HIGHER_IS_BETTER else '↓'}"


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in columns:
        table.add_column(name, justify="right" if name == "n" else "left", no_wrap=True)
    return table
