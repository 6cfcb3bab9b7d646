"""JSON values kept under content keys, so that what takes long is computed once.

A line is a key, a tab and the value, which is parsed when it is asked for: parsed, the alignments of 13,100 clips take
ten times the memory.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from pipeline.fingerprint import content_key
from pipeline.output import replaced_file

_VALUES_PER_FILE = 256


class Kept:
    """Values by key, in files of some lines each that are written whole or not at all."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._lines: dict[str, str] = {}
        for path in sorted(folder.glob("*.txt")):
            self._lines.update(_split(line) for line in path.read_text(encoding="utf-8").splitlines())

    def __contains__(self, key: str) -> bool:
        return key in self._lines

    def read(self, key: str) -> Any:  # noqa: ANN401 - any JSON value
        """A value that was kept."""
        return json.loads(self._lines[key])

    def keep(self, values: Iterable[tuple[str, Any]]) -> None:
        """Write keys and values as they come."""
        for batch in _batches(values):
            lines = {key: json.dumps(value) for key, value in batch}
            with replaced_file(self._folder / f"{content_key(sorted(lines))}.txt") as temporary:
                temporary.write_text("".join(f"{key}\t{line}\n" for key, line in lines.items()), encoding="utf-8")
            self._lines.update(lines)


def _split(line: str) -> tuple[str, str]:
    key, _, value = line.partition("\t")
    return key, value


def _batches(values: Iterable[tuple[str, Any]]) -> Iterator[list[tuple[str, Any]]]:
    waiting = iter(values)
    while batch := list(islice(waiting, _VALUES_PER_FILE)):
        yield batch
