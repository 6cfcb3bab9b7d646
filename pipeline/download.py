"""What fetching a corpus may use: where downloads are kept, the process map, and a bar that counts bytes."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from pipeline.parallel import parallel_map
from pipeline.paths import Paths
from tts.corpora.tools import OnProgress, Tools

Item = TypeVar("Item")
Result = TypeVar("Result")


def tools_for(paths: Paths, corpus: str, *, workers: int, on_progress: OnProgress) -> Tools:
    """Tools for the project at `paths`; experiments in temporary folders share its downloads and relative paths."""
    return Tools(
        base=paths.cache.parent,
        downloads=paths.cache / "download",
        run=_ProcessMap(workers, f"download {corpus}"),
        on_progress=on_progress,
    )


@contextmanager
def byte_bar() -> Iterator[OnProgress]:
    """Give a function that shows bytes, rate and time left of each activity; silent when stderr is no terminal."""
    bars: dict[str, TaskID] = {}
    progress = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeElapsedColumn(),
        TextColumn("ETA"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        disable=not sys.stderr.isatty(),
    )

    def on_progress(activity: str, done: int, total: int | None) -> None:
        if activity not in bars:
            progress.start()  # not before: a corpus that counts clips instead shows its own bar
            bars[activity] = progress.add_task(activity, total=total)
        progress.update(bars[activity], completed=done, total=total)

    try:
        yield on_progress
    finally:
        progress.stop()


@dataclass(frozen=True)
class _ProcessMap:
    """`parallel_map` with the workers and label of this stage."""

    workers: int
    label: str

    def __call__(self, function: Callable[[Item], Result], items: Sequence[Item]) -> Iterator[Result]:
        return parallel_map(function, items, workers=self.workers, label=self.label, total=len(items))
