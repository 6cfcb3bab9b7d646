"""The speakers that clips are compared with: vectors of recordings, and their means by speaker."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.fingerprint import content_key, file_key
from pipeline.incremental import Fields, Rejected, map_cached
from pipeline.parallel import Executor
from tts.audio.files import read_audio
from tts.data.speaker_vectors import mean_vector
from tts.errors import AudioError
from tts.metrics.measurable import NotMeasurableError
from tts.metrics.packages import require_package
from tts.metrics.speakers import KnownVoices, speaker_vector

Vector = npt.NDArray[np.float32]

_RATE = 16000  # Hz, the encoder's


def known_voices(
    recordings: Mapping[str, Path],
    speakers: Mapping[str, str],
    *,
    code: str,
    store: Path,
    executor: Executor,
) -> dict[str, KnownVoices]:
    """The voices to compare each clip with: its speaker's other recordings, and the other speakers.

    A recording with too little speech is left out. Without the package that has the encoder there are none.

    Args:
        recordings: sound files by utterance id.
        speakers: of them, by utterance id.
        code: key of the code.
        store: folder of results that are kept.
        executor: where vectors are computed.
    """
    try:
        require_package("resemblyzer")
    except NotMeasurableError:
        return {}
    keys = {name: content_key("speaker vector", code, file_key(path)) for name, path in recordings.items()}
    found = map_cached(_vector, recordings, keys=keys, store=store, executor=executor, label="speaker vectors")
    return voices_beside({name: found.read(name, "vector") for name in found.ids}, speakers)


def voices_beside(vectors: Mapping[str, Any], speakers: Mapping[str, str]) -> dict[str, KnownVoices]:
    """Known voices by utterance id.

    Args:
        vectors: [size] by utterance id, of those that have one.
        speakers: by utterance id, of all.
    """
    by_speaker: dict[str, dict[str, Vector]] = defaultdict(dict)
    for name in sorted(vectors):
        by_speaker[speakers[name]][name] = vectors[name]
    means = {speaker: mean_vector(list(own.values())) for speaker, own in by_speaker.items()}
    return {name: _beside(name, speaker, by_speaker[speaker], means) for name, speaker in speakers.items()}


def _beside(name: str, speaker: str, own: Mapping[str, Vector], means: Mapping[str, Vector]) -> KnownVoices:
    rest = [vector for each, vector in own.items() if each != name]
    others = tuple(mean for each, mean in sorted(means.items()) if each != speaker)
    return KnownVoices(mean_vector(rest) if rest else None, others)


def _vector(path: Path) -> Fields | Rejected:
    try:
        return {"vector": speaker_vector(read_audio(path, sample_rate=_RATE), _RATE)}
    except (NotMeasurableError, AudioError) as error:
        return Rejected("no speaker vector", str(error))
