"""Vocos, https://arxiv.org/abs/2306.00814: a ConvNeXt backbone predicts an STFT frame by frame; its inverse speaks.

Differs from the paper's code: T frames give T * hop_length samples in the mel's own framing, items of a padded
batch do not see their padding, and a multi-resolution STFT term may be weighted in.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tts.config import config
from tts.interfaces import Inventory, System, VocoderBatch
from tts.layers.convolution import DepthwiseConv, frame_mask, zero_padding
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


class ConvNeXtBlock(nn.Module):
    """Depthwise convolution, then a pointwise bottleneck, scaled and added; https://arxiv.org/abs/2201.03545."""

    def __init__(self, channels: int, intermediate: int, *, scale: float) -> None:
        super().__init__()
        self.dwconv = DepthwiseConv(channels, 7)
        self.norm = nn.LayerNorm(channels, eps=1e-6)
        self.pwconv1 = nn.Linear(channels, intermediate)
        self.pwconv2 = nn.Linear(intermediate, channels)
        self.gamma = nn.Parameter(torch.full((channels,), scale))

    def forward(self, hidden: Tensor, mask: Tensor | None) -> Tensor:
        """Give [batch, frames, channels] for the same."""
        mixed = self.norm(self.dwconv(zero_padding(hidden, mask)))
        update: Tensor = self.gamma * self.pwconv2(F.gelu(self.pwconv1(mixed)))
        return hidden + update


class Vocos(nn.Module):
    """The generator."""

    def __init__(self, settings: Config, inventory: Inventory) -> None:
        super().__init__()
        self.resolutions = settings.resolutions
        self.loss_definition = loss_mel_definition(inventory.mel)
        width = settings.channels
        self.embed = nn.Conv1d(inventory.mel.n_mels, width, 7, padding=3)
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.blocks = nn.ModuleList(
            ConvNeXtBlock(width, settings.intermediate, scale=1 / settings.layers) for _ in range(settings.layers)
        )
        self.final_norm = nn.LayerNorm(width, eps=1e-6)
        self.head = nn.Linear(width, inventory.mel.n_fft + 2)
        self.istft = InverseStft(inventory.mel)
        self.apply(_initialize)

    def forward(self, mel: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Waveform.

        Args:
            mel: log-mel [batch, mels, frames]; any value beyond an item's length.
            lengths: [batch] frames of each item; None = all frames count.

        Returns:
            [batch, frames * hop_length] in [-1, 1], zero beyond an item's length.
        """
        mask = frame_mask(lengths, mel.shape[2])
        by_frame = None if mask is None else mask.unsqueeze(2)
        inside = zero_padding(mel.transpose(1, 2), by_frame).transpose(1, 2)
        hidden = self.norm(self.embed(inside).transpose(1, 2))
        for block in self.blocks:
            hidden = block(hidden, by_frame)
        log_magnitude, phase = self.head(self.final_norm(hidden)).float().chunk(2, dim=2)
        spectrum = torch.polar(log_magnitude.exp().clamp(max=_MAX_MAGNITUDE), phase)
        waveform: Tensor = self.istft(spectrum, mask)
        return waveform.clamp(-1, 1)

    def loss(self, batch: VocoderBatch, waveform: Tensor) -> dict[str, Tensor]:
        """Reconstruction terms of a generated waveform [batch, samples]: mel and stft."""
        return {
            "mel": mel_distance(waveform, batch.waveform, self.loss_definition),
            "stft": multi_resolution_stft_distance(waveform, batch.waveform, self.resolutions),
        }


def _initialize(module: nn.Module) -> None:
    if isinstance(module, nn.Conv1d | nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)


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
