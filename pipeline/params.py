"""params.yaml as frozen, typed, cross-checked values: the only reader of that file."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal, TypeVar

from pydantic import Field

from pipeline.checked_models import check_model
from pipeline.imported_models import imported_models, system_of
from pipeline.paths import Paths
from pipeline.yaml import read_yaml
from tts.alignment.settings import AlignSettings
from tts.audio.mel_definition import MelDefinition
from tts.audio.prosody import PitchSettings
from tts.config import build, config
from tts.corpora import CorpusConfig
from tts.data.splits import SplitSettings
from tts.errors import ConfigError
from tts.interfaces import Kind
from tts.metrics.settings import METRICS, EvaluateSettings
from tts.registry import SYSTEMS
from tts.text.frontend import TextSettings
from tts.training.settings import RunSettings

_T = TypeVar("_T")

_OF_CLIPS = tuple(name for name in METRICS if name not in ("duration_mae_ms", "real_time_factor", "wv_mos"))
"""Metrics that a clip alone, or beside its recording and its words, suffices for."""

_BUILT = ("acoustic", "vocoders", "finetune", "finetune_replaying", "teach", "finetune_vocoders")
"""Sections of `run` that name runs."""

_REPEATED = ("system", "corpus", "init_from", "mels_from")
"""What they repeat of `runs.<name>` as it stands there."""


@config
class BuiltRun:
    """A run that `dvc repro` trains; repeats what dvc.yaml needs to know of it.

    Attributes:
        system, corpus, init_from, mels_from: as in `runs.<name>`.
        replay: corpus of its `replay`, where that is not the run's own.
    """

    system: str
    corpus: str
    init_from: str | None = None
    mels_from: str | None = None
    replay: str | None = None


@config
class BuiltVoice:
    """A voice that `dvc repro` builds; repeats what dvc.yaml needs to know of it.

    Attributes:
        acoustic, vocoder: as in `voices.<name>`; of an end-to-end voice both are its one run.
        corpus, style, speaker: as in `voices.<name>`.
    """

    acoustic: str
    vocoder: str
    corpus: str
    style: Literal["label", "recording"] | dict[str, float] = "label"
    speaker: Literal["name", "vector"] = "name"


@config
class VoiceSettings:
    """A voice: an acoustic run and a vocoder run, or an end-to-end run alone, heard on a corpus' test split.

    Attributes:
        acoustic, vocoder, end_to_end: names under `runs`.
        corpus: name under `corpora`.
        speakers: whose test sentences it says; None = all that it knows.
        style: of its test sentences: that of each sentence's `label`, that heard in its `recording` (by models that
            learn styles), or a mix of names with weights for all, which are made to sum to 1.
        speaker: of its test sentences: whom the voice knows by `name`, or anyone whom the corpus has, known or not, by
            a `vector`, the mean of their training clips' (for models that are told their speakers by vectors).
    """

    corpus: str
    acoustic: str | None = None
    vocoder: str | None = None
    end_to_end: str | None = None
    speakers: tuple[str, ...] | None = Field(default=None, min_length=1)
    style: Literal["label", "recording"] | dict[str, float] = "label"
    speaker: Literal["name", "vector"] = "name"

    def __post_init__(self) -> None:
        """Refuse voices that are incomplete or have a part too many."""
        if (self.acoustic is None) != (self.vocoder is None) or (self.end_to_end is None) == (self.acoustic is None):
            raise ValueError("needs acoustic and vocoder, or end_to_end alone")
        if self.end_to_end is not None and self.speaker == "vector":
            raise ValueError("an end-to-end voice knows its speakers by name; remove `speaker: vector`")

    @property
    def built(self) -> BuiltVoice:
        """As it stands in `run.voices`."""
        first, last = self.runs[0], self.runs[-1]
        return BuiltVoice(acoustic=first, vocoder=last, corpus=self.corpus, style=self.style, speaker=self.speaker)

    @property
    def runs(self) -> tuple[str, ...]:
        """Its runs: the acoustic one and the vocoder's, or the end-to-end one."""
        return tuple(run for run in (self.acoustic, self.vocoder, self.end_to_end) if run is not None)


