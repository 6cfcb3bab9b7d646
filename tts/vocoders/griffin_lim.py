"""Griffin-Lim: a phase that fits the magnitudes, found by iteration; nothing is trained.

Fast Griffin-Lim, Perraudin et al. 2013, https://doi.org/10.1109/WASPAA.2013.6701851, from random phases.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tts.audio.spectrogram import mel_basis, stft
from tts.config import config
from tts.interfaces import Inventory, System
from tts.layers.istft import InverseStft

_INVERSION_STEPS = 20  # on speech the mel of the solution is then within .1 % of the one asked for
_TINY = 1e-9  # keeps divisions finite where nothing sounds


@config
class Config:
    """How long and how boldly a phase is searched.

    Attributes:
        iterations: projections onto consistent spectra.
        momentum: acceleration; 0 is the original algorithm of 1984.
        seed: of the first phases.
    """

    iterations: int = 60
    momentum: float = 0.99
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse settings that cannot converge."""
        if self.iterations < 1 or not 0 <= self.momentum < 1:
            raise ValueError("needs iterations >= 1 and 0 <= momentum < 1")


class GriffinLim(nn.Module):
    """A vocoder without weights: a mel gives the same waveform alone, in a batch, and always."""

    basis: Tensor

    def __init__(self, settings: Config, inventory: Inventory) -> None:
        super().__init__()
        self.settings = settings
        self.definition = inventory.mel
        self.istft = InverseStft(inventory.mel)
        self.register_buffer("basis", mel_basis(inventory.mel), persistent=False)

    def forward(self, mel: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Waveform.

        Args:
            mel: log-mel [batch, mels, frames]; any value beyond an item's length.
            lengths: [batch] frames of each item; None = all frames count.

        Returns:
            [batch, frames * hop_length] in [-1, 1], zero beyond an item's length.

        Raises:
            AudioError: an item is so short that its edges cannot be reflected.
        """
        if lengths is None:
            return self.restore(magnitude_from_mel(mel, self.basis))
        # Reflection at its end makes all of an item depend on its length, so each is spoken alone.
        samples = mel.new_zeros(len(mel), mel.shape[2] * self.definition.hop_length)
        for row, length in enumerate(lengths.tolist()):
            samples[row, : length * self.definition.hop_length] = self(mel[row : row + 1, :, :length])[0]
        return samples

    def restore(self, magnitudes: Tensor) -> Tensor:
        """Give the waveform [batch, frames * hop_length] of magnitudes [batch, n_fft // 2 + 1, frames]."""
        goal = magnitudes.transpose(1, 2)
        spectrum = goal * self._first_phases(goal)
        previous = torch.zeros_like(spectrum)
        for _ in range(self.settings.iterations):
            consistent = stft(self.istft(spectrum), self.definition).transpose(1, 2)[:, : goal.shape[1]]
            ahead = consistent + self.settings.momentum * (consistent - previous)
            spectrum = goal * ahead / ahead.abs().clamp(min=_TINY)
            previous = consistent
        samples: Tensor = self.istft(spectrum)
        return samples.clamp(-1, 1)

    def _first_phases(self, goal: Tensor) -> Tensor:
        """Unit phasors [frames, bins], drawn on the CPU so that every device starts from the same."""
        generator = torch.Generator().manual_seed(self.settings.seed)
        angles = 2 * torch.pi * torch.rand(goal.shape[1:], generator=generator)
        return torch.polar(torch.ones_like(angles), angles).to(goal.device)


def magnitude_from_mel(mel: Tensor, basis: Tensor) -> Tensor:
    """Non-negative magnitudes [batch, bins, frames] whose log-mel is `mel` [batch, mels, frames].

    Multiplicative updates of the Kullback-Leibler divergence from a flat start, Lee and Seung 2001: on speech they
    come closer to the true magnitudes than least squares, whose solution is spiky.
    """
    goal = mel.exp()
    weights = basis.sum(0)[:, None]
    # Bins above f_max belong to no band: nothing is known of them, they stay silent.
    solution = (weights > 0).to(goal).expand(len(mel), -1, mel.shape[2])
    for _ in range(_INVERSION_STEPS):
        ratio = goal / (basis @ solution).clamp(min=_TINY)
        solution = solution * (basis.T @ ratio) / weights.clamp(min=_TINY)
    return solution


SYSTEM = System(
    kind="vocoder",
    config=Config,
    build=GriffinLim,
    task=None,
    configurations={"published": Config(), "quick": Config(iterations=32)},
)
