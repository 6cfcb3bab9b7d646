"""The one mel definition, the one frame count, and the spectrograms that follow them.

Two framings exist in the field and differ by half a hop:

- ``hifigan``: reflect padding of (n_fft - hop_length) / 2 on both sides; frame t is centred on sample
  ``hop_length * t + hop_length / 2``; a clip of L samples has ``L // hop_length`` frames.
- ``centered`` (Tacotron 2): reflect padding of n_fft / 2; frame t is centred on sample ``hop_length * t``; a
  clip has ``L // hop_length + 1`` frames.
"""

from __future__ import annotations

import dataclasses
from functools import lru_cache
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F

from tts.config import config
from tts.errors import AudioError, ConfigError


@config
class MelDefinition:
    """What a mel spectrogram is; stored with every shard and every checkpoint.

    The value of a bin is ``ln(max(mel, floor))`` of magnitudes ``sqrt(re² + im² + magnitude_epsilon)``.
    """

    sample_rate: int
    n_fft: int
    hop_length: int
    win_length: int
    n_mels: int
    f_min: float
    f_max: float
    framing: Literal["hifigan", "centered"] = "hifigan"
    magnitude_epsilon: float = 1e-9
    floor: float = 1e-5

    def __post_init__(self) -> None:
        """Refuse definitions that cannot be computed."""
        if not 0 <= self.f_min < self.f_max <= self.sample_rate / 2:
            raise ValueError(f"needs 0 <= f_min < f_max <= {self.sample_rate / 2:g} Hz, half the sample rate")
        if not 0 < self.hop_length <= self.win_length <= self.n_fft:
            raise ValueError("needs 0 < hop_length <= win_length <= n_fft")
        if self.n_fft % 2 or (self.framing == "hifigan" and self.hop_length % 2):
            raise ValueError("needs an even n_fft, and an even hop_length for hifigan framing, to pad evenly")
        if self.n_mels < 1:
            raise ValueError("needs n_mels >= 1")

    @property
    def padding(self) -> int:
        """Samples of reflect padding on each side."""
        return (self.n_fft - self.hop_length) // 2 if self.framing == "hifigan" else self.n_fft // 2

    @property
    def first_center(self) -> float:
        """Sample on which frame 0 is centred."""
        return self.hop_length / 2 if self.framing == "hifigan" else 0.0

    @property
    def frames_per_second(self) -> float:
        """Frame rate in Hz."""
        return self.sample_rate / self.hop_length


def require_equal(ours: MelDefinition, theirs: MelDefinition, *, what: str) -> None:
    """Refuse to pair two things of different mel definitions.

    Raises:
        ConfigError: names every field that differs, with both values.
    """
    pairs = ((f.name, getattr(ours, f.name), getattr(theirs, f.name)) for f in dataclasses.fields(ours))
    differing = [f"{name} {a} against {b}" for name, a, b in pairs if a != b]
    if differing:
        raise ConfigError(f"{what}: mel definitions differ in {', '.join(differing)}; rebuild one of the two")


def num_frames(num_samples: int, definition: MelDefinition) -> int:
    """Frames of a clip of `num_samples`; every stage and model uses this one rule."""
    return num_samples // definition.hop_length + (definition.framing == "centered")


def min_samples(definition: MelDefinition) -> int:
    """The shortest clip that has a frame and whose edges can be reflected, in samples."""
    return max(definition.padding + 1, definition.hop_length)


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
