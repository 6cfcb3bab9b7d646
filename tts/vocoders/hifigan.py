"""HiFi-GAN, https://arxiv.org/abs/2010.05646: transposed convolutions and multi-receptive-field fusion.

Module names are those of github.com/jik876/hifi-gan, whose generator checkpoints load as they are (weights in
the ``weight_g``/``weight_v`` layout too). Differs from it: items of a padded batch do not see their padding.
Its ``init_weights`` has no effect on weight-normed layers, so the initialisation here is torch's own.
"""

from __future__ import annotations

import torch
from torch import Tensor

from tts.config import config
from tts.errors import ConfigError
from tts.interfaces import Inventory, System, VocoderBatch
from tts.layers.convolution import frame_mask, normed_conv, zero_padding
from tts.layers.discriminators import DiscriminatorConfig, Discriminators
from tts.layers.residual_stacks import TrunkConfig, UpsamplingTrunk
from tts.losses.spectral import loss_mel_definition, mel_distance


@config
class Config(TrunkConfig):
    """Sizes of the generator; the defaults are V1.

    The product of upsample_rates is the mel's hop_length.

    Attributes:
        discriminator: its adversaries.
    """

    discriminator: DiscriminatorConfig = DiscriminatorConfig()


class HifiGan(UpsamplingTrunk):
    """The generator."""

    def __init__(self, settings: Config, inventory: Inventory) -> None:
        _require_hop(settings, inventory.mel.hop_length)
        super().__init__(settings, inventory.mel.n_mels)
        self.loss_definition = loss_mel_definition(inventory.mel)
        self.conv_post = normed_conv(settings.out_channels, 1, 7)

    def forward(self, mel: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Speak, as `Vocoder` says."""
        frames = frame_mask(lengths, mel.shape[2])
        hidden, mask = self.upsample(mel, None if frames is None else frames.unsqueeze(1))
        return zero_padding(torch.tanh(self.conv_post(hidden)), mask).squeeze(1)

    def loss(self, batch: VocoderBatch, waveform: Tensor) -> dict[str, Tensor]:
        """Reconstruction terms of a generated waveform [batch, samples]: mel."""
        return {"mel": mel_distance(waveform, batch.waveform, self.loss_definition)}


def _require_hop(settings: Config, hop_length: int) -> None:
    if settings.rate != hop_length:
        raise ConfigError(
            f"vocoders/hifigan: upsample_rates {settings.upsample_rates} multiply to {settings.rate}, "
            f"but the mel's hop_length is {hop_length}; change one of the two"
        )


def _build_discriminator(settings: Config) -> Discriminators:
    return Discriminators(settings.discriminator)


V2 = Config(channels=128)
V3 = Config(
    channels=256,
    upsample_rates=(8, 8, 4),
    upsample_kernels=(16, 16, 8),
    resblock="2",
    resblock_kernels=(3, 5, 7),
    resblock_dilations=((1, 2), (2, 6), (3, 12)),
)
SMALL = Config(
    channels=64,
    upsample_rates=(8, 8, 4),
    upsample_kernels=(16, 16, 8),
    resblock="2",
    resblock_kernels=(3, 5, 7),
    resblock_dilations=((1, 2), (2, 6), (3, 12)),
    discriminator=DiscriminatorConfig(periods=(2, 3, 5), period_channels=(8, 16, 32, 64, 64), scales=0),
)

SYSTEM = System(
    kind="vocoder",
    config=Config,
    build=HifiGan,
    task="adversarial",
    build_discriminator=_build_discriminator,
    configurations={"v1": Config(), "v2": V2, "v3": V3, "small": SMALL},
)
