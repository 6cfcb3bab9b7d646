"""Mels brought near zero mean and unit variance, by constants or by the statistics that published weights came with."""

from __future__ import annotations

import torch
from torch import Tensor, nn

_MEAN, _SCALE = -5.0, 2.0  # about those of natural log-mels of speech


class StandardMel(nn.Module):
    """Subtracts a mean and divides by a scale, one of each for every bin; both are saved, neither is learned."""

    mean: Tensor
    scale: Tensor

    def __init__(self, n_mels: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.full((n_mels,), _MEAN))
        self.register_buffer("scale", torch.full((n_mels,), _SCALE))

    def forward(self, mel: Tensor) -> Tensor:
        """Give [batch, mels, frames] for a natural log-mel of that shape."""
        return (mel - self.mean[:, None]) / self.scale[:, None]
