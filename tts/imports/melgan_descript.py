"""MelGAN generators ``netG.pt`` and discriminators ``netD.pt`` of github.com/descriptinc/melgan-neurips.

Its mel: 22,050 Hz, windows of 1,024 every 256 samples, padded by 384 on both sides, 80 bands from 0 to 11,025 Hz,
decimal logarithm; ours is the natural one of the same magnitudes, which our network divides by ln 10.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from tts.audio.mel_definition import MelDefinition
from tts.config import build
from tts.imports.layout import Given, Layout, Understood, Weights, renamed
from tts.imports.melgan import Words, judges
from tts.interfaces import Inventory
from tts.vocoders.melgan import Config

_NAME = "melgan_descript"
_WORDS = Words("model", dilated="block.2", pointwise="block.4", shortcut="shortcut")


def recognises(state: Mapping[str, Tensor]) -> bool:
    """By its first modules."""
    return _WORDS.recognises(state)


def understand(state: Weights, given: Given) -> Understood:
    """Config and mel from shapes."""
    sizes = _WORDS.sizes(state)
    hop_length = math.prod(sizes["upsample_rates"])
    mel = {
        "sample_rate": 22050,
        "n_fft": 1024,
        "hop_length": hop_length,
        "win_length": 1024,
        "n_mels": sizes["n_mels"],
        "f_min": 0,
        "f_max": 11025,
        "magnitude_epsilon": 0,
    }
    config = {name: sizes[name] for name in ("channels", "upsample_rates", "blocks")}
    inventory = Inventory(mel=build(MelDefinition, mel, where="mel"))
    return Understood(build(Config, config, where=_NAME), inventory)


def converted(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename tensors.

    Raises:
        CheckpointError: tensors are missing or left over.
    """
    return renamed(state, _WORDS.modules(state))


def discriminator(content: Mapping[str, Any]) -> dict[str, Tensor]:
    """Tensors of our discriminators, of netD.pt.

    Raises:
        CheckpointError: tensors are missing or left over.
    """
    return judges(content, "model.disc_{member}.model.layer_{number}")


LAYOUT = Layout(_NAME, "vocoders/melgan", recognises, understand, converted, discriminator)
