"""Mels as public toolkits write them, and which of them are ours but for their unit.

| name | who writes it |
|---|---|
| hifigan | jik876/hifi-gan |
| tacotron2 | NVIDIA/tacotron2 and waveglow, ming024/FastSpeech2, rishikksh20/VocGAN |
| vits2 | FENRlR/MB-iSTFT-VITS2 and other VITS |
| melgan | descriptinc/melgan-neurips |
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tts.audio.mel_definition import MelDefinition, require_equal

_HIFIGAN = MelDefinition(
    sample_rate=22050, n_fft=1024, hop_length=256, win_length=1024, n_mels=80, f_min=0.0, f_max=8000.0
)

_INAUDIBLE = 1e-9
"""Epsilons up to this are below the floor in every bin, so that they tell no two mels apart."""


@dataclass(frozen=True)
class Convention:
    """A way to write mels.

    Attributes:
        definition: of the mel whose natural logarithm it would be.
        unit: what a value is multiplied by to be a natural logarithm.
    """

    definition: MelDefinition
    unit: float = 1.0


CONVENTIONS = {
    "hifigan": Convention(_HIFIGAN),
    "tacotron2": Convention(dataclasses.replace(_HIFIGAN, framing="centered", magnitude_epsilon=0.0)),
    "vits2": Convention(dataclasses.replace(_HIFIGAN, f_max=11025.0, magnitude_epsilon=1e-6)),
    "melgan": Convention(dataclasses.replace(_HIFIGAN, f_max=11025.0, magnitude_epsilon=0.0), unit=math.log(10)),
}
"""By name."""


def converted(
    mel: npt.NDArray[np.float32], convention: Convention, definition: MelDefinition, *, what: str
) -> npt.NDArray[np.float32]:
    """Give a mel of a public toolkit as one of ours.

    Args:
        mel: of any shape.
        convention: that it was written in.
        definition: that is wanted.
        what: the two are, for the message.

    Raises:
        ConfigError: the two differ in more than their unit, which no arithmetic mends.
    """
    require_equal(_audible(definition), _audible(convention.definition), what=what)
    natural: npt.NDArray[np.float32] = mel * np.float32(convention.unit)
    return natural


def _audible(definition: MelDefinition) -> MelDefinition:
    return dataclasses.replace(definition, magnitude_epsilon=max(definition.magnitude_epsilon, _INAUDIBLE))
