"""Recordings made ready for the speaker encoder: its rate, its level, and no long silences."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tts.errors import AudioError
from tts.speakers.encoder import SAMPLE_RATE

Waveform = npt.NDArray[np.float32]

LEAST_SECONDS = 0.5
"""Of speech; from less than that no voice can be known."""

_LEVEL_DB = -30.0  # full scale is 0
_FRAME = SAMPLE_RATE * 30 // 1000
_BELOW_LOUD_DB = 40.0
_AUDIBLE = 1e-4  # of full scale, root mean square; recorders' noise
_KEPT_FRAMES = 6
"""Frames of a silence that are kept on each side, as pauses within speech are."""


def speech_of(waveform: Waveform, sample_rate: int) -> Waveform:
    """What the encoder hears of a clip: [samples] at its rate, quiet clips raised, long silences cut out.

    Frames of 30 ms are silent that are 40 dB below the loud ones (their 95th percentile).

    Args:
        waveform: [samples] in [-1, 1].
        sample_rate: of it, Hz.

    Raises:
        AudioError: less than LEAST_SECONDS of it are speech.
    """
    import soxr

    resampled = soxr.resample(waveform, sample_rate, SAMPLE_RATE) if sample_rate != SAMPLE_RATE else waveform
    frames = resampled[: len(resampled) // _FRAME * _FRAME].reshape(-1, _FRAME)
    levels = np.sqrt(np.square(frames, dtype=np.float64).mean(axis=1))
    loud = np.quantile(levels, 0.95) if len(levels) else 0.0
    heard = levels > max(loud * 10 ** (-_BELOW_LOUD_DB / 20), _AUDIBLE)
    seconds = heard.sum() * _FRAME / SAMPLE_RATE
    if seconds < LEAST_SECONDS:
        raise AudioError(f"{seconds:.1f} s of speech are too few to know a voice by; give {LEAST_SECONDS:g} s or more")
    near = np.convolve(heard, np.ones(2 * _KEPT_FRAMES + 1), mode="full")[_KEPT_FRAMES : _KEPT_FRAMES + len(heard)] > 0
    return _raised(frames[near].reshape(-1))


def _raised(speech: Waveform) -> Waveform:
    """Raise quiet speech to the level that the encoder learned from."""
    level = np.sqrt(np.square(speech, dtype=np.float64).mean())
    return np.asarray(speech * max(1.0, 10 ** (_LEVEL_DB / 20) / level), np.float32)
