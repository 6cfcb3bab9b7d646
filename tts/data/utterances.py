"""The utterances of a corpus as columns: rows are made when they are asked for, so many clips cost little to open."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Positions = npt.NDArray[np.int64]

NOWHERE = -1
"""The code of a name that is not among those asked for."""


@dataclass(frozen=True)
class Utterance:
    """One row of the index; what only the index knows is empty where a corpus is read without it."""

    utterance_id: str
    speaker: str
    language: str
    style: str
    text: str
    normalized_text: str
    num_samples: int
    num_frames: int
    shard: int
    audio_offset: int
    mel_offset: int
    split: str = ""
    phones: tuple[str, ...] = ()
    num_phones: int = 0
    phone_offset: int = 0
    frame_offset: int = 0


class Utterances(Mapping[str, Utterance]):
    """Rows by utterance id.

    Attributes:
        table: all rows; its columns are attributes of `Utterance`.
        ids: of the rows, in their order.
        numbers: columns of integers [rows], by name.
    """

    def __init__(self, table: pa.Table) -> None:
        self.table = table.combine_chunks()
        self.ids: list[str] = table["utterance_id"].to_pylist()
        self._positions = {name: position for position, name in enumerate(self.ids)}
        self.numbers: dict[str, Positions] = {
            field.name: _numpy(table[field.name]) for field in table.schema if pa.types.is_integer(field.type)
        }

    def __getitem__(self, utterance_id: str) -> Utterance:
        row = self.table.slice(self._positions[utterance_id], 1).to_pylist()[0]
        return Utterance(**{**row, "phones": tuple(row.get("phones", ()))})

    def __contains__(self, utterance_id: object) -> bool:
        return utterance_id in self._positions

    def __iter__(self) -> Iterator[str]:
        return iter(self.ids)

    def __len__(self) -> int:
        return len(self.ids)

    def positions(self, ids: Sequence[str]) -> Positions:
        """Rows of these utterances."""
        return np.fromiter(map(self._positions.__getitem__, ids), np.int64, len(ids))

    def codes(self, column: str, names: Sequence[str]) -> Positions:
        """Places [rows] in `names` of what a column of strings holds."""
        return _codes(self.table[column], names)

    def phone_codes(self, symbols: Sequence[str]) -> tuple[Positions, Positions]:
        """All phones end to end, as places in `symbols`, and where [rows + 1] each utterance's begin."""
        phones = self.table["phones"]
        ends = np.cumsum(_numpy(pc.list_value_length(phones)))
        return _codes(pc.list_flatten(phones), symbols), np.concatenate([[0], ends])


def _codes(column: pa.ChunkedArray, names: Sequence[str]) -> Positions:
    codes = pc.index_in(column, value_set=pa.array(names, pa.string()))
    return _numpy(pc.fill_null(codes, NOWHERE))


def _numpy(column: pa.ChunkedArray) -> Positions:
    # Arrow's own to_numpy imports pandas first, which takes longer than all else.
    return np.from_dlpack(column.combine_chunks()).astype(np.int64)
