"""Padding by reflection, in which items of a padded batch are mirrored at their own ends."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def reflected(hidden: Tensor, margin: int, lengths: Tensor | None = None) -> Tensor:
    """Mirror a signal at its first and last position, again and again where it is shorter than the margin.

    Args:
        hidden: [batch, channels, positions]; any value beyond an item's length.
        margin: positions to add on both sides.
        lengths: [batch] positions of each item; None = all count.

    Returns:
        [batch, channels, positions + 2 * margin]: each item with its margins first, then what is of no account.
    """
    size = hidden.shape[2]
    if lengths is None and margin < size:
        return F.pad(hidden, (margin, margin), mode="reflect")
    ends = torch.tensor([size], device=hidden.device) if lengths is None else lengths
    places = torch.arange(-margin, size + margin, device=hidden.device).expand(len(hidden), -1)
    return picked(hidden, mirrored(places, ends[:, None]))


def mirrored(places: Tensor, lengths: Tensor) -> Tensor:
    """Places within signals of these lengths that integers of any size fall on, if mirrored at both ends."""
    there_and_back = (2 * (lengths - 1)).clamp(min=1)
    places = places.remainder(there_and_back)
    return torch.minimum(places, there_and_back - places).clamp(min=0)


def picked(hidden: Tensor, places: Tensor) -> Tensor:
    """What stands at places [batch, new positions] of hidden [batch, channels, positions]."""
    return hidden.gather(2, places[:, None].expand(-1, hidden.shape[1], -1))
