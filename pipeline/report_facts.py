"""What is known of a voice, read once for the report and for its model card."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from pipeline.evaluation import SENTENCES, read_pitch
from pipeline.imported_models import system_of
from pipeline.params import Params, VoiceSettings
from pipeline.paths import Paths
from tts.audio.mel_definition import MelDefinition
from tts.audio.prosody import PitchSettings
from tts.config import build
from tts.data.tables import read_metadata, read_table
from tts.errors import DataError

Row = Mapping[str, Any]

ROWS = {
    "voice": "Voice",
    "copy_synthesis": "Copy-synthesis",
    "griffin_lim": "Griffin-Lim",
    "ground_truth": "Ground truth",
}
"""Titles of a voice and its anchors, in the order of the report."""


@dataclass(frozen=True)
class VoiceFacts:
    """A voice that was evaluated.

    Attributes:
        name: under `voices`.
        settings: of it.
        paths: of the project.
        systems: by run, acoustic first.
        means: metrics/voices/<voice>.json.
    """

    name: str
    settings: VoiceSettings
    paths: Paths
    systems: Mapping[str, str]
    means: Mapping[str, Mapping[str, Mapping[str, float]]]

    @property
    def description(self) -> str:
        """What it is made of and how it was heard, as a sentence."""
        made_of = " + ".join(f"{run} ({system})" for run, system in self.systems.items())
        how = f"{_by_vector(self.settings)}{_in_style(self.settings)}"
        return f"{made_of}, heard on the test split of {self.settings.corpus}{how}."

    @property
    def audio(self) -> Path:
        """data/audio/<voice>."""
        return self.paths.audio(self.name)

    @property
    def scores(self) -> Path:
        """data/scores/<voice>."""
        return self.paths.scores(self.name)

    @cached_property
    def sentences(self) -> Sequence[Row]:
        """What it said, sorted by utterance id."""
        return read_table(self.scores / "utterances.parquet", SENTENCES)

    @cached_property
    def definition(self) -> MelDefinition:
        """Of its mels and its sample rate."""
        stored = read_metadata(self.scores / "utterances.parquet")["mel_definition"]
        return build(MelDefinition, json.loads(stored), where=f"{self.scores}: mel_definition")

    @cached_property
    def pitch(self) -> Mapping[str, PitchSettings]:
        """How the pitch of each speaker is measured."""
        return read_pitch(self.paths.prosody(self.settings.corpus))

    def sound(self, row: str, utterance: str) -> Path:
        """File of an utterance, by the voice or an anchor."""
        folder = self.audio if row == "voice" else self.scores / "audio" / row
        return folder / f"{utterance}.wav"


def read_voice(params: Params, paths: Paths, name: str) -> VoiceFacts:
    """Give what is known of a voice.

    Raises:
        DataError: it was not evaluated.
    """
    settings = params.voice(name)
    systems = {run: system_of_run(params, paths, run) for run in settings.runs}
    means = read_json(paths.voice_metrics(name), f"tts evaluate {name}")
    return VoiceFacts(name, settings, paths, systems, means)


def system_of_run(params: Params, paths: Paths, name: str) -> str:
    """System of a run, or of a public checkpoint that was imported."""
    return params.runs[name].system if name in params.runs else f"{system_of(paths.model(name))}, imported"


def read_json(path: Path, command: str) -> Any:  # noqa: ANN401 - any JSON value
    """Read a result.

    Raises:
        DataError: it is missing; names the command that makes it.
    """
    if not path.exists():
        raise DataError(f"{path} is missing; run `{command}`")
    return json.loads(path.read_text(encoding="utf-8"))


def _by_vector(settings: VoiceSettings) -> str:
    return ", each speaker told by a vector of other recordings" if settings.speaker == "vector" else ""


def _in_style(settings: VoiceSettings) -> str:
    if isinstance(settings.style, str):
        return {"label": "", "recording": ", each sentence in the style heard in its recording"}[settings.style]
    return f", in the style {' + '.join(f'{weight:g} {name}' for name, weight in settings.style.items())}"
