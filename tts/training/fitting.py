"""A run's batch made small enough for memory, where `batch.auto` allows it."""

from __future__ import annotations

import gc
import logging
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from tts.errors import MemoryShortageError
from tts.training.checkpoint import load_state
from tts.training.lowering import lowered
from tts.training.processes import Processes
from tts.training.rehearsal import rehearse
from tts.training.settings import RunSettings
from tts.training.tasks import Batch, Task

logger = logging.getLogger(__name__)

Make = Callable[[RunSettings], tuple[Task, Batch]]


def fitted(
    settings: RunSettings, make: Make, *, longest_clip: int, directory: Path, processes: Processes
) -> RunSettings:
    """Give the settings with the largest batch that fits: that of the run, or a half of it, or a half of that.

    A run that was interrupted goes on with the batch it had: another one would make it another run.

    Args:
        settings: as the params have them.
        make: a task of these settings, which knows of no other processes and is thrown away, and the largest batch.
        longest_clip: its frames.
        directory: the run's folder of states.
        processes: those who train together; what does not fit in one is lowered in all.

    Raises:
        MemoryShortageError: not even one clip fits.
    """
    choices = list(lowered(settings, longest=longest_clip))
    state = load_state(directory)
    if state is not None:
        return _those_of(state["settings"], choices)
    for number, choice in enumerate(choices):
        shortage = _shortage(make, choice, processes.device)
        if not processes.any(claim=shortage is not None):
            return choice
        shortage = shortage or "the largest batch does not fit into the memory of another process; see there"
        if number + 1 < len(choices):
            _warn(shortage, choice, choices[number + 1])
    raise MemoryShortageError(shortage)


def _those_of(saved: object, choices: Sequence[RunSettings]) -> RunSettings:
    """Settings that a state was saved with; what cannot have been lowered to them is left for the trainer to refuse."""
    return next((each for each in choices if each.decisive == saved), choices[0])


def _shortage(make: Make, settings: RunSettings, device: torch.device) -> str | None:
    """Why the largest batch does not fit, if it does not."""
    shortage = _rehearsed(make, settings)
    gc.collect()  # its tensors, before there are new ones
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)
    return shortage


def _rehearsed(make: Make, settings: RunSettings) -> str | None:
    task, batch = make(settings)
    try:
        rehearse(task, batch, task.heaviest_step(0))
    except MemoryShortageError as error:
        return str(error)
    return None


def _warn(shortage: str, before: RunSettings, after: RunSettings) -> None:
    taken = {
        "batch.size": (before.batch.size, after.batch.size),
        "batch.max_frames": (before.batch.max_frames, after.batch.max_frames),
        "accumulate": (before.accumulate, after.accumulate),
    }
    changes = ", ".join(f"{name} {now} in place of {was}" for name, (was, now) in taken.items() if was != now)
    logger.warning("%s; batch.auto takes %s", shortage.partition(";")[0], changes)
