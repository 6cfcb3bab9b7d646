"""Distances between spectra of waveforms: log-mel and multi-resolution STFT.

Spectra are computed in float32 even under autocast: half precision loses the quiet bins that a logarithm shows.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional as F

from tts.audio.mel_definition import MelDefinition
from tts.audio.spectrogram import mel_spectrogram

Resolution = tuple[int, int, int]
"""n_fft, hop_length and win_length of an STFT, in samples."""

RESOLUTIONS: tuple[Resolution, ...] = ((1024, 120, 600), (2048, 240, 1200), (512, 50, 240))
"""Of Parallel WaveGAN, https://arxiv.org/abs/1910.11480, table 1."""

_POWER_FLOOR = 1e-7  # of Parallel WaveGAN; keeps the gradient of the square root finite in silence


def loss_mel_definition(mel: MelDefinition) -> MelDefinition:
    """Give the mel definition that a vocoder's loss compares: the input's, up to half the sample rate.

    HiFi-GAN, https://arxiv.org/abs/2010.05646: the band above the input's f_max is learned through the loss.
    """
    # Without any epsilon the gradient of the magnitude is infinite in digital silence.
    epsilon = max(mel.magnitude_epsilon, 1e-9)
    return dataclasses.replace(mel, f_max=mel.sample_rate / 2, magnitude_epsilon=epsilon)


def mel_distance(generated: Tensor, target: Tensor, definition: MelDefinition) -> Tensor:
    """Mean absolute difference of the log-mels of two waveforms [batch, samples]."""
    with torch.autocast(generated.device.type, enabled=False):
        return F.l1_loss(mel_spectrogram(generated.float(), definition), mel_spectrogram(target.float(), definition))


def multi_resolution_stft_distance(
    generated: Tensor, target: Tensor, resolutions: Sequence[Resolution] = RESOLUTIONS
) -> Tensor:
    """Spectral convergence plus log-magnitude L1 of waveforms [batch, samples], averaged over resolutions.

    Parallel WaveGAN, https://arxiv.org/abs/1910.11480, equations 3 to 6. A gain g costs |1 - g| + |ln g|.
    """
    with torch.autocast(generated.device.type, enabled=False):
        terms = [_stft_distance(generated.float(), target.float(), each) for each in resolutions]
    return torch.stack(terms).mean()


def stft_magnitude(waveform: Tensor, resolution: Resolution) -> Tensor:
    """Centred magnitudes [batch, n_fft // 2 + 1, frames] of waveforms [batch, samples]."""
    n_fft, hop_length, win_length = resolution
    window = _window(win_length, waveform.device, waveform.dtype)
    spectrum = torch.stft(waveform, n_fft, hop_length, win_length, window, return_complex=True)
    return torch.sqrt((spectrum.real.square() + spectrum.imag.square()).clamp(min=_POWER_FLOOR))


def _stft_distance(generated: Tensor, target: Tensor, resolution: Resolution) -> Tensor:
    ours, theirs = stft_magnitude(generated, resolution), stft_magnitude(target, resolution)
    convergence: Tensor = torch.linalg.norm(theirs - ours) / torch.linalg.norm(theirs)
    return convergence + F.l1_loss(ours.log(), theirs.log())


# Made outside inference mode: a window made inside could not be trained through afterwards.
@lru_cache(maxsize=32)
@torch.inference_mode(mode=False)
def _window(length: int, device: torch.device, dtype: torch.dtype) -> Tensor:
    return torch.hann_window(length, device=device, dtype=dtype)
