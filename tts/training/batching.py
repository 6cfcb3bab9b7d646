"""Clips become batches: which ones and which parts is a function of (seed, index), so any batch can be made alone."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from tts.audio.samples import to_float
from tts.data.features import CorpusFeatures, Kind
from tts.data.shards import Array, pad
from tts.data.utterances import NOWHERE, Positions
from tts.errors import ConfigError, DataError, TrainingError
from tts.interfaces import AcousticBatch, Inventory, VocoderBatch
from tts.training.sampling import LengthSampler, fixed_batches
from tts.training.seeding import generator
from tts.training.settings import BatchSettings

logger = logging.getLogger(__name__)

Level = Literal["phone", "frame"]

_VALIDATION_CLIPS = 128
"""Clips heard at each validation at most, spread evenly over the ids."""


class AcousticBatches:
    """Padded batches of clips."""

    def __init__(self, features: CorpusFeatures, inventory: Inventory, level: Level) -> None:
        """Keep what the batches are read from.

        Args:
            features: with prosody and index.
            inventory: whose ids the batches carry.
            level: whether pitch and energy are those of phones or of frames.
        """
        utterances = features.utterances
        self._features, self._inventory = features, inventory
        self._phones, self._phone_starts = utterances.phone_codes(inventory.symbols)
        self._speakers = utterances.codes("speaker", inventory.speakers)
        self._styles = utterances.codes("style", inventory.styles)
        self._kinds: tuple[Kind, Kind] = ("pitch_phone", "energy_phone") if level == "phone" else ("pitch", "energy")

    def read(self, ids: Sequence[str]) -> AcousticBatch:
        """Give the clips of these ids as one batch.

        Raises:
            DataError: a phone, speaker or style of a clip is not in the inventory, or its durations do not add up to
                its mel.
        """
        features, rows = self._features, self._features.utterances.positions(ids)
        codes = [self._phones[start:end] for start, end in self._phone_places(rows)]
        phones, speakers, styles = pad(codes), self._speakers[rows], self._styles[rows]
        for what, found in (("phone", phones), ("speaker", speakers), ("style", styles)):
            _require_known(what, found, ids)
        durations, num_frames = features.views("durations", ids), features.utterances.numbers["num_frames"][rows]
        _require_sums(durations, num_frames, ids)
        pitch, energy = self._kinds
        vectors = features.speaker_vectors
        return AcousticBatch(
            utterance_ids=tuple(ids),
            phones=torch.from_numpy(phones),
            phone_lengths=torch.tensor([len(each) for each in codes]),
            mel=_padded(features.views("mel", ids)),
            mel_lengths=torch.from_numpy(num_frames),
            durations=_padded(durations, np.int64),
            pitch=_padded(features.views(pitch, ids)),
            energy=_padded(features.views(energy, ids)),
            speaker_ids=torch.from_numpy(speakers),
            style_ids=torch.from_numpy(styles),
            speaker_vectors=None if vectors is None else torch.from_numpy(vectors.read(ids)),
        )

    def _phone_places(self, rows: Positions) -> Iterable[tuple[int, int]]:
        return zip(self._phone_starts[rows].tolist(), self._phone_starts[rows + 1].tolist(), strict=True)


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
        require_enough(len(lengths), settings.size)
        self._batches = batches
        self._sampler = LengthSampler(lengths, settings, seed=seed)

    def __call__(self, index: int) -> AcousticBatch:
        """Give the batch of this running number."""
        return self._batches.read(self.ids(index))

    def ids(self, index: int) -> list[str]:
        """Clips of the batch of this running number."""
        return self._sampler.ids(index)

    def largest(self) -> AcousticBatch:
        """Give a batch that takes as much memory as any."""
        return self._batches.read(self._sampler.largest())


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
        require_enough(len(self._ids), settings.size)
        self._size, self._seed = self._segments.size, seed
        self._order = lru_cache(maxsize=2)(self._shuffle)

    def __call__(self, index: int) -> VocoderBatch:
        """Give the batch of this running number."""
        first = index * self._size
        places = (divmod(number, len(self._ids)) for number in range(first, first + self._size))
        ids = [self._ids[self._order(epoch)[position]] for epoch, position in places]
        return self._segments.read(ids, generator(self._seed, 1, index))

    def largest(self) -> VocoderBatch:
        """Give a batch that takes as much memory as any: all are of one size."""
        return self(0)

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
    chosen = {name: lengths[name] for name in spread(sorted(lengths))}
    return [batches.read(ids) for ids in fixed_batches(chosen, settings)]


def vocoder_validation(features: CorpusFeatures, ids: Sequence[str], settings: BatchSettings) -> list[VocoderBatch]:
    """One fixed segment of each validation clip.

    Raises:
        TrainingError: there are none.
    """
    segments = _Segments(features, settings)
    chosen = spread(segments.long_enough(ids, "validation"))
    starts = range(0, len(chosen), segments.size)
    return [segments.read(chosen[start : start + segments.size], generator(0, start)) for start in starts]


class _Segments:
    def __init__(self, features: CorpusFeatures, settings: BatchSettings) -> None:
        if settings.segment_frames is None:
            raise ConfigError("batch.segment_frames is required for vocoders; 32 or 64 are usual")
        if settings.max_frames is not None:
            raise ConfigError("batch.max_frames has no effect on vocoders; remove it")
        assert settings.size is not None, "settings state a size or a budget"
        self._features, self.size = features, settings.size
        self._frames = settings.segment_frames
        self._hop = features.mel_definition.hop_length

    def long_enough(self, ids: Sequence[str], split: str) -> list[str]:
        kept = [name for name, last in zip(ids, self._last_starts(ids).tolist(), strict=True) if last >= 0]
        if len(kept) < len(ids):
            logger.info("%d of %d %s clips are shorter than a segment of %d frames and are not used",
                        len(ids) - len(kept), len(ids), split, self._frames)  # fmt: skip
        if ids and not kept:
            raise TrainingError(f"no {split} clip has {self._frames} frames; lower batch.segment_frames")
        return kept

    def read(self, ids: Sequence[str], draw: np.random.Generator) -> VocoderBatch:
        starts, hop = draw.integers(0, self._last_starts(ids) + 1), self._hop
        mel = np.stack(self._features.segments("mel", ids, starts, self._frames))
        samples = np.stack(self._features.segments("audio", ids, starts * hop, self._frames * hop))
        return VocoderBatch(
            utterance_ids=tuple(ids),
            mel=torch.from_numpy(mel.transpose(0, 2, 1).copy()),
            waveform=torch.from_numpy(to_float(samples)),
        )

    def _last_starts(self, ids: Sequence[str]) -> Positions:
        # Whole hops of audio, not mel frames: with centred framing the last frame has too few samples after it.
        utterances = self._features.utterances
        return utterances.numbers["num_samples"][utterances.positions(ids)] // self._hop - self._frames


def _require_known(what: str, codes: Positions, ids: Sequence[str]) -> None:
    """Refuse codes [batch] or [batch, phones] of names that the inventory lacks."""
    if codes.min() == NOWHERE:
        name = ids[int(np.argwhere(codes == NOWHERE)[0, 0])]
        raise DataError(f"{name}: its {what} is not among those of the index; rebuild the index")


def _require_sums(durations: Sequence[Array], num_frames: Positions, ids: Sequence[str]) -> None:
    for name, own, frames in zip(ids, durations, num_frames.tolist(), strict=True):
        if own.sum() != frames:
            raise DataError(
                f"{name}: durations add up to {own.sum()}, but its mel has {frames} frames; run the prosody stage again"
            )


def require_enough(num_clips: int, size: int | None) -> None:
    """Refuse too few clips for a batch of `size`, if it has one.

    Raises:
        TrainingError: there are too few.
    """
    if num_clips == 0:
        raise TrainingError("the training split is empty; check corpus, speakers and styles of the run, and split")
    if size is not None and size > num_clips:
        raise TrainingError(f"batch.size {size} is more than the {num_clips} clips to train on; lower it")


def spread(ids: Sequence[str]) -> list[str]:
    """Give the clips that are heard at a validation: all, or some that are spread evenly over the ids.

    Raises:
        TrainingError: there are none.
    """
    if not ids:
        raise TrainingError("the validation split is empty; raise split.validation")
    count = min(len(ids), _VALIDATION_CLIPS)
    return [ids[number * len(ids) // count] for number in range(count)]


def _padded(arrays: Sequence[Array], dtype: npt.DTypeLike | None = None) -> Tensor:
    return torch.from_numpy(pad(arrays, dtype))
