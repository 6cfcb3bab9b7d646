"""The progress bar of a run: steps and their time, loss, learning rate, waiting and time left; for terminals only."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text


class Show(Protocol):
    """Shows how far a run is."""

    def __call__(self, step: int, *, loss: float, lr: float, wait: float) -> None:
        """Show steps done, loss, learning rate, and the share of the time that no batch was ready."""
        ...


class _StepTimeColumn(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(f"{_duration(1 / task.speed)}/step" if task.speed else "")


@contextmanager
def training_bar(done: int, total: int) -> Iterator[Show]:
    """Yield a function that shows how far a run is; silent when stderr is not a terminal.

    Args:
        done: steps done before.
        total: steps of the run.
    """
    columns = (
        BarColumn(bar_width=16),  # leaves room on a terminal of 100 columns
        MofNCompleteColumn(),
        _StepTimeColumn(),
        TextColumn("loss {task.fields[loss]:.4g} lr {task.fields[lr]:.2g} data wait {task.fields[wait]:.0%}"),
    )
    with Progress(
        TextColumn("train"),
        *columns,
        TextColumn("ETA"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        refresh_per_second=2,
        disable=not sys.stderr.isatty(),
    ) as bar:
        task = bar.add_task("train", total=total, completed=done, loss=float("nan"), lr=float("nan"), wait=0.0)

        def show(step: int, *, loss: float, lr: float, wait: float) -> None:
            bar.update(task, completed=step, loss=loss, lr=lr, wait=wait)

        yield show


def _duration(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds >= 1 else f"{1000 * seconds:.0f} ms"
