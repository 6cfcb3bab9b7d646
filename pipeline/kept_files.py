"""Finished files kept under content keys and linked into outs: what did not change is not written or hashed again.

DVC deletes the outs of a stage before it runs. A file that comes back as a link to the same bytes is the same file,
with the same time, so that DVC need not look into it. This wants a cache of DVC that links, too (`cache.type`
hardlink, see README); with one that copies, DVC puts a copy in the place of every link, and nothing is kept.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from configparser import ConfigParser
from contextlib import suppress
from pathlib import Path

from pipeline.output import replaced_file


class KeptFiles:
    """A folder of files by content key; all of them are read-only, since outs share their bytes."""

    def __init__(self, folder: Path, *, links: bool, suffix: str = "") -> None:
        """Open a folder.

        Args:
            folder: it need not exist.
            links: whether DVC lets links be; if not, nothing is kept.
            suffix: of the files' names.
        """
        self._folder, self._links, self._suffix = folder, links, suffix
        folder.mkdir(parents=True, exist_ok=True)

    def has(self, key: str, num_bytes: int) -> bool:
        """Whether there is such a file and it is whole, as it may not be after the power failed."""
        try:
            return self._links and self._path(key).stat().st_size == num_bytes
        except FileNotFoundError:
            return False

    def put(self, key: str, num_bytes: int, out: Path, write: Callable[[Path], object]) -> None:
        """Let a file appear in an out.

        Args:
            key: everything that its bytes depend on.
            num_bytes: how many they are.
            out: where; nothing may be there.
            write: called with the path to write to, if there is no such file yet.
        """
        if not self._links:
            write(out)
            return
        if self.has(key, num_bytes):
            with suppress(FileNotFoundError):  # another process may prune it in this moment
                os.link(self._path(key), out)
                return
        with replaced_file(self._path(key)) as temporary:
            write(temporary)
            temporary.chmod(0o444)
            os.link(temporary, out)  # now, so that no other process finds it to be in no out

    def prune(self) -> None:
        """Remove the files that are in no out and not in DVC's cache."""
        for path in self._folder.glob(f"*{self._suffix}"):
            with suppress(FileNotFoundError):  # another process was faster
                if path.stat().st_nlink == 1:
                    path.unlink()

    def _path(self, key: str) -> Path:
        return self._folder / f"{key}{self._suffix}"


def links_last(root: Path) -> bool:
    """Whether the DVC cache of a project holds hard links, so that DVC lets those of others be.

    That is so where they are the first type that is named: otherwise DVC fills its cache with copies.
    """
    settings = ConfigParser(interpolation=None)
    settings.read([root / ".dvc" / "config", root / ".dvc" / "config.local"], encoding="utf-8")
    first, *_ = settings.get("cache", "type", fallback="").strip('"').split(",")
    return first.strip() == "hardlink"
