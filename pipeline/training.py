"""From the params of a run to its trainer, and from its network to its model folder."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from pipeline.fingerprint import file_key
from pipeline.output import replaced_directory, replaced_file, write_json
from pipeline.params import Params
from pipeline.paths import Paths
from pipeline.starting import Replay, corpora_of, names_from, replayed_clips, speaker_start, start_files
from tts.config import build, to_plain
from tts.data.features import CorpusFeatures, read_inventory
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
from tts.training.moments import read_moments, take_directions
from tts.training.processes import ALONE, Processes
from tts.training.replay import Plan, Replaying
from tts.training.samples import AcousticSamples, VocoderSamples, choose_clips
from tts.training.sampling import fixed_batches
from tts.training.seeding import seed_everything
from tts.training.settings import RunSettings
from tts.training.speaker_init import SpeakerStart
from tts.training.starting import start_discriminator_from, start_from
from tts.training.tasks import AdversarialTask, Batch, GeneratorTask, SupervisedTask, Task
from tts.training.trainer import Trainer, TrainingData

_SAMPLE_SECONDS = 5.0
"""What is vocoded of a clip to be heard or measured; large vocoders take as long for it on a CPU."""


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
        replay: old recordings among its own; None = its own only.
    """

    settings: RunSettings
    system: System
    config: Any
    features: CorpusFeatures
    inventory: Inventory
    start: Path | None
    speaker_start: SpeakerStart = field(default_factory=SpeakerStart)
    replay: Replay | None = None

    def task(self, device: torch.device, processes: Processes) -> Task:
        """Network and optimizers, as they are before the first step."""
        seed_everything(self.settings.seed)
        network = self.system.build(self.config, self.inventory)
        discriminator = self._discriminator()
        if self.start is None:
            return self._task(network, discriminator, device, processes)
        saved = read_model(self.start)
        start_from(network, saved, system=self.settings.system, inventory=self.inventory, speakers=self.speaker_start)
        if discriminator is not None:
            start_discriminator_from(discriminator, saved)
        if not self.settings.init_optimizer:
            return self._task(network, discriminator, device, processes)
        moments = read_moments(saved, base=self.start.name)
        take_directions(network, moments, prefix="network")
        task = self._task(network, discriminator, device, processes)
        task.take_moments(moments, known=saved.inventory, inventory=self.inventory)
        return task

    def _task(
        self, network: nn.Module, discriminator: nn.Module | None, device: torch.device, processes: Processes
    ) -> Task:
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
        validation = self._select("validation")
        chosen = choose_clips(features.num_frames(validation), num_samples)
        plan: Plan[Batch]
        if self.system.kind == "vocoder":
            plan = self._plan(partial(VocoderTraining, settings=settings, seed=self.settings.seed))
            heard = vocoder_validation(features, validation, settings)
            return TrainingData(plan, plan.largest, heard, self._vocoder_samples(chosen))
        if self.system.kind == "end_to_end":
            return self._end_to_end_data(network, validation, chosen)
        plan = self._plan(partial(self._acoustic_plan, network))
        reader = AcousticBatches(features, self.inventory, network.level)  # type: ignore[arg-type]
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

        frames = self.features.num_frames([*self._select("train"), *self._select("validation")])
        if self.replay is not None:
            frames |= self.replay.features.num_frames(self.replay.ids)
        longest = max(frames.values(), default=0)
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
            moments=task.moments() if self.settings.export_optimizer else None,
        )

    def _plan(self, make: Callable[[CorpusFeatures, Sequence[str]], Plan[Batch]]) -> Plan[Batch]:
        """Plan the epochs, of old recordings too where they are replayed."""
        new = make(self.features, self._select("train"))
        if self.replay is None:
            return new
        return Replaying(new, make(self.replay.features, self.replay.ids), rate=self.replay.rate)

    def _acoustic_plan(self, network: nn.Module, features: CorpusFeatures, ids: Sequence[str]) -> AcousticTraining:
        reader = AcousticBatches(features, self.inventory, network.level)  # type: ignore[arg-type]
        return AcousticTraining(reader, features.num_frames(ids), self.settings.batch, seed=self.settings.seed)

    def _end_to_end_plan(self, network: nn.Module, features: CorpusFeatures, ids: Sequence[str]) -> EndToEndTraining:
        settings = self.settings.batch
        reader = EndToEndBatches(features, self.inventory, network, settings)  # type: ignore[arg-type]
        return EndToEndTraining(reader, reader.lengths(ids, "train"), settings, seed=self.settings.seed)

    def _end_to_end_data(self, network: nn.Module, validation: Sequence[str], chosen: Sequence[str]) -> TrainingData:
        settings = self.settings.batch
        plan = self._plan(partial(self._end_to_end_plan, network))
        reader = EndToEndBatches(self.features, self.inventory, network, settings)  # type: ignore[arg-type]
        heard = end_to_end_validation(reader, reader.lengths(validation, "validation"), settings)
        samples = EndToEndSamples([reader.read([name]) for name in chosen], self.inventory.mel)
        return TrainingData(plan, plan.largest, heard, samples)

    def _acoustic_samples(self, reader: AcousticBatches, ids: Sequence[str]) -> AcousticSamples:
        griffin_lim = load_system("vocoders/griffin_lim")
        vocoder = griffin_lim.build(griffin_lim.configurations["quick"], Inventory(mel=self.inventory.mel))
        return AcousticSamples([reader.read([name]) for name in ids], vocoder)

    def _vocoder_samples(self, ids: Sequence[str]) -> VocoderSamples:
        return VocoderSamples(self.beginnings(ids), self.inventory.mel)

    def beginnings(self, ids: Sequence[str]) -> dict[str, npt.NDArray[np.float32]]:
        """Log-mels [mels, frames] of the first seconds of clips, by id."""
        mel = self.inventory.mel
        most = int(_SAMPLE_SECONDS * mel.sample_rate / mel.hop_length)
        views = self.features.views("mel", ids)
        return {name: np.array(view[:most].T, np.float32) for name, view in zip(ids, views, strict=True)}

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
    config = build(system.config, settings.model, where=f"runs.{name}.model")
    start = paths.model(settings.init_from) if settings.init_from else None
    opened = {corpus: _features(params, paths, settings, corpus) for corpus in corpora_of(settings)}
    features, replayed = opened[settings.corpus], opened[corpora_of(settings)[-1]]
    if system.kind == "vocoder":
        _require_no_speakers(settings, name)
        inventory = Inventory(mel=features.mel_definition)
        replay = replayed_clips(params, name, replayed, features)
        return Run(settings, system, config, features, inventory, start, replay=replay)
    inventory = _inventory(paths, settings, features)
    replay, begun = None, speaker_start(params, paths, name)
    if start is not None:
        inventory, replay = names_from(params, paths, name, inventory, features=features, replayed=replayed)
    return Run(settings, system, config, features, inventory, start, begun, replay)


