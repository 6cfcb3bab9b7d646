"""Whole clips for systems that turn phones into waveforms: phones and samples, without durations or mels."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

import pyarrow.compute as pc
import torch

from tts.audio.samples import to_float
from tts.data.features import CorpusFeatures
from tts.data.shards import pad
from tts.data.utterances import NOWHERE, Positions
from tts.errors import ConfigError, DataError, TrainingError
from tts.interfaces import EndToEnd, EndToEndBatch, Inventory
from tts.training.batching import require_enough, spread
from tts.training.sampling import LengthSampler, fixed_batches
from tts.training.settings import BatchSettings

logger = logging.getLogger(__name__)


class EndToEndBatches:
    """Padded batches of clips that have room for a segment, and for all their phones."""

    def __init__(
        self, features: CorpusFeatures, inventory: Inventory, network: EndToEnd, settings: BatchSettings
    ) -> None:
        """Keep what the batches are read from.

        Args:
            features: with index.
            inventory: whose ids the batches carry.
            network: to be trained.
            settings: of the batches; a segment is required.

        Raises:
            ConfigError: there is no segment.
        """
        if settings.segment_frames is None:
            raise ConfigError("batch.segment_frames is required for end-to-end systems; 32 is usual")
        utterances = features.utterances
        self._features, self._network = features, network
        self.segment_frames = settings.segment_frames
        self._hop = features.mel_definition.hop_length
        self._phones, self._starts = utterances.phone_codes(inventory.symbols)
        self._speakers = utterances.codes("speaker", inventory.speakers)

    def lengths(self, ids: Sequence[str], split: str) -> dict[str, int]:
        """Frames by id of the clips that are long enough.

        Raises:
            TrainingError: there are clips, but none is; or none of those to train on is of one of their speakers.
        """
        frames = dict(zip(ids, self._frames(ids).tolist(), strict=True))
        least = dict(zip(ids, self._least(ids), strict=True))
        kept = {name: number for name, number in frames.items() if number >= least[name]}
        if len(kept) < len(ids):
            logger.info("%d of %d %s clips are shorter than a segment of %d frames, or than their phones need, and are "
                        "not used", len(ids) - len(kept), len(ids), split, self.segment_frames)  # fmt: skip
        if not kept:
            raise TrainingError(
                f"no {split} clip has {self.segment_frames} frames and one for each symbol; "
                f"lower batch.segment_frames, or raise split.{split}"
            )
        if split == "train":
            self._require_every_speaker(ids, kept)
        return kept

    def read(self, ids: Sequence[str]) -> EndToEndBatch:
        """Give the clips of these ids as one batch.

        Raises:
            DataError: a phone or speaker of a clip is not in the inventory.
        """
        rows = self._features.utterances.positions(ids)
        codes = [self._phones[self._starts[row] : self._starts[row + 1]] for row in rows.tolist()]
        frames = self._frames(ids)
        for name, phones, speaker in zip(ids, codes, self._speakers[rows].tolist(), strict=True):
            if speaker == NOWHERE or phones.min() == NOWHERE:
                raise DataError(f"{name}: its speaker or a phone is not among those of the index; rebuild the index")
        clips = self._features.views("audio", ids)
        whole = [clip[: number * self._hop] for clip, number in zip(clips, frames.tolist(), strict=True)]
        return EndToEndBatch(
            utterance_ids=tuple(ids),
            phones=torch.from_numpy(pad(codes)),
            phone_lengths=torch.tensor([len(each) for each in codes]),
            waveform=torch.from_numpy(to_float(pad(whole))),
            frames=torch.from_numpy(frames),
            speaker_ids=torch.from_numpy(self._speakers[rows]),
        )

    def _require_every_speaker(self, ids: Sequence[str], kept: Mapping[str, int]) -> None:
        left = sorted(self._speakers_of(ids) - self._speakers_of(list(kept)))
        if left:
            raise TrainingError(
                f"no train clip of {left[0]} has {self.segment_frames} frames and one for each symbol; add longer "
                "ones, lower batch.segment_frames, or name the other speakers in the run's `speakers`"
            )

    def _speakers_of(self, ids: Sequence[str]) -> set[str]:
        utterances = self._features.utterances
        return set(pc.unique(utterances.table["speaker"].take(utterances.positions(ids))).to_pylist())

    def _frames(self, ids: Sequence[str]) -> Positions:
        """Whole hops of each clip."""
        utterances = self._features.utterances
        return utterances.numbers["num_samples"][utterances.positions(ids)] // self._hop

    def _least(self, ids: Sequence[str]) -> list[int]:
        """Frames that each clip needs."""
        rows = self._features.utterances.positions(ids)
        phones = (self._starts[rows + 1] - self._starts[rows]).tolist()
        return [max(self.segment_frames, self._network.num_symbols(number)) for number in phones]


class EndToEndTraining:
    """Batches of clips of similar length, another draw each epoch."""

    def __init__(
        self, batches: EndToEndBatches, lengths: Mapping[str, int], settings: BatchSettings, *, seed: int
    ) -> None:
        """Plan the epochs over clips of these lengths in frames.

        Raises:
            TrainingError: there are too few clips, or one exceeds the frame budget.
        """
        require_enough(len(lengths), settings.size)
        self._batches = batches
        self._sampler = LengthSampler(lengths, settings, seed=seed)

    def __call__(self, index: int) -> EndToEndBatch:
        """Give the batch of this running number."""
        return self._batches.read(self._sampler.ids(index))

    def largest(self) -> EndToEndBatch:
        """Give a batch that takes as much memory as any."""
        return self._batches.read(self._sampler.largest())


def end_to_end_validation(
    batches: EndToEndBatches, lengths: Mapping[str, int], settings: BatchSettings
) -> list[EndToEndBatch]:
    """Fixed batches of validation clips of these lengths in frames."""
    chosen = {name: lengths[name] for name in spread(sorted(lengths))}
    return [batches.read(ids) for ids in fixed_batches(chosen, settings)]
