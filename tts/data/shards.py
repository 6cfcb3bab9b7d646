"""NPY shards: the arrays of many utterances laid end to end, read as slices of memory maps."""

from __future__ import annotations

import hashlib
import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
_Header = tuple[int, np.dtype[Any], tuple[int, ...]]


def shard_of(utterance_id: str, count: int) -> int:
    """Shard of an utterance: depends on its own id only, so adding recordings moves no other."""
    digest = hashlib.sha256(utterance_id.encode()).digest()
    return int.from_bytes(digest[:8], "big") % count


def shard_path(directory: Path, name: str, shard: int) -> Path:
    """File of one shard, for example ``mel/mel-003.npy``."""
    return directory / f"{name}-{shard:03d}.npy"


def layout(lengths: Mapping[str, int], count: int) -> dict[str, tuple[int, int]]:
    """Place of each utterance as (shard, offset), in the order of sorted ids."""
    ends: dict[int, int] = defaultdict(int)
    places = {}
    for utterance_id in sorted(lengths):
        shard = shard_of(utterance_id, count)
        places[utterance_id] = (shard, ends[shard])
        ends[shard] += lengths[utterance_id]
    return places


def write_shards(
    directory: Path,
    name: str,
    lengths: Mapping[str, int],
    read: Callable[[str], Array],
    *,
    count: int,
    like: Array,
) -> str:
    """Write one array kind of a corpus as `count` shards, one utterance in memory at a time.

    Args:
        directory: an existing folder.
        name: file name before the shard number.
        lengths: first dimension of each utterance's array.
        read: gives the array of an utterance.
        count: number of shards; empty ones are written too, so the set of files never changes.
        like: any array of the right dtype and trailing shape (may be empty).

    Returns:
        SHA-256 of all arrays, for those who must know whether anything changed without reading it all.
    """
    digest = hashlib.sha256()
    places = layout(lengths, count)
    members: dict[int, list[str]] = defaultdict(list)
    for utterance_id, (shard, _) in places.items():
        members[shard].append(utterance_id)
    for shard in range(count):
        total = sum(lengths[each] for each in members[shard])
        path = shard_path(directory, name, shard)
        temporary = path.with_name(path.name + ".tmp")
        with temporary.open("wb") as file:
            header = {"descr": like.dtype.str, "fortran_order": False, "shape": (total, *like.shape[1:])}
            np.lib.format.write_array_header_1_0(file, header)
            for utterance_id in members[shard]:
                array = np.ascontiguousarray(read(utterance_id), dtype=like.dtype)
                if array.shape != (lengths[utterance_id], *like.shape[1:]):
                    raise ValueError(f"{utterance_id}: shape {array.shape}, expected length {lengths[utterance_id]}")
                file.write(array.data)
                digest.update(array.data)
        temporary.replace(path)
    return digest.hexdigest()


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
