"""Location-sensitive attention: where to look depends on where attention has been.

Chorowski et al. 2015, "Attention-Based Models for Speech Recognition", https://arxiv.org/abs/1506.07503, in the form of
Tacotron 2 (Shen et al. 2018, section 2.2, https://arxiv.org/abs/1712.05884): additive, told of the weights of the step
before and of the sum of all weights so far.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from pydantic import Field
from torch import Tensor, nn

from tts.config import config


@config
class AttentionConfig:
    """Tacotron 2's by default.

    Attributes:
        hidden: channels in which query, memory and places are compared.
        filters: of the convolution over earlier weights.
        kernel: of the same, odd.
    """

    hidden: int = Field(default=128, gt=0)
    filters: int = Field(default=32, gt=0)
    kernel: int = Field(default=31, gt=0)

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
        weights: [batch, positions] of the last step; they sum to 1, before the first step to 0.
        total: [batch, positions], the sum over all steps.
    """

    weights: Tensor
    total: Tensor


class LocationSensitiveAttention(nn.Module):
    """One step of attention at a time; positions that are padding get no weight."""

    def __init__(self, query: int, memory: int, config: AttentionConfig) -> None:
        super().__init__()
        self.query = nn.Linear(query, config.hidden, bias=False)
        self.memory = nn.Linear(memory, config.hidden, bias=False)
        self.places = nn.Conv1d(2, config.filters, config.kernel, padding=config.kernel // 2, bias=False)
        self.location = nn.Linear(config.filters, config.hidden, bias=False)
        self.energy = nn.Linear(config.hidden, 1, bias=False)

    def remember(self, values: Tensor, mask: Tensor) -> Memory:
        """Make a memory of values [batch, positions, channels] and their mask [batch, positions]."""
        return Memory(values, self.memory(values), mask)

    def start(self, memory: Memory) -> Attended:
        """Give the state before the first step."""
        nowhere = memory.values.new_zeros(memory.mask.shape)
        return Attended(nowhere, nowhere)

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
        places = self.places(torch.stack((last.weights, last.total), dim=1)).transpose(1, 2)
        compared = torch.tanh(self.query(query).unsqueeze(1) + self.location(places) + memory.keys)
        allowed = memory.mask if window is None else memory.mask & _ahead(last.weights, window)
        energies = self.energy(compared).squeeze(-1).masked_fill(~allowed, -torch.inf)
        weights = torch.softmax(energies, dim=1)
        read = torch.bmm(weights.unsqueeze(1), memory.values.to(weights.dtype)).squeeze(1)
        return read, Attended(weights, last.total + weights)


def _ahead(weights: Tensor, window: int) -> Tensor:
    """Mask [batch, positions] of the position with the highest weight and `window` ones after it."""
    position = torch.arange(weights.shape[1], device=weights.device)
    last = weights.argmax(dim=1, keepdim=True)
    return (position >= last) & (position <= last + window)
