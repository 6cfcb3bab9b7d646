"""MelGAN, https://arxiv.org/abs/1910.06711: transposed convolutions and dilated residual blocks, taught by judges.

Differs from github.com/descriptinc/melgan-neurips: items of a padded batch do not see their padding, and the mel may
be of any definition. That code's mel is the decimal logarithm up to half the sample rate; ours is the natural one, so
the network divides by ln 10, and its published weights want f_max 11025 and magnitude_epsilon 0.

As published it is trained with the hinge, `feature_matching` 10 and no distance of spectra: give `mel` and `stft`
weight 0. The code's own feature matching is a mean, where ours is the paper's sum: 10 there is 2.67 here.
"""

from __future__ import annotations

import math

from torch import Tensor

from tts.config import config
from tts.errors import ConfigError
from tts.interfaces import Inventory, System, VocoderBatch
from tts.layers.melgan import GeneratorConfig, MelGanGenerator
from tts.layers.melgan_discriminator import MelGanDiscriminatorConfig, MelGanDiscriminators
from tts.losses.spectral import (
    RESOLUTIONS,
    Resolution,
    loss_mel_definition,
    mel_distance,
    multi_resolution_stft_distance,
)


@config
class Config(GeneratorConfig):
    """Sizes of the generator; the product of the upsample_rates is the mel's hop_length.

    Attributes:
        resolutions: of the stft loss term.
        discriminator: its adversaries.
    """

    resolutions: tuple[Resolution, ...] = RESOLUTIONS
    discriminator: MelGanDiscriminatorConfig = MelGanDiscriminatorConfig()


class MelGan(MelGanGenerator):
    """The generator."""

    def __init__(self, settings: Config, inventory: Inventory) -> None:
        if settings.rate != inventory.mel.hop_length:
            raise ConfigError(
                f"vocoders/melgan: upsample_rates {settings.upsample_rates} multiply to {settings.rate}, "
                f"but the mel's hop_length is {inventory.mel.hop_length}; change one of the two"
            )
        super().__init__(settings, inventory.mel.n_mels)
        self.resolutions = settings.resolutions
        self.loss_definition = loss_mel_definition(inventory.mel)

    def forward(self, mel: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Speak, as `Vocoder` says."""
        return self.upsampled(mel / math.log(10), lengths).squeeze(1)

    def loss(self, batch: VocoderBatch, waveform: Tensor) -> dict[str, Tensor]:
        """Reconstruction terms of a generated waveform [batch, samples]: mel and stft."""
        return {
            "mel": mel_distance(waveform, batch.waveform, self.loss_definition),
            "stft": multi_resolution_stft_distance(waveform, batch.waveform, self.resolutions),
        }


def _build_discriminator(settings: Config) -> MelGanDiscriminators:
    return MelGanDiscriminators(settings.discriminator)


SMALL = Config(
    channels=128, discriminator=MelGanDiscriminatorConfig(scales=2, channels=8, strides=(4, 4, 4), max_channels=128)
)

SYSTEM = System(
    kind="vocoder",
    config=Config,
    build=MelGan,
    task="adversarial",
    build_discriminator=_build_discriminator,
    configurations={"published": Config(), "small": SMALL},
)
