"""Segments of padded sequences: a decoder learns from a part of each clip."""

from __future__ import annotations

import torch
from torch import Tensor


def draw_starts(lengths: Tensor, size: int) -> Tensor:
    """Draw where segments of `size` positions begin, [batch] int64, within lengths [batch] of `size` at least."""
    return (torch.rand(len(lengths)).to(lengths.device) * (lengths - size + 1)).long()


def cut_segments(hidden: Tensor, starts: Tensor, size: int) -> Tensor:
    """Give [batch, size, channels] of hidden [batch, positions, channels], from starts [batch] on."""
    places = starts.unsqueeze(1) + torch.arange(size, device=starts.device)
    return hidden.gather(1, places.unsqueeze(2).expand(-1, -1, hidden.shape[2]))
