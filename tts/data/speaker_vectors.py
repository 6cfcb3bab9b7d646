"""Speaker vectors of a corpus' clips, and the mean of each speaker's."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tts.data.tables import VECTORS, read_arrow
from tts.errors import DataError
from tts.interfaces import SPEAKER_VECTOR_SIZE

Vectors = npt.NDArray[np.float32]


class SpeakerVectorTable:
    """Vectors by utterance id."""

    def __init__(self, folder: Path, speakers: Mapping[str, str], training: Collection[str]) -> None:
        """Read what `tts vectors` wrote.

        Args:
            folder: with vectors.parquet.
            speakers: of each clip of the corpus.
            training: ids of the clips that the means are made of.

        Raises:
            DataError: the table is missing or damaged.
        """
        path = folder / "vectors.parquet"
        if not path.exists():
            raise DataError(
                f"{path} is missing; name the corpus in run.speaker_vectors of params.yaml and run `dvc repro`, "
                "or `tts vectors`"
            )
        table = read_arrow(path, VECTORS)
        vectors = np.array(table["vector"].to_pylist(), np.float32).reshape(-1, SPEAKER_VECTOR_SIZE)
        self._own = dict(zip(table["utterance_id"].to_pylist(), vectors, strict=True))
        self._speakers, self._path = speakers, path
        self._means = self._mean_of_speakers(training)

    @property
    def heard(self) -> list[str]:
        """Names of the speakers of whom a training clip has a vector."""
        return sorted(self._means)

    def means(self, speakers: Sequence[str]) -> dict[str, Vectors]:
        """Mean of each speaker's training clips [SPEAKER_VECTOR_SIZE], of unit length.

        Raises:
            DataError: no training clip of a speaker has a vector.
        """
        if unheard := [name for name in speakers if name not in self._means]:
            raise DataError(
                f"{self._path}: no training clip of {unheard[0]} has a vector; add longer recordings, or leave the "
                "speaker out of the run's `speakers`"
            )
        return {name: self._means[name] for name in speakers}

    def read(self, ids: Sequence[str]) -> Vectors:
        """Vectors [ids, SPEAKER_VECTOR_SIZE] of clips; one with too little speech to have its own has its speaker's."""
        return np.stack([self._vector(name) for name in ids])

    def _vector(self, name: str) -> Vectors:
        own = self._own.get(name)
        return self.means([self._speakers[name]])[self._speakers[name]] if own is None else own

    def _mean_of_speakers(self, training: Collection[str]) -> dict[str, Vectors]:
        found: dict[str, list[Vectors]] = defaultdict(list)
        for name in sorted(training):
            if name in self._own:
                found[self._speakers[name]].append(self._own[name])
        return {speaker: mean_vector(vectors) for speaker, vectors in found.items()}


def mean_vector(vectors: Sequence[Vectors] | Vectors) -> Vectors:
    """Mean of vectors [vectors, size], brought to unit length."""
    mean = np.asarray(vectors, np.float64).mean(axis=0)
    return np.asarray(mean / np.linalg.norm(mean), np.float32)
