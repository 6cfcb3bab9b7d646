"""What has come of a file so far: bytes at their places in the whole, and a note for each piece of where it ends."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass
class Span:
    """Bytes that are missing.

    Attributes:
        start: the first of them; moves on as they come.
        stop: behind the last; None = wherever the file ends.
    """

    start: int
    stop: int | None


@dataclass(frozen=True)
class Pieces:
    """A file that is filled from several places at once, and survives the death of the process at any moment.

    Its bytes are in the file "whole". A note beside it, named by the first byte of a piece, holds the place behind the
    last, and is written after the bytes: what it promises is there.
    """

    folder: Path

    @property
    def whole(self) -> Path:
        """The file, with holes where bytes are missing."""
        return self.folder / "whole"

    @property
    def num_bytes(self) -> int:
        """How many different bytes there are."""
        end = self.end
        return end - sum((gap.stop or end) - gap.start for gap in self.missing(end))

    @property
    def end(self) -> int:
        """Behind the last byte there is."""
        return max((stop for _, stop in self._held()), default=0)

    def missing(self, total: int | None) -> list[Span]:
        """Give the gaps, in order.

        Args:
            total: bytes of the whole; None = unknown, and then the last gap has no end.
        """
        gaps, position = [], 0
        for start, stop in self._held():
            if start > position:
                gaps.append(Span(position, start))
            position = max(position, stop)
        if total is None or position < total:
            gaps.append(Span(position, total))
        return gaps

    @contextmanager
    def open_at(self, start: int) -> Iterator[Callable[[bytes], None]]:
        """Give a function that writes bytes from `start` on; they are safe when it returns."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.whole.touch()
        with self.whole.open("r+b") as file, (self.folder / str(start)).open("w", encoding="ascii") as note:
            file.seek(start)

            def write(block: bytes) -> None:
                file.write(block)
                file.flush()
                note.seek(0)
                note.write(f"{file.tell():020}")  # of one length, so that a note is never a mixture of two
                note.flush()

            yield write

    def clear(self) -> None:
        """Remove all."""
        if self.folder.exists():
            shutil.rmtree(self.folder)

    def _held(self) -> list[tuple[int, int]]:
        """First byte and end of each piece, in order; a note that is empty or no number promises nothing."""
        if not self.whole.exists():
            return []
        notes = {path.name: path.read_text("ascii", "replace") for path in self.folder.glob("[0-9]*")}
        return sorted((int(start), int(stop)) for start, stop in notes.items() if stop.isdigit())
