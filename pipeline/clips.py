"""Prepared clips as picklable references: where a clip's samples and phones are, read when needed."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tts.audio.samples import to_float
from tts.data.shards import ShardReader
from tts.data.tables import MANIFEST, PHONES, read_columns, read_table


@dataclass(frozen=True)
class Clip:
    """Where the samples of an utterance are.

    Attributes:
        directory: data/corpus/<corpus>.
        shard, offset, num_samples: place in its audio shards.
        sample_rate: Hz.
        audio_sha256: of the samples.
        speaker: who says it.
    """

    directory: Path
    shard: int
    offset: int
    num_samples: int
    sample_rate: int
    audio_sha256: str
    speaker: str

    def waveform(self) -> npt.NDArray[np.float32]:
        """Samples in [-1, 1]."""
        samples = _reader(self.directory).load(self.shard, self.offset, self.num_samples)
        return to_float(samples)


@dataclass(frozen=True)
class AlignedClip:
    """A clip with its phones.

    Attributes:
        clip: the samples.
        phones: labels in order, silences included.
        ends: end of each phone in seconds; each starts where the one before ends, the first at 0.
    """

    clip: Clip
    phones: tuple[str, ...]
    ends: npt.NDArray[np.float64]


def read_clips(directory: Path) -> dict[str, Clip]:
    """All clips of data/corpus/<corpus> by utterance id."""
    directory = directory.resolve()  # readers stay open, also where a process goes on to another project
    rows = read_table(directory / "manifest.parquet", MANIFEST)
    return {
        row["utterance_id"]: Clip(
            directory,
            row["shard"],
            row["offset"],
            row["num_samples"],
            row["sample_rate"],
            row["audio_sha256"],
            row["speaker"],
        )
        for row in rows
    }


def read_aligned_clips(corpus: Path, alignments: Path) -> dict[str, AlignedClip]:
    """The clips that have an alignment, by utterance id."""
    clips = read_clips(corpus)
    columns = read_columns(alignments / "phones.parquet", PHONES)
    rows = zip(columns["utterance_id"], columns["phone"], columns["end_seconds"], strict=True)
    aligned = {}
    for name, group in groupby(rows, key=lambda row: str(row[0])):
        _, phones, ends = zip(*group, strict=True)
        if name in clips:
            aligned[name] = AlignedClip(clips[name], phones, np.array(ends, dtype=np.float64))
    return aligned


@lru_cache(maxsize=4)
def _reader(directory: Path) -> ShardReader:
    return ShardReader(directory, "audio")
