"""Mels brought near zero mean and unit variance, by constants or by the statistics that published weights came with."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tts.config import config


@config
class MelStandard:
    """What is about 0 and what is about 1 in a natural log-mel; the defaults are those of speech.

    Attributes:
        mean, scale: of all bins, or of each.
    """

    mean: tuple[float, ...] = (-5.0,)
    scale: tuple[float, ...] = (2.0,)

    def __post_init__(self) -> None:
        """Refuse what cannot be divided by."""
        if not self.mean or not self.scale or min(self.scale) <= 0:
            raise ValueError("needs at least one mean and one scale, and scales above 0")


class StandardMel(nn.Module):
    """Subtracts the mean and divides by the scale."""

    mean: Tensor
    scale: Tensor

    def __init__(self, settings: MelStandard) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(settings.mean)[:, None], persistent=False)
        self.register_buffer("scale", torch.tensor(settings.scale)[:, None], persistent=False)

    def forward(self, mel: Tensor) -> Tensor:
        """Give [batch, mels, frames] for a natural log-mel of that shape."""
        return (mel - self.mean) / self.scale
