"""What the public layouts of MelGAN share: a sequence of modules, whose numbers count activations and padding too."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from tts.errors import CheckpointError
from tts.imports.layout import Weights, renamed
from tts.imports.weight_norm import folded, parametrized


@dataclass(frozen=True)
class Words:
    """How a layout names things.

    Attributes:
        sequence: that holds all modules.
        dilated, pointwise, shortcut: convolutions of a residual block.
    """

    sequence: str
    dilated: str
    pointwise: str
    shortcut: str

    def recognises(self, state: Mapping[str, Tensor]) -> bool:
        """By the first convolution, the first upsampling and the first residual block."""
        return {f"{self.sequence}.{rest}.bias" for rest in ("1", "3", f"4.{self.shortcut}")} <= state.keys()

    def modules(self, state: Mapping[str, Tensor]) -> Iterator[tuple[str, str]]:
        """Our name and theirs of every module."""
        yield "conv_pre", f"{self.sequence}.1"
        place, stage = 3, 0
        while f"{self.sequence}.{place}.bias" in state:
            yield f"ups.{stage}", f"{self.sequence}.{place}"
            place, block = place + 1, 0
            while f"{self.sequence}.{place}.{self.shortcut}.bias" in state:
                for ours in ("dilated", "pointwise", "shortcut"):
                    yield f"stages.{stage}.{block}.{ours}", f"{self.sequence}.{place}.{getattr(self, ours)}"
                place, block = place + 1, block + 1
            place, stage = place + 1, stage + 1  # an activation lies between
        yield "conv_post", f"{self.sequence}.{place + 1}"

    def sizes(self, state: Weights) -> dict[str, Any]:
        """What shapes tell: channels, upsample_rates, blocks, and n_mels and bands too."""
        plain = Weights(folded(state))
        modules = dict(self.modules(state))
        if not all(f"{each}.bias" in plain for each in modules.values()):
            raise CheckpointError(
                f"the checkpoint ends before its last convolution {modules['conv_post']}; copy it again"
            )
        ups = [plain[f"{theirs}.weight"] for ours, theirs in modules.items() if ours.startswith("ups.")]
        first = plain[f"{modules['conv_pre']}.weight"]
        return {
            "channels": len(first),
            "n_mels": first.shape[1],
            "upsample_rates": [each.shape[2] // 2 for each in ups],
            "blocks": sum(ours.startswith("stages.0.") and ours.endswith(".shortcut") for ours in modules),
            "bands": len(plain[f"{modules['conv_post']}.bias"]),
        }


def judges(state: Mapping[str, Tensor], layer: str) -> dict[str, Tensor]:
    """Tensors of our `MelGanDiscriminators`.

    Args:
        state: by their authors' names.
        layer: name of a layer, with places for ``{member}`` and ``{number}``.

    Raises:
        CheckpointError: tensors are missing or left over.
    """
    return parametrized(renamed(state, _layers(state, layer)))


def _layers(state: Mapping[str, Tensor], layer: str) -> Iterator[tuple[str, str]]:
    """Our name and theirs of every layer; the first is padded before it, and the last has no activation behind it."""
    member = 0
    while member == 0 or f"{layer.format(member=member, number=0)}.1.bias" in state:
        yield f"members.{member}.conv_pre", f"{layer.format(member=member, number=0)}.1"
        number = 1
        while f"{layer.format(member=member, number=number)}.0.bias" in state:
            yield f"members.{member}.convs.{number - 1}", f"{layer.format(member=member, number=number)}.0"
            number += 1
        yield f"members.{member}.conv_post", layer.format(member=member, number=number)
        member += 1
