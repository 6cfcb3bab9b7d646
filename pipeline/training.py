"""From the params of a run to its trainer, and from its network to its model folder."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import nn

from pipeline.fingerprint import file_key
from pipeline.output import replaced_directory, replaced_file, write_json
from pipeline.params import Params
from pipeline.paths import Paths
from tts.config import build, to_plain
from tts.data.features import CorpusFeatures, read_inventory
from tts.data.speaker_vectors import SpeakerVectorTable
from tts.data.tables import SPEAKERS, read_table
from tts.errors import ConfigError, DataError
from tts.interfaces import Finishing, Inventory, System
from tts.layers.adversaries import Adversaries
from tts.registry import load_system
from tts.training.batching import (
    AcousticBatches,
    AcousticTraining,
    VocoderTraining,
    acoustic_validation,
    vocoder_validation,
)
from tts.training.end_to_end import EndToEndTask
from tts.training.end_to_end_batches import EndToEndBatches, EndToEndTraining, end_to_end_validation
from tts.training.end_to_end_samples import EndToEndSamples
from tts.training.export import export_model, read_model
from tts.training.fitting import fitted
from tts.training.processes import ALONE, Processes
from tts.training.samples import AcousticSamples, VocoderSamples, choose_clips
from tts.training.sampling import fixed_batches
from tts.training.seeding import seed_everything
from tts.training.settings import RunSettings
from tts.training.speaker_init import SpeakerStart
from tts.training.starting import start_discriminator_from, start_from
from tts.training.tasks import AdversarialTask, Batch, GeneratorTask, SupervisedTask, Task
from tts.training.trainer import Trainer, TrainingData

_SAMPLE_SECONDS = 5.0
"""What is heard of a clip at each validation; large vocoders take as long for it on a CPU."""


@dataclass(frozen=True)
class Run:
    """A run with what it needs, read from disk.

    Attributes:
        settings: of the run.
        system: its record in the registry.
        config: its Config.
        features: of its corpus.
        inventory: what its network is built with.
        start: model folder it starts from; None = from random weights.
        speaker_start: how rows of speakers start that this model does not know.
    """

    settings: RunSettings
    system: System
    config: Any
    features: CorpusFeatures
    inventory: Inventory
    start: Path | None
    speaker_start: SpeakerStart = field(default_factory=SpeakerStart)

    def task(self, device: torch.device, processes: Processes) -> Task:
        """Network and optimizers, as they are before the first step."""
        seed_everything(self.settings.seed)
        network = self.system.build(self.config, self.inventory)
        discriminator = self._discriminator()
        if self.start is not None:
            saved = read_model(self.start)
            start_from(
                network, saved, system=self.settings.system, inventory=self.inventory, speakers=self.speaker_start
            )
            if discriminator is not None:
                start_discriminator_from(discriminator, saved)
        sets = self.system.freeze_sets
        if self.system.kind == "end_to_end":
            adversaries = None if discriminator is None else cast(Adversaries, discriminator.to(device))
            return EndToEndTask(network.to(device), adversaries, self.settings, processes, freeze_sets=sets)
        if discriminator is None:
            kind = SupervisedTask if self.system.task == "supervised" else GeneratorTask
            return kind(network.to(device), self.settings, processes, freeze_sets=sets)
        return AdversarialTask(network.to(device), discriminator.to(device), self.settings, processes, freeze_sets=sets)

    def data(self, network: nn.Module, *, num_samples: int = 0) -> TrainingData:
        """Batches as the network wants them, and so many clips of the validation split to look at and to hear."""
        settings, features = self.settings.batch, self.features
        train, validation = self._select("train"), self._select("validation")
        chosen = choose_clips(features.num_frames(validation), num_samples)
        if self.system.kind == "vocoder":
            segments = VocoderTraining(features, train, settings, seed=self.settings.seed)
            heard = vocoder_validation(features, validation, settings)
            return TrainingData(segments, segments.largest, heard, self._vocoder_samples(chosen))
        if self.system.kind == "end_to_end":
            return self._end_to_end_data(network, train, validation, chosen)
        reader = AcousticBatches(features, self.inventory, network.level)  # type: ignore[arg-type]
        plan = AcousticTraining(reader, features.num_frames(train), settings, seed=self.settings.seed)
        followed = acoustic_validation(reader, features.num_frames(validation), settings)
        return TrainingData(plan, plan.largest, followed, self._acoustic_samples(reader, chosen))

    def fitted(self, work: Path, processes: Processes) -> Run:
        """Give the run with a batch that fits into memory, if `batch.auto` is on.

        Args:
            work: its folder of states.
            processes: those who train together.

        Raises:
            MemoryShortageError: not even one clip fits.
        """
        if not self.settings.batch.auto:
            return self

        def make(settings: RunSettings) -> tuple[Task, Batch]:
            run = replace(self, settings=settings)
            task = run.task(processes.device, ALONE)
            return task, run.data(task.network).largest()

        ids = [*self._select("train"), *self._select("validation")]
        longest = max(self.features.num_frames(ids).values(), default=0)
        return replace(
            self, settings=fitted(self.settings, make, longest_clip=longest, directory=work, processes=processes)
        )

    def finish(self, network: nn.Module) -> None:
        """Let a network whose weights are final take from the training clips what it wants of them."""
        if not isinstance(network, Finishing):
            return
        reader = AcousticBatches(self.features, self.inventory, network.level)  # type: ignore[arg-type]
        ids = fixed_batches(self.features.num_frames(self._select("train")), self.settings.batch)
        device = next(network.parameters()).device
        network.eval()
        network.finish(reader.read(each).to(device) for each in ids)

    def export(self, folder: Path, task: Task, *, steps: int) -> None:
        """Write the model folder of a task that made so many steps."""
        export_model(
            folder,
            task.exported(),
            system=self.settings.system,
            model=to_plain(self.config),
            inventory=self.inventory,
            training={"settings": to_plain(self.settings), "steps": steps},
            discriminator=task.discriminator if isinstance(task, AdversarialTask | EndToEndTask) else None,
        )

    def _end_to_end_data(
        self, network: nn.Module, train: Sequence[str], validation: Sequence[str], chosen: Sequence[str]
    ) -> TrainingData:
        settings = self.settings.batch
        reader = EndToEndBatches(self.features, self.inventory, network, settings)  # type: ignore[arg-type]
        plan = EndToEndTraining(reader, reader.lengths(train, "train"), settings, seed=self.settings.seed)
        heard = end_to_end_validation(reader, reader.lengths(validation, "validation"), settings)
        samples = EndToEndSamples([reader.read([name]) for name in chosen], self.inventory.mel)
        return TrainingData(plan, plan.largest, heard, samples)

    def _acoustic_samples(self, reader: AcousticBatches, ids: Sequence[str]) -> AcousticSamples:
        griffin_lim = load_system("vocoders/griffin_lim")
        vocoder = griffin_lim.build(griffin_lim.configurations["quick"], Inventory(mel=self.inventory.mel))
        return AcousticSamples([reader.read([name]) for name in ids], vocoder)

    def _vocoder_samples(self, ids: Sequence[str]) -> VocoderSamples:
        mel = self.inventory.mel
        most = int(_SAMPLE_SECONDS * mel.sample_rate / mel.hop_length)
        views = self.features.views("mel", ids)
        return VocoderSamples(
            {name: np.array(view[:most].T, np.float32) for name, view in zip(ids, views, strict=True)}, mel
        )

    def _discriminator(self) -> nn.Module | None:
        if self.settings.adversary is None:
            return None
        if self.system.build_discriminator is None:
            raise ConfigError(f"adversary has no effect on {self.settings.system}, which has none; remove it")
        return self.system.build_discriminator(self.config)

    def _select(self, split: str) -> list[str]:
        return self.features.select(split, speakers=self.settings.speakers, styles=self.settings.styles)


def read_run(params: Params, paths: Paths, name: str) -> Run:
    """Open what a run reads.

    Raises:
        ConfigError: a setting does not fit the system.
        DataError: features are missing or disagree.
    """
    settings = params.training_run(name)
    system = load_system(settings.system)
    if system.task is None:
        raise ConfigError(f"runs.{name}.system: {settings.system} has nothing to train; use it in a voice as it is")
    corpus, mel = paths.corpus(settings.corpus), _mels(paths, settings)
    if system.kind == "vocoder":
        features = CorpusFeatures(corpus, mel, split=params.split)
        inventory = Inventory(mel=features.mel_definition)
    else:
        index = paths.index(settings.corpus)
        vectors = paths.vectors(settings.corpus) if _by_vector(settings) else None
        prosody = paths.prosody(settings.corpus) if system.kind == "acoustic" else None
        features = CorpusFeatures(corpus, mel, prosody=prosody, index=index, vectors=vectors)
        inventory = read_inventory(index, features.mel_definition, speakers=settings.speakers, styles=settings.styles)
        if features.speaker_vectors is not None:
            inventory = replace(inventory, speaker_vectors=features.speaker_vectors.means(inventory.speakers))
    if system.kind == "vocoder" and settings.speaker_init != "mean":
        raise ConfigError(
            f"runs.{name}.speaker_init has no effect on {settings.system}, which is told no speakers; remove it"
        )
    config = build(system.config, settings.model, where=f"runs.{name}.model")
    start = paths.model(settings.init_from) if settings.init_from else None
    return Run(settings, system, config, features, inventory, start, _speaker_start(params, paths, name, features))


def content_of(params: Params, paths: Paths, name: str) -> dict[str, Any]:
    """What decides a run's weights: its settings and the tables, which hold digests of the arrays they describe."""
    settings = params.training_run(name)
    corpus = settings.corpus
    files = [paths.corpus(corpus) / "manifest.parquet", _mels(paths, settings) / "mel.parquet"]
    kind = load_system(settings.system).kind
    if kind == "acoustic":
        files += [paths.prosody(corpus) / "prosody.parquet"]
    if kind != "vocoder":
        files += sorted(paths.index(corpus).iterdir())
    if _by_vector(settings):
        files += [paths.vectors(corpus) / "vectors.parquet"]
    if settings.speaker_init == "nearest":
        files += [paths.vectors(corpus) / "vectors.parquet"]
    if settings.speaker_init == "by_metadata":
        files += [paths.corpus(corpus) / "speakers.parquet"]
    if settings.init_from:
        files += sorted(paths.model(settings.init_from).iterdir())
    return {
        "settings": to_plain(settings),
        "split": to_plain(params.split),
        "files": {str(file): file_key(file) for file in files},
    }


