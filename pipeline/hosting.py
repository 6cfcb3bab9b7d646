"""What a run's training meets on this machine: threads, other processes, and where its curve and samples go."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from pipeline.provenance import read_provenance
from pipeline.recitals import measure_of
from pipeline.sample_files import SampleFiles
from pipeline.stage import Stage
from pipeline.tracking import Tracker, tracked
from pipeline.training import Run
from pipeline.watching import Watcher, plain, watching
from tts.config import to_plain
from tts.training.processes import Processes
from tts.training.trainer import Host


@contextmanager
def hosted(
    current: Stage, name: str, run: Run, *, work: Path, processes: Processes, should_stop: Callable[[], bool]
) -> Iterator[Host]:
    """Yield the host of a run; rows, samples and measures go to wandb, the latter two to the work folder too.

    A run that ends waits for the last measures.

    Args:
        current: the stage.
        name: of the run.
        run: with its settings.
        work: its folder, which outlives interruptions.
        processes: those who train together.
        should_stop: whether a signal came.
    """
    rate = run.inventory.mel.sample_rate
    measure = measure_of(run, current.paths) if processes.is_first else None
    with (
        watching(evaluations_folder(work), measure, sample_rate=rate) as watcher,
        tracked(
            name,
            to_plain(run.settings),
            key=work.name,
            mode=current.runtime.wandb if processes.is_first else "disabled",
            directory=current.paths.cache / "wandb",
            origin=read_provenance(current.paths.root),
        ) as tracker,
    ):
        files = SampleFiles(samples_folder(work), sample_rate=rate, on_written=tracker.samples)
        yield Host(
            workers=current.runtime.num_workers,
            processes=processes,
            should_stop=should_stop,
            on_row=partial(_tell, tracker, watcher),
            on_samples=files.write,
            on_recital=watcher.take if watcher else lambda *_: None,
        )
        if watcher is not None:
            seconds = watcher.wait()
            for evaluation in watcher.news():
                tracker.evaluation(plain(evaluation))
            current.say(f"waited {seconds:.1f} s for the last measures")


def _tell(tracker: Tracker, watcher: Watcher | None, row: Mapping[str, float]) -> None:
    """Track a row of the curve, and what was measured since the last one."""
    tracker.row(row)
    for evaluation in watcher.news() if watcher else ():
        tracker.evaluation(plain(evaluation))


def evaluations_folder(work: Path) -> Path:
    """Where a run's evaluations are."""
    return work / "evaluations"


def samples_folder(work: Path) -> Path:
    """Where a run's samples are."""
    return work / "samples"
