"""Ctrl-C and a scheduler's SIGTERM ask a run to stop; the run decides when."""

from __future__ import annotations

import logging
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

logger = logging.getLogger(__name__)


@contextmanager
def handling_signals(handle: Callable[[int], None]) -> Iterator[dict[signal.Signals, Any]]:
    """Call a function with the number of each SIGINT and SIGTERM that comes; yield what would be done without it."""
    both = (signal.SIGINT, signal.SIGTERM)
    previous = {each: signal.signal(each, lambda number, _: handle(number)) for each in both}
    try:
        yield previous
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


@contextmanager
def stop_on_signals() -> Iterator[Callable[[], bool]]:
    """Yield a function that tells whether SIGINT or SIGTERM has come; a second signal ends the process at once."""
    came: list[int] = []

    def remember(number: int) -> None:
        came.append(number)
        signal.signal(number, previous[signal.Signals(number)])
        logger.warning("%s: stopping after this step; once more to stop at once", signal.Signals(number).name)

    with handling_signals(remember) as previous:
        yield lambda: bool(came)
