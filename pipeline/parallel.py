"""An ordered process map: bounded memory, one progress bar, workers that die with their parent."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import partial
from typing import Protocol, TypeVar

from pipeline.progress import track
from tts.errors import TtsError

Item = TypeVar("Item")
Result = TypeVar("Result")

_THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def parallel_map(
    function: Callable[[Item], Result], items: Iterable[Item], *, workers: int, label: str, total: int
) -> Iterator[Result]:
    """Apply a function to items in worker processes and yield the results in order.

    Args:
        function: defined at the top level of a module, or a functools.partial of one.
        items: consumed as workers become free, a few ahead.
        workers: processes; 1 runs in this process.
        label: of the progress bar.
        total: number of items.

    Raises:
        TtsError: a worker process died. Whatever `function` raises is raised here.
    """
    with worker_pool(workers if total > 1 else 1, like=function) as run:
        yield from run(function, items, label=label, total=total)


class Run(Protocol):
    """`parallel_map` by workers that are there."""

    def __call__(
        self, function: Callable[[Item], Result], items: Iterable[Item], *, label: str, total: int
    ) -> Iterator[Result]:
        """Yield one result per item, in order."""
        ...


@contextmanager
def worker_pool(workers: int, *, like: Callable[..., object]) -> Iterator[Run]:
    """Keep worker processes for several maps, which then need not import and load everything again.

    Args:
        workers: processes; 1 runs in this process.
        like: a function of the module that they import first.
    """
    if workers <= 1:
        yield _serial
        return
    saved = {name: os.environ.get(name) for name in _THREAD_VARIABLES}
    os.environ.update(dict.fromkeys(_THREAD_VARIABLES, "1"))  # read by the libraries when a worker imports them
    pool = ProcessPoolExecutor(workers, mp_context=_context(like), initializer=_start_worker)
    try:
        yield partial(_pooled, pool, workers)
    except BrokenProcessPool as error:
        raise TtsError("a worker process died, perhaps for lack of memory; lower `workers` in runtime.yaml") from error
    finally:
        pool.shutdown(cancel_futures=True)
        for name, value in saved.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


def _serial(function: Callable[[Item], Result], items: Iterable[Item], *, label: str, total: int) -> Iterator[Result]:
    yield from track(map(function, items), label=label, total=total)


def _pooled(
    pool: ProcessPoolExecutor,
    workers: int,
    function: Callable[[Item], Result],
    items: Iterable[Item],
    *,
    label: str,
    total: int,
) -> Iterator[Result]:
    yield from track(_in_order(pool, function, iter(items), ahead=4 * workers), label=label, total=total)


def _in_order(
    pool: ProcessPoolExecutor, function: Callable[[Item], Result], items: Iterator[Item], ahead: int
) -> Iterator[Result]:
    waiting: deque[Future[Result]] = deque(pool.submit(function, item) for item in itertools.islice(items, ahead))
    while waiting:
        result = waiting.popleft().result()
        waiting.extend(pool.submit(function, item) for item in itertools.islice(items, 1))
        yield result


def _context(function: Callable[..., object]) -> multiprocessing.context.BaseContext:
    """A fork server that has imported the function's module once; plain spawn where there is none."""
    if sys.platform == "win32":
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([getattr(function, "func", function).__module__])
    return context


def _start_worker() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.set_num_threads(1)
    threading.Thread(target=_exit_with_parent, daemon=True).start()


def _exit_with_parent() -> None:
    """Leave when the parent is gone: `kill -9` must not leave workers behind."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
