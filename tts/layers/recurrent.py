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
            last = sequence.new_zeros(2, len(sequence), self.cell.hidden_size, dtype=torch.float32)
            if state is not None:
                last = torch.stack(state)
            outputs = []
            for step, kept in zip(sequence.float().unbind(dim=1), self._kept(sequence).unbind(dim=2), strict=True):
                last = torch.lerp(torch.stack(self.cell(step, (last[0], last[1]))), last, kept)
                outputs.append(last[0])
        return torch.stack(outputs, dim=1), (last[0], last[1])

    def _kept(self, sequence: Tensor) -> Tensor:
        """How much of their last value the units of hidden and cell keep, [2, batch, steps, hidden]."""
        shape = (2, *sequence.shape[:2], self.cell.hidden_size)
        if not self.training:
            return torch.full(shape, self._zoneout, device=sequence.device)
        return (torch.rand(shape, device=sequence.device) < self._zoneout).float()
