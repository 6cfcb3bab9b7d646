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


class ShardStore:
    """Where the shards of a stage are kept; workers write them."""

    def __init__(self, folder: Path, executor: Executor, *, links: bool) -> None:
        """Open a store.

        Args:
            folder: it need not exist.
            executor: where shards are written.
            links: see pipeline.kept_files.
        """
        self._files = KeptFiles(folder, links=links, suffix=".npy")
        self._digests = Kept(folder / "digests")
        self._executor = executor

    def write(self, directory: Path, name: str, results: Results, *, shards: Mapping[str, int], like: Array) -> str:
        """Write the shards of one kind of arrays.

        Args:
            directory: an existing folder.
            name: of the field of the results, and of the files before the shard number.
            results: the arrays.
            shards: of every utterance of the corpus; those that lost all of theirs are written empty, and what belongs
                to none is left out.
            like: any array of the right dtype and trailing shape (may be empty).

        Returns:
            Key of all arrays, for those who must know whether anything changed without reading it all.
        """
        found = [
            _Shard(
                key=content_key(name, [results.key(each) for each in names]),
                path=shard_path(directory, name, number),
                places=[results.place(each, name) for each in names],
                like=like,
            )
            for number, names in enumerate(members(shards.keys() & results.ids, shards))
        ]
        known = [each for each in found if each.key in self._digests and self._files.has(each.key, each.num_bytes)]
        for shard in known:
            _put(self._files, shard)
        new = [each for each in found if each not in known]
        digests = self._executor.map(partial(_put, self._files), new, label=f"write {name}")
        self._digests.keep((shard.key, digest) for shard, digest in zip(new, digests, strict=True))
        return content_key([self._digests.read(each.key) for each in found])

    def prune(self) -> None:
        """Remove the shards that are in no out."""
        self._files.prune()


@dataclass(frozen=True, eq=False)
class _Shard:
    """A shard of an out.

    Attributes:
        key: of its content.
        path: in the out.
        places: of its arrays.
        like: see `ShardStore.write`.
    """

    key: str
    path: Path
    places: Sequence[Place]
    like: Array

    @property
    def num_rows(self) -> int:
        """First dimension."""
        return sum(place.shape[0] for place in self.places)

    @property
    def num_bytes(self) -> int:
        """Size of the file."""
        return shard_bytes(self.num_rows, self.like)


def _put(files: KeptFiles, shard: _Shard) -> str:
    """Let a shard appear in its out; give the SHA-256 of its arrays, or "" if it was there."""
    digests: list[str] = []

    def write(path: Path) -> None:
        digests.append(write_shard(path, (place.read() for place in shard.places), shard.num_rows, shard.like))

    files.put(shard.key, shard.num_bytes, shard.path, write)
    return digests[0] if digests else ""
