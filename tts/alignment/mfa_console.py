"""What the Montreal Forced Aligner says on its console, and the heart of it when it fails."""

from __future__ import annotations

import logging
import re
from typing import BinaryIO

logger = logging.getLogger(__name__)

_LONGEST = 400  # letters of its own words in a message
_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_LOGGED = re.compile(r"^ ?(DEBUG|INFO|WARNING|ERROR|CRITICAL)\b[: ]*(.*)$")
_TRACEBACK = "Traceback (most recent call last):"
_DOUBLED_NAME = re.compile(r"^(?:\w+\.)*(?P<name>\w+): (?P=name):")
_MODULES = re.compile(r"^(?:\w+\.)+(?=\w+:)")


class Console:
    """Passes on to our log what a growing file says.

    Attributes:
        last: what was passed on last.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._rest = b""
        self.last = ""

    def report(self) -> None:
        """Pass on the lines that have come since the last call."""
        *lines, self._rest = (self._rest + self._file.read()).split(b"\n")
        for line in lines:
            self._pass_on(plain(line))

    def _pass_on(self, line: str) -> None:
        logged = _LOGGED.match(line)
        if logged and logged[1] == "WARNING":
            logger.warning("MFA: %s", logged[2])
        elif logged and logged[1] == "INFO":
            self.last = logged[2]
            logger.info("MFA: %s", logged[2])


def plain(said: bytes) -> str:
    """Give what the program said as text without colours."""
    return _ANSI.sub("", said.decode("utf-8", errors="replace")).rstrip()


def complaint(said: str) -> str:
    """Give a failure in one line: the last exception, the error of the usage box, or the last line."""
    text = _last_exception(said) or _usage_error(said) or last_line(said) or "it said nothing"
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} ..."


def last_line(said: str) -> str:
    """Give the last line that is no progress bar."""
    lines = [line.strip() for line in said.splitlines() if line.strip() and "━" not in line]
    logged = _LOGGED.match(lines[-1]) if lines else None
    return logged[2] if logged else (lines or [""])[-1]


def warnings(said: str) -> list[str]:
    """Give what the program warned of."""
    found = (_LOGGED.match(line) for line in said.splitlines())
    return [match[2].strip() for match in found if match and match[1] == "WARNING"]


def _last_exception(said: str) -> str:
    """The exception that the last traceback ends with; MFA's messages go over several lines."""
    _, found, tail = said.rpartition(_TRACEBACK)
    lines = tail.splitlines()[1:] if found else []
    start = next((number for number, line in enumerate(lines) if line and not line[0].isspace()), len(lines))
    message = []
    for line in lines[start:]:
        if _LOGGED.match(line):
            break
        message.append(line)
    text = " ".join(" ".join(message).split())
    doubled = _DOUBLED_NAME.match(text)
    return f"{doubled['name']}:{text[doubled.end() :]}" if doubled else _MODULES.sub("", text)


def _usage_error(said: str) -> str:
    """The text of the last box that is titled Error."""
    _, found, tail = said.rpartition("─ Error ─")
    inside = tail.partition("╰")[0].splitlines()[1:] if found else []
    return " ".join(" ".join(line.strip().strip("│") for line in inside).split())
