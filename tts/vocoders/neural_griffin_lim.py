"""Neural Griffin-Lim: a network gives the linear magnitudes of a mel, Griffin-Lim their phases.

Tacotron's way from mel to sound, Wang et al. 2017, https://arxiv.org/abs/1703.10135, sections 3.3 and 3.4. It learns in
minutes on a CPU, where vocoders that learn phases take days on a GPU, and it beats Griffin-Lim alone: the network
sharpens harmonics that lie too close for the mel to resolve.

Differs from the paper: ConvNeXt blocks in place of CBHG; the network only corrects the magnitudes that the mel allows,
so that it speaks nearly like Griffin-Lim before its first step; no magnitude is raised to a power.
"""

from __future__ import annotations

import math

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from tts.audio.spectrogram import magnitude, mel_basis, mel_from_magnitude
from tts.config import config
from tts.interfaces import Inventory, System, VocoderBatch
from tts.layers.convnext import ConvNeXt, initialize
from tts.layers.phases import PhaseConfig, PhaseSearch, magnitude_from_mel

_INVERSION_STEPS = 5  # what is left the network corrects; more would be a third of the time of training
_LEAST_MAGNITUDE = 1e-4  # of what the network starts from: bins above f_max have none
_HEARD = 1e-3  # magnitudes below count as this in the loss: a logarithm would dwell on silence
_MEL_CENTER, _MEL_SCALE = -5.0, 2.0  # brings log-mels of speech near zero mean and unit variance


@config
class Config:
    """Sizes of the network, and the search for phases.

    Attributes:
        channels: of the backbone.
        intermediate: inside each block.
        layers: blocks.
        phases: of Griffin-Lim.
    """

    channels: int = Field(default=192, gt=0)
    intermediate: int = Field(default=576, gt=0)
    layers: int = Field(default=4, gt=0)
    phases: PhaseConfig = Field(default_factory=PhaseConfig)


class NeuralGriffinLim(nn.Module):
    """Mel to magnitudes to waveform."""

    basis: Tensor

    def __init__(self, settings: Config, inventory: Inventory) -> None:
        super().__init__()
        self.definition = inventory.mel
        self.backbone = ConvNeXt(inventory.mel.n_mels, settings.channels, settings.intermediate, settings.layers)
        self.head = nn.Linear(settings.channels, inventory.mel.n_fft // 2 + 1)
        self.phases = PhaseSearch(settings.phases, inventory.mel)
        self.register_buffer("basis", mel_basis(inventory.mel), persistent=False)
        self.apply(initialize)
        nn.init.zeros_(self.head.weight)

    def forward(self, mel: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Speak, as `Vocoder` says.

        Raises:
            AudioError: an item is so short that its edges cannot be reflected.
        """
        samples: Tensor = self.phases(self.log_magnitudes(mel, lengths).exp(), lengths)
        return samples

    def log_magnitudes(self, mel: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Natural logarithm of magnitudes [batch, n_fft // 2 + 1, frames] of a log-mel [batch, mels, frames]."""
        known = magnitude_from_mel(mel.float(), self.basis, steps=_INVERSION_STEPS).clamp(min=_LEAST_MAGNITUDE).log()
        correction: Tensor = self.head(self.backbone((mel - _MEL_CENTER) / _MEL_SCALE, lengths))
        return known + correction.float().transpose(1, 2)

    def loss(self, batch: VocoderBatch) -> dict[str, Tensor]:
        """Named terms: log-magnitude L1, spectral convergence, and L1 of the log-mel that the magnitudes have."""
        # A segment's own outermost frames hold reflections where the clip, and its mel, go on.
        edge = math.ceil(self.definition.padding / self.definition.hop_length)
        inside = slice(edge, batch.mel.shape[2] - edge)
        logs = self.log_magnitudes(batch.mel)[..., inside]
        with torch.autocast(batch.mel.device.type, enabled=False):
            target, found = magnitude(batch.waveform, self.definition)[..., inside], logs.exp()
            return {
                "magnitude": F.l1_loss(logs.clamp(min=math.log(_HEARD)), target.clamp(min=_HEARD).log()),
                "convergence": torch.linalg.norm(found - target) / torch.linalg.norm(target).clamp(min=_HEARD),
                "mel": F.l1_loss(mel_from_magnitude(found, self.definition), batch.mel[..., inside]),
            }


SYSTEM = System(
    kind="vocoder",
    config=Config,
    build=NeuralGriffinLim,
    task="supervised",
    configurations={"small": Config()},
)
