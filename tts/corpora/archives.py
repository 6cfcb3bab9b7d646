"""Archives unpacked with care: a member may only become a plain file or folder below the destination."""

from __future__ import annotations

import errno
import logging
import lzma
import stat
import struct
import tarfile
import unicodedata
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import IO

from typing_extensions import Self

from tts.corpora.allowance import Allowance
from tts.corpora.downloads import Archive, obtain
from tts.corpora.tools import OnProgress, Tools, no_progress, saying_where
from tts.errors import DownloadError

logger = logging.getLogger(__name__)

_DAMAGE = (
    EOFError,
    NotImplementedError,
    UnicodeDecodeError,
    struct.error,
    tarfile.TarError,
    zipfile.BadZipFile,
    lzma.LZMAError,
    zlib.error,
)

_UNPLACEABLE = (errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.EINVAL, errno.EILSEQ)
"""A file where a folder should be or the other way round, and names that the file system does not take."""

_BLOCK = 1 << 20
_MAX_HEADER_BYTES = 1 << 20

Member = tuple[str, IO[bytes] | None]
"""Name and content; None is a folder."""


def _all(name: str) -> bool:
    return True


def fetch_archive(archive: Archive, destination: Path, tools: Tools, *, wanted: Callable[[str], bool] = _all) -> None:
    """Fill a folder with what the archive holds, or with the members whose names are wanted.

    Raises:
        DownloadError: no source has the archive, or it cannot be unpacked.
    """
    found = obtain(archive, tools)
    if found.is_dir():
        logger.info("%s: is a folder already unpacked, which sha256 cannot verify; it is taken as it is", found)
        files = {str(path.relative_to(found)): path for path in sorted(found.rglob("*")) if path.is_file()}
        tools.link({name: path for name, path in files.items() if wanted(name)}, destination)
    else:
        unpack(found, destination, on_progress=tools.on_progress, wanted=wanted)


def unpack(
    path: Path,
    destination: Path,
    *,
    on_progress: OnProgress = no_progress,
    wanted: Callable[[str], bool] = _all,
) -> None:
    """Unpack a tar (plain, gzip, bzip2, xz) or zip file into a folder; its files get no modes, owners or times.

    Raises:
        DownloadError: the archive is damaged or a bomb, the disk is too small, or the message names the member that is
            not plain, would lie outside, or cannot be written under its name.
    """
    size, allowance, names = path.stat().st_size, Allowance(path, destination), set[str]()
    with path.open("rb") as file:
        try:
            for name, content in _members(path, file, allowance, wanted):
                place = _place(path, destination, name)
                if wanted(name):
                    _require_new(path, name, content, names, place)
                    _write(place, content, allowance)
                on_progress("unpack", file.tell(), size)
        except _DAMAGE as error:
            raise _damaged(path, error) from error
        except OSError as error:
            if error.errno is None:  # how bz2 and gzip speak of bad data; a full disk has a number
                raise _damaged(path, error) from error
            if error.errno in _UNPLACEABLE:
                raise _unplaceable(path, name, error) from error
            raise


def _members(path: Path, file: IO[bytes], allowance: Allowance, wanted: Callable[[str], bool]) -> Iterator[Member]:
    try:
        archive = tarfile.TarFile.open(fileobj=file, mode="r:*", tarinfo=_TarInfo)
    except tarfile.ReadError as error:
        if zipfile.is_zipfile(file):
            return _zip_members(path, file, allowance, wanted)
        remedy = "fetch it again, or correct its source"
        raise DownloadError(f"{path}: is not a whole tar or zip archive; {remedy}") from error
    if wanted is _all:
        allowance.expect(path.stat().st_size)  # what a tar file comes to is not known before, but is no less
    return _tar_members(path, archive)


def _tar_members(path: Path, archive: tarfile.TarFile) -> Iterator[Member]:
    with archive:
        while member := archive.next():
            archive.members.clear()  # type: ignore[attr-defined]  # millions would fill the memory
            if not (member.isreg() or member.isdir()):
                raise _not_plain(path, member.name)
            yield member.name, archive.extractfile(member)


def _zip_members(path: Path, file: IO[bytes], allowance: Allowance, wanted: Callable[[str], bool]) -> Iterator[Member]:
    with zipfile.ZipFile(file) as archive:
        allowance.expect(sum(member.file_size for member in archive.infolist() if wanted(member.filename)))
        for member in archive.infolist():
            kind = stat.S_IFMT(member.external_attr >> 16)
            if kind not in (0, stat.S_IFREG, stat.S_IFDIR) or member.flag_bits & 1:  # 1 = encrypted
                raise _not_plain(path, member.filename)
            yield member.filename, None if member.is_dir() else archive.open(member)


class _TarInfo(tarfile.TarInfo):
    """A header whose size can be true: long names and the like are read into memory as a whole."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        header = super().frombuf(buf, encoding, errors)
        is_extension = header.type not in (*tarfile.REGULAR_TYPES, tarfile.DIRTYPE)
        if header.size < 0 or (is_extension and header.size > _MAX_HEADER_BYTES):
            raise tarfile.TarError(f"a header claims {header.size} bytes")
        return header


def _place(path: Path, destination: Path, name: str) -> Path:
    """Where a member goes.

    Raises:
        DownloadError: that is outside, here or on another operating system.
    """
    parts = PurePosixPath(name).parts
    if ".." in parts or PureWindowsPath(name).anchor or "\\" in name or "\0" in name:
        raise DownloadError(
            f"{path}: the member {name!r} would be written outside its folder; do not trust this archive"
        )
    return destination.joinpath(*parts)


def _require_new(path: Path, name: str, content: IO[bytes] | None, names: set[str], place: Path) -> None:
    """Stop before a file silently takes the place of another; disks may not tell "É.wav" from "é.wav"."""
    if content is None:
        return
    folded = unicodedata.normalize("NFC", str(PurePosixPath(name))).casefold()
    if folded in names and place.exists():
        reason = "comes twice, or after one that this disk cannot tell from it"
        raise DownloadError(f"{path}: the member {name!r} {reason}; unpack it yourself and name its folder instead")
    names.add(folded)


def _write(place: Path, content: IO[bytes] | None, allowance: Allowance) -> None:
    allowance.count_member()
    if content is None:
        place.mkdir(parents=True, exist_ok=True)
        return
    place.parent.mkdir(parents=True, exist_ok=True)
    with content, saying_where(place), place.open("wb") as file:
        while block := content.read(_BLOCK):
            allowance.count_bytes(len(block))
            file.write(block)


def _not_plain(path: Path, name: str) -> DownloadError:
    return DownloadError(f"{path}: the member {name!r} is a link, a device or encrypted; do not trust this archive")


def _damaged(path: Path, error: Exception) -> DownloadError:
    return DownloadError(f"{path}: is truncated or damaged ({error}); fetch it again, or correct its source")


def _unplaceable(path: Path, name: str, error: OSError) -> DownloadError:
    shown = f"{name[:60]!r}…" if len(name) > 60 else repr(name)
    remedy = "unpack it yourself and name its folder instead"
    return DownloadError(f"{path}: the member {shown} cannot be written ({error.strerror}); {remedy}")
