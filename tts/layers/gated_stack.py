"""Gated convolutions with residual and skip connections, told of the speaker: WaveNet's stack, not causal.

Van den Oord et al. 2016, https://arxiv.org/abs/1609.03499; in the posterior encoder and the flows of VITS,
https://arxiv.org/abs/2106.06103, section 2.5, without dilation.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm

from tts.layers.masking import MaskedConv1d, masked


class GatedStack(nn.Module):
    """Sum of what each layer lets pass; every layer's input is the residual of the one before."""

    def __init__(self, hidden: int, kernel: int, layers: int, *, speaker: int | None = None) -> None:
        """Set up the layers.

        Args:
            hidden: channels.
            kernel: of each gated convolution, odd.
            layers: how many.
            speaker: channels of the speaker's vector; None = none is given.
        """
        super().__init__()
        self.gates = nn.ModuleList(MaskedConv1d(hidden, 2 * hidden, kernel) for _ in range(layers))
        widths = [2 * hidden] * (layers - 1) + [hidden]
        self.outputs = nn.ModuleList(nn.Linear(hidden, width) for width in widths)
        self.speaker = None if speaker is None else nn.Linear(speaker, 2 * hidden * layers)
        for gate in self.gates:
            weight_norm(gate.convolution)  # type: ignore[arg-type]
        for linear in [*self.outputs, *([self.speaker] if self.speaker else [])]:
            weight_norm(linear)

    def forward(self, hidden: Tensor, mask: Tensor, speaker: Tensor | None = None) -> Tensor:
        """Give [batch, positions, hidden] for the same, zero where mask [batch, positions] is False.

        Args:
            hidden: [batch, positions, hidden].
            mask: [batch, positions].
            speaker: vectors [batch, channels], where the stack was set up for them.
        """
        told = self._told(speaker)
        total = torch.zeros_like(hidden)
        for gate, output, extra in zip(self.gates, self.outputs, told, strict=True):
            value, openness = (gate(hidden, mask) + extra).chunk(2, dim=2)
            passed = output(torch.tanh(value) * torch.sigmoid(openness))
            residual, skip = passed[..., : -hidden.shape[2]], passed[..., -hidden.shape[2] :]
            total = total + skip
            if residual.shape[2]:
                hidden = hidden + residual
        return masked(total, mask)

    def _told(self, speaker: Tensor | None) -> tuple[Tensor | float, ...]:
        """What each layer's gates are told, [batch, 1, 2 * hidden]."""
        if self.speaker is None:
            return (0.0,) * len(self.gates)
        return self.speaker(speaker).unsqueeze(1).chunk(len(self.gates), dim=2)  # type: ignore[no-any-return]
