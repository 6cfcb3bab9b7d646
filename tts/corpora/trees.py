"""Published files as a tree: a folder on disk, or what `tts download` packed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol


class Tree(Protocol):
    """A folder, a file, or a place where nothing is: a `pathlib.Path` or a `tts.corpora.packs.Packed`."""

    @property
    def name(self) -> str:
        """Last part of the path."""
        ...

    @property
    def stem(self) -> str:
        """The name without its suffix."""
        ...

    @property
    def suffix(self) -> str:
        """Such as ".wav"; may be empty."""
        ...

    def __truediv__(self, path: str, /) -> Tree: ...

    def is_dir(self) -> bool:
        """Whether this is a folder."""
        ...

    def is_file(self) -> bool:
        """Whether this is a file."""
        ...

    def iterdir(self) -> Iterator[Tree]:
        """What is directly in a folder, in any order."""
        ...

    def read_bytes(self) -> bytes:
        """Content of a file.

        Raises:
            OSError: there is none.
        """
        ...


def inside(folder: Tree) -> list[Tree]:
    """What is directly in a folder, by name; nothing where there is none."""
    return sorted(folder.iterdir(), key=lambda each: each.name) if folder.is_dir() else []


def folders(folder: Tree) -> Iterator[Tree]:
    """A folder and all below it."""
    yield folder
    for each in inside(folder):
        if each.is_dir():
            yield from folders(each)
