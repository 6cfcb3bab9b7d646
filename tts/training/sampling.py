"""Which clips make a batch: of similar length, within a frame budget, another draw each epoch."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache

import numpy as np

from tts.data.utterances import Positions
from tts.errors import TrainingError
from tts.training.seeding import generator
from tts.training.settings import BatchSettings

_BATCHES_PER_BUCKET = 4
"""Clips are shuffled among so many batches of similar length: more mixes better, fewer pads less."""


class LengthSampler:
    """Every clip once in each epoch, in the same number of batches.

    Buckets of clips of similar length stay the same; which clips of a bucket meet in a batch, and the order of all
    batches, are drawn from (seed, epoch) alone. So any batch can be made without those before it.

    Attributes:
        batches_per_epoch: how many.
    """

    def __init__(self, lengths: Mapping[str, int], settings: BatchSettings, *, seed: int) -> None:
        """Plan the epochs.

        Args:
            lengths: frames by id; at least one.
            settings: size and frame budget.
            seed: of the run.

        Raises:
            TrainingError: a clip exceeds the frame budget.
        """
        self._seed = seed
        self._ids = _by_length(lengths)
        self._lengths = [lengths[name] for name in self._ids]
        self._buckets = list(_buckets(self._lengths, settings, self._ids))
        self.batches_per_epoch = sum(count for _, count in self._buckets)
        self._epoch = lru_cache(maxsize=2)(self._plan)

    def ids(self, index: int) -> list[str]:
        """Clips of the batch of this running number."""
        epoch, position = divmod(index, self.batches_per_epoch)
        return [self._ids[each] for each in self._epoch(epoch)[position].tolist()]

    def largest(self) -> list[str]:
        """Clips of a batch with as many padded frames as any may have."""
        start, end, count = max(
            ((clips.start, clips.stop, math.ceil(len(clips) / count)) for clips, count in self._buckets),
            key=lambda bucket: self._lengths[bucket[1] - 1] * bucket[2],
        )
        return self._ids[max(start, end - count) : end]

    def _plan(self, epoch: int) -> list[Positions]:
        draw = generator(self._seed, epoch)
        batches = [
            part for clips, count in self._buckets for part in np.array_split(draw.permutation(np.array(clips)), count)
        ]
        return [batches[number] for number in draw.permutation(len(batches))]


def fixed_batches(lengths: Mapping[str, int], settings: BatchSettings) -> list[list[str]]:
    """Every clip once, in batches by length.

    Raises:
        TrainingError: a clip exceeds the frame budget.
    """
    ids = _by_length(lengths)
    buckets = _buckets([lengths[name] for name in ids], settings, ids)
    parts = (np.array_split(np.array(clips), count) for clips, count in buckets)
    return [[ids[each] for each in part.tolist()] for group in parts for part in group]


def _by_length(lengths: Mapping[str, int]) -> list[str]:
    return sorted(lengths, key=lambda name: (lengths[name], name))


def _buckets(lengths: Sequence[int], settings: BatchSettings, ids: Sequence[str]) -> Iterator[tuple[range, int]]:
    """Positions of clips of similar length, with the number of batches that they are dealt into."""
    if settings.max_frames is not None:
        _require_fitting(ids[-1], lengths[-1], settings.max_frames)
        return _within_budget(lengths, settings.max_frames, settings.size or len(lengths))
    assert settings.size is not None, "settings state a size or a budget"
    return _of_size(len(lengths), settings.size)


def _of_size(num_clips: int, size: int) -> Iterator[tuple[range, int]]:
    number = max(1, round(num_clips / (size * _BATCHES_PER_BUCKET)))
    for part in np.array_split(np.arange(num_clips), number):
        yield range(part[0], part[-1] + 1), math.ceil(len(part) / size)


def _within_budget(lengths: Sequence[int], max_frames: int, size: int) -> Iterator[tuple[range, int]]:
    """From the longest clip down, so that the budget is used up but for the shortest clips."""
    end = len(lengths)
    while end > 0:
        fitting = min(size, max_frames // lengths[end - 1])
        start = max(0, end - fitting * _BATCHES_PER_BUCKET)
        yield range(start, end), math.ceil((end - start) / fitting)
        end = start


def _require_fitting(longest: str, frames: int, max_frames: int) -> None:
    if frames > max_frames:
        raise TrainingError(
            f"{longest} has {frames} frames, more than batch.max_frames {max_frames}; raise it or leave the clip out "
            "of the corpus"
        )
