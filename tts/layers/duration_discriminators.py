"""Whether durations are those of a recording or foretold: VITS2, section 2.1, https://arxiv.org/abs/2307.16430.

The paper draws no network; both forms are those of github.com/FENRlR/MB-iSTFT-VITS2 and its forerunners. The plain one
has no activation between its convolutions and is less stable than the normed one; two norms of its published form are
never used, and left out here.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tts.layers.masking import MaskedConv1d, masked
from tts.losses.adversarial import Judgement

_KERNEL = 3

Form = Literal["plain", "normed"]


class DurationDiscriminator(nn.Module):
    """Judges each phone by its duration and its surroundings; told nothing of the speaker."""

    def __init__(self, hidden: int, form: Form) -> None:
        super().__init__()
        widths = ((hidden, hidden), (hidden, hidden), (2 * hidden, hidden), (hidden, hidden))
        self.convolutions = nn.ModuleList(MaskedConv1d(*each, _KERNEL) for each in widths)
        self.duration = nn.Linear(1, hidden)
        self.norms = nn.ModuleList(nn.LayerNorm(hidden) for _ in range(4 if form == "normed" else 0))
        self.output = nn.Linear(hidden, 1)

    def forward(self, hidden: Tensor, mask: Tensor, log_durations: Tensor) -> Judgement:
        """Judge durations.

        Args:
            hidden: [batch, phones, hidden] of the text encoder; takes no gradient.
            mask: [batch, phones].
            log_durations: [batch, phones].

        Returns:
            Scores [batch, phones] from 0, foretold, to 1, heard, and no feature maps; of padding they are void.
        """
        hidden = self._layer(1, self._layer(0, hidden.detach(), mask), mask)
        joined = torch.cat((hidden, self.duration(log_durations.unsqueeze(2))), dim=2)
        judged = masked(self._layer(3, self._layer(2, joined, mask), mask), mask)
        return torch.sigmoid(self.output(judged)).squeeze(2), []

    def _layer(self, number: int, hidden: Tensor, mask: Tensor) -> Tensor:
        mixed: Tensor = self.convolutions[number](hidden, mask)
        return self.norms[number](F.relu(mixed)) if self.norms else mixed
