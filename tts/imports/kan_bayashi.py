"""What checkpoints of github.com/kan-bayashi/ParallelWaveGAN share: ``{"model": {"generator": tensors, …}, …}``.

Their mel, unless the configuration says otherwise: 22,050 Hz, windows of 1,024 every 256 samples, centred, 80 bands
from 80 to 7,600 Hz, decimal logarithm of at least 1e-10, then brought to zero mean and unit variance in every bin by
the statistics of the training set. These lie beside the weights, in stats.h5 or stats.npy, and are needed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from tts.audio.mel_definition import MelDefinition
from tts.config import build
from tts.errors import CheckpointError
from tts.imports.layout import Given
from tts.interfaces import Inventory

STATISTICS = ("mean", "scale")


def inventory(given: Given, *, n_mels: int, hop_length: int) -> Inventory:
    """The mel, from the configuration where it is given."""
    sample_rate = given.setting("sampling_rate", default=22050)
    n_fft = given.setting("fft_size", default=1024)
    f_max = given.setting("fmax", default=7600)
    values = {
        "sample_rate": sample_rate,
        "n_fft": n_fft,
        "hop_length": hop_length,
        "win_length": given.setting("win_length", default=None) or n_fft,
        "n_mels": n_mels,
        "f_min": given.setting("fmin", default=80) or 0,
        "f_max": sample_rate / 2 if f_max is None else f_max,
        "framing": "centered",
        "magnitude_epsilon": 0,
        "floor": 1e-10,
    }
    return Inventory(mel=build(MelDefinition, values, where="mel"))


def standard(given: Given, *, n_mels: int) -> dict[str, Any]:
    """The statistics as `MelStandard` of natural logarithms.

    Raises:
        CheckpointError: they were not given, or are not of these mels.
    """
    values = {name: _values(given.statistics, name, n_mels) for name in STATISTICS}
    base = given.setting("log_base", default=10.0)
    factor = 1.0 if base is None else math.log(base)
    return {name: [factor * each for each in values[name]] for name in STATISTICS}


def discriminator(content: Mapping[str, Any]) -> Mapping[str, Tensor]:
    """Theirs, of a whole checkpoint: of the same file as the generator.

    Raises:
        CheckpointError: there is none in it.
    """
    networks = content.get("model")
    found = networks.get("discriminator") if isinstance(networks, Mapping) else None
    if not isinstance(found, Mapping):
        raise CheckpointError("the checkpoint holds no discriminator; give checkpoint-…steps.pkl itself once more")
    return found


def _values(statistics: Mapping[str, Any] | None, name: str, n_mels: int) -> list[float]:
    found = None if statistics is None else statistics.get(name)
    if not isinstance(found, list) or len(found) != n_mels or not all(isinstance(each, int | float) for each in found):
        raise CheckpointError(
            f"the weights want mels standardised by the statistics of their training set: give {name} of {n_mels} "
            'bins, as stats.h5 or stats.npy has it, in a JSON file {"mean": […], "scale": […]} (--statistics)'
        )
    return found
