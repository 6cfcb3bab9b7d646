"""Additive attention, told or not of where it has been, and free or bound to paths that go on.

Bahdanau et al. 2014, https://arxiv.org/abs/1409.0473. Told of places (`filters`): Chorowski et al. 2015,
https://arxiv.org/abs/1506.07503, in the form of Tacotron 2 (Shen et al. 2018, section 2.2,
https://arxiv.org/abs/1712.05884), of the weights of the step before and of the sum of all weights so far. Bound to
paths that never go back (`forward`): Zhang et al. 2018, https://arxiv.org/abs/1807.06736, whose transition agent here
reads the query and what was read of the memory; the last frame, which it is told too there, has made the query.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from tts.config import config

_LEAST_MOVE = 1e-4
"""The transition agent is never surer than this, so that some weight has somewhere to be."""

_LEAST_PRIOR = 1e-12
"""Weights below have no gradient: its factor, their inverse, would not be finite."""


@config
class AttentionConfig:
    """Tacotron 2's by default.

    Attributes:
        hidden: channels in which query, memory and places are compared.
        filters: of the convolution over earlier weights; 0 = attention does not know where it has been.
        kernel: of the same, odd.
        forward: off, or plain: weights stay or move on by one position, before they are weighed by what fits; or agent:
            the network says how much of them moves. Attention then starts at the first phone and goes one phone ahead
            in a step at most: a step should have few frames.
    """

    hidden: int = Field(default=128, gt=0)
    filters: int = Field(default=32, ge=0)
    kernel: int = Field(default=31, gt=0)
    forward: Literal["off", "plain", "agent"] = "off"

    def __post_init__(self) -> None:
        """Refuse a kernel without a middle."""
        if self.kernel % 2 == 0:
            raise ValueError(f"kernel must be odd, not {self.kernel}")


class Memory(NamedTuple):
    """What is attended to.

    Attributes:
        values: [batch, positions, channels].
        keys: the same, projected: [batch, positions, hidden].
        mask: [batch, positions], True where there is something.
    """

    values: Tensor
    keys: Tensor
    mask: Tensor


class Attended(NamedTuple):
    """Where attention is, and where it has been.

    Attributes:
        weights: [batch, positions] of the last step; they sum to 1. Before the first step they are 0, or, in
            forward attention, 1 at the first position.
        total: [batch, positions], the sum over all steps.
        moving: [batch, 1], the share of the weights that will move on by one; used by forward attention.
    """

    weights: Tensor
    total: Tensor
    moving: Tensor


class AdditiveAttention(nn.Module):
    """One step of attention at a time; positions that are padding get no weight."""

    def __init__(self, query: int, memory: int, config: AttentionConfig) -> None:
        super().__init__()
        self._paths = config.forward != "off"
        self.query = nn.Linear(query, config.hidden, bias=False)
        self.memory = nn.Linear(memory, config.hidden, bias=False)
        self.places = self.location = self.agent = None
        if config.filters:
            self.places = nn.Conv1d(2, config.filters, config.kernel, padding=config.kernel // 2, bias=False)
            self.location = nn.Linear(config.filters, config.hidden, bias=False)
        self.energy = nn.Linear(config.hidden, 1, bias=False)
        if config.forward == "agent":
            layers = nn.Linear(query + memory, config.hidden), nn.Tanh(), nn.Linear(config.hidden, 1), nn.Sigmoid()
            self.agent = nn.Sequential(*layers)

    def remember(self, values: Tensor, mask: Tensor) -> Memory:
        """Make a memory of values [batch, positions, channels] and their mask [batch, positions]."""
        return Memory(values, self.memory(values), mask)

    def start(self, memory: Memory) -> Attended:
        """Give the state before the first step."""
        nowhere = torch.zeros(memory.mask.shape, device=memory.mask.device)
        weights = F.pad(nowhere[:, 1:], (1, 0), value=1.0) if self._paths else nowhere
        return Attended(weights, nowhere, nowhere.new_full((len(nowhere), 1), 0.5))

    def forward(
        self, query: Tensor, memory: Memory, last: Attended, window: int | None = None
    ) -> tuple[Tensor, Attended]:
        """Attend once.

        Args:
            query: [batch, channels].
            memory: what is attended to.
            last: state after the step before.
            window: positions ahead of the one most attended before, within which attention must stay, never going
                back; None = anywhere.

        Returns:
            What was read, [batch, channels of the memory], and the new state.
        """
        allowed = memory.mask if window is None else memory.mask & _ahead(last.weights, window)
        energies = self._energies(query, memory, last)
        if self._paths:
            prior = torch.lerp(last.weights, F.pad(last.weights, (1, -1)), last.moving)
            allowed = allowed & (prior > 0)
            energies = energies + prior.clamp(min=_LEAST_PRIOR).log()
        weights = torch.softmax(energies.masked_fill(~allowed, -torch.inf), dim=1)
        read = torch.bmm(weights.unsqueeze(1), memory.values.to(weights.dtype)).squeeze(1)
        return read, Attended(weights, last.total + weights, self._moving(query, read, last))

    def _energies(self, query: Tensor, memory: Memory, last: Attended) -> Tensor:
        """How well the query fits each position, [batch, positions]."""
        compared = self.query(query).unsqueeze(1) + memory.keys
        if self.places is not None and self.location is not None:
            places = self.places(torch.stack((last.weights, last.total), dim=1)).transpose(1, 2)
            compared = compared + self.location(places)
        energies: Tensor = self.energy(torch.tanh(compared)).squeeze(-1)
        return energies

    def _moving(self, query: Tensor, read: Tensor, last: Attended) -> Tensor:
        """The share of the weights that moves on in the next step: a half, or as the agent says."""
        if self.agent is None:
            return last.moving
        moving: Tensor = self.agent(torch.cat((query, read), dim=1)).float()
        return moving.clamp(_LEAST_MOVE, 1 - _LEAST_MOVE)


def _ahead(weights: Tensor, window: int) -> Tensor:
    """Mask [batch, positions] of the position with the highest weight and `window` ones after it."""
    position = torch.arange(weights.shape[1], device=weights.device)
    last = weights.argmax(dim=1, keepdim=True)
    return (position >= last) & (position <= last + window)
