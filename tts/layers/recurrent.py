"""Recurrent layers: where the rest computes in half precision, and with zoneout."""

from __future__ import annotations

from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

Sequence = TypeVar("Sequence", Tensor, PackedSequence)

LstmState = tuple[Tensor, Tensor]
"""Hidden and cell."""


def run_lstm(layer: nn.LSTM, sequence: Sequence, state: LstmState | None = None) -> tuple[Sequence, LstmState]:
    """Run a layer in full precision: most CPUs have no LSTM in half of it, and states add up rounding errors.

    Args:
        layer: batch first.
        sequence: [batch, steps, channels], or packed.
        state: hidden and cell [layers, batch, hidden]; None = zeros.

    Returns:
        The sequence of outputs, and the state after it.
    """
    data = sequence.data if isinstance(sequence, PackedSequence) else sequence
    with torch.autocast(data.device.type, enabled=False):
        outputs, after = layer(sequence.float(), state)
    return outputs, after


class ZoneoutLstm(nn.Module):
    """LSTM some of whose units keep their last value: Krueger et al. 2016, https://arxiv.org/abs/1606.01305.

    In evaluation each unit takes the expectation.
    """

    def __init__(self, channels: int, hidden: int, zoneout: float) -> None:
        super().__init__()
        self.cell = nn.LSTMCell(channels, hidden)
        self._zoneout = zoneout

    def forward(self, sequence: Tensor, state: LstmState | None = None) -> tuple[Tensor, LstmState]:
        """Give outputs [batch, steps, hidden] and the last state for a sequence [batch, steps, channels]."""
        with torch.autocast(sequence.device.type, enabled=False):
            nothing = sequence.new_zeros(len(sequence), self.cell.hidden_size, dtype=torch.float32)
            state = state or (nothing, nothing)
            outputs = []
            for step in sequence.float().unbind(dim=1):
                new = self.cell(step, state)
                state = self._zoned(state[0], new[0]), self._zoned(state[1], new[1])
                outputs.append(state[0])
        return torch.stack(outputs, dim=1), state

    def _zoned(self, old: Tensor, new: Tensor) -> Tensor:
        if not self.training:
            return torch.lerp(new, old, self._zoneout)
        return torch.where(torch.rand_like(new) < self._zoneout, old, new)
