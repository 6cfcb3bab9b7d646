"""Models as folders: ``model.safetensors`` and ``config.json``; nothing that can run code, the same bytes each time.

``config.json``, format version 1: ``system``, ``model`` (its Config), the Inventory (``mel``, ``symbols``,
``speakers``, ``styles``, ``statistics``), ``training`` (where it comes from) and ``versions``. Weight norm is folded.
Runs against a discriminator add ``discriminator.safetensors``, those that are asked to ``optimizer.safetensors`` (see
tts.training.moments), for runs that start from them.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import torch
from safetensors.torch import load_file, save
from torch import Tensor, nn

from tts.audio.mel_definition import MelDefinition
from tts.config import build, to_plain
from tts.errors import CheckpointError
from tts.interfaces import Inventory, Statistics, System

FORMAT_VERSION = 1
OPTIMIZER_FILE = "optimizer.safetensors"

Tensors = dict[str, Tensor]

_SHOWN = 5


@dataclass(frozen=True)
class SavedModel:
    """A model folder as it was read.

    Attributes:
        directory: of the model.
        system: name of its system.
        model: its Config as plain values.
        inventory: mel definition, symbols, speakers, styles and statistics.
        tensors: by name in the network, weight norm folded.
    """

    directory: Path
    system: str
    model: Mapping[str, Any]
    inventory: Inventory
    tensors: Tensors


def export_model(  # noqa: PLR0913 - a model folder says all of this
    directory: Path,
    network: nn.Module,
    *,
    system: str,
    model: Mapping[str, Any],
    inventory: Inventory,
    training: Mapping[str, Any],
    discriminator: nn.Module | None = None,
    moments: Mapping[str, Tensor] | None = None,
) -> None:
    """Write a model folder.

    Args:
        directory: an existing, empty folder.
        network: to export; stays as it is.
        system: its name.
        model: its Config as plain values.
        inventory: it was built with.
        training: where it comes from, as plain values.
        discriminator: it played against, if any.
        moments: of its optimizer, as tts.training.moments has them; None = none are kept.
    """
    (directory / "model.safetensors").write_bytes(save(folded_state(network)))
    if discriminator is not None:
        (directory / "discriminator.safetensors").write_bytes(save(_on_cpu(discriminator.state_dict())))
    if moments is not None:
        (directory / OPTIMIZER_FILE).write_bytes(save(_on_cpu(moments)))
    description = {
        "format_version": FORMAT_VERSION,
        "system": system,
        "model": model,
        **_plain_inventory(inventory),
        "training": training,
        "versions": {"python": platform.python_version(), "torch": torch.__version__, "numpy": np.__version__},
    }
    text = json.dumps(description, indent=2, sort_keys=True, allow_nan=False, ensure_ascii=False)
    (directory / "config.json").write_text(text + "\n", encoding="utf-8")


def read_model(directory: Path) -> SavedModel:
    """Read a model folder.

    Raises:
        CheckpointError: it is incomplete, from a newer release, or not what it claims to be.
    """
    description = _read_description(directory / "config.json")
    version = description.get("format_version")
    if not isinstance(version, int) or not 1 <= version <= FORMAT_VERSION:
        raise CheckpointError(
            f"{directory}: format_version {version} is unknown here (1 to {FORMAT_VERSION} are); update the toolkit"
        )
    try:
        return SavedModel(
            directory=directory,
            system=description["system"],
            model=description["model"],
            inventory=_inventory(description, directory),
            tensors=read_tensors(directory / "model.safetensors"),
        )
    except KeyError as error:
        raise CheckpointError(f"{directory}/config.json lacks {error}; export the model again") from error


def restore(saved: SavedModel, system: System) -> tuple[nn.Module, Any]:
    """Build a saved model's network, weight norm folded, with its weights; give its Config too.

    Raises:
        CheckpointError: tensors are missing, unknown or of another shape.
    """
    config = build(system.config, saved.model, where=f"{saved.directory}/config.json: model")
    network = system.build(config, saved.inventory)
    fold(network)
    require_fitting(network.state_dict(), saved.tensors, where=f"{saved.directory}")
    network.load_state_dict(saved.tensors)
    return network, config


def folded_state(network: nn.Module) -> Tensors:
    """Give a network's tensors with parametrizations, such as weight norm, computed; the network stays as it is.

    Not done on a copy: copies share their parametrized classes, so that folding one breaks the other.
    """
    state = {name: tensor for name, tensor in network.state_dict().items() if "parametrizations." not in name}
    for owner, module in network.named_modules():
        for attribute in getattr(module, "parametrizations", {}):
            state[f"{owner}.{attribute}" if owner else attribute] = getattr(module, attribute)
    return _on_cpu(state)


def fold(network: nn.Module) -> None:
    """Fold weight norm in place, where a network has it."""
    if hasattr(network, "fold_weight_norm"):
        network.fold_weight_norm()  # type: ignore[operator]


def read_tensors(path: Path) -> Tensors:
    """Read a safetensors file.

    Raises:
        CheckpointError: it is missing, cut off, or not of that format.
    """
    try:
        return load_file(path)
    except OSError as error:
        raise CheckpointError(
            f"{path}: cannot be read ({error}); a model folder holds config.json and model.safetensors"
        ) from error
    except safetensors.SafetensorError as error:
        if _is_pickled(path):
            remedy = (
                "pickled checkpoints are refused, since they can run code; export the model again, or convert a public "
                "one by `tts import-checkpoint`"
            )
        else:
            remedy = "the file is cut off or damaged; copy it again, or export the model again"
        raise CheckpointError(f"{path}: is no safetensors file ({error}); {remedy}") from error


def _is_pickled(path: Path) -> bool:
    """Whether a file begins as torch's files do; byte 8 of a safetensors file opens its header."""
    with path.open("rb") as file:
        head = file.read(9)
    return head.startswith((b"PK", b"\x80")) and head[8:] != b"{"


