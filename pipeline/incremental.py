"""Per-utterance results kept under content keys: work that was done is never done again.

Results live in `store` as chunk files of a few utterances each, written whole or not at all. After a `kill -9`, or when
recordings are added, only the missing utterances are computed.
"""

from __future__ import annotations

import itertools
import json
import logging
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np

from pipeline.fingerprint import content_key
from pipeline.output import replaced_file
from pipeline.parallel import parallel_map
from tts.data.shards import Array

logger = logging.getLogger(__name__)

Item = TypeVar("Item")
Fields = dict[str, Array]

_CHUNK = 16


@dataclass(frozen=True)
class Rejected:
    """Why a clip has no result.

    Attributes:
        reason: a few words, the same for all clips with this fault.
        detail: the values of this clip.
    """

    reason: str
    detail: str


class Results:
    """Arrays by utterance and field, read from the store when asked for."""

    def __init__(self, store: Path, keys: Mapping[str, str], num_computed: int) -> None:
        """Index the chunks of a store.

        Args:
            store: folder of chunk files.
            keys: content key of each utterance.
            num_computed: how many of them this call had to compute.
        """
        self.num_computed = num_computed
        self._chunk_of = _index(store)
        self._keys = keys
        self._open: dict[Path, np.lib.npyio.NpzFile] = {}
        self.rejected = {name: self._rejection(name) for name in sorted(keys) if self._has(name, "rejected")}
        self.ids = [name for name in sorted(keys) if name not in self.rejected]

    def read(self, utterance_id: str, field: str) -> Array:
        """One array of one utterance."""
        key = self._keys[utterance_id]
        path = self._chunk_of[f"{key}.{field}"]
        if path not in self._open:
            if len(self._open) >= 64:  # file handles are few
                self._open.pop(next(iter(self._open))).close()
            self._open[path] = np.load(path)
        array: Array = self._open[path][f"{key}.{field}"]
        return array

    def lengths(self, field: str) -> dict[str, int]:
        """First dimension of a field for every utterance that has a result."""
        return {name: len(self.read(name, field)) for name in self.ids}

    def _has(self, utterance_id: str, field: str) -> bool:
        return f"{self._keys[utterance_id]}.{field}" in self._chunk_of

    def _rejection(self, utterance_id: str) -> Rejected:
        return Rejected(*json.loads(str(self.read(utterance_id, "rejected"))))


def map_cached(
    function: Callable[[Item], Fields | Rejected],
    items: Mapping[str, Item],
    *,
    keys: Mapping[str, str],
    store: Path,
    workers: int,
    label: str,
) -> Results:
    """Compute what the store lacks, in parallel, and give access to all results.

    Args:
        function: top-level function from an item to named arrays, or to the reason why there are none.
        items: what to compute, by utterance id.
        keys: content key of each: everything the result depends on.
        store: folder that outlives the call.
        workers: processes.
        label: of the progress bar.
    """
    store.mkdir(parents=True, exist_ok=True)
    present = {member.split(".")[0] for member in _index(store)}
    missing = [name for name in sorted(items) if keys[name] not in present]
    chunks = [missing[start : start + _CHUNK] for start in range(0, len(missing), _CHUNK)]
    work = ([(keys[name], items[name]) for name in chunk] for chunk in chunks)
    compute = partial(_compute_chunk, function, store)
    computed = sum(parallel_map(compute, work, workers=workers, label=label, total=len(chunks)))
    logger.debug("%s: %d computed, %d reused", label, computed, len(items) - computed)
    return Results(store, {name: keys[name] for name in items}, computed)


def _compute_chunk(
    function: Callable[[Item], Fields | Rejected], store: Path, chunk: Sequence[tuple[str, Item]]
) -> int:
    members: Fields = {}
    for key, item in chunk:
        result = function(item)
        if isinstance(result, Rejected):
            result = {"rejected": np.array(json.dumps([result.reason, result.detail]))}
        members.update({f"{key}.{field}": array for field, array in result.items()})
    path = store / f"{content_key([key for key, _ in chunk])}.npz"
    with replaced_file(path) as temporary, temporary.open("wb") as file:
        np.savez(file, **members)  # type: ignore[arg-type]
    return len(chunk)


def _index(store: Path) -> dict[str, Path]:
    """Chunk file of every member."""
    members = ((path, zipfile.ZipFile(path).namelist()) for path in sorted(store.glob("*.npz")))
    pairs = itertools.chain.from_iterable(((name, path) for name in names) for path, names in members)
    return {name.removesuffix(".npy"): path for name, path in pairs}
