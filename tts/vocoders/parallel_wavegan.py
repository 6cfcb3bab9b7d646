"""Parallel WaveGAN, https://arxiv.org/abs/1910.11480: a WaveNet without recursion shapes noise by the mel.

Differs from github.com/kan-bayashi/ParallelWaveGAN: items of a padded batch do not see their padding; mels are natural
logarithms, brought near unit variance by constants unless published weights bring statistics; the convolution that
looks at frames before and after sees the first and the last frame repeated there, in training too, where that code cuts
segments with their neighbours (it repeats in inference). Speaking, every item is given the same noise, drawn from
`seed`: a mel gives the same waveform always. The last block's `conv1x1_out` leads nowhere, as in that code: it stays,
untrained, so that weights and their number are the published ones.

As published it is trained with `stft`, from step 100,000 on against a judge of weight 4, by RAdam.
"""

from __future__ import annotations

import math

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import weight_norm

from tts.config import config
from tts.errors import ConfigError
from tts.interfaces import Inventory, System, VocoderBatch
from tts.layers import convolution
from tts.layers.convolution import frame_mask, stretch, zero_padding
from tts.layers.frame_noise import frame_noise
from tts.layers.mel_standard import MelStandard, StandardMel
from tts.losses.adversarial import Judgement
from tts.losses.spectral import (
    RESOLUTIONS,
    Resolution,
    loss_mel_definition,
    mel_distance,
    multi_resolution_stft_distance,
)

_SLOPE = 0.2  # of the discriminator's leaky ReLUs


@config
class Config:
    """Sizes of both networks; the defaults are those of the public code's v1.

    Attributes:
        layers: residual blocks.
        stacks: times that their dilations start anew from 1, doubling within.
        residual_channels, gate_channels, skip_channels: of each block; half of the gate's channels open or close the
            other half.
        context: frames before and after that condition a frame.
        upsample_rates: of the mel, one after the other; their product is its hop_length.
        seed: of the noise that is spoken with.
        standard: of mels.
        resolutions: of the stft loss term.
        discriminator_layers, discriminator_channels: of its adversary, whose dilations grow by 1.
    """

    layers: int = Field(default=30, gt=0)
    stacks: int = Field(default=3, gt=0)
    residual_channels: int = Field(default=64, gt=0)
    gate_channels: int = Field(default=128, gt=0)
    skip_channels: int = Field(default=64, gt=0)
    context: int = Field(default=2, ge=0)
    upsample_rates: tuple[int, ...] = (4, 4, 4, 4)
    seed: int = Field(default=0, ge=0)
    standard: MelStandard = MelStandard()
    resolutions: tuple[Resolution, ...] = RESOLUTIONS
    discriminator_layers: int = Field(default=10, ge=3)
    discriminator_channels: int = Field(default=64, gt=0)

    def __post_init__(self) -> None:
        """Refuse sizes that do not fit together."""
        if self.layers % self.stacks:
            raise ValueError(f"layers must be a multiple of stacks, {self.layers} is none of {self.stacks}")
        if self.gate_channels % 2:
            raise ValueError(f"gate_channels must be even, {self.gate_channels} is not")


