"""Parallel WaveGAN generators of github.com/kan-bayashi/ParallelWaveGAN, conditioned through a convolution (v1)."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from torch import Tensor

from tts.config import build
from tts.imports import kan_bayashi
from tts.imports.layout import Given, Layout, Understood, Weights, renamed
from tts.imports.weight_norm import folded, parametrized
from tts.vocoders.parallel_wavegan import Config

_NAME = "parallel_wavegan"
_SMOOTHING = "upsample_net.upsample.up_layers"


def recognises(state: Mapping[str, Tensor]) -> bool:
    """By its first convolution, its conditioning and its last convolution."""
    return {"first_conv.bias", "conv_layers.0.conv1x1_skip.bias", "last_conv_layers.3.bias"} <= state.keys()


def understand(state: Weights, given: Given) -> Understood:
    """Config and mel from shapes, the statistics and, where it is given, config.yml."""
    plain = Weights(folded(state))
    conv_in = plain["upsample_net.conv_in.weight"]
    stacks = given.setting("generator_params", "stacks", default=None)
    model = {**_sizes(plain), "stacks": stacks or Config().stacks}
    config = build(Config, {**model, "standard": kan_bayashi.standard(given, n_mels=len(conv_in))}, where=_NAME)
    inventory = kan_bayashi.inventory(given, n_mels=len(conv_in), hop_length=math.prod(config.upsample_rates))
    note = f"dilations start anew {config.stacks} times, since no config.yml says otherwise"
    return Understood(config, inventory, () if stacks else (note,))


def converted(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename tensors; convolutions over pictures of one row become convolutions.

    Raises:
        CheckpointError: tensors are missing or left over.
    """
    ours = renamed(state, _modules(Weights(state)), unused=kan_bayashi.STATISTICS)
    return {name: tensor.squeeze(2) if tensor.dim() == 4 else tensor for name, tensor in ours.items()}


def discriminator(content: Mapping[str, Any]) -> dict[str, Tensor]:
    """Tensors of our discriminator; between two of its convolutions an activation is counted.

    Raises:
        CheckpointError: tensors are missing or left over.
    """
    state = Weights(kan_bayashi.discriminator(content))
    last = state.count("conv_layers") - 1
    convs = [(f"convs.{place // 2}", f"conv_layers.{place}") for place in range(0, last, 2)]
    return parametrized(renamed(state, [*convs, ("conv_post", f"conv_layers.{last}")]))


def _sizes(plain: Weights) -> dict[str, Any]:
    block = plain["conv_layers.0.conv.weight"]
    smoothing = [plain[f"{_SMOOTHING}.{place}.weight"] for _, place in _smoothing(plain)]
    return {
        "layers": plain.count("conv_layers"),
        "residual_channels": block.shape[1],
        "gate_channels": block.shape[0],
        "skip_channels": len(plain["last_conv_layers.1.bias"]),
        "context": plain["upsample_net.conv_in.weight"].shape[2] // 2,
        "upsample_rates": [each.shape[3] // 2 for each in smoothing],
    }


def _modules(state: Weights) -> Iterator[tuple[str, str]]:
    """Our name and theirs of every module."""
    yield from (("conv_pre", "first_conv"), ("conv_mix", "last_conv_layers.1"), ("conv_post", "last_conv_layers.3"))
    yield "upsampling.conv_in", "upsample_net.conv_in"
    yield from ((f"upsampling.smoothing.{number}", f"{_SMOOTHING}.{place}") for number, place in _smoothing(state))
    for layer in range(state.count("conv_layers")):
        for part in ("conv", "conv1x1_aux", "conv1x1_out", "conv1x1_skip"):
            yield f"blocks.{layer}.{part}", f"conv_layers.{layer}.{part}"


def _smoothing(state: Weights) -> Iterator[tuple[int, int]]:
    """Numbers of the smoothing convolutions, ours and theirs: at every second place, after a repetition."""
    return enumerate(range(1, state.count(_SMOOTHING), 2))


LAYOUT = Layout(_NAME, "vocoders/parallel_wavegan", recognises, understand, converted, discriminator)
