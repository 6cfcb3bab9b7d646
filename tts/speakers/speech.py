"""Recordings made ready for the speaker encoder: its rate, its level, and no long silences."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tts.audio.audibility import framed, heard_frames, require_speech
from tts.speakers.encoder import SAMPLE_RATE

Waveform = npt.NDArray[np.float32]

_LEVEL_DB = -30.0  # full scale is 0
_KEPT_FRAMES = 6
"""Frames of a silence that are kept on each side, as pauses within speech are."""


def speech_of(waveform: Waveform, sample_rate: int) -> Waveform:
    """What the encoder hears of a clip: [samples] at its rate, quiet clips raised, long silences cut out.

    Args:
        waveform: [samples] in [-1, 1].
        sample_rate: of it, Hz.

    Raises:
        AudioError: too little of it is speech.
    """
    import soxr

    resampled = soxr.resample(waveform, sample_rate, SAMPLE_RATE) if sample_rate != SAMPLE_RATE else waveform
    frames = framed(resampled, SAMPLE_RATE)
    heard = heard_frames(frames)
    require_speech(heard, purpose="know a voice by")
    near = np.convolve(heard, np.ones(2 * _KEPT_FRAMES + 1), mode="full")[_KEPT_FRAMES : _KEPT_FRAMES + len(heard)] > 0
    return _raised(frames[near].reshape(-1))


def _raised(speech: Waveform) -> Waveform:
    """Raise quiet speech to the level that the encoder learned from."""
    level = np.sqrt(np.square(speech, dtype=np.float64).mean())
    return np.asarray(speech * max(1.0, 10 ** (_LEVEL_DB / 20) / level), np.float32)
