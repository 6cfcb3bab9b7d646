"""The published files of a corpus in a few tar files, and a table that says where in them each lies.

A corpus may have a hundred thousand files, and whoever keeps track of them would have to look at each. The packs are
plain tar files (POSIX.1-2001, "pax"; not compressed), so that ``tar xf`` gives everything as it was published. Equal
files give equal bytes.
"""

from __future__ import annotations

import errno
import hashlib
import os
import tarfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO

from tts.corpora.tools import saying_where
from tts.data.tables import FILES, read_columns
from tts.errors import CorpusError, DataError

TABLE = "files.parquet"
"""A row of `tts.data.tables.FILES` for each file, sorted by name."""

_BLOCK = tarfile.BLOCKSIZE
_END = bytes(2 * _BLOCK)
_AT_ONCE = 1 << 20  # bytes


def pack_path(folder: Path, pack: int) -> Path:
    """One of a corpus' packs, for example ``files-003.tar``."""
    return folder / f"files-{pack:03d}.tar"


@dataclass(frozen=True)
class Published:
    """A file of a corpus.

    Attributes:
        name: path below the corpus' folder, with slashes.
        size: bytes.
        sha256: of the content.
    """

    name: str
    size: int
    sha256: str


def look_at(name: str, file: IO[bytes]) -> Published:
    """Read a file that is open, to its end."""
    return _described(name, _blocks(file))


def offsets(files: Sequence[Published]) -> list[int]:
    """Byte of a pack where the content of each of its files begins, and at last the pack's size."""
    found, end = [], 0
    for each in files:
        found.append(end + len(_header(each)))
        end = found[-1] + each.size + _padding(each.size)
    return [*found, end + len(_END)]


def write_pack(path: Path, files: Sequence[Published], open_file: Callable[[str], IO[bytes]]) -> None:
    """Write a tar file of these files, a block in memory at a time.

    Args:
        path: of the tar file.
        files: its members in order, as they were when they were looked at.
        open_file: opens one by its name.

    Raises:
        CorpusError: a file is not what it was.
    """
    with saying_where(path), path.open("wb") as pack:
        for each in files:
            pack.write(_header(each))
            with open_file(each.name) as file:
                if _described(each.name, _copied(file, pack)) != each:
                    raise CorpusError(f"{file.name}: changes while it is read; let it be finished, and fetch again")
            pack.write(bytes(_padding(each.size)))
        pack.write(_END)


def _described(name: str, blocks: Iterable[bytes]) -> Published:
    size, digest = 0, hashlib.sha256()
    for block in blocks:
        size += len(block)
        digest.update(block)
    return Published(name, size, digest.hexdigest())


def _blocks(file: IO[bytes]) -> Iterator[bytes]:
    while block := file.read(_AT_ONCE):
        yield block


def _copied(file: IO[bytes], target: IO[bytes]) -> Iterator[bytes]:
    for block in _blocks(file):
        target.write(block)
        yield block


def _header(file: Published) -> bytes:
    info = tarfile.TarInfo(file.name)  # owned by nobody, mode 0644, time 0
    info.size = file.size
    return info.tobuf(tarfile.PAX_FORMAT, encoding="utf-8", errors="strict")


def _padding(size: int) -> int:
    return -size % _BLOCK


@dataclass(frozen=True)
class _Packed:
    """What files and folders of packs have in common; see `tts.corpora.trees.Tree`.

    Attributes:
        corpus: folder of the packs.
        path: below it, as it was published; "" is all of it.
    """

    corpus: Path
    path: str

    @property
    def name(self) -> str:
        """Last part of the path."""
        return self.path.rpartition("/")[2] or self.corpus.name

    @property
    def stem(self) -> str:
        """The name without its suffix."""
        return PurePosixPath(self.name).stem

    @property
    def suffix(self) -> str:
        """Such as ".wav"; may be empty."""
        return PurePosixPath(self.name).suffix

    def __str__(self) -> str:
        # Without the number of the pack: new clips may change it, and the ledger of the old ones must stay as it is.
        return f"{self.corpus}/files-*.tar:{self.path}" if self.path else str(self.corpus)


