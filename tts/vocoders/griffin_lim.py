"""Griffin-Lim: a phase that fits the magnitudes that the mel allows, found by iteration; nothing is trained.

Griffin and Lim 1984, https://doi.org/10.1109/TASSP.1984.1164317; fast since Perraudin et al. 2013,
https://doi.org/10.1109/WASPAA.2013.6701851.
"""

from __future__ import annotations

from torch import Tensor, nn

from tts.audio.spectrogram import mel_basis
from tts.config import config
from tts.interfaces import Inventory, System
from tts.layers.phases import PhaseConfig, PhaseSearch, magnitude_from_mel


@config
class Config(PhaseConfig):
    """How long and how boldly a phase is searched."""


class GriffinLim(nn.Module):
    """A vocoder without weights: a mel gives the same waveform alone, in a batch, and always."""

    basis: Tensor

    def __init__(self, settings: Config, inventory: Inventory) -> None:
        super().__init__()
        self.phases = PhaseSearch(settings, inventory.mel)
        self.register_buffer("basis", mel_basis(inventory.mel), persistent=False)

    def forward(self, mel: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Speak, as `Vocoder` says.

        Raises:
            AudioError: an item is so short that its edges cannot be reflected.
        """
        samples: Tensor = self.phases(magnitude_from_mel(mel, self.basis), lengths)
        return samples


SYSTEM = System(
    kind="vocoder",
    config=Config,
    build=GriffinLim,
    task=None,
    configurations={"published": Config(), "quick": Config(iterations=32)},
)