class ParallelWaveGan(nn.Module):
    """The generator."""

    def __init__(self, settings: Config, inventory: Inventory) -> None:
        super().__init__()
        _require_hop(settings, inventory.mel.hop_length)
        self.hop_length, self.seed = inventory.mel.hop_length, settings.seed
        self.resolutions = settings.resolutions
        self.loss_definition = loss_mel_definition(inventory.mel)
        self.standard = StandardMel(settings.standard)
        self.upsampling = MelUpsampling(inventory.mel.n_mels, settings.context, settings.upsample_rates)
        self.conv_pre = _conv(1, settings.residual_channels, 1)
        cycle = settings.layers // settings.stacks
        self.blocks = nn.ModuleList(
            ResidualBlock(settings, inventory.mel.n_mels, dilation=2 ** (layer % cycle))
            for layer in range(settings.layers)
        )
        self.conv_mix = _conv(settings.skip_channels, settings.skip_channels, 1)
        self.conv_post = _conv(settings.skip_channels, 1, 1)

    def forward(self, mel: Tensor, lengths: Tensor | None = None, *, noise: Tensor | None = None) -> Tensor:
        """Speak, as `FromNoise` says; while training, samples may exceed 1: a clipped one would learn nothing.

        Args:
            mel: log-mel [batch, mels, frames].
            lengths: [batch] frames of each item; None = all frames count.
            noise: [batch, samples], or [1, samples] for all; None = in training drawn by torch's own random numbers,
                otherwise that of the first frames.

        Returns:
            [batch, samples].
        """
        noise = self._drawn(mel) if noise is None else noise.to(mel).expand(len(mel), -1)
        mask = frame_mask(lengths, mel.shape[2])
        conditions = self.upsampling(self.standard(mel), lengths)
        waveform = self.shaped(noise, conditions, stretch(mask, self.hop_length))
        return waveform if self.training else waveform.clamp(-1, 1)

    def shaped(self, noise: Tensor, conditions: Tensor, mask: Tensor | None = None) -> Tensor:
        """Waveforms [batch, samples] of noise and mask of that shape, and of conditions [batch, mels, samples]."""
        mask = None if mask is None else mask.unsqueeze(1)
        hidden = self.conv_pre(noise[:, None])
        total = torch.zeros_like(hidden[:, :1])
        for block in self.blocks:
            hidden, skip = block(hidden, conditions, mask)
            total = total + skip
        mixed = self.conv_mix(F.relu(total * math.sqrt(1 / len(self.blocks))))
        return zero_padding(self.conv_post(F.relu(mixed)), mask).squeeze(1)

    def loss(self, batch: VocoderBatch, waveform: Tensor) -> dict[str, Tensor]:
        """Reconstruction terms of a generated waveform [batch, samples]: mel and stft."""
        return {
            "mel": mel_distance(waveform, batch.waveform, self.loss_definition),
            "stft": multi_resolution_stft_distance(waveform, batch.waveform, self.resolutions),
        }

    def fold_weight_norm(self) -> None:
        """Replace normed weights by plain ones, for export and speed; training cannot go on as it was."""
        convolution.fold_weight_norm(self)

    def noise(self, frames: range) -> Tensor:
        """Normal noise [1, samples] of frames of an utterance, as `FromNoise` says."""
        return frame_noise(self.seed, frames, self.hop_length).flatten()[None]

    def _drawn(self, mel: Tensor) -> Tensor:
        """Normal noise [batch, samples]."""
        if self.training:
            return torch.randn(len(mel), mel.shape[2] * self.hop_length, device=mel.device)
        return self.noise(range(mel.shape[2])).to(mel.device).expand(len(mel), -1)