@dataclass(frozen=True)
class PackedFile(_Packed):
    """A file in a pack; small, so that it can be sent to workers.

    Attributes:
        pack: number of the tar file.
        offset: byte of it where the content begins.
        size: bytes.
        sha256: of the content.
    """

    pack: int
    offset: int
    size: int
    sha256: str

    def __truediv__(self, path: str, /) -> PackedFolder:
        return PackedFolder(self.corpus, f"{self.path}/{path}")

    def is_dir(self) -> bool:
        """It is not."""
        return False

    def is_file(self) -> bool:
        """It is."""
        return True

    def iterdir(self) -> Iterator[PackedFile | PackedFolder]:
        """Raise NotADirectoryError."""
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(self))

    def read_bytes(self) -> bytes:
        """The content as it was published.

        Raises:
            CorpusError: the pack holds something else.
        """
        path = pack_path(self.corpus, self.pack)
        with path.open("rb") as file:
            file.seek(self.offset)
            content = file.read(self.size)
        if hashlib.sha256(content).hexdigest() != self.sha256:
            kept = "remove .tts_cache/download/packs, which may share its bytes"
            raise _unusable(self.corpus, f"{path}: is damaged, {self.path} in it is not what {TABLE} says; {kept}")
        return content


@dataclass(frozen=True)
class PackedFolder(_Packed):
    """A folder of packs, or a place where nothing is.

    Attributes:
        children: by name; None where nothing is.
    """

    children: Mapping[str, PackedFile | PackedFolder] | None = field(default=None, compare=False, repr=False)

    def __truediv__(self, path: str, /) -> PackedFile | PackedFolder:
        found: PackedFile | PackedFolder = self
        for part in PurePosixPath(path).parts:
            found = found._child(part) if isinstance(found, PackedFolder) else found / part
        return found

    def is_dir(self) -> bool:
        """Whether this is a folder; those without files are not packed."""
        return self.children is not None

    def is_file(self) -> bool:
        """It is not."""
        return False

    def iterdir(self) -> Iterator[PackedFile | PackedFolder]:
        """What is directly in it.

        Raises:
            FileNotFoundError: there is nothing here.
        """
        if self.children is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(self))
        return iter(self.children.values())

    def read_bytes(self) -> bytes:
        """Raise IsADirectoryError, or FileNotFoundError where nothing is."""
        code = errno.EISDIR if self.is_dir() else errno.ENOENT
        raise OSError(code, os.strerror(code), str(self))

    def _child(self, name: str) -> PackedFile | PackedFolder:
        below = f"{self.path}/{name}" if self.path else name
        return (self.children or {}).get(name) or PackedFolder(self.corpus, below)


def open_packs(folder: Path) -> PackedFolder:
    """Give the files of a packed corpus, without opening its packs.

    Args:
        folder: data/raw/<corpus>.

    Raises:
        CorpusError: it is not there, is no packed corpus, or lacks a part of it.
    """
    if not folder.is_dir():
        raise CorpusError(f"{folder}: there is no such folder; run `tts download {folder.name}` first")
    files = _listed(folder)
    ends: dict[int, int] = defaultdict(int)
    for each in files:
        ends[each.pack] = max(ends[each.pack], each.offset + each.size)
    for pack, end in ends.items():
        _require_whole(folder, pack_path(folder, pack), end)
    children: dict[str, dict[str, PackedFile | PackedFolder]] = {"": {}}
    for each in files:
        _children(folder, each.path.rpartition("/")[0], children)[each.name] = each
    return PackedFolder(folder, "", children[""])


def _listed(folder: Path) -> list[PackedFile]:
    if not (folder / TABLE).is_file():
        raise _unusable(folder, f"{folder}: holds no {TABLE}, so it is damaged or not of this version")
    try:
        columns = read_columns(folder / TABLE, FILES)
    except DataError as error:
        raise _unusable(folder, f"{folder / TABLE}: is damaged or not of this version") from error
    rows = zip(*(columns[name] for name in ("name", "pack", "offset", "size", "sha256")), strict=True)
    return [PackedFile(folder, *row) for row in rows]


def _require_whole(folder: Path, path: Path, end: int) -> None:
    if not path.is_file():
        raise _unusable(folder, f"{path}: is missing")
    size = path.stat().st_size
    if size < end:
        raise _unusable(folder, f"{path}: is truncated, {size} bytes of the {end} or more that {TABLE} tells of")


def _children(
    corpus: Path, path: str, known: dict[str, dict[str, PackedFile | PackedFolder]]
) -> dict[str, PackedFile | PackedFolder]:
    """What is in a folder, by name; a new folder is put into the one above."""
    if path not in known:
        known[path] = {}
        above, _, name = path.rpartition("/")
        _children(corpus, above, known)[name] = PackedFolder(corpus, path, known[path])
    return known[path]


def _unusable(folder: Path, what: str) -> CorpusError:
    name = folder.name
    return CorpusError(f"{what}; fetch the corpus again: `dvc repro -f -s download@{name}` or `tts download {name}`")
