"""The mel of a buzz: what the harmonics of a pitch look like through a mel spectrogram, before any voice shapes them.

A network that adds it to its output, band by band, need not learn to draw harmonics: on little data, mels that are
blurred below 1 kHz are what makes a synthetic voice sound hoarse. The source of the source-filter model, as in
neural source-filter vocoders (Wang et al. 2019, https://arxiv.org/abs/1904.12088), but in the mel domain.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from tts.audio.mel_definition import MelDefinition
from tts.audio.spectrogram import mel_basis

Floats = npt.NDArray[np.float64]

_LOWEST_HZ, _HIGHEST_HZ = 50.0, 800.0
_NUM_PITCHES = 256  # 1.1 % apart; between them the mel is interpolated
_VALLEY = 1e-3  # power between the harmonics of a real voice: breath, and pitch that moves within a window
_FINENESS = 64  # of the window's transform, points per bin


class HarmonicMel(nn.Module):
    """From pitch to the log-mel of a buzz, each band less its mean over all pitches; nothing is learned."""

    table: Tensor

    def __init__(self, definition: MelDefinition) -> None:
        super().__init__()
        pitches = np.geomspace(_LOWEST_HZ, _HIGHEST_HZ, _NUM_PITCHES)
        basis = mel_basis(definition).double().numpy()
        lobe = _main_lobe(definition)
        mels = np.stack([np.log(basis @ _buzz(pitch, lobe, definition) + definition.floor) for pitch in pitches])
        self.register_buffer("table", torch.from_numpy(mels - mels.mean(0)).float(), persistent=False)

    def forward(self, pitch: Tensor) -> Tensor:
        """Give [batch, frames, n_mels] for pitch [batch, frames] in Hz, zero where that is 0 (unvoiced)."""
        octaves = pitch.clamp(_LOWEST_HZ, _HIGHEST_HZ).div(_LOWEST_HZ).log2()
        position = octaves * ((_NUM_PITCHES - 1) / math.log2(_HIGHEST_HZ / _LOWEST_HZ))
        below = position.floor().clamp(max=_NUM_PITCHES - 2)
        index = below.long()
        mels = torch.lerp(self.table[index], self.table[index + 1], (position - below).unsqueeze(-1))
        return mels * (pitch > 0).unsqueeze(-1)


def _main_lobe(definition: MelDefinition) -> Floats:
    """Magnitude of the window's transform, `_FINENESS` points per bin, 1 at its peak."""
    window = np.hanning(definition.win_length + 1)[:-1]
    lobe = np.abs(np.fft.rfft(window, _FINENESS * definition.n_fft))
    normed: Floats = lobe / lobe[0]
    return normed


def _buzz(pitch: float, lobe: Floats, definition: MelDefinition) -> Floats:
    """Magnitudes [bins] of equally strong harmonics of a pitch in Hz, 1 at the peak of a lone one."""
    bin_hz = definition.sample_rate / definition.n_fft
    harmonics = np.arange(1, int(definition.sample_rate / 2 / pitch) + 1) * pitch
    distance = np.abs(np.arange(definition.n_fft // 2 + 1)[:, None] * bin_hz - harmonics)
    strengths = np.interp(distance, np.arange(len(lobe)) * bin_hz / _FINENESS, lobe)
    magnitudes: Floats = np.sqrt(np.square(strengths).sum(1) + _VALLEY)
    return magnitudes
