"""The spectrograms that follow the mel definition."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F

from tts.audio.mel_definition import MelDefinition, min_samples
from tts.errors import AudioError


def stft(waveform: Tensor, definition: MelDefinition) -> Tensor:
    """Complex spectrum.

    Args:
        waveform: [batch, samples] in [-1, 1].
        definition: gives the transform.

    Returns:
        [batch, n_fft // 2 + 1, frames] with `num_frames` frames.

    Raises:
        AudioError: the clip is shorter than its padding, so its edges cannot be reflected.
    """
    if waveform.shape[-1] < min_samples(definition):
        num_samples, least = waveform.shape[-1], min_samples(definition)
        raise AudioError(f"{num_samples} samples are too few, this mel needs {least}; drop the clip")
    padded = F.pad(waveform, (definition.padding, definition.padding), mode="reflect")
    return torch.stft(
        padded,
        definition.n_fft,
        hop_length=definition.hop_length,
        win_length=definition.win_length,
        window=_window(definition.win_length, waveform.device, waveform.dtype),
        center=False,
        return_complex=True,
    )


def magnitude(waveform: Tensor, definition: MelDefinition) -> Tensor:
    """Magnitude spectrogram [batch, n_fft // 2 + 1, frames] of waveforms [batch, samples].

    Raises:
        AudioError: the clip is too short to be padded.
    """
    spectrum = stft(waveform, definition)
    return torch.sqrt(spectrum.real.square() + spectrum.imag.square() + definition.magnitude_epsilon)


def mel_from_magnitude(magnitudes: Tensor, definition: MelDefinition) -> Tensor:
    """Log-mel [batch, n_mels, frames] of magnitudes [batch, n_fft // 2 + 1, frames]."""
    basis = _basis(definition, magnitudes.device, magnitudes.dtype)
    return torch.log(torch.clamp(basis @ magnitudes, min=definition.floor))


def mel_spectrogram(waveform: Tensor, definition: MelDefinition) -> Tensor:
    """Log-mel [batch, n_mels, frames] of waveforms [batch, samples]; differentiable.

    Raises:
        AudioError: the clip is too short to be padded.
    """
    return mel_from_magnitude(magnitude(waveform, definition), definition)


def frame_energy(magnitudes: Tensor) -> Tensor:
    """Energy [batch, frames]: the L2 norm over frequency of magnitudes [batch, bins, frames]."""
    norms: Tensor = torch.linalg.vector_norm(magnitudes, dim=1)
    return norms


def mel_basis(definition: MelDefinition) -> Tensor:
    """Slaney-style mel filters [n_mels, n_fft // 2 + 1], area-normalised, as in librosa's default."""
    bins_hz = np.linspace(0, definition.sample_rate / 2, definition.n_fft // 2 + 1)
    low, high = _hz_to_mel(np.array([definition.f_min, definition.f_max]))
    edges_hz = _mel_to_hz(np.linspace(low, high, definition.n_mels + 2))
    ramps = edges_hz[:, None] - bins_hz[None, :]
    widths = np.diff(edges_hz)[:, None]
    triangles = np.maximum(0, np.minimum(-ramps[:-2] / widths[:-1], ramps[2:] / widths[1:]))
    area = 2 / (edges_hz[2:] - edges_hz[:-2])[:, None]
    return torch.from_numpy((triangles * area).astype(np.float32))


# Cached tensors are made outside inference mode: one made inside could not be trained through afterwards.
@lru_cache(maxsize=16)
@torch.inference_mode(mode=False)
def _basis(definition: MelDefinition, device: torch.device, dtype: torch.dtype) -> Tensor:
    return mel_basis(definition).to(device, dtype)


@lru_cache(maxsize=16)
@torch.inference_mode(mode=False)
def _window(length: int, device: torch.device, dtype: torch.dtype) -> Tensor:
    return torch.hann_window(length, device=device, dtype=dtype)


# Slaney's auditory scale: linear below 1 kHz, logarithmic above.
_HZ_PER_MEL = 200 / 3
_BREAK_HZ = 1000.0
_BREAK_MEL = _BREAK_HZ / _HZ_PER_MEL
_LOG_STEP = np.log(6.4) / 27


def _hz_to_mel(hz: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    above = _BREAK_MEL + np.log(np.maximum(hz, 1e-10) / _BREAK_HZ) / _LOG_STEP
    return np.where(hz >= _BREAK_HZ, above, hz / _HZ_PER_MEL)


def _mel_to_hz(mel: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.where(mel >= _BREAK_MEL, _BREAK_HZ * np.exp(_LOG_STEP * (mel - _BREAK_MEL)), mel * _HZ_PER_MEL)