def require_fitting(expected: Mapping[str, Tensor], found: Mapping[str, Tensor], *, where: str) -> None:
    """Compare names and shapes.

    Raises:
        CheckpointError: names the first tensors that are missing, unknown or of another shape.
    """
    faults = _faults(expected, found)
    if faults:
        more = f" (and {len(faults) - _SHOWN} more)" if len(faults) > _SHOWN else ""
        raise CheckpointError(f"{where}: the weights do not fit the network: {'; '.join(faults[:_SHOWN])}{more}")


def _on_cpu(state: Mapping[str, Tensor]) -> Tensors:
    return {name: tensor.detach().cpu().contiguous() for name, tensor in state.items()}


def _faults(expected: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> list[str]:
    faults = []
    for name in sorted(expected.keys() | found.keys()):
        if name not in found:
            faults.append(f"{name} is missing")
        elif name not in expected:
            faults.append(f"{name} is unknown")
        elif expected[name].shape != found[name].shape:
            faults.append(f"{name} is {list(found[name].shape)}, expected {list(expected[name].shape)}")
    return faults


def _plain_inventory(inventory: Inventory) -> dict[str, Any]:
    return {
        "mel": to_plain(inventory.mel),
        "symbols": list(inventory.symbols),
        "speakers": list(inventory.speakers),
        "styles": list(inventory.styles),
        "statistics": asdict(inventory.statistics) if inventory.statistics else None,
    }


def _inventory(description: Mapping[str, Any], directory: Path) -> Inventory:
    statistics = description["statistics"]
    return Inventory(
        mel=build(MelDefinition, description["mel"], where=f"{directory}/config.json: mel"),
        symbols=tuple(description["symbols"]),
        speakers=tuple(description["speakers"]),
        styles=tuple(description["styles"]),
        statistics=Statistics(**statistics) if statistics else None,
    )


def _read_description(path: Path) -> dict[str, Any]:
    try:
        description = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise CheckpointError(
            f"{path}: cannot be read ({error}); a model folder holds config.json and model.safetensors"
        ) from error
    if not isinstance(description, dict):
        raise CheckpointError(f"{path}: holds no mapping; export the model again")
    return description
