"""From latent frames to a waveform: samples at once, or spectra whose inverse Fourier transform is done by rule.

HiFi-GAN, https://arxiv.org/abs/2010.05646; iSTFTNet, https://arxiv.org/abs/2203.02395; multi-band and multi-stream
iSTFT, https://arxiv.org/abs/2210.15975, sections 3.1 and 3.2.
"""

from __future__ import annotations

import dataclasses
import math
from abc import ABC, abstractmethod
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tts.audio.mel_definition import MelDefinition
from tts.layers.convolution import normed_conv, stretch, zero_padding
from tts.layers.istft import InverseStft
from tts.layers.pqmf import Pqmf
from tts.layers.residual_stacks import TrunkConfig, UpsamplingTrunk

_MAX_LOG_MAGNITUDE = math.log(1e2)  # over ten times what full scale reaches; the exponential stays finite

_STREAM_KERNEL = 63  # of the learned synthesis, as long as the filters that it replaces


class Decoded(NamedTuple):
    """What a decoder makes.

    Attributes:
        waveform: [batch, samples].
        subbands: [batch, bands, samples / bands] before they are joined; None where there is one band.
    """

    waveform: Tensor
    subbands: Tensor | None


class WaveformDecoder(UpsamplingTrunk, ABC):
    """What all decoders begin with."""

    def __init__(self, settings: TrunkConfig, in_channels: int, *, speaker: int | None) -> None:
        """Set up the trunk.

        Args:
            settings: of the trunk.
            in_channels: of the latent frames.
            speaker: channels of the speaker's vector, by which each latent channel is scaled and shifted (FiLM, Perez
                et al. 2018, https://arxiv.org/abs/1709.07871); None = the decoder is not told.
        """
        super().__init__(settings, in_channels)
        self.film = None if speaker is None else nn.Linear(speaker, 2 * in_channels)
        if self.film is not None:  # which changes nothing before it has learned to
            nn.init.zeros_(self.film.weight)
            nn.init.zeros_(self.film.bias)

    def forward(self, latent: Tensor, mask: Tensor | None, speaker: Tensor | None) -> Decoded:
        """Decode.

        Args:
            latent: [batch, frames, channels]; any value outside the mask.
            mask: [batch, frames], or None where nothing is padded.
            speaker: vectors [batch, channels], where the decoder was set up for them.

        Returns:
            Waveform and sub-bands, zero beyond each item's end.
        """
        if self.film is not None and speaker is not None:
            scale, shift = self.film(speaker).unsqueeze(1).chunk(2, dim=2)
            latent = latent * (1 + scale) + shift
        hidden, inside = self.upsample(latent.transpose(1, 2), None if mask is None else mask.unsqueeze(1))
        return self._samples(hidden, inside)

    @abstractmethod
    def _samples(self, hidden: Tensor, mask: Tensor | None) -> Decoded:
        """Decode features [batch, channels, positions] that are zero outside mask [batch, 1, positions]."""


class SampleDecoder(WaveformDecoder):
    """Samples by a last convolution, as in HiFi-GAN and VITS."""

    def __init__(self, settings: TrunkConfig, in_channels: int, *, speaker: int | None) -> None:
        super().__init__(settings, in_channels, speaker=speaker)
        self.conv_post = nn.Conv1d(settings.out_channels, 1, 7, padding=3, bias=False)

    def _samples(self, hidden: Tensor, mask: Tensor | None) -> Decoded:
        return Decoded(zero_padding(torch.tanh(self.conv_post(hidden)), mask).squeeze(1), None)


class IstftDecoder(WaveformDecoder):
    """Magnitudes and phases of each band, their inverse Fourier transform, and the bands joined."""

    def __init__(  # noqa: PLR0913 - sizes of three stages
        self,
        settings: TrunkConfig,
        in_channels: int,
        *,
        speaker: int | None,
        definition: MelDefinition,
        n_fft: int,
        hop_length: int,
        join: FixedJoin | LearnedJoin | None,
    ) -> None:
        """Set up.

        Args:
            settings: of the trunk.
            in_channels: of the latent frames.
            speaker: as for `WaveformDecoder`.
            definition: of the voice, whose other fields are as good as any.
            n_fft: points of the inverse STFT, and length of its Hann window.
            hop_length: samples of a band between its frames.
            join: from `join.bands` sub-bands [batch, bands, samples / bands] to waveforms; None = there is one band.
        """
        super().__init__(settings, in_channels, speaker=speaker)
        self.join = join
        self.bands = 1 if join is None else join.bands
        self.conv_post = normed_conv(settings.out_channels, self.bands * (n_fft + 2), 7)
        changed = {"n_fft": n_fft, "hop_length": hop_length, "win_length": n_fft, "framing": "centered"}
        self.istft = InverseStft(dataclasses.replace(definition, **changed))  # type: ignore[arg-type]

    def _samples(self, hidden: Tensor, mask: Tensor | None) -> Decoded:
        # n + 1 centred frames enclose n hops: the one more stands in front.
        features = self.conv_post(F.pad(hidden, (1, 0), mode="reflect"))
        spectra = _spectra(features.unflatten(1, (self.bands, -1)).flatten(0, 1))
        frames = None if mask is None else F.pad(mask, (1, 0), value=True).expand(-1, self.bands, -1).flatten(0, 1)
        samples = self.istft(spectra, frames)[:, : -self.istft.hop_length].unflatten(0, (-1, self.bands))
        inside = stretch(mask, self.istft.hop_length)
        samples = zero_padding(samples, inside)
        if self.join is None:
            return Decoded(samples.squeeze(1), None)
        whole = None if inside is None else stretch(inside.squeeze(1), self.bands)
        return Decoded(zero_padding(self.join(samples), whole), samples)


class FixedJoin(Pqmf):
    """Sub-bands joined by the filters of a pseudo-QMF: multi-band iSTFT."""

    def forward(self, subbands: Tensor) -> Tensor:
        """Give waveforms [batch, samples * bands] of sub-bands [batch, bands, samples]."""
        return self.synthesis(subbands)


class LearnedJoin(nn.Module):
    """Sub-bands joined by filters that are learned: multi-stream iSTFT."""

    def __init__(self, bands: int) -> None:
        super().__init__()
        self.bands = bands
        self.conv = normed_conv(bands, 1, _STREAM_KERNEL, bias=False)

    def forward(self, subbands: Tensor) -> Tensor:
        """Give waveforms [batch, samples * bands] of sub-bands [batch, bands, samples]."""
        between = F.pad(self.bands * subbands.unsqueeze(3), (0, self.bands - 1)).flatten(2)
        joined: Tensor = self.conv(between).squeeze(1)
        return joined


def _spectra(features: Tensor) -> Tensor:
    """Complex [batch, frames, bins] of features [batch, 2 * bins, frames], in full precision."""
    log_magnitude, phase = features.float().transpose(1, 2).chunk(2, dim=2)
    return torch.polar(log_magnitude.clamp(max=_MAX_LOG_MAGNITUDE).exp(), math.pi * torch.sin(phase))
