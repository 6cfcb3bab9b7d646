"""Archives from the web or the disk, verified; an interrupted download goes on where it was."""

from __future__ import annotations

import hashlib
import logging
import re
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from urllib.parse import urlsplit

from tts.corpora.tools import OnProgress, Tools, require_space
from tts.errors import DownloadError

logger = logging.getLogger(__name__)

_BLOCK = 1 << 16
_LONGEST_PAUSE = 60.0


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


@dataclass(frozen=True)
class Patience:
    """How long to try a server.

    Attributes:
        timeout_seconds: without a byte, after which a connection is given up.
        attempts: in a row that bring nothing, after which the source is given up.
        pause_seconds: after the first such attempt; doubled after each further one.
    """

    timeout_seconds: float = 30.0
    attempts: int = 5
    pause_seconds: float = 1.0


class _InterruptedError(Exception):
    """The connection failed; another attempt may go on."""


def obtain(archive: Archive, tools: Tools, *, patience: Patience = Patience()) -> Path:
    """Give the verified file, or the folder that a source names instead.

    Raises:
        DownloadError: says of every source why it cannot be used.
    """
    problems = []
    for source in archive.sources:
        try:
            local = _local_path(source, tools)
            if local is not None:
                return _require_genuine(local, archive, tools.on_progress)
            return _from_web(source, archive, tools, patience)
        except DownloadError as error:
            problems.append(str(error))
            if len(problems) < len(archive.sources):
                logger.info("%s; trying the next source", error)
    raise DownloadError("; ".join(problems))


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
        raise DownloadError(f"{source}: is not a URL ({error}); correct it in params.yaml") from error
    if url.scheme == "file" and url.netloc in ("", "localhost"):
        return Path(urllib.request.url2pathname(url.path))
    if url.scheme in ("http", "https") and url.hostname:
        return None
    raise DownloadError(f"{source}: is neither http(s)://host/…, file:///… nor a path; correct it in params.yaml")


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
    kept = tools.downloads / archive.sha256
    part = tools.downloads / f"{archive.sha256}.part"
    if kept.exists():
        if _fault(kept, archive, tools.on_progress) is None:
            return kept
        kept.unlink()
    while True:
        was_begun = part.exists()
        _download(url, part, archive.size, tools.on_progress, patience)
        fault = _fault(part, archive, tools.on_progress)
        if fault is None:
            return part.replace(kept)
        part.unlink()
        if not was_begun:
            raise DownloadError(f"{url}: {fault}")
        logger.info("%s: what an earlier download left was not its beginning; starting again", url)


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


def _download(url: str, part: Path, size: int | None, on_progress: OnProgress, patience: Patience) -> None:
    """Complete `part`, in as many attempts as bring something."""
    failures = 0
    while True:
        before = _length(part)
        try:
            _transfer(url, part, size, on_progress, patience.timeout_seconds)
        except _InterruptedError as error:
            failures = 0 if _length(part) > before else failures + 1
            if failures >= patience.attempts:
                raise DownloadError(f"{url}: {error}, {failures} times in a row; try again later to go on") from error
            pause = min(patience.pause_seconds * 2 ** max(failures - 1, 0), _LONGEST_PAUSE)
            logger.info("%s: %s at %d bytes; going on in %g s", url, error, _length(part), pause)
            time.sleep(pause)
        else:
            return


def _transfer(url: str, part: Path, size: int | None, on_progress: OnProgress, timeout: float) -> None:
    """Append what is missing to `part`; begin again where the server cannot do that."""
    start = _length(part)
    if start == size:
        return
    response = _open(url, start, timeout)
    if response is None:
        return
    with response:
        if response.status == 206 and _range_start(response) != start:
            part.unlink(missing_ok=True)
            raise _InterruptedError("the server sent another part than was asked for")
        done = start if response.status == 206 else 0
        total = None if response.length is None else done + response.length
        if None not in (size, total) and total != size:
            raise DownloadError(f"{url}: has {total} bytes and should have {size}; correct it in params.yaml")
        require_space(part.parent, (total or size or 0) - done)
        with part.open("ab" if done else "wb") as file:
            for block in _blocks(response):
                file.write(block)
                done += len(block)
                on_progress("download", done, total or size)
    if total is not None and done < total:
        raise _InterruptedError("the connection was closed")


def _open(url: str, start: int, timeout: float) -> HTTPResponse | None:
    """Ask for the bytes from `start` on; None where there are none, as when only the verification was missed."""
    headers = {"User-Agent": "tts-pipeline", "Accept-Encoding": "identity"}
    if start:
        headers["Range"] = f"bytes={start}-"
    try:
        response: HTTPResponse = urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=timeout)
    except urllib.error.HTTPError as error:
        with error:
            answer = f"the server answered {error.code} {error.reason}"
        if error.code == 416 and start:
            return None
        if error.code in (408, 429) or error.code >= 500:
            raise _InterruptedError(answer) from error
        raise DownloadError(f"{url}: {answer}; correct it in params.yaml, or name a mirror") from error
    except (OSError, HTTPException) as error:
        raise _InterruptedError(_reason(error)) from error
    return response


def _blocks(response: HTTPResponse) -> Iterator[bytes]:
    try:
        while block := response.read1(_BLOCK):
            yield block
    except (OSError, HTTPException) as error:
        raise _InterruptedError(_reason(error)) from error


def _reason(error: OSError | HTTPException) -> str:
    if isinstance(error, TimeoutError) or isinstance(getattr(error, "reason", None), TimeoutError):
        return "the server went silent"
    return f"the connection failed ({getattr(error, 'reason', None) or error or type(error).__name__})"


def _range_start(response: HTTPResponse) -> int | None:
    found = re.match(r"bytes (\d+)-", response.headers.get("Content-Range", ""))
    return int(found.group(1)) if found else None


def _length(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
