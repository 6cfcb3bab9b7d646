"""Tables of phones as intervals."""

from __future__ import annotations

from collections.abc import Collection
from itertools import groupby
from pathlib import Path

from tts.alignment.intervals import Interval
from tts.data.tables import PHONES, read_columns


def read_intervals(path: Path, *, only: Collection[str] | None = None) -> dict[str, list[Interval]]:
    """Read a table of phones: intervals by utterance id, of all clips or of some.

    Raises:
        DataError: the table is missing, damaged or lacks a column.
    """
    columns = read_columns(path, PHONES, only=only)
    names = ("utterance_id", "phone", "start_seconds", "end_seconds", "word")
    rows = zip(*(columns[name] for name in names), strict=True)
    return {name: [Interval(*row) for _, *row in group] for name, group in groupby(rows, key=lambda row: str(row[0]))}
