"""Fetched files to the packs of data/raw/<corpus>; packs that did not change are linked there, not written again."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO

from pipeline.fingerprint import content_key
from pipeline.kept_files import KeptFiles
from pipeline.parallel import Executor
from tts.corpora.packs import TABLE, Published, look_at, offsets, pack_path, write_pack
from tts.corpora.tools import require_space
from tts.data.cuts import parts
from tts.data.tables import FILES, write_table
from tts.errors import CorpusError

_FILES_PER_PACK = 128
"""On average: few enough that some new clips write little, and that LJSpeech is about a hundred packs."""


@dataclass(frozen=True)
class _Pack:
    """A pack to be.

    Attributes:
        path: of it.
        source: folder of the files.
        names: of the files below it.
    """

    path: Path
    source: Path
    names: Sequence[str]

    def __str__(self) -> str:
        return self.path.name

    def open(self, name: str) -> IO[bytes]:
        """Open a file, not by a link to it, so that errors name the file itself."""
        path = self.source / name
        path = path.readlink() if path.is_symlink() else path
        try:
            return path.open("rb")
        except FileNotFoundError as error:
            raise CorpusError(f"{path}: is gone since it was found; restore it, and fetch again") from error


class PackStore:
    """Where packs are kept; workers write them."""

    def __init__(self, folder: Path, executor: Executor, *, links: bool) -> None:
        """Open a store.

        Args:
            folder: it need not exist.
            executor: where packs are written.
            links: see pipeline.kept_files.
        """
        self._files, self._executor = KeptFiles(folder, links=links, suffix=".tar"), executor

    def pack(self, source: Path, destination: Path, *, label: str) -> list[Published]:
        """Fill an empty folder with packs of all files below another one, and the table of them.

        Args:
            source: plain files, or links to such.
            destination: on the disk of the store, for the sake of links.
            label: of the progress bar.

        Returns:
            The files, sorted by name.

        Raises:
            CorpusError: a file cannot be read whole, or its name is not UTF-8.
            NoSpaceError: a pack does not fit on the disk.
        """
        groups = parts(_names(source), _FILES_PER_PACK)
        packs = [_Pack(pack_path(destination, number), source, names) for number, names in enumerate(groups)]
        packed = list(self._executor.map(partial(_put, self._files), packs, label=label))
        rows = [
            {"name": file.name, "pack": number, "offset": offset, "size": file.size, "sha256": file.sha256}
            for number, files in enumerate(packed)
            for file, offset in files
        ]
        write_table(destination / TABLE, rows, FILES)
        return [file for files in packed for file, _ in files]

    def prune(self) -> None:
        """Remove the packs that are in no out."""
        self._files.prune()


def _names(folder: Path) -> list[str]:
    """All files below a folder, with slashes.

    Raises:
        CorpusError: a name is not UTF-8.
    """
    found = [Path(at, name).relative_to(folder).as_posix() for at, _, names in os.walk(folder) for name in names]
    for name in found:
        try:
            name.encode()
        except UnicodeEncodeError as error:
            raise CorpusError(f"the file name {name!r} is not UTF-8; rename the file, and fetch again") from error
    return found


def _put(kept: KeptFiles, pack: _Pack) -> list[tuple[Published, int]]:
    """Let a pack appear, written if it is not kept; give its files, and where in it each begins."""
    files = []
    for name in pack.names:
        with pack.open(name) as file:
            files.append(look_at(name, file))
    key = content_key([(each.name, each.size, each.sha256) for each in files])
    *starts, size = offsets(files)

    def write(path: Path) -> None:
        require_space(path.parent, size)
        write_pack(path, files, pack.open)

    kept.put(key, size, pack.path, write)
    return list(zip(files, starts, strict=True))
