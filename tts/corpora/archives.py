"""Archives unpacked with care: a member may only become a plain file or folder below the destination."""

from __future__ import annotations

import logging
import lzma
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from tts.corpora.downloads import Archive, obtain
from tts.corpora.tools import OnProgress, Tools, no_progress, require_space
from tts.errors import DownloadError

logger = logging.getLogger(__name__)

_DAMAGE = (EOFError, tarfile.TarError, zipfile.BadZipFile, lzma.LZMAError, zlib.error, NotImplementedError)

Member = tuple[str, IO[bytes] | None]
"""Name and content; None is a folder."""


def fetch_archive(archive: Archive, destination: Path, tools: Tools) -> None:
    """Fill a folder with what the archive holds.

    Raises:
        DownloadError: no source has the archive, or it cannot be unpacked.
    """
    found = obtain(archive, tools)
    if found.is_dir():
        logger.info("%s: is a folder already unpacked, which sha256 cannot verify; it is copied as it is", found)
        files = {str(path.relative_to(found)): path for path in sorted(found.rglob("*")) if path.is_file()}
        tools.copy(files, destination)
    else:
        unpack(found, destination, on_progress=tools.on_progress)


def unpack(path: Path, destination: Path, *, on_progress: OnProgress = no_progress) -> None:
    """Unpack a tar (plain, gzip, bzip2, xz) or zip file into a folder; its files get no modes, owners or times.

    Raises:
        DownloadError: the archive is damaged, or names the member that is not plain or would lie outside.
    """
    size = path.stat().st_size
    require_space(destination, size)
    with path.open("rb") as file:
        try:
            for name, content in _members(path, file):
                _write(_place(path, destination, name), content)
                on_progress("unpack", file.tell(), size)
        except _DAMAGE as error:
            raise _damaged(path, error) from error
        except OSError as error:
            if error.errno is None:  # how bz2 and gzip speak of bad data; a full disk has a number
                raise _damaged(path, error) from error
            raise


def _members(path: Path, file: IO[bytes]) -> Iterator[Member]:
    if tarfile.is_tarfile(path):
        return _tar_members(path, file)
    if zipfile.is_zipfile(path):
        return _zip_members(path, file)
    raise DownloadError(f"{path}: is not a whole tar or zip archive; fetch it again, or correct its source")


def _tar_members(path: Path, file: IO[bytes]) -> Iterator[Member]:
    with tarfile.open(fileobj=file, mode="r:*") as archive:
        for member in archive:
            if not (member.isreg() or member.isdir()):
                raise _not_plain(path, member.name)
            yield member.name, archive.extractfile(member)


def _zip_members(path: Path, file: IO[bytes]) -> Iterator[Member]:
    with zipfile.ZipFile(file) as archive:
        for member in archive.infolist():
            kind = stat.S_IFMT(member.external_attr >> 16)
            if kind not in (0, stat.S_IFREG, stat.S_IFDIR) or member.flag_bits & 1:  # 1 = encrypted
                raise _not_plain(path, member.filename)
            yield member.filename, None if member.is_dir() else archive.open(member)


def _place(path: Path, destination: Path, name: str) -> Path:
    """Where a member goes.

    Raises:
        DownloadError: that is outside.
    """
    place = destination / name
    is_outside = "\\" in name or ".." in place.parts or destination not in (place, *place.parents)
    if is_outside:
        raise DownloadError(
            f"{path}: the member {name!r} would be written outside its folder; do not trust this archive"
        )
    return place


def _write(place: Path, content: IO[bytes] | None) -> None:
    if content is None:
        place.mkdir(parents=True, exist_ok=True)
        return
    place.parent.mkdir(parents=True, exist_ok=True)
    with content, place.open("wb") as file:
        shutil.copyfileobj(content, file)


def _not_plain(path: Path, name: str) -> DownloadError:
    return DownloadError(f"{path}: the member {name!r} is a link, a device or encrypted; do not trust this archive")


def _damaged(path: Path, error: Exception) -> DownloadError:
    return DownloadError(f"{path}: is truncated or damaged ({error}); fetch it again, or correct its source")
