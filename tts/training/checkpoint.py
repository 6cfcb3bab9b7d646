"""Training states on disk: whole or absent, the last two kept, read without running code.

A state file is torch's zip format, loaded with ``weights_only``; the zip's own checksums tell a damaged one.
"""

from __future__ import annotations

import fcntl
import logging
import os
import pickle
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import torch

from tts.errors import CheckpointError, TrainingError

logger = logging.getLogger(__name__)

_KEPT = 2
_BEST = "best.pt"


@contextmanager
def exclusive(directory: Path) -> Iterator[None]:
    """Keep other processes from training in a folder; a killed process lets go of it.

    Raises:
        TrainingError: another process, perhaps an orphan of a killed one, trains there.
    """
    with (directory / "lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            raise TrainingError(
                f"{directory}: process {file.read()} trains this run; wait for it, or end it"
            ) from error
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def save_state(directory: Path, step: int, state: Mapping[str, Any]) -> None:
    """Write the state of a step and remove all but the newest two.

    Args:
        directory: the run's work folder.
        step: steps done.
        state: tensors and plain values.
    """
    _save(directory / f"state-{step:08d}.pt", state)
    for old in _states(directory)[:-_KEPT]:
        old.unlink()


def save_best(directory: Path, state: Mapping[str, Any]) -> None:
    """Write the weights that are best so far, in the place of those before."""
    _save(directory / _BEST, state)


def load_best(directory: Path) -> dict[str, Any]:
    """Read the weights that were best.

    Raises:
        CheckpointError: the file is damaged, or holds code.
    """
    path = directory / _BEST
    fault = _fault(path)
    if fault is not None:
        raise CheckpointError(f"{path}: is damaged ({fault}); delete the folder to train from the start")
    return _read(path)


def _save(path: Path, state: Mapping[str, Any]) -> None:
    temporary = path.with_suffix(".tmp")
    try:
        with temporary.open("wb") as file:
            _write(file, state)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    _sync_directory(path.parent)


def load_state(directory: Path) -> dict[str, Any] | None:
    """Read the newest state that is whole; None where no state was saved.

    A damaged one is left out with a warning.

    Raises:
        CheckpointError: there are states, and all are damaged; or the newest whole one holds code.
    """
    paths = _states(directory)
    for path in reversed(paths):
        fault = _fault(path)
        if fault is None:
            return _read(path)
        logger.warning("%s is damaged (%s) and left out; training goes on from the state before it", path, fault)
    if paths:
        raise CheckpointError(f"{directory}: every saved state is damaged; delete the folder to train from the start")
    return None


def _read(path: Path) -> dict[str, Any]:
    try:
        return dict(torch.load(path, map_location="cpu", weights_only=True))
    except (pickle.UnpicklingError, RuntimeError) as error:  # the latter where the zip is not one of torch's
        raise CheckpointError(
            f"{path}: holds more than tensors and plain values; it may run code and is refused, so delete it if you do "
            "not know where it comes from"
        ) from error


def _write(file: BinaryIO, state: Mapping[str, Any]) -> None:
    try:
        torch.save(dict(state), file)
    except RuntimeError as error:  # what became of torch's archive when the disk is full; the cause is behind it
        raise error.__context__ if isinstance(error.__context__, OSError) else error from None


def _fault(path: Path) -> str | None:
    try:
        with zipfile.ZipFile(path) as archive:
            member = archive.testzip()
        return f"checksum of {member}" if member else None
    except (zipfile.BadZipFile, EOFError, OSError) as error:
        return str(error)


def _states(directory: Path) -> list[Path]:
    return sorted(directory.glob("state-*.pt"))


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)  # makes the rename itself survive a power cut
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
