"""A file brought from one server, over several connections where it sends ranges, whatever fails meanwhile."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from functools import partial
from queue import Empty, SimpleQueue

from tts.corpora.pieces import Pieces, Span
from tts.corpora.tools import OnProgress, require_space, saying_where
from tts.corpora.web import Answer, RetryError, StartOverError, Version, ask
from tts.errors import DownloadError

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Patience:
    """How long to try a server, and how much to ask of it.

    Attributes:
        timeout_seconds: without a byte, after which a connection is given up.
        attempts: in a row that bring nothing, after which a connection is not tried again.
        pause_seconds: after the first such attempt; doubled after each further one.
        longest_pause_seconds: even if the server asks for more.
        connections: at once, where the server sends ranges.
        part_bytes: that one request asks for then; a file of less than two parts comes over one connection.
    """

    timeout_seconds: float = 30.0
    attempts: int = 5
    pause_seconds: float = 1.0
    longest_pause_seconds: float = 60.0
    connections: int = 4
    part_bytes: int = 64 << 20


class _GaveUpError(DownloadError):
    """A connection was tried often enough."""


def transfer(url: str, pieces: Pieces, size: int | None, *, patience: Patience, on_progress: OnProgress) -> None:
    """Complete the pieces of a file.

    Args:
        url: http:// or https://.
        pieces: what there is already, from wherever; thrown away where this server cannot go on with it.
        size: bytes of the whole; None = unknown.
        patience: how long to try.
        on_progress: told of the bytes; never by two threads at once.

    Raises:
        DownloadError: the server fails, or has a file of another size; the pieces stay, to go on with.
    """
    connections = patience.connections
    for _ in range(patience.attempts):
        try:
            return _Transfer(url, pieces, size, patience, on_progress).run(connections)
        except StartOverError as error:
            logger.info("%s: %s; starting again over one connection", url, error)
            reason = str(error)
            pieces.clear()
            connections = 1
    raise DownloadError(f"{url}: {reason}, {patience.attempts} times; try again later, or name another source")


@dataclass
class _Transfer:
    """One try to bring one version of the file."""

    url: str
    pieces: Pieces
    size: int | None
    patience: Patience
    on_progress: OnProgress
    version: Version | None = None
    sends_ranges: bool = False
    done: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)
    stopped: threading.Event = field(default_factory=threading.Event)

    @property
    def total(self) -> int | None:
        """Bytes of the whole, as far as known."""
        return self.version.total if self.size is None and self.version else self.size

    def run(self, connections: int) -> None:
        """Fetch what is missing.

        Raises:
            StartOverError: what there is does not fit what the server has.
        """
        self.done = self.pieces.num_bytes
        is_long = self.size is None or self.size - self.done >= 2 * self.patience.part_bytes
        if connections > 1 and is_long:
            self._patiently(self._ask_for_ranges, Span(0, 1))
        if not self.sends_ranges:
            connections = 1
        if self.total is not None and self.pieces.end > self.total:
            raise StartOverError("what an earlier download left is longer than the file")
        spans = self.pieces.missing(self.total)
        if connections > 1:
            spans = [part for span in spans for part in _divided(span, self.patience.part_bytes)]
        self._fetch_all(spans, connections)

    def _ask_for_ranges(self) -> None:
        """Ask for one byte, which tells whether parts can be had, and of what version."""
        answer = ask(self.url, Span(0, 1), tag=None, timeout_seconds=self.patience.timeout_seconds)
        with answer.response:
            self._check(answer)
            self.sends_ranges = answer.is_part and answer.version.total is not None

    def _fetch_all(self, spans: list[Span], connections: int) -> None:
        """Fetch spans; those that a connection gives up are left to the others, until the last gives up.

        A server that allows fewer connections than were opened so gets fewer.
        """
        waiting: SimpleQueue[Span] = SimpleQueue()
        for span in spans:
            waiting.put(span)
        while not waiting.empty():
            reasons = self._work_together(waiting, connections)
            connections = reasons.count(None)
            if connections == 0:
                raise next(filter(None, reasons))

    def _work_together(self, waiting: SimpleQueue[Span], connections: int) -> list[_GaveUpError | None]:
        """Why each connection was given up; None = it was not."""
        with ThreadPoolExecutor(connections) as pool:
            workers = [pool.submit(self._work, waiting) for _ in range(min(connections, waiting.qsize()))]
            try:
                return [worker.result() for worker in as_completed(workers)]
            except BaseException:
                self.stopped.set()
                raise

    def _work(self, waiting: SimpleQueue[Span]) -> _GaveUpError | None:
        while not self.stopped.is_set():
            try:
                span = waiting.get_nowait()
            except Empty:
                break
            try:
                self._patiently(partial(self._fetch, span), span)
            except _GaveUpError as error:
                waiting.put(span)
                return error
        return None

    def _patiently(self, attempt: Callable[[], None], span: Span) -> None:
        """Try until it succeeds, or until enough tries in a row did not move the span on.

        Raises:
            _GaveUpError: why.
        """
        failures = 0
        while True:
            before = span.start
            try:
                return attempt()
            except RetryError as error:
                failures = 0 if span.start > before else failures + 1
                if failures >= self.patience.attempts:
                    again = "try again later to go on"
                    raise _GaveUpError(f"{self.url}: {error}, {failures} times in a row; {again}") from error
                pause = self.patience.pause_seconds * 2 ** max(failures - 1, 0)
                pause = min(max(pause, error.wait_seconds), self.patience.longest_pause_seconds)
                logger.info("%s: %s at byte %d; going on in %g s", self.url, error, span.start, pause)
            if self.stopped.wait(pause):
                return None

    def _fetch(self, span: Span) -> None:
        """Bring a span in one request, as much of it as comes; it moves on with every block that is on the disk.

        Raises:
            RetryError: not all came.
            StartOverError: the server has another version by now, or sends only the whole file.
        """
        tag = self.version.tag if self.version else None
        wanted = Span(span.start, None if span.stop == self.total else span.stop)
        answer = ask(self.url, wanted, tag=tag, timeout_seconds=self.patience.timeout_seconds)
        with answer.response:
            self._check(answer)
            if not answer.is_part and wanted != Span(0, None):
                raise StartOverError("the server sends the file only as a whole")
            if span.stop is None:
                span.stop = answer.version.total
            with saying_where(self.pieces.folder), self.pieces.open_at(span.start) as write:
                for block in answer.blocks():
                    if self.stopped.is_set():
                        return
                    kept = block if span.stop is None else block[: span.stop - span.start]
                    write(kept)
                    span.start += len(kept)
                    self._count(len(kept))
        if span.stop is not None and span.start < span.stop:
            raise RetryError("the connection was closed")

    def _check(self, answer: Answer) -> None:
        """Compare what the server has with what it should have and had before."""
        total = answer.version.total
        if None not in (self.size, total) and total != self.size:
            raise DownloadError(f"{self.url}: has {total} bytes and should have {self.size}; correct it in params.yaml")
        with self.lock:
            if self.version is None:
                self.version = answer.version
                require_space(self.pieces.folder.parent, (self.total or 0) - self.done)
            elif self.version.contradicts(answer.version):
                raise StartOverError("the file there has changed")

    def _count(self, num_bytes: int) -> None:
        with self.lock:
            self.done += num_bytes
            self.on_progress("download", self.done, self.total)


def _divided(span: Span, part_bytes: int) -> list[Span]:
    """Spans of at most so many bytes."""
    stop = span.stop or 0
    return [Span(start, min(start + part_bytes, stop)) for start in range(span.start, stop, part_bytes)]