class ResidualBlock(nn.Module):
    """A dilated convolution, conditioned and gated, that adds to the next block's input and to the output."""

    def __init__(self, settings: Config, n_mels: int, *, dilation: int) -> None:
        super().__init__()
        residual, gate, skip = settings.residual_channels, settings.gate_channels, settings.skip_channels
        self.conv = _conv(residual, gate, 3, dilation=dilation)
        self.conv1x1_aux = _conv(n_mels, gate, 1, bias=False)
        self.conv1x1_out = _conv(gate // 2, residual, 1)
        self.conv1x1_skip = _conv(gate // 2, skip, 1)

    def forward(self, hidden: Tensor, conditions: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor]:
        """Give [batch, residual_channels, samples] for the next block and [batch, skip_channels, samples]."""
        signal, gate = (self.conv(zero_padding(hidden, mask)) + self.conv1x1_aux(conditions)).chunk(2, dim=1)
        opened = torch.tanh(signal) * torch.sigmoid(gate)
        return (hidden + self.conv1x1_out(opened)) * math.sqrt(0.5), self.conv1x1_skip(opened)


class MelUpsampling(nn.Module):
    """From frames to samples: a convolution over neighbouring frames, then steps of repetition, each smoothed."""

    def __init__(self, n_mels: int, context: int, rates: tuple[int, ...]) -> None:
        super().__init__()
        self.context, self.rates = context, rates
        self.conv_in = weight_norm(_initialized(nn.Conv1d(n_mels, n_mels, 2 * context + 1, bias=False)))
        self.smoothing = nn.ModuleList(_smoothing(rate) for rate in rates)

    def forward(self, mel: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Give conditions [batch, mels, frames * rates] of a mel [batch, mels, frames]."""
        neighbours = self.conv_in(_repeated(mel, self.context, lengths))
        return self.upsampled(neighbours, frame_mask(lengths, mel.shape[2]))

    def upsampled(self, hidden: Tensor, mask: Tensor | None = None) -> Tensor:
        """Give [batch, mels, frames * rates] of [batch, mels, frames], with a mask [batch, frames]."""
        mask = None if mask is None else mask.unsqueeze(1)
        for smooth, rate in zip(self.smoothing, self.rates, strict=True):
            longer = zero_padding(hidden.repeat_interleave(rate, dim=2), stretch(mask, rate))
            hidden, mask = smooth(longer.flatten(0, 1)[:, None]).view_as(longer), stretch(mask, rate)
        return hidden


class Discriminator(nn.Module):
    """Convolutions without strides, so that every sample is judged."""

    def __init__(self, layers: int, channels: int) -> None:
        super().__init__()
        widths = [1] + [channels] * (layers - 1)
        self.convs = nn.ModuleList(
            _conv(width, channels, 3, dilation=max(layer, 1)) for layer, width in enumerate(widths[:-1])
        )
        self.conv_post = _conv(channels, 1, 3)

    def forward(self, waveform: Tensor) -> list[Judgement]:
        """The one judgement of waveforms [batch, samples]."""
        hidden, features = waveform[:, None], []
        for conv in self.convs:
            hidden = F.leaky_relu(conv(hidden), _SLOPE)
            features.append(hidden)
        return [(self.conv_post(hidden).flatten(1), features)]


def _conv(in_channels: int, out_channels: int, kernel: int, *, dilation: int = 1, bias: bool = True) -> nn.Conv1d:
    padding = dilation * (kernel - 1) // 2
    conv = nn.Conv1d(in_channels, out_channels, kernel, dilation=dilation, padding=padding, bias=bias)
    weight_norm(_initialized(conv))
    return conv


def _initialized(conv: nn.Conv1d) -> nn.Conv1d:
    nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
    if conv.bias is not None:
        nn.init.zeros_(conv.bias)
    return conv


def _smoothing(rate: int) -> nn.Conv1d:
    """A mean over two steps and the sample between, until it learns better."""
    conv = nn.Conv1d(1, 1, 2 * rate + 1, padding=rate, bias=False)
    nn.init.constant_(conv.weight, 1 / (2 * rate + 1))
    weight_norm(conv)
    return conv


def _repeated(mel: Tensor, margin: int, lengths: Tensor | None) -> Tensor:
    """Mel [batch, mels, frames + 2 * margin] whose first and last frames are repeated beyond each item's ends."""
    frames = torch.arange(-margin, mel.shape[2] + margin, device=mel.device).clamp(min=0)
    if lengths is None:
        return mel[:, :, frames.clamp(max=mel.shape[2] - 1)]
    places = torch.minimum(frames, lengths[:, None] - 1)
    return mel.gather(2, places[:, None].expand(-1, mel.shape[1], -1))


def _require_hop(settings: Config, hop_length: int) -> None:
    product = math.prod(settings.upsample_rates)
    if product != hop_length:
        raise ConfigError(
            f"vocoders/parallel_wavegan: upsample_rates {settings.upsample_rates} multiply to {product}, "
            f"but the mel's hop_length is {hop_length}; change one of the two"
        )


def _build_discriminator(settings: Config) -> Discriminator:
    return Discriminator(settings.discriminator_layers, settings.discriminator_channels)


SMALL = Config(layers=10, stacks=2, residual_channels=16, gate_channels=32, skip_channels=16, discriminator_channels=16)

SYSTEM = System(
    kind="vocoder",
    config=Config,
    build=ParallelWaveGan,
    task="adversarial",
    build_discriminator=_build_discriminator,
    configurations={"published": Config(), "small": SMALL},
)
