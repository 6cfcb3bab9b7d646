"""Tacotron 2's post-net: convolutions that predict what the decoder missed of the mel.

Shen et al. 2018, section 2.2, https://arxiv.org/abs/1712.05884.
"""

from __future__ import annotations

import itertools

import torch
from pydantic import Field
from torch import Tensor, nn

from tts.config import config
from tts.layers.masking import MaskedBatchNorm1d, MaskedConv1d, masked


@config
class PostNetConfig:
    """Convolutions after the decoder.

    Attributes:
        layers: convolutions, the last of which is linear.
        hidden: channels between them.
        kernel: of each.
        dropout: after each.
    """

    layers: int = Field(default=5, gt=1)
    hidden: int = Field(default=512, gt=0)
    kernel: int = Field(default=5, gt=0)
    dropout: float = Field(default=0.5, ge=0, lt=1)


class PostNet(nn.Module):
    """Gives the residual to be added to a mel."""

    def __init__(self, n_mels: int, config: PostNetConfig) -> None:
        super().__init__()
        channels = [n_mels, *[config.hidden] * (config.layers - 1), n_mels]
        pairs = list(itertools.pairwise(channels))
        self.convolutions = nn.ModuleList(MaskedConv1d(a, b, config.kernel) for a, b in pairs)
        self.norms = nn.ModuleList(MaskedBatchNorm1d(b) for _, b in pairs)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, mel: Tensor, mask: Tensor) -> Tensor:
        """Give [batch, frames, mels] for the same, zero where mask [batch, frames] is False."""
        hidden = mel
        for i, (convolution, norm) in enumerate(zip(self.convolutions, self.norms, strict=True)):
            normed = norm(convolution(hidden, mask), mask)
            activated = normed if i == len(self.norms) - 1 else torch.tanh(normed)
            hidden = masked(self.dropout(activated), mask)
        return hidden
