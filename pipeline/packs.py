"""Fetched files to the packs of data/raw/<corpus>; packs that did not change are linked there, not written again."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO

from pipeline.fingerprint import content_key
from pipeline.kept import Kept
from pipeline.kept_files import KeptFiles
from pipeline.parallel import Executor
from tts.corpora.packs import TABLE, Published, look_at, offsets, pack_path, write_pack
from tts.corpora.tools import require_space
from tts.data.cuts import parts
from tts.data.tables import FILES, write_table
from tts.errors import CorpusError

_FILES_PER_PACK = 128
"""On average: few enough that some new clips write little, and that LJSpeech is about a hundred packs."""

_YOUNG_SECONDS = 2.0

_Files = list[tuple[Published, int]]
"""Files of a pack, and where in it each begins."""


@dataclass(frozen=True, eq=False)
class _Pack:
    """A pack to be.

    Attributes:
        path: of it.
        source: folder of the files.
        names: of the files below it.
        known: what need not be read to be told of some.
    """

    path: Path
    source: Path
    names: Sequence[str]
    known: Mapping[str, Published]

    def __str__(self) -> str:
        return self.path.name

    def look_at(self, name: str) -> Published:
        """Read a file."""
        with self.open(name) as file:
            return look_at(name, file)

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
        self._seen = Kept(folder / "seen")

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
        names = _names(source)
        groups, keys = parts(names, _FILES_PER_PACK), _keys(source, names)
        known = {
            name: Published(name, *self._seen.read(key)) for name, key in keys.items() if key and key in self._seen
        }
        packs = [
            _Pack(pack_path(destination, number), source, names, {name: known[name] for name in names if name in known})
            for number, names in enumerate(groups)
        ]
        waiting = [pack for pack in packs if not self._has(pack)]
        made = dict(zip(waiting, self._executor.map(partial(_put, self._files), waiting, label=label), strict=True))
        packed = [made[pack] if pack in made else _put(self._files, pack) for pack in packs]
        new = (file for files in packed for file, _ in files if keys[file.name] and file.name not in known)
        self._seen.keep((keys[file.name], [file.size, file.sha256]) for file in new)
        rows = [
            {"name": file.name, "pack": number, "offset": offset, "size": file.size, "sha256": file.sha256}
            for number, files in enumerate(packed)
            for file, offset in files
        ]
        write_table(destination / TABLE, rows, FILES)
        return [file for files in packed for file, _ in files]

    def _has(self, pack: _Pack) -> bool:
        """Whether a pack is kept and nothing has to be read to know so."""
        files = list(pack.known.values())
        return len(files) == len(pack.names) and self._files.has(_key(files), offsets(files)[-1])

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


def _keys(folder: Path, names: Sequence[str]) -> dict[str, str]:
    """Keys of files below a folder by what the disk says of them, as DVC knows its own.

    It is "" for what is no link, since nobody will see it again, and for what is so young that it may change and keep
    its time.
    """
    keys, now = {}, time.time()
    for name in names:
        path = folder / name
        about = path.stat() if path.is_symlink() and path.exists() else None
        is_telling = about is not None and now - about.st_mtime > _YOUNG_SECONDS
        known_by = [str(path.readlink()), about.st_size, about.st_mtime_ns, about.st_ino] if about else []
        keys[name] = content_key(known_by) if is_telling else ""
    return keys


def _key(files: Sequence[Published]) -> str:
    return content_key([(each.name, each.size, each.sha256) for each in files])


def _put(kept: KeptFiles, pack: _Pack) -> _Files:
    """Let a pack appear, written if it is not kept; give its files, and where in it each begins."""
    files = [pack.known.get(name) or pack.look_at(name) for name in pack.names]
    *starts, size = offsets(files)

    def write(path: Path) -> None:
        require_space(path.parent, size)
        write_pack(path, files, pack.open)

    kept.put(_key(files), size, pack.path, write)
    return list(zip(files, starts, strict=True))
