"""Flows between the latent frames of a recording and the simpler ones that a text foretells.

Residual coupling that only moves (VITS, https://arxiv.org/abs/2106.06103, section 2.2.2: the volume stays, so that
log-determinants are zero), with a Transformer block before the gated convolutions (VITS2,
https://arxiv.org/abs/2307.16430, section 2.3).
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from pydantic import Field
from torch import Tensor, nn

from tts.config import config
from tts.layers.gated_stack import GatedStack
from tts.layers.masking import masked
from tts.layers.relative_transformer import RelativeTransformer, RelativeTransformerConfig


@config
class FlowConfig:
    """A chain of couplings; the defaults are VITS2's.

    Attributes:
        couplings: how many.
        layers: gated convolutions in each.
        kernel: of each convolution, odd.
        transformer: whether a Transformer block stands before the convolutions; VITS had none.
        heads: of that block's attention.
    """

    couplings: int = Field(default=4, gt=0)
    layers: int = Field(default=4, gt=0)
    kernel: int = Field(default=5, gt=0)
    transformer: bool = True
    heads: int = Field(default=2, gt=0)


class Flow(nn.Module):
    """Couplings, after each of which the channels are reversed so that both halves get to move."""

    def __init__(self, channels: int, hidden: int, config: FlowConfig, *, speaker: int | None = None) -> None:
        """Set up the chain.

        Args:
            channels: of the latent frames, even.
            hidden: inside the couplings.
            config: of the chain.
            speaker: channels of the speaker's vector; None = none is given.
        """
        super().__init__()
        self.couplings = nn.ModuleList(
            Coupling(channels, hidden, config, speaker=speaker) for _ in range(config.couplings)
        )

    def forward(self, latent: Tensor, mask: Tensor, speaker: Tensor | None = None) -> Tensor:
        """Give [batch, frames, channels] for the same, zero where mask [batch, frames] is False."""
        for coupling in self._chain():
            latent = coupling(latent, mask, speaker).flip(2)
        return latent

    def inverse(self, latent: Tensor, mask: Tensor, speaker: Tensor | None = None) -> Tensor:
        """Undo `forward`."""
        for coupling in reversed(list(self._chain())):
            latent = coupling.inverse(latent.flip(2), mask, speaker)
        return latent

    def _chain(self) -> Iterable[Coupling]:
        return self.couplings  # type: ignore[return-value]


class Coupling(nn.Module):
    """Moves one half of the channels by what it reads in the other."""

    def __init__(self, channels: int, hidden: int, config: FlowConfig, *, speaker: int | None = None) -> None:
        super().__init__()
        if channels % 2:
            raise ValueError(f"channels must be even to be halved, not {channels}")
        block = RelativeTransformerConfig(
            layers=1, heads=config.heads, filter=hidden, kernel=config.kernel, dropout=0.0
        )
        self.enter = nn.Linear(channels // 2, hidden)
        self.transformer = RelativeTransformer(hidden, block) if config.transformer else None
        self.stack = GatedStack(hidden, config.kernel, config.layers, speaker=speaker)
        self.leave = nn.Linear(hidden, channels // 2)
        nn.init.zeros_(self.leave.weight)  # so that a flow begins as no flow
        nn.init.zeros_(self.leave.bias)

    def forward(self, latent: Tensor, mask: Tensor, speaker: Tensor | None = None) -> Tensor:
        """Give [batch, frames, channels] for the same."""
        kept, moving = latent.chunk(2, dim=2)
        return masked(torch.cat((kept, moving + self._shift(kept, mask, speaker)), dim=2), mask)

    def inverse(self, latent: Tensor, mask: Tensor, speaker: Tensor | None = None) -> Tensor:
        """Undo `forward`."""
        kept, moved = latent.chunk(2, dim=2)
        return masked(torch.cat((kept, moved - self._shift(kept, mask, speaker)), dim=2), mask)

    def _shift(self, kept: Tensor, mask: Tensor, speaker: Tensor | None) -> Tensor:
        hidden = masked(self.enter(kept), mask)
        if self.transformer is not None:
            hidden = hidden + self.transformer(hidden, mask)
        shift: Tensor = self.leave(self.stack(hidden, mask, speaker))
        return shift
