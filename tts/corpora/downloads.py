"""Archives from the disk, a mirror or the web, verified; what was verified is kept, what was begun is gone on with."""

from __future__ import annotations

import hashlib
import logging
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from tts.corpora.pieces import Pieces
from tts.corpora.tools import NoSpaceError, OnProgress, Tools
from tts.corpora.transfer import Patience, transfer
from tts.errors import DownloadError

logger = logging.getLogger(__name__)

_USUAL = Patience()


@dataclass(frozen=True)
class Archive:
    """A file that is published.

    Attributes:
        sources: http(s):// or file:// URLs, paths, or paths of the folder already unpacked; tried in turn.
        sha256: of the file.
        size: bytes; None = unknown.
    """

    sources: tuple[str, ...]
    sha256: str
    size: int | None = None


def obtain(archive: Archive, tools: Tools, *, patience: Patience = _USUAL) -> Path:
    """Give the verified file, or the folder that a source names instead.

    Raises:
        DownloadError: says of every source why it cannot be used.
    """
    problems = []
    candidates = list(dict.fromkeys(_candidates(archive, tools)))
    for number, source in enumerate(candidates, start=1):
        try:
            local = _local_path(source, tools)
            if local is not None:
                return _require_genuine(local, archive, tools.on_progress)
            return _from_web(source, archive, tools, patience)
        except NoSpaceError:
            raise
        except DownloadError as error:
            problems.append(str(error))
            if number < len(candidates):
                level = logging.INFO if source in archive.sources else logging.WARNING
                logger.log(level, "%s; trying the next source", error)
    raise DownloadError("; ".join(problems))


def _candidates(archive: Archive, tools: Tools) -> Iterator[str]:
    """Sources in turn, and before those on the web what an earlier download kept and what the mirror has."""
    for source in archive.sources:
        if _is_web(source):
            if _kept(archive, tools).is_file():
                yield str(_kept(archive, tools))
            yield from _mirrored(source, tools)
        yield source


def _mirrored(url: str, tools: Tools) -> Iterator[str]:
    """The copy of a published file in the mirror, if there may be one."""
    name = Path(unquote(url.partition("?")[0].rpartition("/")[2])).name
    if tools.mirror is None or not name:
        return
    folder = _local_path(tools.mirror, tools)
    if folder is None:
        yield f"{tools.mirror.rstrip('/')}/{quote(name)}"
    elif not folder.is_dir():
        logger.warning("%s: there is no such folder; correct `mirror` in runtime.yaml", folder)
    elif (folder / name).is_file():
        yield str(folder / name)


def _is_web(source: str) -> bool:
    return source.startswith(("http://", "https://"))


def _kept(archive: Archive, tools: Tools) -> Path:
    return tools.downloads / archive.sha256


def _local_path(source: str, tools: Tools) -> Path | None:
    """Path that a source names; None where it is on the web.

    Raises:
        DownloadError: the URL is of another kind.
    """
    if "://" not in source:
        return tools.locate(source)
    try:
        url = urlsplit(source)
    except ValueError as error:
        raise DownloadError(f"{source}: is not a URL ({error}); correct it") from error
    if url.scheme == "file" and url.netloc in ("", "localhost"):
        return Path(urllib.request.url2pathname(url.path))
    if url.scheme in ("http", "https") and url.hostname:
        return None
    raise DownloadError(f"{source}: is neither http(s)://host/…, file:///… nor a path; correct it")


def _require_genuine(path: Path, archive: Archive, on_progress: OnProgress) -> Path:
    if not path.exists():
        raise DownloadError(f"{path}: does not exist; correct the path in params.yaml, or name another source")
    if path.is_dir():
        return path
    fault = _fault(path, archive, on_progress)
    if fault:
        raise DownloadError(f"{path}: {fault}")
    return path


def _from_web(url: str, archive: Archive, tools: Tools, patience: Patience) -> Path:
    tools.downloads.mkdir(parents=True, exist_ok=True)
    pieces = Pieces(tools.downloads / f"{archive.sha256}.parts")
    while True:
        was_begun = pieces.num_bytes > 0
        transfer(url, pieces, archive.size, patience=patience, on_progress=tools.on_progress)
        fault = _fault(pieces.whole, archive, tools.on_progress)
        if fault is None:
            kept = pieces.whole.replace(_kept(archive, tools))
            pieces.clear()
            return kept
        pieces.clear()
        if not was_begun:
            raise DownloadError(f"{url}: {fault}")
        logger.info("%s: what an earlier download left was not of this file; starting again", url)


def _fault(path: Path, archive: Archive, on_progress: OnProgress) -> str | None:
    """What shows that a file is not the one that was published; None if it is."""
    size = path.stat().st_size
    if archive.size not in (None, size):
        return f"has {size} bytes and should have {archive.size}; correct the source, or `size` in params.yaml"
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
            on_progress("verify", file.tell(), size)
    if digest.hexdigest() != archive.sha256:
        found = digest.hexdigest()
        return f"has sha256 {found} and should have {archive.sha256}; correct the source, or `sha256` in params.yaml"
    return None
