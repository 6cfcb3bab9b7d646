"""Worker processes of this machine, each at the end of a pipe of its own, so that it is known which item killed one."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import CancelledError
from functools import partial
from inspect import isfunction
from multiprocessing.connection import Connection
from typing import Any, TypeVar

from pipeline.fingerprint import import_closure
from pipeline.parallel import ThisProcess, WorkerDied, Workers, compute_with_one_thread, one_thread_each
from tts.errors import TtsError

Item = TypeVar("Item")
Result = TypeVar("Result")

_PATIENCE = 5  # seconds between asking a worker to leave and killing it


class LocalExecutor(Workers):
    """Processes that are started when they are needed, stay for many maps, and die with this one."""

    def __init__(self, num_workers: int) -> None:
        super().__init__(num_workers)
        self._lock = threading.Lock()
        self._is_open = True
        self._workers: set[_Worker] = set()
        self._idle: list[_Worker] = []

    def map(
        self,
        function: Callable[[Item], Result],
        items: Collection[Item],
        *,
        label: str,
        on_crash: Callable[[Item, str], Result] | None = None,
        tries: int = 2,
    ) -> Iterator[Result]:
        """See `Executor`; what one worker would do is done in this process, unless a crash is to be survived."""
        if on_crash is None and min(self.num_workers, len(items)) <= 1:
            return ThisProcess().map(function, items, label=label)
        return super().map(function, items, label=label, on_crash=on_crash, tries=tries)

    def call(self, function: Callable[[Item], Result], item: Item) -> Result:
        """See `Workers`.

        Raises:
            TtsError: a worker cannot even start.
        """
        question = pickle.dumps((function, item))
        worker = self._take(function)
        try:
            answer = worker.ask(question)
        except (EOFError, OSError) as death:
            self._workers.discard(worker)
            raise WorkerDied(worker.how_it_died()) from death
        self._idle.append(worker)
        result, error = pickle.loads(answer)
        if error is not None:
            raise error
        return result  # type: ignore[no-any-return]

    def stop(self) -> None:
        """See `Workers`."""
        with self._lock:
            self._is_open = False
        workers = list(self._workers)
        for worker in workers:
            worker.process.terminate()
        for worker in workers:
            worker.process.join(_PATIENCE)
            worker.process.kill()
            worker.process.join()
            worker.close()

    def _take(self, function: Callable[..., object]) -> _Worker:
        try:
            return self._idle.pop()
        except IndexError:
            with self._lock:
                if not self._is_open:
                    raise CancelledError from None
                worker = _Worker(function)
                self._workers.add(worker)
        worker.wait_until_ready()
        return worker


class _Worker:
    """A process, and our end of its pipe."""

    def __init__(self, function: Callable[..., object]) -> None:
        """Start it, with what a function needs imported."""
        context = _context(function)
        self.connection, theirs = context.Pipe()
        self.process: Any = context.Process(target=_work, args=(theirs,), daemon=True)  # type: ignore[attr-defined]
        with one_thread_each():
            self.process.start()
        theirs.close()  # else we would not see the end of it
        self._closing = threading.Lock()

    def wait_until_ready(self) -> None:
        """Tell what cannot start from what a call kills."""
        try:
            self.connection.recv_bytes()
        except (EOFError, OSError) as error:
            raise TtsError(f"a worker process died as it started ({self.how_it_died()}); see above") from error

    def ask(self, question: bytes) -> bytes:
        """Send a pickled function and item, give the pickled result and error."""
        self.connection.send_bytes(question)
        return self.connection.recv_bytes()

    def close(self) -> None:
        """Close our end; who stops the workers and who waits for one may do so at once."""
        with self._closing:
            self.connection.close()

    def how_it_died(self) -> str:
        """Signal or exit code."""
        self.process.join()
        self.close()
        code = self.process.exitcode
        return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"


def _context(function: Callable[..., object]) -> multiprocessing.context.BaseContext:
    """A fork server that has imported once what the first function needs; plain spawn where there is none."""
    if sys.platform == "win32":
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__, *_modules(function)])
    return context


def _modules(part: object) -> Iterator[str]:
    """Modules of a function, of those that it was given, and whatever of ours they import in the end."""
    if isinstance(part, partial):
        for each in (part.func, *part.args, *part.keywords.values()):
            yield from _modules(each)
    elif isfunction(part):
        yield part.__module__
        yield from import_closure(part.__module__)


def _work(connection: Connection) -> None:
    """What a worker does: answer questions until nobody asks."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))  # leaves nothing half-written
    compute_with_one_thread()
    threading.Thread(target=_exit_with_parent, daemon=True).start()
    connection.send_bytes(b"ready")
    while True:
        try:
            question = connection.recv_bytes()
        except (EOFError, OSError):
            return
        connection.send_bytes(_answer(question))


def _answer(question: bytes) -> bytes:
    try:
        function, item = pickle.loads(question)
        return pickle.dumps((function(item), None))
    except Exception as error:  # noqa: BLE001 - raised by the parent, who asked
        return _pickled(error, traceback.format_exc())


def _pickled(error: Exception, trace: str) -> bytes:
    """An exception with its traceback as text, as the exception that it is wherever it can be pickled."""
    try:
        pickled = pickle.dumps((None, _Remote(error, trace)))
        pickle.loads(pickled)
    except Exception:  # noqa: BLE001 - whatever an exception's own code may raise
        return pickle.dumps((None, RuntimeError(trace)))
    return pickled


class _Remote:
    """Pickles as an exception whose cause is the traceback that it had in the worker."""

    def __init__(self, error: Exception, trace: str) -> None:
        self._parts = error, trace

    def __reduce__(self) -> tuple[Any, ...]:
        return _with_trace, self._parts


def _with_trace(error: Exception, trace: str) -> Exception:
    error.__cause__ = RuntimeError(f"in a worker process:\n{trace}")
    return error


def _exit_with_parent() -> None:
    """Leave when the parent is gone: `kill -9` must not leave workers behind."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
