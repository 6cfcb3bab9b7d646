"""Durations drawn at random, as people vary theirs: VITS, https://arxiv.org/abs/2106.06103, section 2.2.2.

A flow over two channels: the logarithm of a duration that rounding up has not yet made whole, and one that only helps.
"""

from __future__ import annotations

import math
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tts.layers.masking import masked
from tts.layers.splines import Knots, inverse_spline, knots, spline

_KERNEL, _LAYERS, _FLOWS = 3, 3, 4
_BINS, _BOUND = 10, 5.0
_LEAST_FRAMES = 1e-5

Flowed = tuple[Tensor, Tensor]
"""Values [batch, phones, 2] and log-determinants [batch]."""


class StochasticDurationPredictor(nn.Module):
    """Log-durations as a random function of the text."""

    def __init__(self, hidden: int, *, dropout: float = 0.5, speaker: int | None = None) -> None:
        """Set up the flows.

        Args:
            hidden: channels of the text encoder's states, and inside.
            dropout: of the convolutions over these states.
            speaker: channels of the speaker's vector; None = none is given.
        """
        super().__init__()
        self.enter, self.leave = nn.Linear(hidden, hidden), nn.Linear(hidden, hidden)
        self.convolutions = DilatedStack(hidden, dropout)
        self.speaker = None if speaker is None else nn.Linear(speaker, hidden)
        self.flow = _Chain(hidden)
        self.duration = nn.Linear(1, hidden)
        self.duration_leave = nn.Linear(hidden, hidden)
        self.duration_convolutions = DilatedStack(hidden, dropout)
        self.posterior = _Chain(hidden)

    def forward(self, hidden: Tensor, mask: Tensor, speaker: Tensor | None = None, *, noise: Tensor) -> Tensor:
        """Give the log-durations [batch, phones] that noise stands for.

        Args:
            hidden: [batch, phones, hidden]; takes no gradient.
            mask: [batch, phones].
            speaker: vectors [batch, channels], where there are any; take no gradient.
            noise: [batch, phones, 2] of a standard normal distribution, or less spread.
        """
        told = self._told(hidden, mask, speaker)
        values: Tensor = self.flow.inverse(masked(noise, mask), mask, told)
        drawn: Tensor = values[..., 0]
        return drawn

    def loss(self, hidden: Tensor, mask: Tensor, durations: Tensor, speaker: Tensor | None = None) -> Tensor:
        """Bound [batch] on the negative log-likelihood of durations [batch, phones] in frames, summed over phones."""
        told = self._told(hidden, mask, speaker)
        frames = durations.to(hidden).unsqueeze(2)
        heard = self.duration_convolutions(self.duration(frames), mask)
        heard = masked(self.duration_leave(heard), mask)
        noise = masked(torch.randn_like(hidden[..., :2]), mask)
        drawn, drawn_change = self.posterior(noise, mask, told + heard)
        part, extra = drawn[..., :1], drawn[..., 1:]
        logistic = (F.logsigmoid(part) + F.logsigmoid(-part)).squeeze(2).masked_fill(~mask, 0).sum(1)
        drawn_likelihood = -_surprise(noise, mask) - drawn_change - logistic
        continuous = masked(frames - torch.sigmoid(part), mask)  # what rounding up has made whole
        logarithm = masked(continuous.clamp(min=_LEAST_FRAMES).log(), mask)
        latent, change = self.flow(torch.cat((logarithm, extra), dim=2), mask, told)
        bound: Tensor = _surprise(latent, mask) - change + logarithm.sum(dim=(1, 2)) + drawn_likelihood
        return bound

    def _told(self, hidden: Tensor, mask: Tensor, speaker: Tensor | None) -> Tensor:
        entered = self.enter(hidden.detach())
        if self.speaker is not None and speaker is not None:
            entered = entered + self.speaker(speaker.detach()).unsqueeze(1)
        return masked(self.leave(self.convolutions(entered, mask)), mask)


