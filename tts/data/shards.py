"""NPY shards: the arrays of many utterances laid end to end, read as slices of memory maps."""

from __future__ import annotations

import hashlib
import math
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tts.data.cuts import parts

Array = npt.NDArray[Any]
_Header = tuple[int, np.dtype[Any], tuple[int, ...]]


def shard_path(directory: Path, name: str, shard: int) -> Path:
    """File of one shard, for example ``mel/mel-003.npy``."""
    return directory / f"{name}-{shard:03d}.npy"


def assign_shards(utterance_ids: Collection[str], mean_clips: int) -> dict[str, int]:
    """Shard of each utterance: neighbours by id share one, and added recordings change few (see tts.data.cuts).

    Args:
        utterance_ids: of the whole corpus; features of fewer clips stay in the shards that the manifest names.
        mean_clips: of a shard.
    """
    return {name: shard for shard, part in enumerate(parts(utterance_ids, mean_clips)) for name in part}


def layout(lengths: Mapping[str, int], shards: Mapping[str, int]) -> dict[str, tuple[int, int]]:
    """Place of each utterance as (shard, offset), in the order of sorted ids.

    Args:
        lengths: first dimension of each utterance's array.
        shards: of these utterances, and perhaps of others.
    """
    ends: dict[int, int] = defaultdict(int)
    places = {}
    for utterance_id in sorted(lengths):
        shard = shards[utterance_id]
        places[utterance_id] = (shard, ends[shard])
        ends[shard] += lengths[utterance_id]
    return places


def members(utterance_ids: Iterable[str], shards: Mapping[str, int]) -> list[list[str]]:
    """Utterances of each shard in order; none where a shard lost all of its clips."""
    found: list[list[str]] = [[] for _ in range(max(shards.values(), default=0) + 1)]
    for utterance_id in sorted(utterance_ids):
        found[shards[utterance_id]].append(utterance_id)
    return found


def write_shard(path: Path, arrays: Iterable[Array], length: int, like: Array) -> str:
    """Write arrays end to end, one in memory at a time.

    Args:
        path: of the file.
        arrays: of equal trailing shape.
        length: first dimension of all together.
        like: any array of the right dtype and trailing shape (may be empty).

    Returns:
        SHA-256 of the content.

    Raises:
        ValueError: an array has another shape, or they are longer or shorter together.
    """
    digest, written = hashlib.sha256(), 0
    with path.open("wb") as file:
        file.write(_header(length, like))
        for array in arrays:
            rows = np.ascontiguousarray(array, dtype=like.dtype)
            if rows.shape[1:] != like.shape[1:]:
                raise ValueError(f"{path}: shape {rows.shape} where rows have {like.shape[1:]}")
            file.write(rows.data)
            digest.update(rows.data)
            written += len(rows)
    if written != length:
        raise ValueError(f"{path}: {written} rows, expected {length}")
    return digest.hexdigest()


def shard_bytes(length: int, like: Array) -> int:
    """Size of a shard's file."""
    return len(_header(length, like)) + length * math.prod(like.shape[1:]) * like.dtype.itemsize


def write_shards(
    directory: Path,
    name: str,
    lengths: Mapping[str, int],
    read: Callable[[str], Array],
    *,
    shards: Mapping[str, int],
    like: Array,
) -> None:
    """Write one array kind of a corpus from scratch; the pipeline keeps what did not change (pipeline.kept_shards).

    Args:
        directory: an existing folder.
        name: file name before the shard number.
        lengths: first dimension of each utterance's array.
        read: gives the array of an utterance.
        shards: of every utterance of the corpus; shards that lost all of theirs are written empty.
        like: any array of the right dtype and trailing shape (may be empty).
    """
    for shard, names in enumerate(members(lengths, shards)):
        write_shard(shard_path(directory, name, shard), map(read, names), sum(lengths[each] for each in names), like)


def _header(length: int, like: Array) -> bytes:
    file = BytesIO()
    header = {"descr": like.dtype.str, "fortran_order": False, "shape": (length, *like.shape[1:])}
    np.lib.format.write_array_header_1_0(file, header)
    return file.getvalue()


class ShardReader:
    """Slices of one array kind; each shard is opened once."""

    def __init__(self, directory: Path, name: str) -> None:
        self._directory = directory
        self._name = name
        self._maps: dict[int, Array] = {}
        self._headers: dict[int, _Header] = {}

    def read(self, shard: int, offset: int, length: int) -> Array:
        """Rows [offset, offset + length) of a shard, as a read-only view of a memory map."""
        if shard not in self._maps:
            # A plain array over the map: slicing the map's own class takes several times as long.
            self._maps[shard] = np.asarray(np.lib.format.open_memmap(self._path(shard), mode="r"))
        return self._maps[shard][offset : offset + length]

    def load(self, shard: int, offset: int, length: int) -> Array:
        """The same rows, read into memory: a pass over a whole corpus by maps would hold all of it resident."""
        path = self._path(shard)
        if shard not in self._headers:
            self._headers[shard] = _read_header(path)
        start, dtype, trailing = self._headers[shard]
        width = math.prod(trailing)
        rows = np.fromfile(path, dtype, length * width, offset=start + offset * width * dtype.itemsize)
        return rows.reshape(length, *trailing)

    def _path(self, shard: int) -> Path:
        return shard_path(self._directory, self._name, shard)

    def __getstate__(self) -> dict[str, object]:
        # Memory maps do not survive pickling; loader workers open their own.
        return {"_directory": self._directory, "_name": self._name, "_maps": {}, "_headers": {}}


def _read_header(path: Path) -> _Header:
    """Byte of the first row, type, and shape of a row."""
    with path.open("rb") as file:
        np.lib.format.read_magic(file)
        shape, _, dtype = np.lib.format.read_array_header_1_0(file)
        return file.tell(), dtype, shape[1:]


def pad(arrays: Sequence[Array], dtype: npt.DTypeLike | None = None) -> Array:
    """Lay arrays [length, ...] side by side as one zero-padded [arrays, longest, ...], copying each once.

    Args:
        arrays: at least one, all of one dtype and trailing shape.
        dtype: of the result; None = theirs.
    """
    longest = max(map(len, arrays))
    padded = np.empty((len(arrays), longest, *arrays[0].shape[1:]), dtype=dtype or arrays[0].dtype)
    for row, array in zip(padded, arrays, strict=True):
        row[: len(array)] = array
        row[len(array) :] = 0  # the rest alone: zeroing all of it first would write most of it twice
    return padded
