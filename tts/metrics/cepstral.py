"""Mel-cepstral distortion: how far the spectral envelopes of two clips are apart, in dB.

The distortion is Kubichek's (1993, https://doi.org/10.1109/PACRIM.1993.407206) over 13 cepstra without the zeroth,
which is loudness. The cepstra are those of the log-mel spectrogram, as in the Tacotron papers' MCD-13 (Skerry-Ryan et
al. 2018, https://arxiv.org/abs/1803.09047, appendix), scaled as SPTK scales mel-cepstra (c_k cos(k w) sums to the log
magnitude): the value is the root mean square difference in dB of the two smoothed spectra over the mel bands. It is
not that of WORLD envelopes; numbers compare only under one mel definition.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating]

NUM_CEPSTRA = 13

_DB_PER_NEPER_ROOT_TWO = 10 * math.sqrt(2) / math.log(10)


def mel_cepstra(mel: Floats) -> npt.NDArray[np.float64]:
    """Cepstra c1 to c13 [frames, 13] of a natural log-mel [frames, mels]."""
    bands = mel.shape[1]
    angles = np.pi * np.outer(np.arange(bands) + 0.5, np.arange(1, NUM_CEPSTRA + 1)) / bands
    return np.asarray(mel.astype(np.float64) @ np.cos(angles) * (2 / bands))


def mel_cepstral_distortion(ours: Floats, theirs: Floats) -> float:
    """Mean distortion in dB of paired cepstra [pairs, 13]; 0 for equal ones."""
    distances = np.sqrt(np.square(ours - theirs).sum(axis=1))
    return float(_DB_PER_NEPER_ROOT_TWO * distances.mean())
