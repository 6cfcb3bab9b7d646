"""A clip's speaker as a vector of unit length, by an encoder that learned to tell thousands of speakers apart.

Wan et al. 2018, "Generalized End-to-End Loss for Speaker Verification", https://arxiv.org/abs/1710.10467, in the
layout of the wheel `resemblyzer` 0.1.4 (Apache-2.0), whose weights it takes: 40 mels of power (no logarithm) at 16 kHz
every 10 ms, three LSTM layers, a linear layer, ReLU, unit length. A clip is cut into windows of 1.6 s, 0.77 s apart;
its vector is the mean of theirs, brought back to unit length. Since there is a ReLU, no component is negative, and no
cosine either.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tts.audio.mel_definition import MelDefinition
from tts.audio.spectrogram import mel_basis
from tts.interfaces import SPEAKER_VECTOR_SIZE

Waveform = npt.NDArray[np.float32]
Vector = npt.NDArray[np.float32]

SAMPLE_RATE = 16000

_WINDOW_FRAMES = 160
_STEP_FRAMES = 77  # 1.3 windows begin in a second
_LEAST_COVERAGE = 0.75
"""The share of the last window that must be sound, unless it is the only one."""

_LAYERS = 3
_BATCH = 64  # windows

_MEL = MelDefinition(
    sample_rate=SAMPLE_RATE,
    n_fft=400,
    hop_length=160,
    win_length=400,
    n_mels=40,
    f_min=0.0,
    f_max=8000.0,
    framing="centered",
)


class SpeakerEncoder(nn.Module):
    """Windows of mels to vectors; the names of its tensors are those of the weights."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(_MEL.n_mels, SPEAKER_VECTOR_SIZE, num_layers=_LAYERS, batch_first=True)
        self.linear = nn.Linear(SPEAKER_VECTOR_SIZE, SPEAKER_VECTOR_SIZE)

    def forward(self, windows: Tensor) -> Tensor:
        """Give vectors [windows, SPEAKER_VECTOR_SIZE] of unit length for mels [windows, frames, 40]."""
        _, (hidden, _) = self.lstm(windows)
        return F.normalize(F.relu(self.linear(hidden[-1])), dim=-1)

    @torch.inference_mode()
    def embed(self, waveforms: Sequence[Waveform]) -> list[Vector]:
        """Vectors of clips, each as it would be alone.

        Args:
            waveforms: [samples] each, at SAMPLE_RATE; see `tts.speakers.speech` for how they are made ready.

        Returns:
            [SPEAKER_VECTOR_SIZE] of unit length each.
        """
        of_clips = [_windows(waveform) for waveform in waveforms]
        vectors = torch.cat([self(some) for some in torch.split(torch.cat(of_clips), _BATCH)])
        means = [own.mean(dim=0) for own in torch.split(vectors, [len(windows) for windows in of_clips])]
        return [F.normalize(mean, dim=0).numpy() for mean in means]


def _windows(waveform: Waveform) -> Tensor:
    """Mels [windows, frames, 40] of a clip; silence fills the last window up."""
    starts = _window_starts(len(waveform))
    num_samples = (starts[-1] + _WINDOW_FRAMES) * _MEL.hop_length
    padded = np.pad(waveform, (0, max(0, num_samples - len(waveform))))
    mel = _power_mel(torch.from_numpy(padded))
    return torch.stack([mel[start : start + _WINDOW_FRAMES] for start in starts])


def _window_starts(num_samples: int) -> list[int]:
    """First frames of a clip's windows."""
    num_frames = num_samples // _MEL.hop_length + 1
    starts = list(range(0, max(1, num_frames - _WINDOW_FRAMES + _STEP_FRAMES + 1), _STEP_FRAMES))
    covered = num_samples / _MEL.hop_length - starts[-1]
    if len(starts) > 1 and covered < _LEAST_COVERAGE * _WINDOW_FRAMES:
        starts.pop()
    return starts


def _power_mel(waveform: Tensor) -> Tensor:
    """Mels of power [frames, 40]; beyond its ends the clip is silent."""
    window = torch.hann_window(_MEL.win_length)
    spectrum = torch.stft(
        waveform, _MEL.n_fft, _MEL.hop_length, window=window, pad_mode="constant", return_complex=True
    )
    return (mel_basis(_MEL) @ spectrum.abs().square()).T
