"""Batches made ahead of need by threads, in order: how many threads changes nothing but the wait."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

B = TypeVar("B")


def prefetch(make: Callable[[int], B], indices: Iterable[int], *, workers: int) -> Generator[B, None, None]:
    """Yield ``make(index)`` for every index, a few ahead of the consumer.

    Args:
        make: a pure function of the index; what it raises is raised here.
        indices: in order.
        workers: threads.
    """
    waiting: deque[Future[B]] = deque()
    pool = ThreadPoolExecutor(workers, thread_name_prefix="loader")
    try:
        for index in indices:
            waiting.append(pool.submit(make, index))
            if len(waiting) > 2 * workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
