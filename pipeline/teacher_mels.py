"""Mels that an acoustic run makes while it follows the recordings, for vocoders to learn from.

Of a vocoder that learned from true mels, the smoother ones of an acoustic model are not what it knows. Since these have
the timing of the recordings, it can learn from them too (HiFi-GAN, https://arxiv.org/abs/2010.05646, section 4.4).
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import numpy.typing as npt
import torch

from pipeline.fingerprint import content_key, file_key
from pipeline.mel import write_mel_table
from pipeline.output import replaced_directory, replaced_file
from pipeline.paths import Paths
from pipeline.progress import track
from tts.audio.mel_definition import require_equal
from tts.data.features import CorpusFeatures
from tts.data.shards import members, shard_path, write_shard
from tts.interfaces import AcousticModel
from tts.models import LoadedModel, load_model
from tts.training.batching import AcousticBatches
from tts.training.sampling import fixed_batches
from tts.training.seeding import seed_everything
from tts.training.settings import RunSettings

_SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class Teacher:
    """An acoustic run and the clips that it follows.

    Attributes:
        model: of the run.
        settings: of the run, for its batches and seed.
        features: of its corpus.
        device: to compute on.
    """

    model: LoadedModel
    settings: RunSettings
    features: CorpusFeatures
    device: torch.device

    @property
    def ids(self) -> list[str]:
        """Clips of the run's speakers and styles, of all splits, sorted."""
        chosen = (
            self.features.select(split, speakers=self.settings.speakers, styles=self.settings.styles)
            for split in _SPLITS
        )
        return sorted(name for names in chosen for name in names)

    @torch.inference_mode()
    def mels(self, ids: Sequence[str]) -> dict[str, npt.NDArray[np.float32]]:
        """Mels [frames, mels] by id, as long as those of the recordings."""
        network = cast("AcousticModel", self.model.network)
        reader = AcousticBatches(self.features, self.model.inventory, network.level)
        lengths, found = self.features.num_frames(ids), {}
        for names in fixed_batches(lengths, self.settings.batch):
            batch = reader.read(names).to(self.device)
            for name, mel in zip(names, network.teacher_forced(batch).float().cpu().numpy(), strict=True):
                found[name] = mel[: lengths[name]]
        return found


def read_teacher(paths: Paths, settings: RunSettings, model: Path, *, device: torch.device) -> Teacher:
    """Open a trained acoustic run and its corpus.

    Raises:
        CheckpointError: the model folder cannot be read.
        ConfigError: its mel definition is not the corpus'.
        DataError: features are missing or disagree.
    """
    loaded, corpus = load_model(model, device=device), settings.corpus
    features = CorpusFeatures(
        paths.corpus(corpus),
        paths.mel(corpus),
        prosody=paths.prosody(corpus),
        index=paths.index(corpus),
        vectors=paths.vectors(corpus) if loaded.inventory.speaker_vectors is not None else None,
    )
    require_equal(loaded.inventory.mel, features.mel_definition, what=f"{model} and corpus {corpus}")
    return Teacher(loaded, settings, features, device)


def write_teacher_mels(folder: Path, teacher: Teacher, *, work: Path) -> int:
    """Write mel shards and their table, laid out as those of the mel stage; give the number of clips.

    Args:
        folder: to be replaced.
        teacher: makes them.
        work: folder where shards are kept until all are there, so that an interrupted call goes on.
    """
    features, ids = teacher.features, teacher.ids
    rows = features.utterances.numbers["shard"][features.utterances.positions(ids)]
    shards, lengths = dict(zip(ids, rows.tolist(), strict=True)), features.num_frames(ids)
    groups = members(lengths, shards)
    for number, names in enumerate(track(groups, label="teach", total=len(groups))):
        if not shard_path(work, "mel", number).exists():
            _write_shard(shard_path(work, "mel", number), teacher, names, seed=(teacher.settings.seed, number))
    files = sorted(work.glob("mel-*.npy"))
    digest = content_key([file_key(file) for file in files])
    with replaced_directory(folder) as temporary:
        for file in files:
            shutil.copyfile(file, temporary / file.name)
        write_mel_table(temporary, lengths, shards, features.mel_definition, digest=digest)
    return len(ids)


def _write_shard(path: Path, teacher: Teacher, names: Sequence[str], *, seed: tuple[int, int]) -> None:
    seed_everything(*seed)  # for systems whose pre-net drops out even when they speak
    mels = teacher.mels(names) if names else {}
    like = np.empty((0, teacher.features.mel_definition.n_mels), np.float32)
    with replaced_file(path) as temporary:
        write_shard(temporary, (mels[name] for name in names), sum(map(len, mels.values())), like)
