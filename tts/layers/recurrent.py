"""Recurrent layers where the rest computes in half precision."""

from __future__ import annotations

from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

Sequence = TypeVar("Sequence", Tensor, PackedSequence)

LstmState = tuple[Tensor, Tensor]


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
