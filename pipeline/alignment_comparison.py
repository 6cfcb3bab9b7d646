"""`tts align --compare`: two alignments side by side, wherever they come from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from pipeline.intervals import read_intervals
from pipeline.output import write_json
from pipeline.parallel import Executor, open_executor
from pipeline.paths import Paths
from pipeline.runtime import load_runtime
from tts.alignment.comparison import compare_alignments
from tts.alignment.intervals import Interval
from tts.alignment.textgrids import find_textgrids, read_textgrid
from tts.errors import AlignmentError

Alignment = dict[str, list[Interval]]

_TABLE = "phones.parquet"


def compare_and_show(root: Path, first: str, second: str, json: Path | None) -> None:
    """Print how far two alignments are apart.

    Args:
        root: of the project.
        first: as `read_alignment` takes it.
        second: likewise.
        json: file for the figures, if any.

    Raises:
        AlignmentError: as `read_alignment`, or the alignments have no clip in common.
        DataError: as `read_alignment`.
    """
    with open_executor(load_runtime(root)) as executor:
        read = partial(read_alignment, paths=Paths(root), executor=executor)
        ours = read(first, known=())
        theirs = read(second, known=ours)
        if theirs.keys().isdisjoint(ours):
            ours = read(first, known=theirs)
    if theirs.keys().isdisjoint(ours):
        examples = f"{min(ours, default='none')}, {min(theirs, default='none')}"
        raise AlignmentError(f"{first} and {second} have no clip in common ({examples}); compare those of one corpus")
    found = compare_alignments(ours, theirs)
    show_comparison(found, first, second)
    if json is not None:
        write_json(json, {"first": first, "second": second, **found})


def read_alignment(name: str, paths: Paths, *, known: Collection[str], executor: Executor) -> Alignment:
    """Read an alignment: intervals by utterance id.

    Args:
        name: a corpus that is aligned, a phones.parquet, a folder with one, or a folder of TextGrids.
        paths: of the project.
        known: ids of another alignment; TextGrids are called <utterance_id> or <speaker>/<clip>, whichever of both
            is more often among them.
        executor: where TextGrids are read.

    Raises:
        AlignmentError: there is no such alignment, or a TextGrid cannot be read.
        DataError: the table is damaged or lacks a column.
    """
    path = Path(name).expanduser()
    for table in (paths.alignments(name) / _TABLE, path / _TABLE, path):
        if table.is_file():
            return read_intervals(table)
    if not path.is_dir():
        raise AlignmentError(
            f"{name}: is neither an aligned corpus (no {paths.alignments(name) / _TABLE}) nor a file or folder; "
            f"run `tts align {name}`, or correct the path"
        )
    files = find_textgrids(path)
    if not files:
        raise AlignmentError(f"{path}: holds neither {_TABLE} nor TextGrids; name a folder that does")
    read = executor.map(_textgrid_intervals, files, label=f"TextGrids of {name}")
    return dict(zip(_ids(files, known), read, strict=True))


def show_comparison(found: Mapping[str, Any], first: str, second: str) -> None:
    """Print what `compare_alignments` found."""
    console = Console()
    for letter, name in (("A", first), ("B", second)):
        console.print(f"{letter}: {name}", markup=False, highlight=False, soft_wrap=True)
    summary = _table("A's times less B's", "", "value")
    for row in _summary(found):
        summary.add_row(*row)
    console.print(summary)
    if found["worst"]:
        worst = _table("largest mean difference", "clip", "boundaries", "mean ms", "largest ms", "bias ms")
        for clip in found["worst"]:
            figures = (f"{clip[name]:.1f}" for name in ("mean_ms", "largest_ms"))
            worst.add_row(clip["utterance_id"], f"{clip['boundaries']:,}", *figures, f"{clip['bias_ms']:+.1f}")
        console.print(worst)


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for number, name in enumerate(columns):
        table.add_column(name, justify="right" if number else "left", overflow="fold")
    return table


def _summary(found: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    clips, phones = found["clips"], found["phones"]
    yield "clips in both", f"{clips['both']:,}"
    yield "clips only in A", f"{clips['only_first']:,}"
    yield "clips only in B", f"{clips['only_second']:,}"
    yield "clips with the same phones", f"{clips['same_phones']:,}"
    yield "phones in A, in B", f"{phones['first']:,}, {phones['second']:,}"
    yield "phones matched", f"{phones['matched']:,}"
    yield "boundaries compared", f"{found['boundaries']:,}"
    for name, value in found.get("difference_ms", {}).items():
        signed = name == "bias"
        yield f"{name}, ms" if signed else f"{name} |A - B|, ms", f"{value:+.1f}" if signed else f"{value:.1f}"
    for name, share in found.get("within", {}).items():
        yield f"within {name.replace('_', ' ')}", f"{share:.1%}"


def _textgrid_intervals(path: Path) -> list[Interval]:
    return [Interval(mark.label, mark.start, mark.end, "") for mark in read_textgrid(path).phones]


def _ids(files: Sequence[Path], known: Collection[str]) -> list[str]:
    """Utterance ids of TextGrids: their names, or the speaker's and theirs."""
    short, long = [path.stem for path in files], [f"{path.parent.name}-{path.stem}" for path in files]
    by_speaker = len(set(known).intersection(long)) > len(set(known).intersection(short))
    chosen = long if by_speaker or len(set(short)) < len(short) else short
    name, count = Counter(chosen).most_common(1)[0]
    if count > 1:
        twice = [path for path, each in zip(files, chosen, strict=True) if each == name]
        raise AlignmentError(f"{twice[0]} and {twice[1]} are both the TextGrid of {name}; keep one of them")
    return chosen
