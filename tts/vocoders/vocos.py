"""Vocos, https://arxiv.org/abs/2306.00814: a ConvNeXt backbone predicts an STFT frame by frame; its inverse speaks.

Differs from the paper's code: T frames give T * hop_length samples in the mel's own framing, items of a padded
batch do not see their padding, and a multi-resolution STFT term may be weighted in.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tts.config import config
from tts.interfaces import Inventory, System, VocoderBatch
from tts.layers.convnext import ConvNeXt, initialize
from tts.layers.convolution import frame_mask
from tts.layers.discriminators import DiscriminatorConfig, Discriminators
from tts.layers.istft import InverseStft
from tts.losses.spectral import (
    RESOLUTIONS,
    Resolution,
    loss_mel_definition,
    mel_distance,
    multi_resolution_stft_distance,
)

_MAX_MAGNITUDE = 1e2  # of the paper's code: keeps the exponential finite early in training


@config
class Config:
    """Sizes of the network; the defaults are the paper's.

    Attributes:
        channels: of the backbone.
        intermediate: inside each block.
        layers: blocks.
        resolutions: of the stft loss term.
        discriminator: its adversaries.
    """

    channels: int = 512
    intermediate: int = 1536
    layers: int = 8
    resolutions: tuple[Resolution, ...] = RESOLUTIONS
    discriminator: DiscriminatorConfig = DiscriminatorConfig(
        scales=0, resolutions=((1024, 256, 1024), (2048, 512, 2048), (512, 128, 512))
    )


class Vocos(nn.Module):
    """The generator."""

    def __init__(self, settings: Config, inventory: Inventory) -> None:
        super().__init__()
        self.resolutions = settings.resolutions
        self.loss_definition = loss_mel_definition(inventory.mel)
        self.backbone = ConvNeXt(inventory.mel.n_mels, settings.channels, settings.intermediate, settings.layers)
        self.head = nn.Linear(settings.channels, inventory.mel.n_fft + 2)
        self.istft = InverseStft(inventory.mel)
        self.apply(initialize)

    def forward(self, mel: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Speak, as `Vocoder` says."""
        log_magnitude, phase = self.head(self.backbone(mel, lengths)).float().chunk(2, dim=2)
        spectrum = torch.polar(log_magnitude.exp().clamp(max=_MAX_MAGNITUDE), phase)
        waveform: Tensor = self.istft(spectrum, frame_mask(lengths, mel.shape[2]))
        return waveform.clamp(-1, 1)

    def loss(self, batch: VocoderBatch, waveform: Tensor) -> dict[str, Tensor]:
        """Reconstruction terms of a generated waveform [batch, samples]: mel and stft."""
        return {
            "mel": mel_distance(waveform, batch.waveform, self.loss_definition),
            "stft": multi_resolution_stft_distance(waveform, batch.waveform, self.resolutions),
        }


def _build_discriminator(settings: Config) -> Discriminators:
    return Discriminators(settings.discriminator)


SMALL = Config(
    channels=256,
    intermediate=768,
    layers=4,
    discriminator=DiscriminatorConfig(
        periods=(), scales=0, resolutions=((1024, 256, 1024), (512, 128, 512)), resolution_channels=8
    ),
)

SYSTEM = System(
    kind="vocoder",
    config=Config,
    build=Vocos,
    task="adversarial",
    build_discriminator=_build_discriminator,
    configurations={"published": Config(), "small": SMALL},
)
