"""What fetching a corpus may use of its surroundings."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tts.corpora.recordings import ParallelMap, serial_map
from tts.errors import CorpusError, DownloadError

OnProgress = Callable[[str, int, int | None], None]
"""Told an activity such as "download", and how many of its bytes are done, of how many (None = unknown)."""


def no_progress(activity: str, done: int, total: int | None) -> None:
    """Show nothing."""


class NoSpaceError(DownloadError):
    """The disk is too small, so that no other source can help."""


@dataclass(frozen=True)
class Tools:
    """How a corpus is fetched here.

    Attributes:
        base: folder that relative paths in settings start from.
        downloads: folder that outlives the call, where archives and unfinished downloads are kept.
        run: the parallel map to use.
        on_progress: told how far things are.
        mirror: folder or base URL where archives lie under their published names; None = there is none.
    """

    base: Path
    downloads: Path
    run: ParallelMap = serial_map
    on_progress: OnProgress = no_progress
    mirror: str | None = None

    def locate(self, path: str) -> Path:
        """Give what a path in the settings means."""
        return (self.base / Path(path).expanduser()).resolve()

    def require_folder(self, path: str, *, setting: str = "path") -> Path:
        """Give the folder that a path in the settings means, by the name of its setting.

        Raises:
            CorpusError: there is none.
        """
        folder = self.locate(path)
        if not folder.is_dir():
            raise CorpusError(f"{folder}: there is no such folder; correct the corpus' `{setting}` in params.yaml")
        return folder

    def link(self, files: Mapping[str, Path], destination: Path) -> None:
        """Let files appear in a folder as symbolic links, since what is fetched is packed at once.

        Args:
            files: source by name in the destination.
            destination: an existing folder.

        Raises:
            CorpusError: a source is no file.
        """
        for name, source in files.items():
            if not source.is_file():
                raise CorpusError(f"{source}: is not a file, or a link to nothing; restore or remove it")
            place = destination / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.symlink_to(source.absolute())


def require_space(folder: Path, num_bytes: int) -> None:
    """Stop before a long work that the disk cannot hold.

    Args:
        folder: an existing one on the disk in question.
        num_bytes: that will be written at least.

    Raises:
        NoSpaceError: less are free.
    """
    free = shutil.disk_usage(folder).free
    if free < num_bytes:
        raise NoSpaceError(f"{folder}: {num_bytes / 1e9:.2f} GB are needed and {free / 1e9:.2f} GB free; make room")


@contextmanager
def saying_where(path: Path) -> Iterator[None]:
    """Let errors of the disk name a path, which those of writing do not."""
    try:
        yield
    except OSError as error:
        if error.errno is not None and error.filename is None:
            error.filename = str(path)
        raise