class DilatedStack(nn.Module):
    """Residual depthwise convolutions of growing dilation, each with a pointwise one."""

    def __init__(self, hidden: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.depthwise = nn.ModuleList(
            nn.Conv1d(hidden, hidden, _KERNEL, dilation=_KERNEL**layer, padding=_KERNEL**layer, groups=hidden)
            for layer in range(_LAYERS)
        )
        self.pointwise = nn.ModuleList(nn.Linear(hidden, hidden) for _ in range(_LAYERS))
        self.norms = nn.ModuleList(nn.LayerNorm(hidden) for _ in range(2 * _LAYERS))
        self.dropout = nn.Dropout(dropout)

    def forward(self, hidden: Tensor, mask: Tensor) -> Tensor:
        """Give [batch, positions, hidden] for the same, zero where mask [batch, positions] is False."""
        for layer, (depthwise, pointwise) in enumerate(zip(self.depthwise, self.pointwise, strict=True)):
            mixed = depthwise(masked(hidden, mask).transpose(1, 2)).transpose(1, 2)
            mixed = pointwise(F.gelu(self.norms[2 * layer](mixed)))
            hidden = hidden + self.dropout(F.gelu(self.norms[2 * layer + 1](mixed)))
        return masked(hidden, mask)


class _Chain(nn.Module):
    """An affine map, then spline couplings, after each of which both channels change places."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.shift = nn.Parameter(torch.zeros(2))
        self.log_scale = nn.Parameter(torch.zeros(2))
        self.couplings = nn.ModuleList(_SplineCoupling(hidden) for _ in range(_FLOWS))

    def forward(self, values: Tensor, mask: Tensor, told: Tensor) -> Flowed:
        values = masked(self.shift + self.log_scale.exp() * values, mask)
        change = self.log_scale.sum() * mask.sum(1)
        for coupling in self.couplings:
            values, further = coupling(values, mask, told)
            values, change = values.flip(2), change + further
        return values, change

    def inverse(self, values: Tensor, mask: Tensor, told: Tensor) -> Tensor:
        # The first coupling moves the channel that is not kept in the end: the published code leaves it out.
        for coupling in cast("list[_SplineCoupling]", list(self.couplings))[:0:-1]:
            values = coupling.inverse(values.flip(2), mask, told)
        return masked((values.flip(2) - self.shift) * (-self.log_scale).exp(), mask)


class _SplineCoupling(nn.Module):
    """Bends the second channel by splines that it reads in the first."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.hidden = hidden
        self.enter = nn.Linear(1, hidden)
        self.convolutions = DilatedStack(hidden)
        self.leave = nn.Linear(hidden, 3 * _BINS - 1)
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)

    def forward(self, values: Tensor, mask: Tensor, told: Tensor) -> Flowed:
        bent, change = spline(values[..., 1], self._knots(values, mask, told))
        moved = masked(torch.stack((values[..., 0], bent), dim=2), mask)
        return moved, change.masked_fill(~mask, 0).sum(1)

    def inverse(self, values: Tensor, mask: Tensor, told: Tensor) -> Tensor:
        straight = inverse_spline(values[..., 1], self._knots(values, mask, told))
        return masked(torch.stack((values[..., 0], straight), dim=2), mask)

    def _knots(self, values: Tensor, mask: Tensor, told: Tensor) -> Knots:
        hidden = self.convolutions(self.enter(values[..., :1]) + told, mask)
        widths, heights, slopes = masked(self.leave(hidden), mask).tensor_split((_BINS, 2 * _BINS), dim=2)
        scale = math.sqrt(self.hidden)
        return knots(widths / scale, heights / scale, slopes, bound=_BOUND)


def _surprise(latent: Tensor, mask: Tensor) -> Tensor:
    """Negative log-likelihood [batch] of values [batch, phones, 2] under a standard normal distribution."""
    each = 0.5 * (math.log(2 * math.pi) + latent.square())
    return masked(each, mask).sum(dim=(1, 2))
