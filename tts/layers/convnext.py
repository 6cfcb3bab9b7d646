"""A stack of ConvNeXt blocks over frames, https://arxiv.org/abs/2201.03545, as Vocos uses them."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tts.layers.convolution import DepthwiseConv, frame_mask, zero_padding


class ConvNeXt(nn.Module):
    """From a mel to hidden frames: a convolution, residual blocks, a layer norm."""

    def __init__(self, n_mels: int, channels: int, intermediate: int, layers: int) -> None:
        super().__init__()
        self.embed = nn.Conv1d(n_mels, channels, 7, padding=3)
        self.norm = nn.LayerNorm(channels, eps=1e-6)
        self.blocks = nn.ModuleList(_Block(channels, intermediate, scale=1 / layers) for _ in range(layers))
        self.final_norm = nn.LayerNorm(channels, eps=1e-6)

    def forward(self, mel: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Give [batch, frames, channels] for [batch, mels, frames], blind to what stands beyond lengths [batch]."""
        mask = frame_mask(lengths, mel.shape[2])
        by_frame = None if mask is None else mask.unsqueeze(2)
        inside = zero_padding(mel.transpose(1, 2), by_frame).transpose(1, 2)
        hidden = self.norm(self.embed(inside).transpose(1, 2))
        for block in self.blocks:
            hidden = block(hidden, by_frame)
        normed: Tensor = self.final_norm(hidden)
        return normed


class _Block(nn.Module):
    """Depthwise convolution, then a pointwise bottleneck, scaled and added."""

    def __init__(self, channels: int, intermediate: int, *, scale: float) -> None:
        super().__init__()
        self.dwconv = DepthwiseConv(channels, 7)
        self.norm = nn.LayerNorm(channels, eps=1e-6)
        self.pwconv1 = nn.Linear(channels, intermediate)
        self.pwconv2 = nn.Linear(intermediate, channels)
        self.gamma = nn.Parameter(torch.full((channels,), scale))

    def forward(self, hidden: Tensor, mask: Tensor | None) -> Tensor:
        mixed = self.norm(self.dwconv(zero_padding(hidden, mask)))
        update: Tensor = self.gamma * self.pwconv2(F.gelu(self.pwconv1(mixed)))
        return hidden + update


def initialize(module: nn.Module) -> None:
    """Set the weights of a convolution or linear layer as the Vocos code does; for `nn.Module.apply`."""
    if isinstance(module, nn.Conv1d | nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
