"""Speaker similarity: how alike two clips' voices are, by the speaker encoder of `tts.speakers`.

The cosine between the vectors of two clips (SECS, speaker encoder cosine similarity; Casanova et al. 2021, SC-GlowTTS,
https://arxiv.org/abs/2104.05557). The encoder's cosines are never negative, and lie well above 0 for any two voices:
values are to be read beside those of other speakers. A clip is compared with other recordings of its speaker, never
with that of its own words, and with the most similar of the other speakers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tts.errors import AudioError, ConfigError
from tts.metrics.measurable import NotMeasurableError

Floats = npt.NDArray[np.floating]
Vector = npt.NDArray[np.float32]


@dataclass(frozen=True)
class KnownVoices:
    """The speakers that a clip is compared with.

    Attributes:
        own: mean vector [size] of its speaker's other recordings; None where there are none.
        others: mean vectors [size] of the other speakers.
    """

    own: Vector | None
    others: Sequence[Vector]

    def similarity(self, vector: Vector) -> float:
        """Cosine with the speaker.

        Raises:
            NotMeasurableError: the speaker has no other recording.
        """
        if self.own is None:
            raise NotMeasurableError("there is no other recording of the speaker to compare with")
        return cosine(vector, self.own)

    def similarity_other(self, vector: Vector) -> float:
        """Cosine with the most similar of the other speakers.

        Raises:
            NotMeasurableError: there is no other speaker.
        """
        if not self.others:
            raise NotMeasurableError("there is no other speaker to compare with")
        return max(cosine(vector, other) for other in self.others)

    def accuracy(self, vector: Vector) -> float:
        """1 where the clip is more similar to its speaker than to any other, else 0.

        Raises:
            NotMeasurableError: the speaker has no other recording, or there is no other speaker.
        """
        return float(self.similarity(vector) > self.similarity_other(vector))


def cosine(ours: Floats, theirs: Floats) -> float:
    """Cosine of the angle between two vectors [size]; 1 = of one direction."""
    return float(ours @ theirs / (np.linalg.norm(ours) * np.linalg.norm(theirs)))


def speaker_similarity(
    waveform: npt.NDArray[np.float32], recording: npt.NDArray[np.float32], sample_rate: int
) -> float:
    """Cosine of the speaker vectors of two clips [samples] of one rate in Hz; they need not say the same.

    Raises:
        NotMeasurableError: one of them has too little speech, or the encoder's weights are absent.
    """
    ours, theirs = (speaker_vector(each, sample_rate) for each in (waveform, recording))
    return cosine(ours, theirs)


def speaker_vector(waveform: npt.NDArray[np.float32], sample_rate: int) -> npt.NDArray[np.float32]:
    """Speaker vector of a clip [samples].

    Raises:
        NotMeasurableError: it has too little speech, or the encoder's weights are absent.
    """
    from tts.speakers.speech import speech_of
    from tts.speakers.weights import load_encoder

    try:
        speech = speech_of(waveform, sample_rate)
        return load_encoder().embed([speech])[0]
    except (AudioError, ConfigError) as error:
        raise NotMeasurableError(str(error)) from error
