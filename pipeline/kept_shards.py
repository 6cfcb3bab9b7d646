"""Shards made of kept results, and kept themselves: only those with a clip that is new or changed are written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from pipeline.chunks import Place
from pipeline.fingerprint import content_key
from pipeline.incremental import Results
from pipeline.kept import Kept
from pipeline.kept_files import KeptFiles
from pipeline.parallel import Executor
from tts.data.shards import Array, members, shard_bytes, shard_path, write_shard


@dataclass(frozen=True)
class _Shard:
    """A shard to write."""

    key: str
    places: Sequence[Place]


class ShardStore:
    """Where the shards of a stage are kept; workers write them."""

    def __init__(self, folder: Path, executor: Executor) -> None:
        self._files = KeptFiles(folder, suffix=".npy")
        self._digests = Kept(folder / "digests")
        self._executor = executor

    def write(
        self, directory: Path, name: str, results: Results, *, shards: Mapping[str, int], like: Array, field: str = ""
    ) -> str:
        """Write the shards of one kind of arrays.

        Args:
            directory: an existing folder.
            name: of the files, before the shard number.
            results: the arrays.
            shards: of every utterance of the corpus; those that lost all of theirs are written empty, and what belongs
                to none is left out.
            like: any array of the right dtype and trailing shape (may be empty).
            field: of the results; that of the name where empty.

        Returns:
            Key of all arrays, for those who must know whether anything changed without reading it all.
        """
        found = [
            _shard([results.key(each) for each in names], [results.place(each, field or name) for each in names], name)
            for names in members(shards.keys() & results.ids, shards)
        ]
        missing = {each.key: each for each in found if not self._has(each, like)}
        written = self._executor.map(partial(_write, self._files, like), list(missing.values()), label=f"write {name}")
        self._digests.keep(zip(missing, written, strict=True))
        for number, shard in enumerate(found):
            self._files.link(shard.key, shard_path(directory, name, number))
        return content_key([self._digests.read(each.key) for each in found])

    def prune(self) -> None:
        """Remove the shards that are in no out."""
        self._files.prune()

    def _has(self, shard: _Shard, like: Array) -> bool:
        return shard.key in self._digests and self._files.has(shard.key, shard_bytes(_length(shard), like))


def _shard(keys: Sequence[str], places: Sequence[Place], name: str) -> _Shard:
    return _Shard(content_key(name, keys), places)


def _length(shard: _Shard) -> int:
    return sum(place.shape[0] for place in shard.places)


def _write(files: KeptFiles, like: Array, shard: _Shard) -> str:
    digests: list[str] = []

    def write(path: Path) -> None:
        digests.append(write_shard(path, (place.read() for place in shard.places), _length(shard), like))

    files.keep(shard.key, write)
    return digests[0]