def content_of(params: Params, paths: Paths, name: str) -> dict[str, Any]:
    """What decides a run's weights: its settings and the tables, which hold digests of the arrays they describe."""
    settings = params.training_run(name)
    files = [file for corpus in corpora_of(settings) for file in _tables(paths, settings, corpus)]
    return {
        "settings": settings.decisive,
        "split": to_plain(params.split),
        "files": {str(file): file_key(file) for file in {*files, *start_files(paths, settings)}},
    }


def _features(params: Params, paths: Paths, settings: RunSettings, corpus: str) -> CorpusFeatures:
    """What a run reads of a corpus."""
    folder, mel, kind = paths.corpus(corpus), _mels(paths, settings, corpus), load_system(settings.system).kind
    if kind == "vocoder":
        return CorpusFeatures(folder, mel, split=params.split)
    prosody = paths.prosody(corpus) if kind == "acoustic" else None
    vectors = paths.vectors(corpus) if _by_vector(settings) else None
    return CorpusFeatures(folder, mel, prosody=prosody, index=paths.index(corpus), vectors=vectors)


def _inventory(paths: Paths, settings: RunSettings, features: CorpusFeatures) -> Inventory:
    """Names in a run's own corpus."""
    index, mel = paths.index(settings.corpus), features.mel_definition
    inventory = read_inventory(index, mel, speakers=settings.speakers, styles=settings.styles)
    if features.speaker_vectors is None:
        return inventory
    return replace(inventory, speaker_vectors=features.speaker_vectors.means(inventory.speakers))


def _tables(paths: Paths, settings: RunSettings, corpus: str) -> Iterator[Path]:
    """Files that describe what a run reads of a corpus."""
    kind = load_system(settings.system).kind
    yield paths.corpus(corpus) / "manifest.parquet"
    yield _mels(paths, settings, corpus) / "mel.parquet"
    if kind == "acoustic":
        yield paths.prosody(corpus) / "prosody.parquet"
    if kind != "vocoder":
        yield from sorted(paths.index(corpus).iterdir())
    if _by_vector(settings):
        yield paths.vectors(corpus) / "vectors.parquet"


def _require_no_speakers(settings: RunSettings, name: str) -> None:
    """Refuse what says something of speakers to a vocoder."""
    for key, is_given in (
        ("speaker_init", settings.speaker_init != "mean"),
        ("same_speakers", bool(settings.same_speakers)),
    ):
        if is_given:
            raise ConfigError(
                f"runs.{name}.{key} has no effect on {settings.system}, which is told no speakers; remove it"
            )


def _mels(paths: Paths, settings: RunSettings, corpus: str) -> Path:
    """The mels to learn from: those of the recordings, or of an acoustic run that follows them."""
    if settings.mels_from is None:
        return paths.mel(corpus)
    mels = paths.teacher_mels(settings.mels_from)
    if not (mels / "mel.parquet").exists():
        raise DataError(f"{mels / 'mel.parquet'} is missing; run `tts teach {settings.mels_from}`")
    return mels


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