@config
class Build:
    """What `dvc repro` builds; everything else in the file is available but not built.

    Attributes:
        corpora: names under `corpora`.
        acoustic, vocoders: runs to train, names under `runs`.
        finetune: runs that start from another run (`init_from`).
        finetune_replaying: those of them that replay recordings of another corpus.
        teach: acoustic runs whose teacher-forced mels vocoders learn from.
        finetune_vocoders: runs of vocoders that start from another run and learn from such mels (`mels_from`).
        voices: names under `voices`.
        speaker_vectors: corpora whose clips get them, for runs that are told their speakers by vectors.
    """

    corpora: tuple[str, ...]
    speaker_vectors: tuple[str, ...] = ()
    acoustic: dict[str, BuiltRun] = Field(default_factory=dict)
    vocoders: dict[str, BuiltRun] = Field(default_factory=dict)
    finetune: dict[str, BuiltRun] = Field(default_factory=dict)
    finetune_replaying: dict[str, BuiltRun] = Field(default_factory=dict)
    teach: dict[str, BuiltRun] = Field(default_factory=dict)
    finetune_vocoders: dict[str, BuiltRun] = Field(default_factory=dict)
    voices: dict[str, BuiltVoice] = Field(default_factory=dict)


@config
class ShardSettings:
    """How arrays are laid out on disk.

    Attributes:
        clips: in a shard, on average; fewer make more files, more make a clip that is added cost more.
    """

    clips: int = Field(gt=0)


@config
class Params:
    """All of params.yaml; each section has one owner (see the classes)."""

    run: Build
    corpora: dict[str, CorpusConfig]
    text: TextSettings
    align: AlignSettings
    audio: MelDefinition
    pitch: PitchSettings
    split: SplitSettings
    shards: ShardSettings
    max_dropped: float = Field(ge=0, le=1)
    runs: dict[str, RunSettings]
    voices: dict[str, VoiceSettings]
    evaluate: EvaluateSettings

    def corpus(self, name: str) -> CorpusConfig:
        """Settings of a corpus.

        Raises:
            ConfigError: there is none of this name.
        """
        return _lookup(self.corpora, name, "corpora")

    def training_run(self, name: str) -> RunSettings:
        """Settings of a run.

        Raises:
            ConfigError: there is none of this name.
        """
        return _lookup(self.runs, name, "runs")

    def acoustic_run(self, name: str) -> RunSettings:
        """Settings of a run of an acoustic system.

        Raises:
            ConfigError: there is none of this name, or it is of another kind.
        """
        run = self.training_run(name)
        _require_kind(SYSTEMS[run.system], "acoustic", f"run {name!r}")
        return run

    def voice(self, name: str) -> VoiceSettings:
        """Settings of a voice.

        Raises:
            ConfigError: there is none of this name.
        """
        return _lookup(self.voices, name, "voices")


def load_params(root: Path) -> Params:
    """Read and check params.yaml.

    Raises:
        ConfigError: names the first key that is unknown, of the wrong type, or contradicts another.
    """
    params, paths = build(Params, read_yaml(root / "params.yaml"), where=""), Paths(root)
    models = {*params.runs, *imported_models(paths.models, params.runs)}
    _check_runs(params, paths.checked_models, models)
    _check_voices(params, paths, models)
    return params


def _check_runs(params: Params, known: Path, models: Iterable[str]) -> None:
    for name, run in params.runs.items():
        where = f"runs.{name}"
        _require(run.system, SYSTEMS, f"{where}.system")
        _require(run.corpus, params.corpora, f"{where}.corpus")
        check_model(run, known, where=f"{where}.model")
        if run.evaluate is not None:
            _require_all(run.evaluate.metrics, _OF_CLIPS, f"{where}.evaluate.metrics")
        if run.init_from is not None:
            _require(run.init_from, models, f"{where}.init_from")
        if run.replay is not None:
            _require(run.replay.corpus, params.corpora, f"{where}.replay.corpus")
        if run.mels_from is not None:
            _check_teacher(params, run, name)
    _require_all(params.run.corpora, params.corpora, "run.corpora")
    _require_all(params.run.speaker_vectors, params.run.corpora, "run.speaker_vectors (in run.corpora)")
    for section in _BUILT:
        built: Mapping[str, BuiltRun] = getattr(params.run, section)
        for name, row in built.items():
            _check_built(params, row, name, section)


