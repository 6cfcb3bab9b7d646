"""Finished files kept under content keys and linked into outs: what did not change is not written or hashed again.

DVC deletes the outs of a stage before it runs. A file that comes back as a link to the same bytes is the same file,
with the same time, so that DVC need not look into it; nor does it take room twice.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from pipeline.output import replaced_file


class KeptFiles:
    """A folder of files by content key; all of them are read-only, since outs share their bytes."""

    def __init__(self, folder: Path, *, suffix: str = "") -> None:
        """Open a folder.

        Args:
            folder: it need not exist.
            suffix: of the files' names.
        """
        self._folder, self._suffix = folder, suffix
        folder.mkdir(parents=True, exist_ok=True)

    def has(self, key: str, num_bytes: int) -> bool:
        """Whether there is such a file and it is whole, as it may not be after the power failed."""
        try:
            return self._path(key).stat().st_size == num_bytes
        except FileNotFoundError:
            return False

    def keep(self, key: str, write: Callable[[Path], object]) -> None:
        """Write a file, whole or not at all.

        Args:
            key: everything that its bytes depend on.
            write: called with the path to write to.
        """
        with replaced_file(self._path(key)) as temporary:
            write(temporary)
            temporary.chmod(0o444)

    def link(self, key: str, place: Path) -> None:
        """Let a file appear at a place that is empty; where the disk is another or knows no links, as a copy."""
        try:
            os.link(self._path(key), place)
        except OSError:
            shutil.copy2(self._path(key), place)

    def prune(self) -> None:
        """Remove the files that are in no out: the next version of a corpus has other ones."""
        for path in self._folder.glob(f"*{self._suffix}"):
            with suppress(FileNotFoundError):  # another process was faster
                if path.stat().st_nlink == 1:
                    path.unlink()

    def _path(self, key: str) -> Path:
        return self._folder / f"{key}{self._suffix}"
