"""Runs that start from another run's weights: tensors by their names, tables by the names of their rows."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from tts.audio.mel_definition import require_equal
from tts.errors import CheckpointError
from tts.interfaces import Inventory
from tts.training.export import SavedModel, folded_state, read_tensors, require_fitting

logger = logging.getLogger(__name__)

_TABLES = ("symbols", "speakers", "styles")
"""An embedding named after a field of the Inventory has one row for each of its names."""

_VECTORS = "speaker_vectors."
_MEANS = f"{_VECTORS}means"
"""See tts.layers.speaker_vectors; a run has the means of its own speakers."""


def start_from(network: nn.Module, saved: SavedModel, *, system: str, inventory: Inventory) -> None:
    """Take over a saved model's weights; rows of symbols, speakers and styles go by name, new ones start at the mean.

    Args:
        network: freshly built, weight norm and all.
        saved: the model to start from.
        system: name of the network's system.
        inventory: the network was built with.

    Raises:
        ConfigError: the mel definitions differ.
        CheckpointError: the saved model is of another system, or a tensor does not fit.
    """
    if saved.system != system:
        raise CheckpointError(f"{saved.directory}: a {saved.system} model cannot start a {system} run; choose another")
    require_equal(inventory.mel, saved.inventory.mel, what=f"this run and {saved.directory}")
    tensors = dict(saved.tensors)
    expected = folded_state(network)
    for field in _TABLES:
        name = f"{field}.weight"
        table, fresh = tensors.pop(name, None), expected.get(name)
        if table is not None and fresh is not None:
            tensors[name] = _rows_by_name(table, getattr(saved.inventory, field), getattr(inventory, field))
        elif table is not None:
            logger.warning("%s: the table of %s is not taken over, since this run has none", saved.directory, field)
        elif fresh is not None:
            tensors[name] = fresh
            logger.info("%s has no table of %s; it starts at random", saved.directory, field)
    tensors = _with_own_vectors(tensors, expected, saved.directory)
    require_fitting(expected, tensors, where=f"{saved.directory}")
    _assign(network, tensors)


def start_discriminator_from(discriminator: nn.Module, saved: SavedModel) -> None:
    """Take over the weights of the discriminator that a saved model played against, if it came with one.

    Raises:
        CheckpointError: a tensor does not fit.
    """
    path = saved.directory / "discriminator.safetensors"
    if not path.exists():
        logger.warning("%s is missing: the discriminator starts at random", path)
        return
    tensors = read_tensors(path)
    require_fitting(discriminator.state_dict(), tensors, where=str(path))
    discriminator.load_state_dict(tensors)


def _with_own_vectors(tensors: dict[str, Tensor], expected: Mapping[str, Tensor], directory: Path) -> dict[str, Tensor]:
    """Replace what belongs to the saved model's speaker vectors by what this run has of its own."""
    own = {name: tensor for name, tensor in expected.items() if name.startswith(_VECTORS)}
    saved = {name for name in tensors if name.startswith(_VECTORS)}
    if own and not saved:
        logger.info("%s was told its speakers without vectors; their projection starts at random", directory)
    elif saved and not own:
        logger.warning("%s: the projection of speaker vectors is not taken over, since this run has none", directory)
    projection = {name: tensors[name] for name in saved & own.keys() - {_MEANS}}
    return {name: tensor for name, tensor in tensors.items() if name not in saved} | own | projection


def _rows_by_name(table: Tensor, saved: Sequence[str], names: Sequence[str]) -> Tensor:
    rows = dict(zip(saved, table, strict=True))
    new = [name for name in names if name not in rows]
    if new:
        logger.info("new rows, started at the mean of the saved ones: %s", ", ".join(new))
    return torch.stack([rows.get(name, table.mean(dim=0)) for name in names])


@torch.no_grad()
def _assign(network: nn.Module, tensors: dict[str, Tensor]) -> None:
    """Set tensors by name; those of normed weights are split into direction and norm."""
    for name, tensor in tensors.items():
        owner, _, attribute = name.rpartition(".")
        module = network.get_submodule(owner)
        if parametrize.is_parametrized(module, attribute):
            setattr(module, attribute, tensor)
        else:
            getattr(module, attribute).copy_(tensor)
