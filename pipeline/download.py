"""What fetching a corpus may use: where downloads are kept, the process map, and a bar or lines that count bytes."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial

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

from pipeline.parallel import Executor
from pipeline.paths import Paths
from tts.corpora.tools import OnProgress, Tools

logger = logging.getLogger(__name__)


def tools_for(paths: Paths, corpus: str, executor: Executor, *, mirror: str | None, on_progress: OnProgress) -> Tools:
    """Tools for the project at `paths`; experiments in temporary folders share its downloads and relative paths."""
    return Tools(
        base=paths.cache.parent,
        downloads=paths.cache / "download",
        run=partial(executor.map, label=f"download {corpus}"),
        on_progress=on_progress,
        mirror=mirror,
    )


@contextmanager
def byte_bar() -> Iterator[OnProgress]:
    """Give a function that shows bytes, rate and time left of each activity; as lines when stderr is no terminal."""
    if not sys.stderr.isatty():
        yield ByteLines()
        return
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
    )

    def on_progress(activity: str, done: int, total: int | None) -> None:
        if activity not in bars:
            progress.start()  # not before: a corpus that counts clips instead shows its own bar
            bars[activity] = progress.add_task(activity, total=total, completed=done)
        progress.update(bars[activity], completed=done, total=total)

    try:
        yield on_progress
    finally:
        progress.stop()


class ByteLines:
    """Logs bytes, rate and time left every so often, so that the log of a cluster shows whether a download moves."""

    def __init__(self, *, every_seconds: float = 30.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._every_seconds, self._clock = every_seconds, clock
        self._activity, self._done, self._time = "", 0, 0.0

    def __call__(self, activity: str, done: int, total: int | None) -> None:
        """Take note of an activity's bytes; the rate is that since the last line."""
        now = self._clock()
        if activity == self._activity and done >= self._done:
            seconds = now - self._time
            if seconds < self._every_seconds:
                return
            rate = (done - self._done) / seconds
            logger.info("%s: %s", activity, _amounts(done, total, rate))
        self._activity, self._done, self._time = activity, done, now


def _amounts(done: int, total: int | None, rate: float) -> str:
    """Bytes, rate in bytes per second and time left, as text."""
    of_total = "" if total is None else f" of {total / 1e6:.0f}"
    left = f", {timedelta(seconds=round((total - done) / rate))} left" if total is not None and rate > 0 else ""
    return f"{done / 1e6:.0f}{of_total} MB, {rate / 1e6:.1f} MB/s{left}"
