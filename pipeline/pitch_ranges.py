"""How the pitch of each speaker of a corpus is measured: alike, or in a range of their own."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from pipeline.clips import AlignedClip
from pipeline.incremental import Fields, map_cached
from tts.audio.mel_definition import MelDefinition
from tts.audio.pitch_range import own_range, pitch_histogram
from tts.audio.prosody import PitchSettings
from tts.config import to_plain

if TYPE_CHECKING:  # worker processes import this module and need no params
    from pipeline.stage import Stage

_SHOWN = 3


def speaker_pitch(clips: Mapping[str, AlignedClip], current: Stage) -> dict[str, PitchSettings]:
    """Settings by speaker, in the order of their names; a range of their own takes a first pass over their clips."""
    settings = current.params.pitch
    speakers = sorted({each.clip.speaker for each in clips.values()})
    if not settings.per_speaker:
        return dict.fromkeys(speakers, settings)
    histograms = _histograms(clips, current)
    own = {name: own_range(histograms[name], settings) for name in speakers}
    current.say(_said(own))
    return own


def _histograms(clips: Mapping[str, AlignedClip], current: Stage) -> dict[str, np.ndarray]:
    """Sum over the clips of each speaker; a clip's own is kept, so that a new clip costs itself."""
    definition, settings = current.params.audio, current.params.pitch
    contents = {name: [each.clip.audio_sha256] for name, each in clips.items()}
    results = map_cached(
        partial(_histogram_of, definition=definition, settings=settings),
        clips,
        keys=current.utterance_keys(contents, "pitch range", to_plain(definition), settings.f_min, settings.f_max),
        store=current.store(),
        executor=current.executor,
        label=f"pitch ranges {current.item}",
    )
    sums: dict[str, np.ndarray] = defaultdict(lambda: np.zeros(1, dtype=np.int64))
    for name in results.ids:
        speaker = clips[name].clip.speaker
        sums[speaker] = sums[speaker] + results.read(name, "histogram")
    return sums


def _histogram_of(aligned: AlignedClip, definition: MelDefinition, settings: PitchSettings) -> Fields:
    return {"histogram": pitch_histogram(aligned.clip.waveform(), definition, settings)}


def _said(own: Mapping[str, PitchSettings]) -> str:
    ranges = [f"{name} {each.f_min:.0f} to {each.f_max:.0f} Hz" for name, each in own.items()]
    more = [f"{len(ranges) - _SHOWN} more"] if len(ranges) > _SHOWN else []
    return f"pitch of {'; '.join([*ranges[:_SHOWN], *more])}"
