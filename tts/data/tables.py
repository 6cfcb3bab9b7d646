"""Parquet tables with stated columns: equal rows give equal bytes."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tts.errors import DataError

FILES = pa.schema(
    [
        ("name", pa.string()),
        ("pack", pa.int32()),
        ("offset", pa.int64()),
        ("size", pa.int64()),
        ("sha256", pa.string()),
    ]
)
MANIFEST = pa.schema(
    [
        ("utterance_id", pa.string()),
        ("speaker", pa.string()),
        ("language", pa.string()),
        ("style", pa.string()),
        ("text", pa.string()),
        ("normalized_text", pa.string()),
        ("num_samples", pa.int64()),
        ("sample_rate", pa.int32()),
        ("audio_sha256", pa.string()),
        ("shard", pa.int32()),
        ("offset", pa.int64()),
    ]
)
SPEAKERS = pa.schema(
    [
        ("speaker", pa.string()),
        ("age", pa.int32()),
        ("gender", pa.string()),
        ("accent", pa.string()),
        ("region", pa.string()),
        ("comments", pa.string()),
    ]
)
DROPPED = pa.schema([(name, pa.string()) for name in ("utterance_id", "stage", "reason", "detail")])
PHONES = pa.schema(
    [
        ("utterance_id", pa.string()),
        ("position", pa.int32()),
        ("phone", pa.string()),
        ("start_seconds", pa.float64()),
        ("end_seconds", pa.float64()),
        ("word", pa.string()),
    ]
)
QUALITY = pa.schema(
    [
        ("utterance_id", pa.string()),
        ("log_likelihood_per_frame", pa.float64()),
        ("outlier_phones", pa.int32()),
        ("silence_share", pa.float64()),
        ("seconds", pa.float64()),
        ("suspicion", pa.string()),
    ]
)
MEL = pa.schema(
    [("utterance_id", pa.string()), ("shard", pa.int32()), ("offset", pa.int64()), ("num_frames", pa.int32())]
)
PROSODY = pa.schema(
    [
        ("utterance_id", pa.string()),
        ("shard", pa.int32()),
        ("phone_offset", pa.int64()),
        ("num_phones", pa.int32()),
        ("frame_offset", pa.int64()),
        ("num_frames", pa.int32()),
        ("phones", pa.list_(pa.string())),
    ]
)
VECTORS = pa.schema([("utterance_id", pa.string()), ("vector", pa.list_(pa.float32()))])
UTTERANCES = pa.schema(
    [
        ("utterance_id", pa.string()),
        ("split", pa.string()),
        ("speaker", pa.string()),
        ("language", pa.string()),
        ("style", pa.string()),
        ("text", pa.string()),
        ("normalized_text", pa.string()),
        ("phones", pa.list_(pa.string())),
        ("num_phones", pa.int32()),
        ("num_frames", pa.int32()),
        ("num_samples", pa.int64()),
        ("shard", pa.int32()),
        ("audio_offset", pa.int64()),
        ("mel_offset", pa.int64()),
        ("phone_offset", pa.int64()),
        ("frame_offset", pa.int64()),
    ]
)

Row = Mapping[str, Any]

_DTYPES = {pa.int32(): np.int32, pa.int64(): np.int64, pa.float32(): np.float32, pa.float64(): np.float64}
_ROWS_AT_ONCE = 1 << 16  # 13,100 clips have over a million phones, and a row of Python takes 500 bytes


def write_table(
    path: Path, rows: Iterable[Row], schema: pa.Schema, *, metadata: Mapping[str, str] | None = None
) -> None:
    """Write rows in the order given, atomically; they need not all be in memory.

    Args:
        path: the file; its folder must exist.
        rows: mappings with the schema's keys; others are left out.
        schema: one of this module's.
        metadata: strings kept in the file's schema (for example the mel definition as JSON).
    """
    parts = ({name: [row[name] for row in some] for name in schema.names} for some in _groups(rows))
    write_columns(path, parts, schema.with_metadata(dict(metadata or {})))


def write_columns(path: Path, parts: Iterable[Mapping[str, Sequence[Any]]], schema: pa.Schema) -> None:
    """Write rows that come as columns, as `write_table` does: for long tables, four times as fast.

    Args:
        path: the file; its folder must exist.
        parts: of the table, in order, with exactly the schema's keys.
        schema: one of this module's.
    """
    temporary = path.with_name(path.name + ".tmp")
    with pq.ParquetWriter(temporary, schema, compression="zstd", compression_level=3) as writer:
        for part in parts:
            columns = [_column(part[field.name], field.type) for field in schema]
            writer.write_table(pa.Table.from_arrays(columns, schema=schema))
    temporary.replace(path)


def _column(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    """What pa.array gives, which imports pandas first: half a second, where a stage with nothing to do takes less."""
    if pa.types.is_list(kind):
        offsets = _column(list(itertools.accumulate(map(len, values), initial=0)), pa.int32())
        return pa.ListArray.from_arrays(offsets, _column(list(itertools.chain(*values)), kind.value_type))
    if pa.types.is_string(kind):
        builder = pa.lib.StringBuilder()
        builder.append_values(values)
        return builder.finish()
    is_known = [value is not None for value in values]
    numbers = np.array([value if known else 0 for value, known in zip(values, is_known, strict=True)], _DTYPES[kind])
    bitmap = None if all(is_known) else pa.py_buffer(np.packbits(is_known, bitorder="little"))
    return pa.Array.from_buffers(kind, len(values), [bitmap, pa.py_buffer(numbers)])


def _groups(rows: Iterable[Row]) -> Iterator[list[Row]]:
    waiting = iter(rows)
    while some := list(itertools.islice(waiting, _ROWS_AT_ONCE)):
        yield some


def read_table(
    path: Path | IO[bytes], schema: pa.Schema | None = None, *, only: Collection[str] | None = None
) -> list[dict[str, Any]]:
    """Read all rows, or those of some utterances.

    Args:
        path: the file, or one that is open.
        schema: columns that must be there.
        only: utterance ids; of a long table much lighter than all rows.

    Raises:
        DataError: the file is missing, unreadable, or lacks a column of `schema`.
    """
    rows: list[dict[str, Any]] = read_arrow(path, schema, only=only).to_pylist()
    return rows


def read_columns(path: Path, schema: pa.Schema, *, only: Collection[str] | None = None) -> dict[str, list[Any]]:
    """Read all columns as lists, as `read_table` reads rows: for long tables much lighter.

    Raises:
        DataError: the file is missing, unreadable, or lacks a column of `schema`.
    """
    columns: dict[str, list[Any]] = read_arrow(path, schema, only=only).to_pydict()
    return columns


def read_arrow(
    path: Path | IO[bytes], schema: pa.Schema | None = None, *, only: Collection[str] | None = None
) -> pa.Table:
    """Read as `read_table` does, without making Python values: for tables that are kept in memory.

    Raises:
        DataError: the file is missing, unreadable, or lacks a column of `schema`.
    """
    try:
        with pq.ParquetFile(path) as file:  # pq.read_table would import pandas and all that reads data sets first
            table = file.read()
    except (OSError, pa.ArrowException) as error:
        raise DataError(f"{path}: cannot be read as a Parquet table ({error}); run the stage that makes it") from error
    missing = [name for name in (schema.names if schema else []) if name not in table.column_names]
    if missing:
        raise DataError(f"{path}: lacks the column {missing[0]!r}; rebuild it with the stage that makes it")
    if only is None:
        return table
    import pyarrow.compute as pc  # only here: it takes 50 ms to import

    return table.filter(pc.is_in(table["utterance_id"], _column(sorted(only), pa.string())))


def read_metadata(path: Path) -> dict[str, str]:
    """Read the strings kept in a table's schema."""
    found = pq.read_schema(path).metadata or {}
    return {key.decode(): value.decode() for key, value in found.items() if not key.startswith(b"ARROW")}
