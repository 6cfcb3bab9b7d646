"""Residual stacks of HiFi-GAN, https://arxiv.org/abs/2010.05646, and the upsampling trunk that is built of them.

Module names are those of github.com/jik876/hifi-gan, which iSTFTNet and the decoders of VITS keep.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tts.config import config
from tts.layers import convolution
from tts.layers.convolution import normed_conv, normed_upsampling, stretch, zero_padding
from tts.layers.discriminators import SLOPE


@config
class TrunkConfig:
    """Sizes of an upsampling trunk; the defaults are HiFi-GAN's V1.

    Attributes:
        channels: after the first convolution; halved at every upsampling.
        upsample_rates: of the upsamplings, one after the other.
        upsample_kernels: each of its rate plus an even number.
        resblock: "1" has two convolutions for each dilation, "2" one.
        resblock_kernels, resblock_dilations: one residual stack for each kernel.
    """

    channels: int = 512
    upsample_rates: tuple[int, ...] = (8, 8, 2, 2)
    upsample_kernels: tuple[int, ...] = (16, 16, 4, 4)
    resblock: Literal["1", "2"] = "1"
    resblock_kernels: tuple[int, ...] = (3, 7, 11)
    resblock_dilations: tuple[tuple[int, ...], ...] = ((1, 3, 5), (1, 3, 5), (1, 3, 5))

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

    @property
    def rate(self) -> int:
        """How many times longer the trunk makes what it is given."""
        return math.prod(self.upsample_rates)

    @property
    def out_channels(self) -> int:
        """Channels of what the trunk gives."""
        return int(self.channels // 2 ** len(self.upsample_rates))


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


class UpsamplingTrunk(nn.Module):
    """Transposed convolutions, each followed by the mean of residual stacks of several widths.

    A generator inherits from it and adds what makes samples of the last channels.
    """

    def __init__(self, settings: TrunkConfig, in_channels: int) -> None:
        super().__init__()
        self.rates = settings.upsample_rates
        self.conv_pre = normed_conv(in_channels, settings.channels, 7)
        self.ups = nn.ModuleList()
        self.resblocks = nn.ModuleList()
        stack = ResidualStack if settings.resblock == "1" else ShortResidualStack
        width = settings.channels
        for rate, kernel in zip(settings.upsample_rates, settings.upsample_kernels, strict=True):
            self.ups.append(normed_upsampling(width, width // 2, kernel_size=kernel, rate=rate))
            width //= 2
            shapes = zip(settings.resblock_kernels, settings.resblock_dilations, strict=True)
            self.resblocks.extend(stack(width, size, dilations) for size, dilations in shapes)

    def upsample(self, hidden: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Give features of a higher rate, after their last activation, zero outside the mask that comes with them.

        Args:
            hidden: [batch, in_channels, frames]; any value outside the mask.
            mask: [batch, 1, frames], or None.

        Returns:
            [batch, out_channels, frames * rate] and [batch, 1, frames * rate], or None.
        """
        hidden = self.conv_pre(zero_padding(hidden, mask))
        for stage, (up, rate) in enumerate(zip(self.ups, self.rates, strict=True)):
            hidden = up(zero_padding(F.leaky_relu(hidden, SLOPE), mask))
            mask = stretch(mask, rate)
            hidden = self._mix(hidden, mask, stage)
        # Torch's default slope, .01, stands here in the published code and weights.
        return zero_padding(F.leaky_relu(hidden), mask), mask

    def fold_weight_norm(self) -> None:
        """Replace normed weights by plain ones, for export and speed; training cannot go on as it was."""
        convolution.fold_weight_norm(self)

    def _mix(self, hidden: Tensor, mask: Tensor | None, stage: int) -> Tensor:
        width = len(self.resblocks) // len(self.ups)
        blocks = self.resblocks[stage * width : (stage + 1) * width]
        return torch.stack([block(hidden, mask) for block in blocks]).mean(0)
