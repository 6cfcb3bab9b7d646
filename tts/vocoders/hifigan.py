"""HiFi-GAN, https://arxiv.org/abs/2010.05646: transposed convolutions and multi-receptive-field fusion.

Module names are those of github.com/jik876/hifi-gan, whose generator checkpoints load as they are (weights in
the ``weight_g``/``weight_v`` layout too). Differs from it: items of a padded batch do not see their padding.
Its ``init_weights`` has no effect on weight-normed layers, so the initialisation here is torch's own.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tts.config import config
from tts.errors import ConfigError
from tts.interfaces import Inventory, System, VocoderBatch
from tts.layers import convolution
from tts.layers.convolution import frame_mask, normed_conv, normed_upsampling, stretch, zero_padding
from tts.layers.discriminators import SLOPE, DiscriminatorConfig, Discriminators
from tts.losses.spectral import loss_mel_definition, mel_distance


@config
class Config:
    """Sizes of the generator; the defaults are V1.

    Attributes:
        channels: after the first convolution; halved at every upsampling.
        upsample_rates: their product is the mel's hop_length.
        upsample_kernels: each of its rate plus an even number.
        resblock: "1" has two convolutions for each dilation, "2" one.
        resblock_kernels, resblock_dilations: one residual stack for each kernel.
        discriminator: its adversaries.
    """

    channels: int = 512
    upsample_rates: tuple[int, ...] = (8, 8, 2, 2)
    upsample_kernels: tuple[int, ...] = (16, 16, 4, 4)
    resblock: Literal["1", "2"] = "1"
    resblock_kernels: tuple[int, ...] = (3, 7, 11)
    resblock_dilations: tuple[tuple[int, ...], ...] = ((1, 3, 5), (1, 3, 5), (1, 3, 5))
    discriminator: DiscriminatorConfig = DiscriminatorConfig()

    def __post_init__(self) -> None:
        """Refuse sizes that do not fit together."""
        if len(self.upsample_rates) != len(self.upsample_kernels):
            raise ValueError("upsample_rates and upsample_kernels need the same length")
        pairs = zip(self.upsample_rates, self.upsample_kernels, strict=True)
        if any(kernel < rate or (kernel - rate) % 2 for rate, kernel in pairs):
            raise ValueError("each of upsample_kernels must be its rate plus an even number")
        if len(self.resblock_kernels) != len(self.resblock_dilations):
            raise ValueError("resblock_kernels and resblock_dilations need the same length")
        if self.channels % 2 ** len(self.upsample_rates):
            raise ValueError(f"channels must be halved {len(self.upsample_rates)} times, {self.channels} cannot")


class ResidualStack(nn.Module):
    """Residual convolutions of growing dilation, type 1: two for each dilation."""

    def __init__(self, channels: int, kernel: int, dilations: tuple[int, ...]) -> None:
        super().__init__()
        self.convs1 = nn.ModuleList(normed_conv(channels, channels, kernel, dilation=each) for each in dilations)
        self.convs2 = nn.ModuleList(normed_conv(channels, channels, kernel) for _ in dilations)

    def forward(self, hidden: Tensor, mask: Tensor | None) -> Tensor:
        """Give [batch, channels, frames] for the same."""
        for dilated, plain in zip(self.convs1, self.convs2, strict=True):
            inner = dilated(zero_padding(F.leaky_relu(hidden, SLOPE), mask))
            hidden = hidden + plain(zero_padding(F.leaky_relu(inner, SLOPE), mask))
        return hidden


class ShortResidualStack(nn.Module):
    """Residual convolutions of growing dilation, type 2: one for each dilation."""

    def __init__(self, channels: int, kernel: int, dilations: tuple[int, ...]) -> None:
        super().__init__()
        self.convs = nn.ModuleList(normed_conv(channels, channels, kernel, dilation=each) for each in dilations)

    def forward(self, hidden: Tensor, mask: Tensor | None) -> Tensor:
        """Give [batch, channels, frames] for the same."""
        for conv in self.convs:
            hidden = hidden + conv(zero_padding(F.leaky_relu(hidden, SLOPE), mask))
        return hidden


class HifiGan(nn.Module):
    """The generator."""

    def __init__(self, settings: Config, inventory: Inventory) -> None:
        super().__init__()
        _require_hop(settings, inventory.mel.hop_length)
        self.rates = settings.upsample_rates
        self.loss_definition = loss_mel_definition(inventory.mel)
        self.conv_pre = normed_conv(inventory.mel.n_mels, settings.channels, 7)
        self.ups = nn.ModuleList()
        self.resblocks = nn.ModuleList()
        stack = ResidualStack if settings.resblock == "1" else ShortResidualStack
        width = settings.channels
        for rate, kernel in zip(settings.upsample_rates, settings.upsample_kernels, strict=True):
            self.ups.append(normed_upsampling(width, width // 2, kernel_size=kernel, rate=rate))
            width //= 2
            shapes = zip(settings.resblock_kernels, settings.resblock_dilations, strict=True)
            self.resblocks.extend(stack(width, size, dilations) for size, dilations in shapes)
        self.conv_post = normed_conv(width, 1, 7)

    def forward(self, mel: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Speak, as `Vocoder` says."""
        frames = frame_mask(lengths, mel.shape[2])
        mask = None if frames is None else frames.unsqueeze(1)
        hidden = self.conv_pre(zero_padding(mel, mask))
        for stage, (up, rate) in enumerate(zip(self.ups, self.rates, strict=True)):
            hidden = up(zero_padding(F.leaky_relu(hidden, SLOPE), mask))
            mask = stretch(mask, rate)
            hidden = self._mix(hidden, mask, stage)
        # Torch's default slope, .01, stands here in the published code and weights.
        samples = self.conv_post(zero_padding(F.leaky_relu(hidden), mask))
        return zero_padding(torch.tanh(samples), mask).squeeze(1)

    def loss(self, batch: VocoderBatch, waveform: Tensor) -> dict[str, Tensor]:
        """Reconstruction terms of a generated waveform [batch, samples]: mel."""
        return {"mel": mel_distance(waveform, batch.waveform, self.loss_definition)}

    def fold_weight_norm(self) -> None:
        """Replace normed weights by plain ones, for export and speed; training cannot go on as it was."""
        convolution.fold_weight_norm(self)

    def _mix(self, hidden: Tensor, mask: Tensor | None, stage: int) -> Tensor:
        width = len(self.resblocks) // len(self.ups)
        blocks = self.resblocks[stage * width : (stage + 1) * width]
        return torch.stack([block(hidden, mask) for block in blocks]).mean(0)


