"""Ctrl-C and a scheduler's SIGTERM ask a run to stop; the run decides when."""

from __future__ import annotations

import logging
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

logger = logging.getLogger(__name__)


@contextmanager
def stop_on_signals() -> Iterator[Callable[[], bool]]:
    """Yield a function that tells whether SIGINT or SIGTERM has come; a second signal ends the process at once."""
    came: list[int] = []

    def remember(number: int, _: FrameType | None) -> None:
        came.append(number)
        signal.signal(number, previous[signal.Signals(number)])
        logger.warning("%s: stopping after this step; once more to stop at once", signal.Signals(number).name)

    previous = {each: signal.signal(each, remember) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: bool(came)
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
