"""MelGAN's generator, https://arxiv.org/abs/1910.06711, from a mel to one channel of samples or to several sub-bands.

Every convolution that is wider than one position is padded by reflection, at each item's own ends.
"""

from __future__ import annotations

import math

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import weight_norm

from tts.config import config
from tts.layers import convolution
from tts.layers.convolution import frame_mask, zero_padding
from tts.layers.reflection import reflected

SLOPE = 0.2  # of every leaky ReLU, the discriminator's too
_MARGIN = 3  # of the first and the last convolution


@config
class GeneratorConfig:
    """Sizes of the generator.

    Attributes:
        channels: after the first convolution; halved at every upsampling.
        upsample_rates: of the upsamplings, one after the other.
        blocks: residual blocks after each upsampling, with dilations 1, 3, 9 and so on.
    """

    channels: int = Field(default=512, gt=0)
    upsample_rates: tuple[int, ...] = (8, 8, 2, 2)
    blocks: int = Field(default=3, gt=0)

    def __post_init__(self) -> None:
        """Refuse sizes that do not fit together."""
        if any(rate < 1 for rate in self.upsample_rates):
            raise ValueError("upsample_rates must be positive")
        if self.channels % 2 ** len(self.upsample_rates):
            raise ValueError(f"channels must be halved {len(self.upsample_rates)} times, {self.channels} cannot")

    @property
    def rate(self) -> int:
        """Samples of each channel that a frame becomes."""
        return math.prod(self.upsample_rates)


class ResidualBlock(nn.Module):
    """A dilated convolution and one of one position, beside a third that takes the place of the identity."""

    def __init__(self, channels: int, dilation: int) -> None:
        super().__init__()
        self.dilation = dilation
        self.dilated = weight_norm(nn.Conv1d(channels, channels, 3, dilation=dilation))
        self.pointwise = weight_norm(nn.Conv1d(channels, channels, 1))
        self.shortcut = weight_norm(nn.Conv1d(channels, channels, 1))

    def forward(self, hidden: Tensor, lengths: Tensor | None) -> Tensor:
        """Give [batch, channels, positions] for the same; of no account beyond lengths [batch]."""
        inner = self.dilated(reflected(F.leaky_relu(hidden, SLOPE), self.dilation, lengths))
        update: Tensor = self.shortcut(hidden) + self.pointwise(F.leaky_relu(inner, SLOPE))
        return update


class ResidualStage(nn.ModuleList):
    """Residual blocks of growing dilation: 1, 3, 9 and so on."""

    def __init__(self, channels: int, blocks: int) -> None:
        super().__init__(ResidualBlock(channels, 3**number) for number in range(blocks))

    def forward(self, hidden: Tensor, lengths: Tensor | None) -> Tensor:
        """Give [batch, channels, positions] for the same; of no account beyond lengths [batch]."""
        for block in self:
            hidden = block(hidden, lengths)
        return hidden


class MelGanGenerator(nn.Module):
    """The stack from mel frames to samples; a vocoder inherits from it and says what the channels are."""

    def __init__(self, settings: GeneratorConfig, n_mels: int, out_channels: int = 1) -> None:
        super().__init__()
        self.rates = settings.upsample_rates
        width = settings.channels
        self.conv_pre = weight_norm(nn.Conv1d(n_mels, width, 2 * _MARGIN + 1))
        self.ups, self.stages = nn.ModuleList(), nn.ModuleList()
        for rate in self.rates:
            self.ups.append(_upsampling(width, width // 2, rate))
            width //= 2
            self.stages.append(ResidualStage(width, settings.blocks))
        self.conv_post = weight_norm(nn.Conv1d(width, out_channels, 2 * _MARGIN + 1))

    def upsampled(self, mel: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Give samples in [-1, 1].

        Args:
            mel: [batch, mels, frames], scaled as the weights expect; any value beyond an item's length.
            lengths: [batch] frames of each item; None = all frames count.

        Returns:
            [batch, out_channels, frames * rate], zero beyond an item's length.
        """
        hidden = self.conv_pre(reflected(mel, _MARGIN, lengths))
        for up, rate, stage in zip(self.ups, self.rates, self.stages, strict=True):
            hidden = up(zero_padding(F.leaky_relu(hidden, SLOPE), _mask(lengths, hidden)))
            lengths = None if lengths is None else lengths * rate
            hidden = stage(hidden, lengths)
        samples = self.conv_post(reflected(F.leaky_relu(hidden, SLOPE), _MARGIN, lengths))
        return zero_padding(torch.tanh(samples), _mask(lengths, samples))

    def fold_weight_norm(self) -> None:
        """Replace normed weights by plain ones, for export and speed; training cannot go on as it was."""
        convolution.fold_weight_norm(self)


def _upsampling(in_channels: int, out_channels: int, rate: int) -> nn.ConvTranspose1d:
    """From L positions to exactly L * rate."""
    odd = rate % 2
    shape = (in_channels, out_channels, 2 * rate, rate)
    conv = nn.ConvTranspose1d(*shape, padding=rate // 2 + odd, output_padding=odd)
    weight_norm(conv)
    return conv


def _mask(lengths: Tensor | None, hidden: Tensor) -> Tensor | None:
    mask = frame_mask(lengths, hidden.shape[2])
    return None if mask is None else mask.unsqueeze(1)
