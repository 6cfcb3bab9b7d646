"""How far the spectra of two clips are apart."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch

from tts.losses.spectral import multi_resolution_stft_distance
from tts.metrics.measurable import NotMeasurableError

Floats = npt.NDArray[np.floating]


def mel_l1(ours: Floats, theirs: Floats) -> float:
    """Mean absolute difference of paired natural log-mels [pairs, mels], in nepers."""
    return float(np.abs(ours.astype(np.float64) - theirs).mean())


def multi_resolution_stft(ours: Floats, theirs: Floats) -> float:
    """Spectral convergence plus log-magnitude L1, over three resolutions, of waveforms in step with each other.

    Parallel WaveGAN, https://arxiv.org/abs/1910.11480, equations 3 to 6.

    Args:
        ours: [samples].
        theirs: [samples]; a difference of less than one frame at the end is cut off.

    Raises:
        NotMeasurableError: the recording is silent, so that nothing can be related to it.
    """
    if not theirs.any():
        raise NotMeasurableError("the recording is silent")
    length = min(len(ours), len(theirs))
    pair = [torch.from_numpy(np.array(each[:length], dtype=np.float32))[None] for each in (ours, theirs)]
    return float(multi_resolution_stft_distance(pair[0], pair[1]))
