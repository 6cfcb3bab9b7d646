"""What a run's training meets on this machine: threads, other processes, and where its curve and samples go."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.provenance import read_provenance
from pipeline.sample_files import SampleFiles
from pipeline.stage import Stage
from pipeline.tracking import tracked
from pipeline.training import Run
from tts.config import to_plain
from tts.training.processes import Processes
from tts.training.trainer import Host


@contextmanager
def hosted(
    current: Stage, name: str, run: Run, *, work: Path, processes: Processes, should_stop: Callable[[], bool]
) -> Iterator[Host]:
    """Yield the host of a run; rows and samples go to wandb, samples to ``samples/`` in the work folder too.

    Args:
        current: the stage.
        name: of the run.
        run: with its settings.
        work: its folder, which outlives interruptions.
        processes: those who train together.
        should_stop: whether a signal came.
    """
    with tracked(
        name,
        to_plain(run.settings),
        key=work.name,
        mode=current.runtime.wandb if processes.is_first else "disabled",
        directory=current.paths.cache / "wandb",
        origin=read_provenance(current.paths.root),
    ) as tracker:
        rate = run.inventory.mel.sample_rate
        files = SampleFiles(samples_folder(work), sample_rate=rate, on_written=tracker.samples)
        yield Host(
            workers=current.runtime.num_workers,
            processes=processes,
            should_stop=should_stop,
            on_row=tracker.row,
            on_samples=files.write,
        )


def samples_folder(work: Path) -> Path:
    """Where a run's samples are."""
    return work / "samples"
