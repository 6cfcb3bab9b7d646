"""What a run's weights say as it learns, measured by a worker process while training goes on.

Each evaluation is a folder ``evaluations/step-00001000`` in the run's work folder: the clips as they were said (mels,
of acoustic models), and ``scores.json`` once they are measured. A sitting measures what those before it left.
"""

from __future__ import annotations

import json
import logging
import os
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from pipeline.local_executor import LocalExecutor
from pipeline.output import replaced_directory, write_json
from pipeline.parallel import WorkerDied
from tts.audio.files import read_audio, write_wav
from tts.audio.mel_definition import MelDefinition
from tts.audio.prosody import PitchSettings
from tts.data.features import CorpusFeatures
from tts.data.speaker_vectors import mean_vector
from tts.errors import TtsError
from tts.interfaces import Inventory
from tts.metrics.measurable import NotMeasurableError
from tts.metrics.speakers import KnownVoices, speaker_vector
from tts.registry import load_system
from tts.training.recital import Recited

logger = logging.getLogger(__name__)

Floats = npt.NDArray[np.float32]

Scores = Mapping[str, Mapping[str, float]]
"""Values by metric and utterance."""

_SIMILARITIES = {"speaker_similarity", "speaker_similarity_other"}
_KINDNESS = 10
"""Of `nice`: where training keeps all cores busy, the worker takes a tenth of one."""


@dataclass(frozen=True)
class Measure:
    """How the clips of a run are measured; picklable and hashable, for the worker.

    Attributes:
        corpus, mel: folders of the run's corpus.
        metrics: names of those to compute.
        in_step: whether what is said has the timing of the recording.
        references: training clips of each speaker, whose voices the clips are compared with.
    """

    corpus: Path
    mel: Path
    metrics: tuple[str, ...]
    in_step: bool
    references: tuple[tuple[str, tuple[str, ...]], ...] = ()


@dataclass(frozen=True)
class Evaluation:
    """What was measured of the weights after a step.

    Attributes:
        step: steps done.
        scores: values by metric and utterance.
        reasons: why a metric has no value, by metric.
        cpu_seconds: that measuring took.
    """

    step: int
    scores: Scores
    reasons: Mapping[str, str] = field(default_factory=dict)
    cpu_seconds: float = 0.0

    @property
    def means(self) -> dict[str, float]:
        """By metric."""
        return {metric: float(np.mean(list(values.values()))) for metric, values in self.scores.items()}


class Watcher:
    """Keeps what is said, and has it measured."""

    def __init__(self, folder: Path, measure: Measure, *, sample_rate: int) -> None:
        """Have measured what an earlier sitting left.

        Args:
            folder: of the evaluations; is made when there is one.
            measure: how.
            sample_rate: of the clips, Hz.
        """
        self._folder, self._measure, self._sample_rate = folder, measure, sample_rate
        self._executor, self._thread = LocalExecutor(1), ThreadPoolExecutor(1, thread_name_prefix="evaluation")
        self._pending: list[Future[Path | None]] = []
        self._is_stopped = False
        for step in sorted(folder.glob("step-*")):
            if not (step / "scores.json").exists():
                self._submit(step)

    def take(self, step: int, clips: Sequence[Recited]) -> None:
        """Keep clips, and have them measured; training goes on without them where the disk refuses them."""
        folder = self._folder / f"step-{step:08d}"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with replaced_directory(folder) as temporary:
                for clip in clips:
                    self._write(temporary / clip.utterance_id, clip.sound)
        except OSError as error:
            logger.warning("%s: what was said could not be kept (%s); training goes on", folder, error)
        else:
            self._submit(folder)

    def news(self) -> Iterator[Evaluation]:
        """Evaluations that were measured since the last were asked for."""
        while self._pending and self._pending[0].done():
            folder = self._pending.pop(0).result()
            if folder is not None:
                yield _read(folder)

    def wait(self) -> float:
        """Wait for all that is being measured; gives the seconds it took."""
        started = time.monotonic()
        for each in self._pending:
            each.exception()
        return time.monotonic() - started

    def stop(self) -> None:
        """End the worker; what was not measured is left to the next sitting."""
        self._is_stopped = True
        self._thread.shutdown(wait=False, cancel_futures=True)
        self._executor.stop()
        self._thread.shutdown(wait=True)

    def _write(self, path: Path, sound: Floats) -> None:
        if sound.ndim == 1:
            write_wav(path.with_name(f"{path.name}.wav"), sound, sample_rate=self._sample_rate)
        else:
            np.save(path.with_name(f"{path.name}.npy"), sound)

    def _submit(self, folder: Path) -> None:
        self._pending.append(self._thread.submit(self._have_measured, folder))

    def _have_measured(self, folder: Path) -> Path | None:
        """The folder, with its scores; None where there are none."""
        try:
            self._executor.call(_work, (folder, self._measure))
        except CancelledError:
            return None
        except (WorkerDied, TtsError, OSError) as error:
            if not self._is_stopped:
                logger.warning("%s: the clips could not be measured (%s); training goes on", folder, error)
            return None
        return folder


