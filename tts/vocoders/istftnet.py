"""iSTFTNet, https://arxiv.org/abs/2203.02395: HiFi-GAN whose last upsamplings are an inverse STFT.

Module names, and the frame reflected in front of the first, are those of github.com/rishikksh20/iSTFTNet-pytorch.
Differs from it: phases reach all angles, magnitudes are bounded, items of a padded batch do not see their padding, and
samples are clipped to [-1, 1].
"""

from __future__ import annotations

import dataclasses
import math

import torch
from torch import Tensor
from torch.nn import functional as F

from tts.config import config
from tts.errors import ConfigError
from tts.interfaces import Inventory, System, VocoderBatch
from tts.layers.convolution import frame_mask, normed_conv, stretch, zero_padding
from tts.layers.discriminators import DiscriminatorConfig, Discriminators
from tts.layers.istft import InverseStft
from tts.layers.residual_stacks import TrunkConfig, UpsamplingTrunk
from tts.losses.spectral import loss_mel_definition, mel_distance

_MAX_LOG_MAGNITUDE = math.log(1e2)  # over ten times what full scale reaches; the exponential stays finite


@config
class Config(TrunkConfig):
    """Sizes of the generator; the defaults are V1-C8C8I of the paper.

    The product of upsample_rates and istft_hop is the mel's hop_length.

    Attributes:
        istft_size: points of the inverse STFT, and length of its Hann window.
        istft_hop: samples between its frames; a quarter of its size in the paper.
        max_phase: radians that the sine of the network's phase is scaled to; 1 suits weights of the public code.
        discriminator: its adversaries.
    """

    upsample_rates: tuple[int, ...] = (8, 8)
    upsample_kernels: tuple[int, ...] = (16, 16)
    istft_size: int = 16
    istft_hop: int = 4
    max_phase: float = math.pi
    discriminator: DiscriminatorConfig = DiscriminatorConfig()

    def __post_init__(self) -> None:
        """Refuse sizes that do not fit together."""
        super().__post_init__()
        if self.istft_size % 2 or not 0 < 2 * self.istft_hop <= self.istft_size:
            raise ValueError("needs an even istft_size of at least twice istft_hop, so that windows overlap")
        if self.rate < 2:
            raise ValueError("upsample_rates must multiply to 2 or more: the first frame is reflected")


class IstftNet(UpsamplingTrunk):
    """The generator."""

    def __init__(self, settings: Config, inventory: Inventory) -> None:
        _require_hop(settings, inventory.mel.hop_length)
        super().__init__(settings, inventory.mel.n_mels)
        self.max_phase = settings.max_phase
        self.loss_definition = loss_mel_definition(inventory.mel)
        self.conv_post = normed_conv(settings.out_channels, settings.istft_size + 2, 7)
        self.istft = InverseStft(
            dataclasses.replace(
                inventory.mel,
                n_fft=settings.istft_size,
                hop_length=settings.istft_hop,
                win_length=settings.istft_size,
                framing="centered",
            )
        )

    def forward(self, mel: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Speak, as `Vocoder` says."""
        frames = frame_mask(lengths, mel.shape[2])
        hidden, mask = self.upsample(mel, None if frames is None else frames.unsqueeze(1))
        # n + 1 centred frames enclose n hops: the one more stands in front.
        inside = None if mask is None else F.pad(mask, (1, 0), value=True)
        spectrum = self._spectrum(self.conv_post(F.pad(hidden, (1, 0), mode="reflect")))
        samples: Tensor = self.istft(spectrum, None if inside is None else inside.squeeze(1))
        samples = samples[:, : -self.istft.hop_length].clamp(-1, 1)
        return zero_padding(samples, stretch(frames, samples.shape[1] // mel.shape[2]))

    def loss(self, batch: VocoderBatch, waveform: Tensor) -> dict[str, Tensor]:
        """Reconstruction terms of a generated waveform [batch, samples]: mel."""
        return {"mel": mel_distance(waveform, batch.waveform, self.loss_definition)}

    def _spectrum(self, features: Tensor) -> Tensor:
        """Complex [batch, frames, istft_size // 2 + 1] of features [batch, istft_size + 2, frames], in float32."""
        log_magnitude, phase = features.float().transpose(1, 2).chunk(2, dim=2)
        return torch.polar(log_magnitude.clamp(max=_MAX_LOG_MAGNITUDE).exp(), self.max_phase * torch.sin(phase))


def _require_hop(settings: Config, hop_length: int) -> None:
    product = settings.rate * settings.istft_hop
    if product != hop_length:
        raise ConfigError(
            f"vocoders/istftnet: upsample_rates {settings.upsample_rates} and istft_hop {settings.istft_hop} "
            f"multiply to {product}, but the mel's hop_length is {hop_length}; change one of them"
        )


def _build_discriminator(settings: Config) -> Discriminators:
    return Discriminators(settings.discriminator)


C8C8C2I = Config(upsample_rates=(8, 8, 2), upsample_kernels=(16, 16, 4), istft_size=8, istft_hop=2)
V2 = Config(channels=128)
V3 = Config(
    channels=256,
    resblock="2",
    resblock_kernels=(3, 5, 7),
    resblock_dilations=((1, 2), (2, 6), (3, 12)),
)
SMALL = Config(
    channels=64,
    resblock="2",
    resblock_kernels=(3, 5, 7),
    resblock_dilations=((1, 2), (2, 6), (3, 12)),
    discriminator=DiscriminatorConfig(periods=(2, 3, 5), period_channels=(8, 16, 32, 64, 64), scales=0),
)

SYSTEM = System(
    kind="vocoder",
    config=Config,
    build=IstftNet,
    task="adversarial",
    build_discriminator=_build_discriminator,
    configurations={"published": Config(), "c8c8c2i": C8C8C2I, "v2": V2, "v3": V3, "small": SMALL},
)
