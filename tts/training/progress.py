"""The progress bar of a run: steps, rate, loss and time left; silent when stderr is not a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text


class _RateColumn(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:.2f} steps/s" if task.speed else "")


@contextmanager
def training_bar(done: int, total: int) -> Iterator[Callable[[int, float], None]]:
    """Yield a function that shows (steps done, loss).

    Args:
        done: steps done before.
        total: steps of the run.
    """
    columns = (BarColumn(), MofNCompleteColumn(), _RateColumn(), TextColumn("loss {task.fields[loss]:.4g}"))
    with Progress(
        TextColumn("train"),
        *columns,
        TextColumn("ETA"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        refresh_per_second=2,
        disable=not sys.stderr.isatty(),
    ) as bar:
        task = bar.add_task("train", total=total, completed=done, loss=float("nan"))
        yield lambda step, loss: bar.update(task, completed=step, loss=loss)