@contextmanager
def watching(folder: Path, measure: Measure | None, *, sample_rate: int) -> Iterator[Watcher | None]:
    """Yield who watches a run, None where nothing is to be measured."""
    if measure is None:
        yield None
        return
    watcher = Watcher(folder, measure, sample_rate=sample_rate)
    try:
        yield watcher
    finally:
        watcher.stop()


def read_evaluations(folder: Path) -> list[Evaluation]:
    """All that was measured of a run, by step."""
    return [_read(path.parent) for path in sorted(folder.glob("step-*/scores.json"))]


def measure_folder(folder: Path, measure: Measure) -> None:
    """Write ``scores.json`` beside the clips of a folder."""
    from tts.metrics.scoring import Take, score

    started = time.process_time()
    features = _open(measure)
    definition, found = features.mel_definition, {}
    for file in sorted(path for path in folder.iterdir() if path.suffix in (".npy", ".wav")):
        said, waveform = features.utterances[file.stem], _sound(file, definition)
        recording = features.audio(file.stem)
        take = Take(
            waveform,
            recording[: len(waveform)] if measure.in_step else recording,
            in_step=measure.in_step,
            text=None if measure.in_step and len(waveform) < len(recording) - definition.hop_length else said.text,
            language=said.language,
            voices=_voices_beside(said.speaker, measure),
        )
        found[file.stem] = asdict(score(take, definition, PitchSettings(), measure.metrics))
    write_json(folder / "scores.json", {"clips": found, "cpu_seconds": time.process_time() - started})


def waveform_of(sound: Floats, definition: MelDefinition) -> Floats:
    """Waveform [samples] of one, or of a log-mel [mels, frames] by Griffin-Lim."""
    if sound.ndim == 1:
        return sound
    with torch.inference_mode():
        waveform: Floats = _griffin_lim(definition)(torch.from_numpy(sound)[None])[0].numpy()
    return waveform


def _sound(file: Path, definition: MelDefinition) -> Floats:
    if file.suffix == ".npy":
        return waveform_of(np.load(file), definition)
    return read_audio(file, sample_rate=definition.sample_rate)


@lru_cache(maxsize=1)
def _griffin_lim(definition: MelDefinition) -> nn.Module:
    system = load_system("vocoders/griffin_lim")
    return system.build(system.configurations["quick"], Inventory(mel=definition))


def _read(folder: Path) -> Evaluation:
    content = json.loads((folder / "scores.json").read_text(encoding="utf-8"))
    values: dict[str, dict[str, float]] = defaultdict(dict)
    reasons: dict[str, str] = {}
    for name, found in content["clips"].items():
        reasons |= found["reasons"]
        for metric, value in found["values"].items():
            values[metric][name] = value
    missing = {metric: reason for metric, reason in reasons.items() if metric not in values}
    return Evaluation(int(folder.name.removeprefix("step-")), values, missing, content["cpu_seconds"])


def _work(question: tuple[Path, Measure]) -> None:
    """What a worker does."""
    _be_kind()
    measure_folder(*question)


@lru_cache(maxsize=1)
def _be_kind() -> None:
    if hasattr(os, "nice"):
        os.nice(_KINDNESS)
    torch.set_num_threads(1)


@lru_cache(maxsize=1)
def _open(measure: Measure) -> CorpusFeatures:
    return CorpusFeatures(measure.corpus, measure.mel)


def _voices_beside(speaker: str, measure: Measure) -> KnownVoices | None:
    """The clip's speaker and all others; None where nobody asks, or nothing can be told of them."""
    if not _SIMILARITIES & set(measure.metrics):
        return None
    means = _mean_vectors(measure)
    others = tuple(mean for name, mean in sorted(means.items()) if name != speaker)
    return KnownVoices(means.get(speaker), others)


@lru_cache(maxsize=1)
def _mean_vectors(measure: Measure) -> dict[str, npt.NDArray[np.float32]]:
    """Mean vectors of the recordings of each speaker, of those that have one."""
    features = _open(measure)
    vectors: dict[str, list[npt.NDArray[np.float32]]] = {}
    for speaker, names in measure.references:
        for name in names:
            try:
                vector = speaker_vector(features.audio(name), features.mel_definition.sample_rate)
                vectors.setdefault(speaker, []).append(vector)
            except NotMeasurableError:  # too little speech; without the encoder, each clip says why
                continue
    return {speaker: mean_vector(own) for speaker, own in vectors.items()}


def plain(evaluation: Evaluation) -> dict[str, Any]:
    """Means by metric with their step, as they are tracked."""
    return {"step": evaluation.step, **evaluation.means}