def _require_hop(settings: Config, hop_length: int) -> None:
    product = math.prod(settings.upsample_rates)
    if product != hop_length:
        raise ConfigError(
            f"vocoders/hifigan: upsample_rates {settings.upsample_rates} multiply to {product}, "
            f"but the mel's hop_length is {hop_length}; change one of the two"
        )


def _build_discriminator(settings: Config) -> Discriminators:
    return Discriminators(settings.discriminator)


V2 = Config(channels=128)
V3 = Config(
    channels=256,
    upsample_rates=(8, 8, 4),
    upsample_kernels=(16, 16, 8),
    resblock="2",
    resblock_kernels=(3, 5, 7),
    resblock_dilations=((1, 2), (2, 6), (3, 12)),
)
SMALL = Config(
    channels=64,
    upsample_rates=(8, 8, 4),
    upsample_kernels=(16, 16, 8),
    resblock="2",
    resblock_kernels=(3, 5, 7),
    resblock_dilations=((1, 2), (2, 6), (3, 12)),
    discriminator=DiscriminatorConfig(periods=(2, 3, 5), period_channels=(8, 16, 32, 64, 64), scales=0),
)

SYSTEM = System(
    kind="vocoder",
    config=Config,
    build=HifiGan,
    task="adversarial",
    build_discriminator=_build_discriminator,
    configurations={"v1": Config(), "v2": V2, "v3": V3, "small": SMALL},
)
