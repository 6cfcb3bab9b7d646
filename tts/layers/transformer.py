"""Feed-forward Transformer blocks: self-attention, then two convolutions over time.

Vaswani et al. 2017, https://arxiv.org/abs/1706.03762; with convolutions in FastSpeech, https://arxiv.org/abs/1905.09263.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from tts.config import config
from tts.layers.masking import MaskedConv1d, SeparableConv1d, masked


@config
class TransformerConfig:
    """A stack of feed-forward Transformer blocks.

    Attributes:
        layers: blocks.
        heads: of the self-attention; divides the hidden size. None leaves the convolutions alone.
        filter: channels between the two convolutions.
        kernels: of the two convolutions.
        separable: whether the convolutions are depthwise and then pointwise, as in LightSpeech (Luo et al. 2021,
            https://arxiv.org/abs/2102.04040); kernels of 1 stay plain.
        dropout: after the attention and after the convolutions.
        norm: layer norm after each sum ("post", as published) or before each sublayer ("pre").
    """

    layers: int = Field(default=4, gt=0)
    heads: int | None = Field(default=2, gt=0)
    filter: int = Field(default=1024, gt=0)
    kernels: tuple[int, int] = (9, 1)
    separable: bool = False
    dropout: float = Field(default=0.1, ge=0, lt=1)
    norm: Literal["pre", "post"] = "post"


def require_divided(hidden: int, **stacks: TransformerConfig) -> None:
    """Refuse, by a ValueError, stacks whose heads do not divide the hidden size."""
    for name, stack in stacks.items():
        if stack.heads and hidden % stack.heads:
            raise ValueError(f"hidden {hidden} is not a multiple of {name}.heads {stack.heads}")


class Transformer(nn.Module):
    """Sinusoidal positions, then a stack of blocks."""

    def __init__(self, hidden: int, config: TransformerConfig) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(_Block(hidden, config) for _ in range(config.layers))
        self.norm = nn.LayerNorm(hidden) if config.norm == "pre" else nn.Identity()

    def forward(self, hidden: Tensor, mask: Tensor) -> Tensor:
        """Give [batch, positions, hidden] for the same, zero where mask [batch, positions] is False."""
        hidden = hidden + sinusoids(hidden.shape[1], hidden.shape[2], device=hidden.device).to(hidden)
        for block in self.blocks:
            hidden = block(hidden, mask)
        return masked(self.norm(hidden), mask)


class _Block(nn.Module):
    def __init__(self, hidden: int, config: TransformerConfig) -> None:
        super().__init__()
        self.sublayers = nn.ModuleList([_Convolutions(hidden, config)])
        if config.heads is not None:
            self.sublayers.insert(0, _SelfAttention(hidden, config.heads))
        self.norms = nn.ModuleList(nn.LayerNorm(hidden) for _ in self.sublayers)
        self.dropout = nn.Dropout(config.dropout)
        self.pre = config.norm == "pre"

    def forward(self, hidden: Tensor, mask: Tensor) -> Tensor:
        for sublayer, norm in zip(self.sublayers, self.norms, strict=True):
            if self.pre:
                hidden = hidden + self.dropout(sublayer(norm(hidden), mask))
            else:
                hidden = norm(hidden + self.dropout(sublayer(hidden, mask)))
        return hidden


class _SelfAttention(nn.Module):
    def __init__(self, hidden: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.projections = nn.Linear(hidden, 3 * hidden)
        self.output = nn.Linear(hidden, hidden)

    def forward(self, hidden: Tensor, mask: Tensor) -> Tensor:
        projected = self.projections(hidden).unflatten(-1, (3, self.heads, -1))
        queries, keys, values = projected.permute(2, 0, 3, 1, 4)
        attended = F.scaled_dot_product_attention(queries, keys, values, attn_mask=mask[:, None, None, :])
        output: Tensor = self.output(attended.transpose(1, 2).flatten(2))
        return output


class _Convolutions(nn.Module):
    def __init__(self, hidden: int, config: TransformerConfig) -> None:
        super().__init__()
        first, second = config.kernels
        self.expand = _convolution(hidden, config.filter, first, separable=config.separable)
        self.contract = _convolution(config.filter, hidden, second, separable=config.separable)

    def forward(self, hidden: Tensor, mask: Tensor) -> Tensor:
        contracted: Tensor = self.contract(F.relu(self.expand(hidden, mask)), mask)
        return contracted


def _convolution(in_channels: int, out_channels: int, kernel: int, *, separable: bool) -> nn.Module:
    kind = SeparableConv1d if separable and kernel > 1 else MaskedConv1d
    return kind(in_channels, out_channels, kernel)


def sinusoids(num_positions: int, channels: int, *, device: torch.device) -> Tensor:
    """Position codes [num_positions, channels]: sines in even, cosines in odd channels, of growing period."""
    # In double precision, because a float32 angle of some thousand radians is off by 1e-4.
    positions = torch.arange(num_positions, device=device, dtype=torch.float64)
    exponents = torch.arange(0, channels, 2, device=device, dtype=torch.float64) / channels
    angles = positions.unsqueeze(1) * torch.exp(-math.log(10000.0) * exponents)
    return torch.stack((angles.sin(), angles.cos()), dim=-1).flatten(1)[:, :channels]
