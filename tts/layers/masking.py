"""Padding: which positions of a batch are real, and convolutions that never see the others."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tts.layers.windows import product_of_windows


def length_mask(lengths: Tensor, num_positions: int) -> Tensor:
    """Mask [batch, num_positions] that is True on the first `lengths` [batch] positions of each row."""
    return torch.arange(num_positions, device=lengths.device) < lengths.unsqueeze(1)


def masked(hidden: Tensor, mask: Tensor) -> Tensor:
    """Copy of hidden [batch, positions, channels] that is zero where mask [batch, positions] is False."""
    return hidden.masked_fill(~mask.unsqueeze(-1), 0)


class MaskedConv1d(nn.Module):
    """Convolution over [batch, positions, channels] of unchanged length that reads padding as zeros.

    An item of a padded batch thus meets the zeros that it would meet alone.
    """

    def __init__(self, in_channels: int, out_channels: int, kernel: int, *, groups: int = 1, bias: bool = True) -> None:
        super().__init__()
        self.convolution = nn.Conv1d(in_channels, out_channels, kernel, padding="same", groups=groups, bias=bias)

    def forward(self, hidden: Tensor, mask: Tensor) -> Tensor:
        """Give [batch, positions, out_channels] for hidden [batch, positions, in_channels]."""
        (kernel,) = self.convolution.kernel_size
        if kernel > 1:
            hidden = masked(hidden, mask)
        if hidden.device.type != "cpu" or self.convolution.groups > 1:
            convolved: Tensor = self.convolution(hidden.transpose(1, 2)).transpose(1, 2)
            return convolved
        padding = (kernel - 1) // 2, kernel // 2
        return product_of_windows(hidden, self.convolution.weight, self.convolution.bias, padding=padding)


class SeparableConv1d(nn.Module):
    """Convolution of each channel by itself, then a mixture of channels; layout and padding as `MaskedConv1d`."""

    def __init__(self, in_channels: int, out_channels: int, kernel: int) -> None:
        super().__init__()
        self.depthwise = MaskedConv1d(in_channels, in_channels, kernel, groups=in_channels)
        self.pointwise = nn.Linear(in_channels, out_channels)

    def forward(self, hidden: Tensor, mask: Tensor) -> Tensor:
        """Give [batch, positions, out_channels] for hidden [batch, positions, in_channels]."""
        mixed: Tensor = self.pointwise(self.depthwise(hidden, mask))
        return mixed


class MaskedBatchNorm1d(nn.BatchNorm1d):
    """Batch normalisation over [batch, positions, channels] whose statistics are those of real positions.

    Nothing is picked out by the mask: how many positions are real only the device knows, and nobody waits for it.
    """

    def forward(self, hidden: Tensor, mask: Tensor) -> Tensor:  # type: ignore[override]
        """Give [batch, positions, channels] for the same; void where mask [batch, positions] is False."""
        if not self.training:
            return super().forward(hidden.flatten(0, 1)).view_as(hidden)
        hidden = hidden.float()  # sums of half precision lose what they add up
        count = mask.sum()
        mean = masked(hidden, mask).sum(dim=(0, 1)) / count
        centred = masked(hidden - mean, mask)
        variance = centred.square().sum(dim=(0, 1)) / count
        self._follow(mean.detach(), (variance * count / (count - 1).clamp(min=1)).detach())
        return centred * (self.weight * torch.rsqrt(variance + self.eps)) + self.bias

    def _follow(self, mean: Tensor, variance: Tensor) -> None:
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.momentum is not None
        assert self.num_batches_tracked is not None
        self.num_batches_tracked.add_(1)
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(variance, self.momentum)
