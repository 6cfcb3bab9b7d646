"""Samples: 16 bits as they are kept, floats in [-1, 1] as they are worked on, and the way from one to the other."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tts.errors import AudioError

Waveform = npt.NDArray[np.float32]

_FULL_SCALE = 32768  # int16 -> float32 -> int16 loses nothing


def to_int16(waveform: Waveform | npt.NDArray[np.int16]) -> npt.NDArray[np.int16]:
    """Samples of 16 bits; floats beyond [-1, 1] are clipped.

    Raises:
        AudioError: the waveform holds NaN or infinity.
    """
    if waveform.dtype == np.int16:
        return np.asarray(waveform, np.int16)
    if not np.isfinite(waveform).all():
        raise AudioError("a waveform with NaN or infinite samples cannot be written; look for the model's fault")
    scaled = np.rint(waveform.astype(np.float64) * _FULL_SCALE)
    return np.clip(scaled, -_FULL_SCALE, _FULL_SCALE - 1).astype(np.int16)


def to_float(samples: npt.NDArray[np.int16]) -> Waveform:
    """Samples in [-1, 1); the inverse of `to_int16`."""
    waveform: Waveform = samples.astype(np.float32) / np.float32(_FULL_SCALE)
    return waveform
