"""What latent frames a recording may have had: VITS, https://arxiv.org/abs/2106.06103, section 2.5.2."""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor, nn

from tts.config import config
from tts.layers.gated_stack import GatedStack
from tts.layers.masking import masked


@config
class PosteriorConfig:
    """Gated convolutions over the recording's spectrum; the defaults are VITS'.

    Attributes:
        layers: how many.
        kernel: of each, odd.
    """

    layers: int = Field(default=16, gt=0)
    kernel: int = Field(default=5, gt=0)


class PosteriorEncoder(nn.Module):
    """Mean and logarithm of the standard deviation of each latent frame."""

    def __init__(
        self, n_mels: int, channels: int, hidden: int, config: PosteriorConfig, *, speaker: int | None = None
    ) -> None:
        """Set up the stack.

        Args:
            n_mels: bands of the spectrum.
            channels: of the latent frames.
            hidden: of the convolutions.
            config: how many of these there are.
            speaker: channels of the speaker's vector; None = none is given.
        """
        super().__init__()
        self.enter = nn.Linear(n_mels, hidden)
        self.stack = GatedStack(hidden, config.kernel, config.layers, speaker=speaker)
        self.leave = nn.Linear(hidden, 2 * channels)

    def forward(self, mel: Tensor, mask: Tensor, speaker: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Give mean and log-deviation [batch, frames, channels] of log-mels [batch, frames, mels].

        Both are zero where mask [batch, frames] is False.
        """
        hidden = self.stack(masked(self.enter(mel), mask), mask, speaker)
        mean, log_std = masked(self.leave(hidden), mask).chunk(2, dim=2)
        return mean, log_std


def draw(mean: Tensor, log_std: Tensor, *, noise_scale: float = 1.0) -> Tensor:
    """Sample a normal distribution, each element by itself; `noise_scale` is a factor on its deviation."""
    return mean + torch.randn_like(mean) * log_std.exp() * noise_scale
