"""From a public checkpoint's content to a network of ours, checked tensor by tensor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from torch import Tensor, nn

from tts.audio.mel_definition import MelDefinition
from tts.config import build, to_plain
from tts.errors import CheckpointError
from tts.imports.layout import SHOWN, Given, Layout, Understood
from tts.imports.layouts import recognise
from tts.imports.weight_norm import folded
from tts.registry import load_system
from tts.training.export import fold, require_fitting


@dataclass(frozen=True)
class Imported:
    """A public checkpoint as a model of ours.

    Attributes:
        layout: it had.
        understood: its Config, Inventory and notes.
        network: with its weights, weight norm folded.
        num_tensors: of the checkpoint.
        discriminator: what it played against; None = was not given.
    """

    layout: Layout
    understood: Understood
    network: nn.Module
    num_tensors: int
    discriminator: nn.Module | None = None


def import_checkpoint(
    content: Mapping[Any, Any],
    given: Given,
    *,
    layout: Layout | None = None,
    mel: Mapping[str, Any] = MappingProxyType({}),
    discriminator: Mapping[Any, Any] | None = None,
) -> Imported:
    """Make a network of ours of a public checkpoint.

    Args:
        content: of the file.
        given: what came beside it.
        layout: of the checkpoint; None = found by its tensors.
        mel: fields of the mel definition that differ from what the layout says.
        discriminator: content of the file of what it played against.

    Raises:
        CheckpointError: tensors are missing, left over, of other shapes or not finite, or something was not given.
        ConfigError: a size or a field of the mel cannot be.
    """
    layout, state = recognise(content, layout)
    understood = _with_mel(layout.understand(state, given), mel)
    system = load_system(layout.system)
    network = system.build(understood.config, understood.inventory)
    fold(network)
    _fill(network, folded(layout.converted(state)), what=layout.name)
    judge = None
    if discriminator is not None:
        if layout.discriminator is None or system.build_discriminator is None:
            raise CheckpointError(f"{layout.name}: its discriminators cannot be imported; leave --discriminator out")
        judge = system.build_discriminator(understood.config)
        _fill(judge, layout.discriminator(discriminator), what=f"{layout.name}: discriminators")
    return Imported(layout, understood, network.eval(), len(state), judge)


def _with_mel(understood: Understood, fields: Mapping[str, Any]) -> Understood:
    mel = build(MelDefinition, to_plain(understood.inventory.mel) | dict(fields), where="mel")
    return replace(understood, inventory=replace(understood.inventory, mel=mel))


def _fill(network: nn.Module, tensors: Mapping[str, Tensor], *, what: str) -> None:
    own = network.state_dict()
    uncounted = {
        name: each for name, each in own.items() if name.endswith(".num_batches_tracked")
    }  # before torch 0.4.1
    tensors = uncounted | dict(tensors)
    require_fitting(own, tensors, where=what)
    broken = [name for name, tensor in tensors.items() if tensor.is_floating_point() and not tensor.isfinite().all()]
    if broken:
        more = f" (and {len(broken) - SHOWN} more)" if len(broken) > SHOWN else ""
        raise CheckpointError(
            f"{what}: not all values are finite in {', '.join(broken[:SHOWN])}{more}; take an earlier checkpoint"
        )
    network.load_state_dict(tensors)
