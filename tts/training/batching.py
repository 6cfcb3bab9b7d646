"""Clips become batches: which ones and which parts is a function of (seed, index), so any batch can be made alone."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from tts.data.features import CorpusFeatures
from tts.errors import ConfigError, DataError, TrainingError
from tts.interfaces import AcousticBatch, Inventory, VocoderBatch
from tts.training.seeding import generator
from tts.training.settings import BatchSettings

logger = logging.getLogger(__name__)

Level = Literal["phone", "frame"]

_BATCHES_PER_BUCKET = 4
"""Clips are shuffled among so many batches of similar length: more mixes better, fewer pads less."""

_VALIDATION_CLIPS = 128
"""Clips heard at each validation at most, spread evenly over the ids."""


class AcousticBatches:
    """Padded batches of clips of similar length."""

    def __init__(self, features: CorpusFeatures, inventory: Inventory, level: Level) -> None:
        """Keep what the batches are read from.

        Args:
            features: with prosody and index.
            inventory: whose ids the batches carry.
            level: whether pitch and energy are those of phones or of frames.
        """
        self._features = features
        self._symbol_ids = {name: number for number, name in enumerate(inventory.symbols)}
        self._speaker_ids = {name: number for number, name in enumerate(inventory.speakers)}
        self._style_ids = {name: number for number, name in enumerate(inventory.styles)}
        self._per_phone = level == "phone"

    def read(self, ids: Sequence[str]) -> AcousticBatch:
        """Give the clips of these ids as one batch."""
        rows = [self._features.utterances[name] for name in ids]
        prosody = [self._features.prosody(name) for name in ids]
        return AcousticBatch(
            utterance_ids=tuple(ids),
            phones=_padded([self._phone_ids(name) for name in ids], np.int64),
            phone_lengths=torch.tensor([row.num_phones for row in rows]),
            mel=_padded([self._features.mel(name) for name in ids], np.float32),
            mel_lengths=torch.tensor([row.num_frames for row in rows]),
            durations=_padded([each.durations for each in prosody], np.int64),
            pitch=_padded([each.pitch_phone if self._per_phone else each.pitch for each in prosody], np.float32),
            energy=_padded([each.energy_phone if self._per_phone else each.energy for each in prosody], np.float32),
            speaker_ids=torch.tensor([self._speaker_ids[row.speaker] for row in rows]),
            style_ids=torch.tensor([self._style_ids[row.style] for row in rows]),
        )

    def _phone_ids(self, utterance_id: str) -> npt.NDArray[np.int64]:
        phones = self._features.utterances[utterance_id].phones
        try:
            return np.array([self._symbol_ids[phone] for phone in phones], dtype=np.int64)
        except KeyError as error:
            raise DataError(f"{utterance_id}: phone {error} is not among the symbols; rebuild the index") from error


class AcousticTraining:
    """Batches of similar length, another draw each epoch, the same number of them in every epoch."""

    def __init__(
        self, batches: AcousticBatches, lengths: Mapping[str, int], settings: BatchSettings, *, seed: int
    ) -> None:
        """Plan the epochs.

        Args:
            batches: reads them.
            lengths: frames by id.
            settings: size and frame budget.
            seed: of the run.

        Raises:
            ConfigError: a setting cannot take effect.
            TrainingError: there are too few clips, or one exceeds the frame budget.
        """
        if settings.segment_frames is not None:
            raise ConfigError("batch.segment_frames has no effect on acoustic systems; remove it")
        _require_enough(len(lengths), settings.size)
        self._batches, self._seed = batches, seed
        self._buckets = _buckets(lengths, settings)
        self._per_epoch = sum(count for _, count in self._buckets)
        self._epoch = lru_cache(maxsize=2)(self._plan)

    def __call__(self, index: int) -> AcousticBatch:
        """Give the batch of this running number."""
        return self._batches.read(self.ids(index))

    def ids(self, index: int) -> list[str]:
        """Clips of the batch of this running number."""
        epoch, position = divmod(index, self._per_epoch)
        return self._epoch(epoch)[position]

    def _plan(self, epoch: int) -> list[list[str]]:
        draw = generator(self._seed, epoch)
        parts = (np.array_split(draw.permutation(ids), count) for ids, count in self._buckets)
        batches = [part.tolist() for group in parts for part in group]
        return [batches[number] for number in draw.permutation(len(batches))]


class VocoderTraining:
    """Random segments of every clip in turn, cut before they are copied."""

    def __init__(self, features: CorpusFeatures, ids: Sequence[str], settings: BatchSettings, *, seed: int) -> None:
        """Keep the clips that are long enough.

        Args:
            features: audio and mels.
            ids: of the training split.
            settings: batch size and segment.
            seed: of the run.

        Raises:
            ConfigError: a setting is missing or cannot take effect.
            TrainingError: too few clips are long enough.
        """
        self._segments = _Segments(features, settings)
        self._ids = self._segments.long_enough(ids, "training")
        _require_enough(len(self._ids), settings.size)
        self._size, self._seed = settings.size, seed
        self._order = lru_cache(maxsize=2)(self._shuffle)

    def __call__(self, index: int) -> VocoderBatch:
        """Give the batch of this running number."""
        first = index * self._size
        places = (divmod(number, len(self._ids)) for number in range(first, first + self._size))
        ids = [self._ids[self._order(epoch)[position]] for epoch, position in places]
        return self._segments.read(ids, generator(self._seed, 1, index))

    def _shuffle(self, epoch: int) -> list[int]:
        order: list[int] = generator(self._seed, 0, epoch).permutation(len(self._ids)).tolist()
        return order


def acoustic_validation(
    batches: AcousticBatches, lengths: Mapping[str, int], settings: BatchSettings
) -> list[AcousticBatch]:
    """Fixed batches of validation clips, by length.

    Raises:
        TrainingError: there are none.
    """
    chosen = {name: lengths[name] for name in _some(sorted(lengths))}
    parts = (np.array_split(np.array(ids, dtype=object), count) for ids, count in _buckets(chosen, settings))
    return [batches.read(part.tolist()) for group in parts for part in group]


def vocoder_validation(features: CorpusFeatures, ids: Sequence[str], settings: BatchSettings) -> list[VocoderBatch]:
    """One fixed segment of each validation clip.

    Raises:
        TrainingError: there are none.
    """
    segments = _Segments(features, settings)
    chosen = _some(segments.long_enough(ids, "validation"))
    starts = range(0, len(chosen), settings.size)
    return [segments.read(chosen[start : start + settings.size], generator(0, start)) for start in starts]


class _Segments:
    def __init__(self, features: CorpusFeatures, settings: BatchSettings) -> None:
        if settings.segment_frames is None:
            raise ConfigError("batch.segment_frames is required for vocoders; 32 or 64 are usual")
        if settings.max_frames is not None:
            raise ConfigError("batch.max_frames has no effect on vocoders; remove it")
        self._features = features
        self._frames = settings.segment_frames
        self._hop = features.mel_definition.hop_length

    def long_enough(self, ids: Sequence[str], split: str) -> list[str]:
        kept = [name for name in ids if self._last_start(name) >= 0]
        if len(kept) < len(ids):
            logger.info("%d of %d %s clips are shorter than a segment of %d frames and are not used",
                        len(ids) - len(kept), len(ids), split, self._frames)  # fmt: skip
        if ids and not kept:
            raise TrainingError(f"no {split} clip has {self._frames} frames; lower batch.segment_frames")
        return kept

    def read(self, ids: Sequence[str], draw: np.random.Generator) -> VocoderBatch:
        starts = draw.integers(0, [self._last_start(name) + 1 for name in ids]).tolist()
        mels, waveforms = [], []
        for name, start in zip(ids, starts, strict=True):
            mels.append(self._features.mel(name, start, self._frames))
            waveforms.append(self._features.audio(name, start * self._hop, self._frames * self._hop))
        mel = torch.from_numpy(np.stack(mels).transpose(0, 2, 1).copy())
        return VocoderBatch(utterance_ids=tuple(ids), mel=mel, waveform=torch.from_numpy(np.stack(waveforms)))

    def _last_start(self, utterance_id: str) -> int:
        # Whole hops of audio, not mel frames: with centred framing the last frame has too few samples after it.
        return self._features.utterances[utterance_id].num_samples // self._hop - self._frames


def _buckets(lengths: Mapping[str, int], settings: BatchSettings) -> list[tuple[list[str], int]]:
    """Groups of clips of similar length, with the number of batches that each is dealt into."""
    ids = sorted(lengths, key=lambda name: (lengths[name], name))
    number = max(1, round(len(ids) / (settings.size * _BATCHES_PER_BUCKET)))
    groups = [part.tolist() for part in np.array_split(np.array(ids, dtype=object), number)]
    return [(group, math.ceil(len(group) / _fitting(group[-1], lengths, settings))) for group in groups]


def _fitting(longest: str, lengths: Mapping[str, int], settings: BatchSettings) -> int:
    """Clips as long as this one that a batch may hold."""
    if settings.max_frames is None:
        return settings.size
    if lengths[longest] > settings.max_frames:
        raise TrainingError(
            f"{longest} has {lengths[longest]} frames, more than batch.max_frames {settings.max_frames}; raise it or "
            "leave the clip out of the corpus"
        )
    return min(settings.size, settings.max_frames // lengths[longest])


def _require_enough(num_clips: int, size: int) -> None:
    if num_clips == 0:
        raise TrainingError("the training split is empty; check corpus, speakers and styles of the run, and split")
    if size > num_clips:
        raise TrainingError(f"batch.size {size} is more than the {num_clips} clips to train on; lower it")


def _some(ids: Sequence[str]) -> list[str]:
    if not ids:
        raise TrainingError("the validation split is empty; raise split.validation")
    count = min(len(ids), _VALIDATION_CLIPS)
    return [ids[number * len(ids) // count] for number in range(count)]


def _padded(arrays: Sequence[npt.NDArray[np.generic]], dtype: npt.DTypeLike) -> Tensor:
    """Arrays [length, ...] as one zero-padded [batch, longest, ...]."""
    longest = max(len(array) for array in arrays)
    padded = np.zeros((len(arrays), longest, *arrays[0].shape[1:]), dtype=dtype)
    for row, array in zip(padded, arrays, strict=True):
        row[: len(array)] = array
    return torch.from_numpy(padded)
