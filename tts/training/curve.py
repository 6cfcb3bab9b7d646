"""The run's curve: one CSV row every few steps, cut back to the saved step when a killed run goes on."""

from __future__ import annotations

import csv
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

Row = Mapping[str, float]


class Curve:
    """A CSV file that grows; cells without a value are empty. It holds no times, so equal runs give equal bytes."""

    def __init__(self, path: Path, columns: Sequence[str], *, after_step: int) -> None:
        """Open the file and drop the rows of steps that will be done again.

        Args:
            path: of the file; created when absent.
            columns: ``step`` and names of values.
            after_step: last step that is not done again.
        """
        kept = [row for row in _read(path) if int(row["step"]) <= after_step]
        temporary = path.with_suffix(".tmp")
        self._file = temporary.open("w", encoding="utf-8", newline="")
        self._writer = csv.DictWriter(self._file, columns, lineterminator="\n")
        self._writer.writeheader()
        self._writer.writerows(kept)
        self.flush()
        temporary.replace(path)

    def append(self, row: Row) -> None:
        """Add a row."""
        self._writer.writerow({name: f"{value:.6g}" if name != "step" else int(value) for name, value in row.items()})

    def flush(self) -> None:
        """Put all rows on disk; to be done before the state of their step is saved."""
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _read(path: Path) -> list[dict[str, str]]:
    """Rows that are whole: a kill may leave half a line at the end."""
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return [row for row in csv.DictReader(file) if None not in row.values() and (row["step"] or "").isdigit()]
