"""Locks that keep two processes from the same work; a process that is killed lets go of them."""

from __future__ import annotations

import fcntl
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tts.errors import TtsError

logger = logging.getLogger(__name__)


@contextmanager
def exclusive(path: Path, *, what: str, wait: bool = False) -> Iterator[None]:
    """Hold a lock file, which stays behind and then means nothing.

    Args:
        path: of the file, on local storage or any that knows flock.
        what: is done, for the message.
        wait: for another process that holds it, however long it takes.

    Raises:
        TtsError: another process holds it, and is not waited for.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            if not wait:
                running = f"{what} is running here already (process {file.read()})"
                raise TtsError(f"{running}; wait for it, or end it") from error
            logger.info("%s is done by process %s already; waiting for its end", what, file.read())
            fcntl.flock(file, fcntl.LOCK_EX)
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield
