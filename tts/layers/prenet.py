"""Tacotron's pre-net: a bottleneck whose dropout stays on when the network speaks.

Wang et al. 2017, section 3.2, https://arxiv.org/abs/1703.10135; Shen et al. 2018, section 2.2,
https://arxiv.org/abs/1712.05884.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class PreNet(nn.Module):
    """Layers with ReLU whose dropout stays on: without it, speech repeats itself or falls apart.

    When the network speaks, all items of a batch share one draw a step: company changes nothing, torch's seed does.
    """

    def __init__(self, channels: int, hidden: tuple[int, ...], dropout: float, *, bias: bool) -> None:
        super().__init__()
        pairs = zip((channels, *hidden), hidden, strict=False)
        self.layers = nn.ModuleList(nn.Linear(a, b, bias=bias) for a, b in pairs)
        self._dropout, self._channels = dropout, list(hidden)

    def forward(self, hidden: Tensor) -> Tensor:
        """Give [batch, steps, hidden[-1]] for hidden [batch, steps, channels]."""
        for layer, kept in zip(self.layers, self._kept(*hidden.shape[:2]), strict=True):
            hidden = torch.relu(layer(hidden)) * kept
        return hidden

    def _kept(self, batch: int, steps: int) -> list[Tensor]:
        """Factors on the outputs of each layer, [batch or 1, steps, channels]."""
        device = next(self.parameters()).device
        if self.training:
            draw = torch.rand(batch, steps, sum(self._channels), device=device)
        else:  # step by step, so that the draw of a step does not depend on how many come after it
            draw = torch.stack([torch.rand(sum(self._channels), device=device) for _ in range(steps)]).unsqueeze(0)
        kept = (draw >= self._dropout) / (1 - self._dropout)
        return list(torch.split(kept, self._channels, dim=2))


def require_prenet(name: str, hidden: tuple[int, ...]) -> None:
    """Refuse settings of a pre-net without layers, or with layers of nothing.

    Raises:
        ValueError: of the setting `name`.
    """
    if not hidden or min(hidden) < 1:
        raise ValueError(f"{name} must be positive numbers, at least one, not {list(hidden)}")


@contextmanager
def draws_apart(device: torch.device) -> Iterator[None]:
    """Draw apart: however many numbers are drawn within, what is drawn afterwards is the same."""
    seed = int(torch.randint(2**31, ()))
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield
