"""Per-utterance results kept under content keys: work that was done is never done again.

Results live in `store` as chunk files of a few utterances each, written whole or not at all. After a `kill -9`, or when
recordings are added, only the missing utterances are computed. A clip that crashes its worker is rejected for this time
only: nothing is kept of it, since the next time there may be memory enough.
"""

from __future__ import annotations

import json
import logging
import time
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from pipeline.chunks import Place, read_places, write_chunk
from pipeline.fingerprint import content_key
from pipeline.parallel import Executor, noting
from tts.data.shards import Array

logger = logging.getLogger(__name__)

Item = TypeVar("Item")
Fields = dict[str, Array]

_CHUNK = 16
_SUFFIX = ".chunk"
_A_DAY = 24 * 60 * 60  # seconds


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

    def __init__(
        self, places: Mapping[str, Place], keys: Mapping[str, str], num_computed: int, crashed: Mapping[str, Rejected]
    ) -> None:
        """Find the results of utterances among all that are kept.

        Args:
            places: of the arrays of a store, by content key and field.
            keys: content key of each utterance.
            num_computed: how many of them this call had to compute.
            crashed: those that the store lacks since no worker survived them.
        """
        self.num_computed = num_computed
        self._places = places
        self._keys = keys
        kept = {name: self._rejection(name) for name in keys if self._has(name, "rejected")}
        self.rejected = dict(sorted({**kept, **crashed}.items()))
        self.ids = [name for name in sorted(keys) if name not in self.rejected]

    def read(self, utterance_id: str, field: str) -> Array:
        """One array of one utterance."""
        return self.place(utterance_id, field).read()

    def key(self, utterance_id: str) -> str:
        """Content key of an utterance."""
        return self._keys[utterance_id]

    def place(self, utterance_id: str, field: str) -> Place:
        """Where an array of an utterance is."""
        return self._places[f"{self._keys[utterance_id]}.{field}"]

    def lengths(self, field: str) -> dict[str, int]:
        """First dimension of a field for every utterance that has a result."""
        return {name: self.place(name, field).shape[0] for name in self.ids}

    def _has(self, utterance_id: str, field: str) -> bool:
        return f"{self._keys[utterance_id]}.{field}" in self._places

    def _rejection(self, utterance_id: str) -> Rejected:
        return Rejected(*json.loads(str(self.read(utterance_id, "rejected"))))


def map_cached(  # noqa: PLR0913 - where, what and how are apart
    function: Callable[[Item], Fields | Rejected],
    items: Mapping[str, Item],
    *,
    keys: Mapping[str, str],
    store: Path,
    executor: Executor,
    label: str,
    chunk: int = _CHUNK,
) -> Results:
    """Compute what the store lacks, in parallel, and give access to all results.

    Clips go to workers in chunks. Those of a chunk whose worker died go again one by one, so that a clip that no worker
    survives is known and is all that is lost.

    Args:
        function: top-level function from an item to named arrays, or to the reason why there are none.
        items: what to compute, by utterance id.
        keys: content key of each: everything the result depends on.
        store: folder that outlives the call.
        executor: where.
        label: of the progress bar.
        chunk: clips that go to a worker together; fewer where each takes seconds, so that no worker waits long.
    """
    store.mkdir(parents=True, exist_ok=True)
    _sweep(store)
    places = _places(_chunks(store))
    present = {member.partition(".")[0] for member in places}
    missing = [name for name in sorted(items) if keys[name] not in present]
    parts = [_Part(name, keys[name], items[name]) for name in missing]
    chunks = [parts[start : start + chunk] for start in range(0, len(parts), chunk)]
    crashed = _compute(partial(_compute_chunk, function, store), chunks, executor, label)
    if missing:
        places |= _places(_chunks(store) - {place.path for place in places.values()})
    logger.debug("%s: %d computed, %d reused", label, len(missing), len(items) - len(missing))
    own = {name: keys[name] for name in items}
    return Results(places, own, len(missing), crashed)


@dataclass(frozen=True)
class _Part:
    """A clip of a chunk."""

    name: str
    key: str
    item: Any


_Chunk = Sequence[_Part]


def _compute(
    compute: Callable[[_Chunk], None], chunks: Sequence[_Chunk], executor: Executor, label: str
) -> dict[str, Rejected]:
    """Compute chunks; give the clips that no worker survived."""
    again: list[_Chunk] = []
    crashed: dict[str, Rejected] = {}

    def set_apart(chunk: _Chunk, how: str) -> None:
        logger.warning("%s: a worker died (%s); its %d clips are tried again one by one", label, how, len(chunk))
        again.extend([part] for part in chunk)

    def reject(chunk: _Chunk, how: str) -> None:
        logger.warning("%s: %s crashed its worker (%s) and is left out this time", label, chunk[0].name, how)
        crashed[chunk[0].name] = Rejected("crashed the worker", how)

    deque(executor.map(compute, chunks, label=label, on_crash=set_apart, tries=1), maxlen=0)
    deque(executor.map(compute, again, label=f"{label}, again", on_crash=reject), maxlen=0)
    return crashed


def _compute_chunk(function: Callable[[Any], Fields | Rejected], store: Path, chunk: _Chunk) -> None:
    members: Fields = {}
    for part in chunk:
        with noting(f"while working on {part.name}"):
            result = function(part.item)
        if isinstance(result, Rejected):
            result = {"rejected": np.array(json.dumps([result.reason, result.detail]))}
        members.update({f"{part.key}.{field}": array for field, array in result.items()})
    write_chunk(store / f"{content_key([part.key for part in chunk])}{_SUFFIX}", members)


def _sweep(store: Path) -> None:
    """Remove what killed workers left half-written; what is young may be another process' and in use."""
    for path in store.glob(".*.tmp"):
        if time.time() - path.stat().st_mtime > _A_DAY:
            path.unlink(missing_ok=True)


def _chunks(store: Path) -> set[Path]:
    """The files of a store."""
    return set(store.glob(f"*{_SUFFIX}"))


def _places(chunks: Collection[Path]) -> dict[str, Place]:
    """Where every array of some files is."""
    return {name: place for path in sorted(chunks) for name, place in read_places(path).items()}
