"""Ordered maps over worker processes: bounded memory, one progress bar; a worker that dies costs only its item.

What every executor does alike is here; what workers are, and how one is called, is in pipeline.local_executor and
pipeline.ray_executor. None of it can change a result.
"""

from __future__ import annotations

import itertools
import logging
import os
import sys
import textwrap
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import closing, contextmanager
from typing import NoReturn, Protocol, TypeVar

from pipeline.progress import track
from pipeline.runtime import Runtime
from tts.errors import TtsError

logger = logging.getLogger(__name__)

Item = TypeVar("Item")
Result = TypeVar("Result")

_THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


class Executor(Protocol):
    """Where functions are applied to many items."""

    def map(
        self,
        function: Callable[[Item], Result],
        items: Collection[Item],
        *,
        label: str,
        on_crash: Callable[[Item, str], Result] | None = None,
        tries: int = 2,
    ) -> Iterator[Result]:
        """Yield one result per item, in order.

        Args:
            function: defined at the top level of a module, or a functools.partial of one.
            items: given to workers as they become free, a few ahead.
            label: of the progress bar.
            on_crash: gives the result of an item whose worker died in every try, from the item and how it died.
            tries: how often an item is tried whose worker dies; after the first time alone, since two that are too
                large for the memory together may not be so one by one.

        Raises:
            TtsError: a worker died in every try and there is no `on_crash`. Whatever `function` raises is raised
                here, with a note that names the item.
        """
        ...


class WorkerDied(Exception):  # noqa: N818 - it is an event, which the map answers
    """The worker that a call was given to is gone; the message says how."""


class ThisProcess:
    """An executor without workers; what crashes here crashes this process."""

    def map(
        self,
        function: Callable[[Item], Result],
        items: Collection[Item],
        *,
        label: str,
        on_crash: Callable[[Item, str], Result] | None = None,
        tries: int = 2,
    ) -> Iterator[Result]:
        """See `Executor`; calls the function as results are asked for."""
        for item in track(items, label=label, total=len(items)):
            with noting("while working on", item):
                result = function(item)
            yield result


class Workers(ABC):
    """An executor whose workers are processes. One thread of ours waits for each."""

    def __init__(self, num_workers: int) -> None:
        self.num_workers = num_workers
        self._threads = ThreadPoolExecutor(num_workers, thread_name_prefix="worker")

    @abstractmethod
    def call(self, function: Callable[[Item], Result], item: Item) -> Result:
        """Have a worker apply the function, and wait for it; called by many threads at once.

        Raises:
            WorkerDied: the worker did not survive it. Whatever `function` raises is raised here.
        """

    @abstractmethod
    def stop(self) -> None:
        """End all workers, even those at work; calls that wait for them end too."""

    def close(self) -> None:
        """Let go of workers and threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self.stop()
        self._threads.shutdown()

    def map(
        self,
        function: Callable[[Item], Result],
        items: Collection[Item],
        *,
        label: str,
        on_crash: Callable[[Item, str], Result] | None = None,
        tries: int = 2,
    ) -> Iterator[Result]:
        """See `Executor`."""
        if items:
            results = self._in_order(function, items, on_crash or _give_up, tries)
            yield from track(results, label=label, total=len(items))

    def _in_order(
        self,
        function: Callable[[Item], Result],
        items: Collection[Item],
        on_crash: Callable[[Item, str], Result],
        tries: int,
    ) -> Iterator[Result]:
        def start(item: Item) -> Future[Result]:
            return self._threads.submit(self.call, function, item)

        def start_alone(item: Item) -> Future[Result]:
            wait([future for _, future in waiting])
            return start(item)

        started = ((item, start(item)) for item in items)
        waiting = deque(itertools.islice(started, 4 * self.num_workers))
        try:
            while waiting:
                item, future = waiting.popleft()
                result = _result(item, future, start_alone, on_crash, tries)
                waiting.extend(itertools.islice(started, 1))
                yield result
        finally:
            for _, future in waiting:
                future.cancel()


@contextmanager
def noting(text: str, *items: object) -> Iterator[None]:
    """Add a note to an exception that has none, so that it says which item it is about.

    Python shows notes from 3.11 on, and `tts` always; they travel with a pickled exception. Items are named behind the
    text, but only then: the phones of a chunk of clips take 17 ms to write out.
    """
    try:
        yield
    except Exception as error:
        error.__dict__.setdefault("__notes__", [" ".join([text, *map(_name, items)])])
        raise


@contextmanager
def one_thread_each() -> Iterator[None]:
    """Let processes that are started meanwhile compute with one thread: read by libraries when they are imported."""
    saved = {name: os.environ.get(name) for name in _THREAD_VARIABLES}
    os.environ.update(dict.fromkeys(_THREAD_VARIABLES, "1"))
    try:
        yield
    finally:
        for name, value in saved.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


def compute_with_one_thread() -> None:
    """Tell torch, where it is there already, to use one thread."""
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.set_num_threads(1)


def _result(
    item: Item,
    future: Future[Result],
    try_again: Callable[[Item], Future[Result]],
    on_crash: Callable[[Item, str], Result],
    tries: int,
) -> Result:
    try:
        with noting("while working on", item):
            return future.result()
    except WorkerDied as death:
        if tries <= 1:
            return on_crash(item, str(death))
        logger.warning("a worker died (%s); trying again, with nothing beside it: %s", death, _name(item))
    return _result(item, try_again(item), try_again, on_crash, tries - 1)


def _give_up(item: object, how: str) -> NoReturn:
    raise TtsError(
        f"{_name(item)}: the worker process died again and again ({how}); if memory ran out, lower `workers` in "
        "runtime.yaml, else look at this item"
    )


@contextmanager
def open_executor(runtime: Runtime) -> Iterator[Executor]:
    """Give the executor that runtime.yaml names; its workers end with the block.

    Raises:
        TtsError: Ray is not installed or not there.
    """
    with closing(_executor(runtime)) as executor:
        yield executor


def _executor(runtime: Runtime) -> Workers:
    if runtime.executor == "ray":
        from pipeline.ray_executor import RayExecutor

        return RayExecutor(runtime)
    from pipeline.local_executor import LocalExecutor

    return LocalExecutor(runtime.num_workers)


def _name(item: object) -> str:
    """What a message calls an item."""
    return textwrap.shorten(str(getattr(item, "utterance_id", item)), 120)