def _check_built(params: Params, row: BuiltRun, name: str, section: str) -> None:
    where = f"run.{section}.{name}"
    _require(name, params.runs, where)
    run = params.runs[name]
    replayed = run.replay.corpus if run.replay and run.replay.corpus != run.corpus else None
    for key, value in {**{key: getattr(run, key) for key in _REPEATED}, "replay": replayed}.items():
        if getattr(row, key) != value:
            raise ConfigError(
                f"{where}.{key} is {getattr(row, key)!r}, runs.{name}.{key} is {value!r}; make them equal"
            )
    if (section == "finetune_replaying") != (replayed is not None):
        right = "finetune_replaying" if replayed else "finetune"
        raise ConfigError(f"{where}: runs that replay another corpus, and no others, belong to run.finetune_replaying; "
                          f"move it to run.{right}")  # fmt: skip
    _require_all([run.corpus, *([replayed] if replayed else [])], params.run.corpora, f"{where} (in run.corpora)")


def _check_teacher(params: Params, run: RunSettings, name: str) -> None:
    teacher, where = run.mels_from, f"runs.{name}.mels_from"
    assert teacher is not None
    _require_kind(SYSTEMS[run.system], "vocoder", f"{where}: run {name!r}")
    _require(teacher, params.runs, where)
    _require_kind(SYSTEMS[params.runs[teacher].system], "acoustic", f"{where}: run {teacher!r}")
    if params.runs[teacher].corpus != run.corpus:
        raise ConfigError(
            f"{where}: {teacher} follows the recordings of {params.runs[teacher].corpus!r}, not those of "
            f"{run.corpus!r}; choose one of the same corpus"
        )


def _require_kind(found: Kind | None, wanted: Kind, what: str) -> None:
    """Refuse what is known to be of another kind."""
    if found not in (wanted, None):
        raise ConfigError(f"{what} is of kind {found}, not {wanted}; name another")


def _check_voices(params: Params, paths: Paths, models: Iterable[str]) -> None:
    for name, voice in params.voices.items():
        _require(voice.corpus, params.corpora, f"voices.{name}.corpus")
        parts: tuple[Kind, ...] = ("acoustic", "vocoder", "end_to_end")
        for part in parts:
            run = getattr(voice, part)
            if run is not None:
                _require(run, models, f"voices.{name}.{part}")
                _require_kind(_kind(params, paths, run), part, f"voices.{name}.{part}: run {run!r}")
    for name, built in params.run.voices.items():
        if params.voice(name).built != built:
            raise ConfigError(f"run.voices.{name} differs from voices.{name}; make them equal")
        if built.speaker == "vector" and built.corpus not in params.run.speaker_vectors:
            raise ConfigError(
                f"voices.{name}.speaker is 'vector', but {built.corpus!r} has no speaker vectors; "
                "name it in run.speaker_vectors"
            )


def _kind(params: Params, paths: Paths, name: str) -> Kind | None:
    """Kind of a run or an imported model; None where that is not known yet."""
    system = params.runs[name].system if name in params.runs else system_of(paths.model(name))
    return SYSTEMS.get(system) if system else None


def _require(name: str, valid: Iterable[str], where: str) -> None:
    names = sorted(valid)
    if name in names:
        return
    close = difflib.get_close_matches(name, names, n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"there is: {', '.join(names) or 'none'}"
    raise ConfigError(f"{where}: {name!r} is not defined; {hint}")


def _require_all(names: Iterable[str], valid: Iterable[str], where: str) -> None:
    valid = list(valid)
    for name in names:
        _require(name, valid, where)


def _lookup(table: Mapping[str, _T], name: str, where: str) -> _T:
    _require(name, table, where)
    return table[name]
