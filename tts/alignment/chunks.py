"""The clips a worker takes at once: of one speaker, with their cepstra in one file."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from tts.alignment.features import FloatArray, Framing, cepstra
from tts.alignment.utterances import Utterance

_CLIPS_PER_CHUNK = 32


@dataclass(frozen=True)
class Moments:
    """Sums over the fine frames of a speaker's clips."""

    count: int
    sums: npt.NDArray[np.float64]
    squares: npt.NDArray[np.float64]

    def __add__(self, other: Moments) -> Moments:
        """Moments of both sets of frames."""
        return Moments(self.count + other.count, self.sums + other.sums, self.squares + other.squares)

    @property
    def mean(self) -> FloatArray:
        """[cepstra]."""
        return (self.sums / self.count).astype(np.float32)

    @property
    def deviation(self) -> FloatArray:
        """[cepstra] standard deviation."""
        variance = self.squares / self.count - (self.sums / self.count) ** 2
        return np.sqrt(np.maximum(variance, 1e-6)).astype(np.float32)


@dataclass(frozen=True)
class Chunk:
    """Clips of one speaker, and the file of their cepstra, one after another."""

    utterances: tuple[Utterance, ...]
    file: Path
    shift_ms: float

    @property
    def speaker(self) -> str:
        """Of all its clips."""
        return self.utterances[0].speaker

    def write(self) -> None:
        """Write the cepstra, unless they are there."""
        if not self.file.exists():
            with threadpool_limits(1, "blas"):  # its results depend on the number of threads
                clips = [cepstra(each.audio.waveform(), self._framing(each)) for each in self.utterances]
            content = io.BytesIO()  # straight to a file, NumPy would hide that the disk is full
            np.save(content, np.concatenate(clips))
            temporary = self.file.with_suffix(".tmp")
            temporary.write_bytes(content.getbuffer())
            temporary.replace(self.file)

    def extract(self) -> Moments:
        """Write the cepstra, and sum them up."""
        self.write()
        frames = np.load(self.file).astype(np.float64)
        return Moments(len(frames), frames.sum(axis=0), (frames**2).sum(axis=0))

    def cepstra(self) -> Iterator[tuple[Utterance, FloatArray]]:
        """Each clip with its fine frames."""
        frames = np.load(self.file)
        start = 0
        for utterance in self.utterances:
            end = start + self._framing(utterance).num_frames(utterance.audio.num_samples)
            yield utterance, frames[start:end]
            start = end

    def seconds_per_frame(self, utterance: Utterance) -> float:
        """Of the fine frames."""
        return self._framing(utterance).hop / utterance.audio.sample_rate

    def _framing(self, utterance: Utterance) -> Framing:
        return Framing(utterance.audio.sample_rate, self.shift_ms)


def chunks(utterances: Sequence[Utterance], folder: Path, shift_ms: float) -> list[Chunk]:
    """Share out clips, similar lengths together; equal clips give equal files."""
    folder.mkdir(parents=True, exist_ok=True)
    ordered = sorted(utterances, key=lambda each: (each.speaker, each.audio.num_samples, each.utterance_id))
    groups = (
        clips[start : start + _CLIPS_PER_CHUNK]
        for clips in (tuple(group) for _, group in groupby(ordered, key=lambda each: each.speaker))
        for start in range(0, len(clips), _CLIPS_PER_CHUNK)
    )
    return [Chunk(group, folder / f"{digest(clip.key for clip in group)}.npy", shift_ms) for group in groups]


def digest(keys: Iterable[str]) -> str:
    """Equal for equal keys in the same order."""
    return hashlib.sha256(" ".join(keys).encode()).hexdigest()[:32]
