"""One request for some bytes of a file on the web, and what its answer means (RFC 9110, sections 13 to 15)."""

from __future__ import annotations

import re
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message
from email.utils import parsedate_to_datetime
from http.client import HTTPException, HTTPResponse, InvalidURL

from tts.corpora.pieces import Span
from tts.errors import DownloadError

_BLOCK = 1 << 16


class RetryError(Exception):
    """Another attempt may go on.

    Attributes:
        wait_seconds: that the server asks for.
    """

    def __init__(self, reason: str, wait_seconds: float = 0.0) -> None:
        super().__init__(reason)
        self.wait_seconds = wait_seconds


class StartOverError(Exception):
    """What came before cannot be gone on with."""


@dataclass(frozen=True)
class Version:
    """What tells a file on a server from another one under its address.

    Attributes:
        total: bytes; None = not said.
        tag: entity tag or time of the last change; None = not said.
    """

    total: int | None
    tag: str | None

    def contradicts(self, other: Version) -> bool:
        """Whether both cannot be the same file."""
        pairs = ((self.total, other.total), (self.tag, other.tag))
        return any(None not in pair and pair[0] != pair[1] for pair in pairs)


@dataclass(frozen=True)
class Answer:
    """Bytes that a server sends; close `response` after use.

    Attributes:
        response: where they come from.
        version: of the file.
        is_part: they start where it was asked for; the whole file comes if not.
    """

    response: HTTPResponse
    version: Version
    is_part: bool

    def blocks(self) -> Iterator[bytes]:
        """Give the bytes as they come.

        Raises:
            RetryError: the connection failed.
        """
        try:
            while block := self.response.read1(_BLOCK):
                yield block
        except (OSError, HTTPException) as error:
            raise RetryError(_reason(error)) from error


def ask(url: str, span: Span, *, tag: str | None, timeout_seconds: float) -> Answer:
    """Ask for a span of a file.

    Args:
        url: http:// or https://.
        span: of the bytes wanted; the whole file is asked for without naming a range.
        tag: of the version that the bytes must belong to; None = any.
        timeout_seconds: without a byte, after which the connection is given up.

    Raises:
        RetryError: the server cannot answer now.
        StartOverError: the file ends before the span, or the server sent other bytes.
        DownloadError: the server will never answer well.
    """
    try:
        request = urllib.request.Request(url, headers=_headers(span, tag))
        response: HTTPResponse = urllib.request.urlopen(request, timeout=timeout_seconds)
    except urllib.error.HTTPError as error:
        with error:
            raise _refusal(url, span, error) from error
    except (InvalidURL, UnicodeError) as error:
        raise DownloadError(f"{url}: is not a URL ({error}); write unusual characters as %XX") from error
    except (OSError, HTTPException) as error:
        raise RetryError(_reason(error)) from error
    if response.status == 206 and _first_byte(response) != span.start:
        response.close()
        raise StartOverError("the server sent another part than was asked for")
    return Answer(response, _version(response), is_part=response.status == 206)


def _headers(span: Span, tag: str | None) -> dict[str, str]:
    headers = {"User-Agent": "tts-pipeline", "Accept-Encoding": "identity"}
    if span.start or span.stop is not None:
        headers["Range"] = f"bytes={span.start}-{'' if span.stop is None else span.stop - 1}"
        if tag is not None:
            headers["If-Range"] = tag
    return headers


def _refusal(url: str, span: Span, error: urllib.error.HTTPError) -> Exception:
    answer = f"the server answered {error.code} {' '.join(str(error.reason).split())}"
    if error.code == 416 and span.start:
        return StartOverError("the file there ends before what came so far")
    if error.code in (408, 429) or error.code >= 500:
        return RetryError(answer, _wait_seconds(error.headers))
    return DownloadError(f"{url}: {answer}; correct the URL, or name another source")


def _wait_seconds(headers: Message) -> float:
    """What Retry-After says, as seconds or as a date."""
    value = headers.get("Retry-After", "")
    if re.fullmatch(r"[0-9]{1,9}", value):
        return float(value)
    try:
        return max(parsedate_to_datetime(value).timestamp() - time.time(), 0.0)
    except (TypeError, ValueError):
        return 0.0


def _version(response: HTTPResponse) -> Version:
    tag = response.headers.get("ETag", "")
    if not tag.startswith('"'):  # a weak one does not promise the same bytes
        tag = response.headers.get("Last-Modified", "")
    total = response.length
    if response.status == 206:
        found = re.search(r"/(\d+)$", response.headers.get("Content-Range", ""))
        total = int(found.group(1)) if found else None
    return Version(total, tag or None)


def _first_byte(response: HTTPResponse) -> int | None:
    found = re.match(r"bytes (\d+)-", response.headers.get("Content-Range", ""))
    return int(found.group(1)) if found else None


def _reason(error: OSError | HTTPException) -> str:
    if isinstance(error, TimeoutError) or isinstance(getattr(error, "reason", None), TimeoutError):
        return "the server went silent"
    return f"the connection failed ({getattr(error, 'reason', None) or error or type(error).__name__})"
