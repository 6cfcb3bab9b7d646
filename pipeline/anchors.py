"""What a voice is measured beside: the recordings, and the same recordings through its vocoder and Griffin-Lim."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch

from pipeline.incremental import Fields, map_cached
from tts.audio.files import write_wav
from tts.audio.mel_definition import MelDefinition
from tts.audio.samples import to_int16
from tts.errors import DataError
from tts.interfaces import Inventory
from tts.vocoders.griffin_lim import Config as GriffinLimConfig
from tts.vocoders.griffin_lim import GriffinLim

if TYPE_CHECKING:  # worker processes import this module and need no params
    from pipeline.evaluation import Plan
    from pipeline.stage import Stage

Waveform = npt.NDArray[np.float32]

ANCHORS = ("copy_synthesis", "ground_truth", "griffin_lim")


@dataclass(frozen=True)
class Anchor:
    """One of ANCHORS of an utterance."""

    utterance_id: str
    row: str


def write_anchors(plan: Plan, audio: Path, names: Sequence[str], current: Stage) -> None:
    """Write the anchors' waveforms into ``<row>/<utterance_id>.wav``; those of before are kept, not made again.

    Raises:
        DataError: no worker survived one of them.
    """
    wanted = {f"{name}/{row}": Anchor(name, row) for name in names for row in ANCHORS}
    content = _content(plan, names)
    found = map_cached(
        partial(_made, plan),
        wanted,
        keys=current.utterance_keys({key: content[anchor] for key, anchor in wanted.items()}, "anchor"),
        store=current.paths.cache / "evaluate" / "anchors",
        executor=plan.voice.executor(current),
        label=f"anchors {current.item}",
    )
    for key, why in found.rejected.items():
        raise DataError(f"{key}: the anchor could not be made: {why.reason} ({why.detail}); run again")
    rate = plan.features().mel_definition.sample_rate
    for key, anchor in wanted.items():
        path = audio / anchor.row / f"{anchor.utterance_id}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_wav(path, found.read(key, "waveform"), sample_rate=rate)


@torch.inference_mode()
def griffin_lim(definition: MelDefinition, mel: Waveform) -> Waveform:
    """Waveform [samples] of a log-mel [frames, mels], by phases that are guessed."""
    waveform: Waveform = _network(definition)(torch.from_numpy(np.array(mel)).T[None])[0].numpy()
    return waveform


def _content(plan: Plan, names: Sequence[str]) -> dict[Anchor, list[Any]]:
    """What each anchor depends on: of the voice, copy-synthesis alone does."""
    features, voice = plan.features(), plan.voice.key()
    content: dict[Anchor, list[Any]] = {}
    for name in names:
        recording, mel = _key(features.audio(name)), [_key(features.mel(name)), str(features.mel_definition)]
        speaker = features.utterances[name].speaker
        content[Anchor(name, "ground_truth")] = ["ground_truth", recording]
        content[Anchor(name, "griffin_lim")] = ["griffin_lim", *mel]
        content[Anchor(name, "copy_synthesis")] = ["copy_synthesis", *mel, recording, speaker, voice]
    return content


def _made(plan: Plan, anchor: Anchor) -> Fields:
    """An anchor's waveform, as 16-bit samples."""
    if plan.voice.device == "cpu":
        torch.set_num_threads(1)  # sums in another order would make the bytes depend on the machine's cores
    features, name = plan.features(), anchor.utterance_id
    recording = features.audio(name)
    if anchor.row == "ground_truth":
        waveform = recording
    elif anchor.row == "griffin_lim":
        waveform = griffin_lim(features.mel_definition, features.mel(name))
    else:
        speaker = features.utterances[name].speaker
        waveform = plan.voice.load().copy(features.mel(name), recording, speaker=speaker)
    return {"waveform": to_int16(waveform)}


def _key(array: npt.NDArray[Any]) -> str:
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()


@lru_cache(maxsize=1)
def _network(definition: MelDefinition) -> GriffinLim:
    return GriffinLim(GriffinLimConfig(), Inventory(mel=definition))
