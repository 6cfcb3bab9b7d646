"""Monotone rational-quadratic splines: Durkan et al. 2019, section 3.1, https://arxiv.org/abs/1906.04032."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

_LEAST_SHARE = 1e-3  # of a bin's width and height, and the least slope at a knot
_LEAST_SLOPE = 1e-3


class Knots(NamedTuple):
    """Where a spline's bins begin and end, and how steep it is there; each [..., bins + 1].

    Attributes:
        places: from -bound to bound.
        heights: the same, of the values.
        slopes: 1 at both ends, where the spline goes on as the identity.
    """

    places: Tensor
    heights: Tensor
    slopes: Tensor


def knots(widths: Tensor, heights: Tensor, slopes: Tensor, *, bound: float) -> Knots:
    """Knots of unbounded parameters.

    Args:
        widths: [..., bins].
        heights: [..., bins].
        slopes: [..., bins - 1] at the inner knots.
        bound: beyond which, on both sides, the spline is the identity.
    """
    inner = _LEAST_SLOPE + F.softplus(slopes)
    return Knots(_edges(widths, bound), _edges(heights, bound), F.pad(inner, (1, 1), value=1.0))


def spline(values: Tensor, at: Knots) -> tuple[Tensor, Tensor]:
    """Transform values, each by its own spline; give the logarithm of the derivative too, equation 5."""
    inside = (values > at.places[..., 0]) & (values < at.places[..., -1])
    place, width, height, rise, left, right = _bin(values.masked_fill(~inside, 0), at, at.places)
    share = (values.masked_fill(~inside, 0) - place) / width
    steep = rise / width
    mixed = share * (1 - share)
    bottom = steep + (left + right - 2 * steep) * mixed
    result = height + rise * (steep * share.square() + left * mixed) / bottom
    slope = steep.square() * (right * share.square() + 2 * steep * mixed + left * (1 - share).square())
    return torch.where(inside, result, values), torch.where(inside, slope.log() - 2 * bottom.log(), 0)


def inverse_spline(values: Tensor, at: Knots) -> Tensor:
    """Undo `spline`, equations 6 to 8."""
    inside = (values > at.heights[..., 0]) & (values < at.heights[..., -1])
    place, width, height, rise, left, right = _bin(values.masked_fill(~inside, 0), at, at.heights)
    steep = rise / width
    above = values.masked_fill(~inside, 0) - height
    bend = above * (left + right - 2 * steep)
    a, b, c = rise * (steep - left) + bend, rise * left - bend, -steep * above
    root = (b.square() - 4 * a * c).clamp(min=0).sqrt()
    return torch.where(inside, place + width * 2 * c / (-b - root), values)


def _edges(sizes: Tensor, bound: float) -> Tensor:
    """Ends [..., bins + 1] of bins of unbounded sizes [..., bins], from -bound to bound."""
    shares = _LEAST_SHARE + (1 - _LEAST_SHARE * sizes.shape[-1]) * torch.softmax(sizes, dim=-1)
    edges = F.pad(shares.cumsum(-1)[..., :-1], (1, 0))
    return F.pad(2 * bound * edges - bound, (0, 1), value=bound)


def _bin(values: Tensor, at: Knots, edges: Tensor) -> tuple[Tensor, ...]:
    """Start, width, height, rise, and the slopes left and right of the bin that each value is in."""
    number = (torch.searchsorted(edges.contiguous(), values.unsqueeze(-1)) - 1).clamp(0, edges.shape[-1] - 2)

    def pick(knot: Tensor, step: int = 0) -> Tensor:
        return knot.gather(-1, number + step).squeeze(-1)

    place, height = pick(at.places), pick(at.heights)
    return place, pick(at.places, 1) - place, height, pick(at.heights, 1) - height, pick(at.slopes), pick(at.slopes, 1)
