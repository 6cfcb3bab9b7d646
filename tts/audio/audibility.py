"""What of a clip can be heard: frames of 30 ms that are neither silence nor a recorder's noise."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tts.audio.samples import Waveform
from tts.errors import AudioError

LEAST_SECONDS = 0.5
"""Of speech; from less than that neither a voice nor a style can be known."""

FRAME_SECONDS = 0.03
_BELOW_LOUD_DB = 40.0
_AUDIBLE = 1e-4  # of full scale, root mean square; recorders' noise


def heard_frames(frames: Waveform) -> npt.NDArray[np.bool_]:
    """Whether each of frames [frames, samples] is heard: not 40 dB below the loud ones (their 95th percentile)."""
    levels = np.sqrt(np.square(frames, dtype=np.float64).mean(axis=1))
    loud = np.quantile(levels, 0.95) if len(levels) else 0.0
    heard: npt.NDArray[np.bool_] = levels > max(loud * 10 ** (-_BELOW_LOUD_DB / 20), _AUDIBLE)
    return heard


def framed(waveform: Waveform, sample_rate: int) -> Waveform:
    """Cut a clip [samples] into frames [frames, samples] of FRAME_SECONDS; what is left over is dropped."""
    size = round(FRAME_SECONDS * sample_rate)
    return waveform[: len(waveform) // size * size].reshape(-1, size)


def require_speech(heard: npt.NDArray[np.bool_], *, purpose: str) -> None:
    """Refuse a clip of which too few frames [frames] are heard.

    Raises:
        AudioError: they last less than LEAST_SECONDS; the message names the purpose.
    """
    seconds = heard.sum() * FRAME_SECONDS
    if seconds < LEAST_SECONDS:
        raise AudioError(f"{seconds:.1f} s of speech are too few to {purpose}; give {LEAST_SECONDS:g} s or more")
