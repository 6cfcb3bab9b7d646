"""CBHG: a bank of convolutions, highways, and a recurrent network that reads both ways.

Wang et al. 2017, "Tacotron: Towards End-to-End Speech Synthesis", section 3.1, https://arxiv.org/abs/1703.10135.
"""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from tts.config import config
from tts.layers.masking import MaskedBatchNorm1d, MaskedConv1d, masked

_PROJECTION_KERNEL = 3
_CLOSED = -1.0
"""Initial bias of a highway's gate: at first most passes by unchanged."""


@config
class CbhgConfig:
    """Tacotron's post-net by default.

    Attributes:
        kernels: the bank holds convolutions of 1, 2, ... up to so many positions.
        bank: channels of each of them.
        projection: channels between the two convolutions after the bank.
        highways: layers.
        hidden: channels of the highways, and of the recurrent network in each direction.
    """

    kernels: int = Field(default=8, gt=0)
    bank: int = Field(default=128, gt=0)
    projection: int = Field(default=256, gt=0)
    highways: int = Field(default=4, gt=0)
    hidden: int = Field(default=128, gt=0)


class Cbhg(nn.Module):
    """Reads [batch, positions, channels] at once in the small and, both ways, in the large."""

    def __init__(self, channels: int, config: CbhgConfig) -> None:
        super().__init__()
        sizes = range(1, config.kernels + 1)
        self.bank = nn.ModuleList(_NormedConvolution(channels, config.bank, size) for size in sizes)
        self.expand = _NormedConvolution(config.kernels * config.bank, config.projection, _PROJECTION_KERNEL)
        self.contract = _NormedConvolution(config.projection, channels, _PROJECTION_KERNEL, linear=True)
        # As published, nothing stands between sums and highways of one size.
        self.widen = nn.Linear(channels, config.hidden) if channels != config.hidden else nn.Identity()
        self.highways = nn.ModuleList(_Highway(config.hidden) for _ in range(config.highways))
        self.recurrent = nn.GRU(config.hidden, config.hidden, batch_first=True, bidirectional=True)

    def forward(self, hidden: Tensor, mask: Tensor) -> Tensor:
        """Give [batch, positions, 2 * config.hidden] for hidden [batch, positions, channels].

        Zero where mask [batch, positions] is False; the first positions of each row are the real ones.
        """
        banked = torch.cat([convolution(hidden, mask) for convolution in self.bank], dim=-1)
        read = self.widen(hidden + self.contract(self.expand(_pooled(banked), mask), mask))
        for highway in self.highways:
            read = highway(read)
        return self._both_ways(read, mask)

    def _both_ways(self, hidden: Tensor, mask: Tensor) -> Tensor:
        # Packed, since a network that reads backwards would meet the padding first.
        lengths = mask.sum(dim=1).cpu()
        packed = pack_padded_sequence(hidden, lengths, batch_first=True, enforce_sorted=False)
        read, _ = self.recurrent(packed)
        unpacked: Tensor = pad_packed_sequence(read, batch_first=True, total_length=hidden.shape[1])[0]
        return masked(unpacked, mask)


class CbhgPostNet(nn.Module):
    """Gives the residual to be added to a mel."""

    def __init__(self, n_mels: int, config: CbhgConfig) -> None:
        super().__init__()
        self.cbhg = Cbhg(n_mels, config)
        self.residual = nn.Linear(2 * config.hidden, n_mels)

    def forward(self, mel: Tensor, mask: Tensor) -> Tensor:
        """Give [batch, frames, mels] for the same."""
        residual: Tensor = self.residual(self.cbhg(mel, mask))
        return residual


class _NormedConvolution(nn.Module):
    def __init__(self, in_channels: int, out_channels: int, kernel: int, *, linear: bool = False) -> None:
        super().__init__()
        self.convolution = MaskedConv1d(in_channels, out_channels, kernel, bias=False)
        self.norm = MaskedBatchNorm1d(out_channels)
        self.linear = linear

    def forward(self, hidden: Tensor, mask: Tensor) -> Tensor:
        convolved = self.convolution(hidden, mask)
        normed: Tensor = self.norm(convolved if self.linear else F.relu(convolved), mask)
        return normed


class _Highway(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.change = nn.Linear(channels, channels)
        self.gate = nn.Linear(channels, channels)
        nn.init.constant_(self.gate.bias, _CLOSED)

    def forward(self, hidden: Tensor) -> Tensor:
        changed = F.relu(self.change(hidden))
        # Written out, since lerp refuses factors of mixed precision.
        passed: Tensor = hidden + self.gate(hidden).sigmoid() * (changed - hidden)
        return passed


def _pooled(hidden: Tensor) -> Tensor:
    """The larger of each position and the one before it, [batch, positions, channels]: padding is never before."""
    before = torch.cat((hidden[:, :1], hidden[:, :-1]), dim=1)
    return torch.maximum(hidden, before)
