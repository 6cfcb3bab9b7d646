"""WaveGAN, https://arxiv.org/abs/1802.04208: transposed convolutions from noise to a waveform of fixed length.

As published it is told nothing (`condition: none`): it learns what its recordings sound like, of 16,384, 32,768 or
65,536 samples, and speaks no text. `condition: mel` is ours and no part of the paper: the same convolutions start from
the mel in place of noise, the discriminator is shown the mel where it has come down to frames, so that a score of each
few frames stands in place of one, and a log-mel distance may be weighed in. It is a vocoder as others are.

Sizes are those of github.com/chrisdonahue/wavegan (no batch norm). Differs from it: phase shuffle draws a shift for
each item, where its code draws one for a batch, and the generator learns from what the discriminator was shown last.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tts.audio.mel_definition import MelDefinition
from tts.audio.spectrogram import mel_spectrogram
from tts.config import config
from tts.errors import ConfigError
from tts.interfaces import Inventory, System, VocoderBatch
from tts.layers.convolution import frame_mask, stretch, zero_padding
from tts.layers.reflection import mirrored, picked
from tts.losses.adversarial import Judgement
from tts.losses.spectral import loss_mel_definition, mel_distance

_KERNEL = 25
_FIRST = 16  # positions that noise becomes, and that the discriminator comes down to
_SLOPE = 0.2  # of the discriminator's leaky ReLU
_LAST_RATE = 4  # of the discriminator's layer that joins waveform and mel


@config
class Config:
    """Sizes of both networks; the defaults are the paper's for 16,384 samples.

    Attributes:
        condition: none, as published; mel, ours.
        latent: size of the noise, where there is no mel.
        channels: before the last upsampling; doubled before every other one.
        rates: of the upsamplings: 16 times their product is the number of samples, with a mel it is the hop_length.
        post_filter: samples of a filter behind the generator, learned with it; None = none. The paper has 512.
        phase_shuffle: positions by which the discriminator shifts its features at most; 0 = none.
        mels: of the mel that the discriminator sees.
    """

    condition: Literal["none", "mel"] = "none"
    latent: int = 100
    channels: int = 64
    rates: tuple[int, ...] = (4, 4, 4, 4, 4)
    post_filter: int | None = None
    phase_shuffle: int = 2
    mels: int = 80

    def __post_init__(self) -> None:
        """Refuse sizes that cannot be."""
        if not self.rates or any(not 2 <= rate <= _KERNEL for rate in self.rates):
            raise ValueError(f"rates must be numbers from 2 to {_KERNEL}, the length of a kernel, not {self.rates}")
        sizes = (self.channels, self.latent, 1 if self.post_filter is None else self.post_filter)
        if min(sizes) < 1 or self.phase_shuffle < 0:
            raise ValueError("channels, latent and post_filter must be 1 or more, phase_shuffle 0 or more")

    @property
    def widths(self) -> tuple[int, ...]:
        """Channels before every upsampling, and behind the last."""
        return (*[self.channels * 2**power for power in reversed(range(len(self.rates)))], 1)


class Upsampling(nn.ConvTranspose1d):
    """Transposed convolution from L to exactly L * rate positions, cut as TensorFlow's "same" cuts."""

    def __init__(self, in_channels: int, out_channels: int, rate: int) -> None:
        super().__init__(in_channels, out_channels, _KERNEL, rate, padding=(_KERNEL - rate) // 2)

    def forward(self, hidden: Tensor, output_size: list[int] | None = None) -> Tensor:
        """Give [batch, out_channels, L * rate] for [batch, in_channels, L]."""
        return super().forward(hidden, output_size)[..., : hidden.shape[2] * self.stride[0]]


class Rise(nn.Module):
    """From hidden features to waveforms; both generators end in it."""

    def __init__(self, settings: Config) -> None:
        super().__init__()
        self.rates = settings.rates
        self.ups = nn.ModuleList(
            Upsampling(wide, narrow, rate)
            for (wide, narrow), rate in zip(pairwise(settings.widths), settings.rates, strict=True)
        )
        length = settings.post_filter
        self.post_filter = None if length is None else nn.Conv1d(1, 1, length, bias=False)

    def forward(self, hidden: Tensor, mask: Tensor | None = None) -> Tensor:
        """Give waveforms [batch, positions * rates] of hidden [batch, channels, positions]; mask [batch, positions]."""
        mask = None if mask is None else mask.unsqueeze(1)
        for up, rate in zip(self.ups, self.rates, strict=True):
            hidden = up(zero_padding(F.relu(hidden), mask))
            mask = stretch(mask, rate)
        waveform = zero_padding(torch.tanh(hidden), mask)
        if self.post_filter is not None:
            (length,) = self.post_filter.kernel_size
            filtered = self.post_filter(F.pad(waveform, ((length - 1) // 2, length // 2)))
            waveform = zero_padding(filtered.clamp(-1, 1), mask)
        return waveform.squeeze(1)


class WaveGan(nn.Module):
    """The published generator: noise to waveforms of one length."""

    def __init__(self, settings: Config, inventory: Inventory) -> None:
        super().__init__()
        self.latent = settings.latent
        self.num_samples = _FIRST * math.prod(settings.rates)
        self.definition = loss_mel_definition(inventory.mel)
        self.project = nn.Linear(settings.latent, _FIRST * settings.widths[0])
        self.rise = Rise(settings)

    def forward(self, mel: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Refuse to speak.

        Raises:
            ConfigError: always.
        """
        raise ConfigError("vocoders/wavegan: with condition 'none' it speaks no mel; train one with condition 'mel'")

    def sample(self, num: int, generator: torch.Generator | None = None) -> Tensor:
        """Waveforms [num, samples] of noise that is uniform between -1 and 1, as `Unconditional` says.

        Args:
            num: how many.
            generator: on the network's device.
        """
        noise = torch.rand(num, self.latent, generator=generator, device=self.project.weight.device)
        return self.decode(2 * noise - 1)

    def decode(self, noise: Tensor) -> Tensor:
        """Waveforms [batch, samples] of noise [batch, latent]; what lies between two noises sounds between them."""
        waveforms: Tensor = self.rise(self.project(noise).unflatten(1, (-1, _FIRST)))
        return waveforms

    def generate(self, batch: VocoderBatch) -> tuple[Tensor, ...]:
        """As many waveforms as there are segments.

        Raises:
            ConfigError: the segments have another length.
        """
        num, size = batch.waveform.shape
        if size != self.num_samples:
            raise ConfigError(
                f"vocoders/wavegan: it makes {self.num_samples} samples, but segments have {size}; "
                f"set batch.segment_frames to {self.num_samples / (size // batch.mel.shape[2]):g}, or change rates"
            )
        return (self.sample(num),)

    def loss(self, batch: VocoderBatch, waveform: Tensor) -> dict[str, Tensor]:
        """How far the mean log-mel of generated waveforms [batch, samples] is from that of the segments: spectrum.

        The paper has no such term: give it the weight 0, and it only tells how training goes.
        """
        ours, theirs = (_mean_mel(each, self.definition) for each in (waveform, batch.waveform))
        return {"spectrum": F.l1_loss(ours, theirs)}


class MelWaveGan(nn.Module):
    """Our generator that is told the mel."""

    def __init__(self, settings: Config, inventory: Inventory) -> None:
        super().__init__()
        _require_fitting(settings, inventory.mel)
        self.loss_definition = loss_mel_definition(inventory.mel)
        self.project = nn.Conv1d(inventory.mel.n_mels, settings.widths[0], 7, padding=3)
        self.rise = Rise(settings)

    def forward(self, mel: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Speak, as `Vocoder` says."""
        mask = frame_mask(lengths, mel.shape[2])
        scaled = zero_padding((mel + 5) / 5, None if mask is None else mask.unsqueeze(1))
        waveform: Tensor = self.rise(self.project(scaled), mask)
        return waveform

    def loss(self, batch: VocoderBatch, waveform: Tensor) -> dict[str, Tensor]:
        """Reconstruction terms of a generated waveform [batch, samples]: mel."""
        return {"mel": mel_distance(waveform, batch.waveform, self.loss_definition)}


class Descent(nn.Module):
    """Strided convolutions whose features are shifted at random, so that no phase gives the generator away."""

    def __init__(self, settings: Config) -> None:
        super().__init__()
        self.shuffle, self.rates = settings.phase_shuffle, settings.rates[::-1]
        widths = settings.widths[::-1]
        self.downs = nn.ModuleList(
            nn.Conv1d(narrow, wide, _KERNEL, rate)
            for (narrow, wide), rate in zip(pairwise(widths), self.rates, strict=True)
        )

    def forward(self, waveform: Tensor) -> list[Tensor]:
        """Features of waveforms [batch, samples] by layer; all but the last are shifted."""
        features: list[Tensor] = []
        hidden = waveform[:, None]
        for down, rate in zip(self.downs, self.rates, strict=True):
            if features:
                hidden = phase_shuffled(hidden, self.shuffle)
            hidden = F.leaky_relu(down(_margined(hidden, rate)), _SLOPE)
            features.append(hidden)
        return features


class Discriminator(nn.Module):
    """The published one: one score for a waveform."""

    def __init__(self, settings: Config) -> None:
        super().__init__()
        self.descent = Descent(settings)
        self.score = nn.Linear(_FIRST * settings.widths[0], 1)

    def forward(self, waveform: Tensor) -> list[Judgement]:
        """Judgement of waveforms [batch, samples], as many samples as the generator gives."""
        features = self.descent(waveform)
        return [(self.score(features[-1].flatten(1)), features)]


class JoinedDiscriminator(nn.Module):
    """Ours: waveform and mel are joined at the rate of frames; a score for every few of them."""

    sees_mel = True

    def __init__(self, settings: Config) -> None:
        super().__init__()
        self.descent = Descent(settings)
        width = settings.widths[0]
        self.join = nn.Conv1d(width + settings.mels, 2 * width, _KERNEL, _LAST_RATE)
        self.score = nn.Conv1d(2 * width, 1, 1)

    def forward(self, waveforms: tuple[Tensor, ...], mel: Tensor) -> list[Judgement]:
        """Judgement of waveforms [batch, samples] of mels [batch, mels, frames]."""
        (waveform,) = waveforms
        features = self.descent(waveform)
        both = torch.cat((features[-1], (mel + 5) / 5), dim=1)
        joined = F.leaky_relu(self.join(_margined(both, _LAST_RATE)), _SLOPE)
        return [(self.score(joined).flatten(1), [*features, joined])]


def phase_shuffled(hidden: Tensor, most: int) -> Tensor:
    """Shift each item of hidden [batch, channels, positions] by -most to most positions, mirrored at its ends.

    Section 3.3 of the paper. Shifts are drawn from torch's own random numbers, as dropout's are.
    """
    if most == 0:
        return hidden
    size = hidden.shape[2]
    shifts = torch.randint(-most, most + 1, (len(hidden), 1), device=hidden.device)
    places = torch.arange(size, device=hidden.device) + shifts
    return picked(hidden, mirrored(places, torch.tensor(size, device=hidden.device)))


def _margined(hidden: Tensor, rate: int) -> Tensor:
    """Hidden with TensorFlow's "same" margins, by which a stride of `rate` gives ceil(positions / rate)."""
    missing = _KERNEL - rate + -hidden.shape[2] % rate
    return F.pad(hidden, (missing // 2, missing - missing // 2))


def _mean_mel(waveforms: Tensor, definition: MelDefinition) -> Tensor:
    """Mean log-mel [mels] over all frames of waveforms [batch, samples]."""
    return mel_spectrogram(waveforms.float(), definition).mean(dim=(0, 2))


def _require_fitting(settings: Config, mel: MelDefinition) -> None:
    product = math.prod(settings.rates)
    if product != mel.hop_length:
        raise ConfigError(
            f"vocoders/wavegan: rates {settings.rates} multiply to {product}, but with condition 'mel' they make the "
            f"mel's hop_length, which is {mel.hop_length}; change one of the two"
        )
    if settings.mels != mel.n_mels:
        raise ConfigError(f"vocoders/wavegan: mels is {settings.mels}, but audio.n_mels {mel.n_mels}; make them equal")


def _build(settings: Config, inventory: Inventory) -> nn.Module:
    return (WaveGan if settings.condition == "none" else MelWaveGan)(settings, inventory)


def _build_discriminator(settings: Config) -> nn.Module:
    return (Discriminator if settings.condition == "none" else JoinedDiscriminator)(settings)


SYSTEM = System(
    kind="vocoder",
    config=Config,
    build=_build,
    task="adversarial",
    build_discriminator=_build_discriminator,
    configurations={
        "published": Config(),
        "published_32768": Config(rates=(4, 4, 4, 4, 4, 2)),
        "published_65536": Config(rates=(4, 4, 4, 4, 4, 4)),
        "mel": Config(condition="mel", rates=(4, 4, 4, 4)),
    },
)
