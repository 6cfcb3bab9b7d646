"""Sizes of HiFi-GAN's residual stacks, which several layouts hold under github.com/jik876/hifi-gan's names."""

from __future__ import annotations

from typing import Any

from tts.errors import CheckpointError
from tts.imports.layout import Given, Weights
from tts.vocoders.hifigan import V3, Config


def sizes(plain: Weights, given: Given, *, layout: str) -> dict[str, Any]:
    """Kind, kernels and dilations of the stacks of a stage, as plain values of a Config.

    Args:
        plain: ``ups.*`` and ``resblocks.*``, weight norm folded.
        given: whose configuration may have resblock_dilation_sizes, which shapes do not tell.
        layout: for messages.

    Raises:
        CheckpointError: dilations are of other stacks.
    """
    is_long = "resblocks.0.convs1.0.weight" in plain
    part = "convs1" if is_long else "convs"
    per_stage = plain.count("resblocks") // max(1, plain.count("ups"))
    kernels = [plain[f"resblocks.{i}.{part}.0.weight"].shape[2] for i in range(per_stage)]
    counts = [plain.count(f"resblocks.{i}.{part}") for i in range(per_stage)]
    published = [list(each) for each in (Config() if is_long else V3).resblock_dilations]
    dilations = given.setting("resblock_dilation_sizes", default=published)
    if [len(each) for each in dilations] != counts:
        raise CheckpointError(
            f"{layout}: residual stacks have {counts} convolutions, but the dilations are {dilations}; "
            "give the config.json that belongs to the checkpoint (--config)"
        )
    return {"resblock": "1" if is_long else "2", "resblock_kernels": kernels, "resblock_dilations": dilations}