def _mels(paths: Paths, settings: RunSettings) -> Path:
    """The mels to learn from: those of the recordings, or of an acoustic run that follows them."""
    if settings.mels_from is None:
        return paths.mel(settings.corpus)
    mels = paths.teacher_mels(settings.mels_from)
    if not (mels / "mel.parquet").exists():
        raise DataError(f"{mels / 'mel.parquet'} is missing; run `tts teach {settings.mels_from}`")
    return mels


def _speaker_start(params: Params, paths: Paths, name: str, features: CorpusFeatures) -> SpeakerStart:
    """How new speakers start, and what its corpus tells of them."""
    run = params.training_run(name)
    start = SpeakerStart(method=run.speaker_init, seed=run.seed)
    if run.speaker_init == "nearest":
        _require_same_corpus(params, name)
        speakers = {utterance: row.speaker for utterance, row in features.utterances.items()}
        vectors = SpeakerVectorTable(paths.vectors(run.corpus), speakers, features.select("train"))
        return replace(start, vectors=vectors.means(vectors.heard))
    if run.speaker_init == "by_metadata":
        rows = read_table(paths.corpus(run.corpus) / "speakers.parquet", SPEAKERS)
        return replace(start, traits={row["speaker"]: (row["gender"] or "", row["accent"] or "") for row in rows})
    return start


def _require_same_corpus(params: Params, name: str) -> None:
    run = params.training_run(name)
    base = params.runs.get(run.init_from or "")
    if base is None or base.corpus != run.corpus:
        found = f"is a run of corpus {base.corpus!r}" if base else "is an imported model"
        raise ConfigError(
            f"runs.{name}.speaker_init nearest compares speakers of one corpus, here {run.corpus!r}, but "
            f"{run.init_from} {found}; put all speakers into one corpus, or choose another speaker_init"
        )


def _by_vector(settings: RunSettings) -> bool:
    """Whether the system is told its speakers by vectors."""
    return settings.model.get("speaker") in ("vector", "both")


def keep(paths: Paths, name: str, run: Run, task: Task, trainer: Trainer) -> None:
    """Write the model folder, the curve and the metrics of a run that ended."""
    run.finish(task.exported())
    with replaced_directory(paths.model(name)) as folder:
        run.export(folder, task, steps=trainer.progress.step)
    with replaced_file(paths.run_curve(name)) as file:
        shutil.copyfile(trainer.curve_path, file)
    write_json(paths.run_metrics(name), trainer.metrics())
