"""Transformer blocks that know how far apart two near positions are, not where they stand.

Shaw et al. 2018, https://arxiv.org/abs/1803.02155, as the text encoders of Glow-TTS and VITS use it
(https://arxiv.org/abs/2106.06103, appendix A); told of the speaker in the third block, as in VITS2, section 2.4,
https://arxiv.org/abs/2307.16430.
"""

from __future__ import annotations

import math

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from tts.config import config
from tts.layers.masking import MaskedConv1d, masked

_WINDOW = 4
"""Positions further apart than this are all alike."""


@config
class RelativeTransformerConfig:
    """A stack of blocks; the defaults are those of VITS' text encoder.

    Attributes:
        layers: blocks.
        heads: of the self-attention; divides the hidden size.
        filter: channels between the two convolutions.
        kernel: of the two convolutions.
        dropout: of attention weights, between the convolutions, and after either sublayer.
    """

    layers: int = Field(default=6, gt=0)
    heads: int = Field(default=2, gt=0)
    filter: int = Field(default=768, gt=0)
    kernel: int = Field(default=3, gt=0)
    dropout: float = Field(default=0.1, ge=0, lt=1)


class RelativeTransformer(nn.Module):
    """Self-attention, then two convolutions, in each block; layer norms after the sums."""

    def __init__(
        self, hidden: int, config: RelativeTransformerConfig, *, speaker: int | None = None, speaker_block: int = 2
    ) -> None:
        """Set up the blocks.

        Args:
            hidden: channels.
            config: of the stack.
            speaker: channels of the speaker's vector; None = none is given.
            speaker_block: before which the vector is added; the last one where there are fewer.
        """
        super().__init__()
        self.attentions = nn.ModuleList(
            RelativeAttention(hidden, config.heads, config.dropout) for _ in range(config.layers)
        )
        self.convolutions = nn.ModuleList(_Convolutions(hidden, config) for _ in range(config.layers))
        self.attention_norms = nn.ModuleList(nn.LayerNorm(hidden) for _ in range(config.layers))
        self.convolution_norms = nn.ModuleList(nn.LayerNorm(hidden) for _ in range(config.layers))
        self.dropout = nn.Dropout(config.dropout)
        self.speaker = None if speaker is None else nn.Linear(speaker, hidden)
        self.speaker_block = min(speaker_block, config.layers - 1)

    def forward(self, hidden: Tensor, mask: Tensor, speaker: Tensor | None = None) -> Tensor:
        """Give [batch, positions, hidden] for the same, zero where mask [batch, positions] is False.

        Args:
            hidden: [batch, positions, hidden].
            mask: [batch, positions].
            speaker: vectors [batch, channels], where the stack was set up for them.
        """
        for block, (attend, attention_norm, convolve, convolution_norm) in enumerate(
            zip(self.attentions, self.attention_norms, self.convolutions, self.convolution_norms, strict=True)
        ):
            if self.speaker is not None and block == self.speaker_block:
                hidden = hidden + self.speaker(speaker).unsqueeze(1)
            hidden = attention_norm(hidden + self.dropout(attend(hidden, mask)))
            hidden = convolution_norm(hidden + self.dropout(convolve(hidden, mask)))
        return masked(hidden, mask)


class RelativeAttention(nn.Module):
    """Self-attention whose keys and values depend on the distance, up to a few positions."""

    def __init__(self, hidden: int, heads: int, dropout: float) -> None:
        super().__init__()
        if hidden % heads:
            raise ValueError(f"hidden {hidden} is not a multiple of heads {heads}")
        self.heads, width = heads, hidden // heads
        self.query, self.key, self.value, self.output = (nn.Linear(hidden, hidden) for _ in range(4))
        self.near_keys, self.near_values = (
            nn.Parameter(torch.randn(2 * _WINDOW + 1, width) / math.sqrt(width)) for _ in range(2)
        )
        self.dropout = nn.Dropout(dropout)
        for each in (self.query, self.key, self.value):
            nn.init.xavier_uniform_(each.weight)

    def forward(self, hidden: Tensor, mask: Tensor) -> Tensor:
        """Give [batch, positions, hidden] for the same; where mask [batch, positions] is False nobody looks."""
        query, key, value = (self._split(each(hidden)) for each in (self.query, self.key, self.value))
        query = query / math.sqrt(query.shape[3])
        near, exists = _neighbours(hidden.shape[1], hidden.device)
        near = near.expand(*query.shape[:3], -1)
        by_distance = (query @ self.near_keys.T).masked_fill(~exists, 0)
        scores = (query @ key.transpose(2, 3)).scatter_add(3, near, by_distance)
        weights = self.dropout(torch.softmax(scores.masked_fill(~mask[:, None, None], -torch.inf), dim=3))
        read = weights @ value + weights.gather(3, near).masked_fill(~exists, 0) @ self.near_values
        mixed: Tensor = self.output(read.transpose(1, 2).flatten(2))
        return mixed

    def _split(self, hidden: Tensor) -> Tensor:
        """Heads [batch, heads, positions, width] of [batch, positions, hidden]."""
        return hidden.view(*hidden.shape[:2], self.heads, -1).transpose(1, 2)


class _Convolutions(nn.Module):
    def __init__(self, hidden: int, config: RelativeTransformerConfig) -> None:
        super().__init__()
        self.inner = MaskedConv1d(hidden, config.filter, config.kernel)
        self.outer = MaskedConv1d(config.filter, hidden, config.kernel)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, hidden: Tensor, mask: Tensor) -> Tensor:
        mixed: Tensor = self.outer(self.dropout(F.relu(self.inner(hidden, mask))), mask)
        return mixed


def _neighbours(num_positions: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Positions [positions, distances] near each position, and whether there is one."""
    position = torch.arange(num_positions, device=device).unsqueeze(1)
    near = position + torch.arange(-_WINDOW, _WINDOW + 1, device=device)
    exists = (near >= 0) & (near < num_positions)
    return near.clamp(0, num_positions - 1), exists
