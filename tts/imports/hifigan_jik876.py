"""HiFi-GAN generators ``g_########`` and discriminators ``do_########`` of github.com/jik876/hifi-gan.

Its mel: 22,050 Hz, windows of 1,024 every 256 samples, padded by 384 on both sides, magnitudes over 1e-9, 80 bands from
0 to 8,000 Hz, natural logarithm; its config.json says where a checkpoint differs. Weights are normed, or folded by
``remove_weight_norm``. Shapes do not tell the strides of upsampling, nor the dilations.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from tts.audio.mel_definition import MelDefinition
from tts.config import build
from tts.errors import CheckpointError
from tts.imports import residual_stacks
from tts.imports.layout import Given, Layout, Understood, Weights, refuse_unfitting
from tts.imports.weight_norm import folded
from tts.interfaces import Inventory
from tts.vocoders.hifigan import Config

_HEADS = ("conv_pre", "conv_post", "ups", "resblocks")
_PERIODS, _SCALES = 5, 3


def recognises(state: Mapping[str, Tensor]) -> bool:
    """By its first and last convolution, the latter of one channel: iSTFTNet's has more."""
    names = {"conv_pre.bias", "ups.0.bias", "conv_post.bias"}
    stacks = any(name.startswith(("resblocks.0.convs1.0.", "resblocks.0.convs.0.")) for name in state)
    return stacks and names <= state.keys() and state["conv_post.bias"].shape == (1,)


def understand(state: Weights, given: Given) -> Understood:
    """Config and mel from shapes and, where it is given, the public config.json."""
    plain = Weights(folded(state))
    notes = []
    ups = [plain[f"ups.{i}.weight"] for i in range(plain.count("ups"))]
    if not {"upsample_rates", "resblock_dilation_sizes"} <= given.config.keys():
        notes.append("strides are half the kernels and dilations as published, since no config.json says otherwise")
    model = {
        "channels": len(plain["conv_pre.bias"]),
        "upsample_rates": given.setting("upsample_rates", default=[each.shape[2] // 2 for each in ups]),
        "upsample_kernels": [each.shape[2] for each in ups],
        **residual_stacks.sizes(plain, given, layout="hifigan_jik876"),
    }
    config = build(Config, model, where="hifigan_jik876")
    return Understood(config, Inventory(mel=_mel(plain, given)), tuple(notes))


def converted(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Names are ours already; normed weights are folded.

    Raises:
        CheckpointError: tensors are left over.
    """
    refuse_unfitting([], [name for name in state if name.split(".")[0] not in _HEADS])
    return folded(state)


def discriminator(content: Mapping[str, Any]) -> dict[str, Tensor]:
    """Tensors of our `Discriminators`, periods first, of a ``do_`` file.

    Raises:
        CheckpointError: it holds no discriminators of periods and scales.
    """
    if not {"mpd", "msd"} <= content.keys():
        keys = ", ".join(map(str, list(content)[:5]))
        raise CheckpointError(f"the discriminators' file has {keys}, not mpd and msd; give the do_ file of hifi-gan")
    ours: dict[str, Tensor] = {}
    for part, first in (("mpd", 0), ("msd", _PERIODS)):
        for name, tensor in content[part].items():
            _, number, rest = name.removeprefix("module.").split(".", 2)
            spectral = part == "msd" and number == "0"
            ours[f"members.{first + int(number)}.{_normed(rest, spectral=spectral)}"] = tensor
    return ours


_NORM = {"weight_g": "parametrizations.weight.original0", "weight_v": "parametrizations.weight.original1"}
_SPECTRAL = {
    "weight_orig": "parametrizations.weight.original",
    "weight_u": "parametrizations.weight.0._u",
    "weight_v": "parametrizations.weight.0._v",
}


def _normed(name: str, *, spectral: bool) -> str:
    """Name of a normed weight's part as torch's parametrizations have it."""
    owner, _, attribute = name.rpartition(".")
    return f"{owner}.{(_SPECTRAL if spectral else _NORM).get(attribute, attribute)}"


def _mel(plain: Weights, given: Given) -> MelDefinition:
    f_max = given.setting("fmax", default=8000)
    sample_rate = given.setting("sampling_rate", default=22050)
    values = {
        "sample_rate": sample_rate,
        "n_fft": given.setting("n_fft", default=1024),
        "hop_length": given.setting("hop_size", default=256),
        "win_length": given.setting("win_size", default=1024),
        "n_mels": plain["conv_pre.weight"].shape[1],
        "f_min": given.setting("fmin", default=0),
        "f_max": sample_rate / 2 if f_max is None else f_max,
    }
    return build(MelDefinition, values, where="mel")


LAYOUT = Layout("hifigan_jik876", "vocoders/hifigan", recognises, understand, converted, discriminator)
