"""Runs that start from another run's weights: tensors by their names, tables by the names of their rows."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from tts.audio.mel_definition import require_equal
from tts.errors import CheckpointError, ConfigError
from tts.interfaces import Inventory
from tts.training.export import SavedModel, folded_state, read_tensors, require_fitting
from tts.training.patterns import NAME_TABLES, TABLES
from tts.training.speaker_init import SpeakerStart, new_rows

logger = logging.getLogger(__name__)

_VECTORS = "speaker_vectors."
_MEANS = f"{_VECTORS}means"
"""See tts.layers.speaker_vectors; a run has the means of its own speakers."""

_AT_THE_MEAN = SpeakerStart()


def start_from(
    network: nn.Module, saved: SavedModel, *, system: str, inventory: Inventory, speakers: SpeakerStart = _AT_THE_MEAN
) -> None:
    """Take over a saved model's weights; rows of symbols, speakers and styles go by name.

    New rows of symbols and styles start at the mean.

    Args:
        network: freshly built, weight norm and all.
        saved: the model to start from.
        system: name of the network's system.
        inventory: the network was built with.
        speakers: how new rows of speakers start.

    Raises:
        ConfigError: the mel definitions differ, or new rows of speakers cannot be made as asked for.
        CheckpointError: the saved model is of another system, or a tensor does not fit.
    """
    require_system(saved, system)
    require_equal(inventory.mel, saved.inventory.mel, what=f"this run and {saved.directory}")
    tensors = dict(saved.tensors)
    expected = folded_state(network)
    _require_table(speakers, expected, saved)
    for field, name in zip(TABLES, NAME_TABLES, strict=True):
        table, fresh = tensors.pop(name, None), expected.get(name)
        if table is not None and fresh is not None:
            known = dict(zip(getattr(saved.inventory, field), table, strict=True))
            built = dict(zip(getattr(inventory, field), fresh, strict=True))
            tensors[name] = _rows_by_name(known, built, speakers if field == "speakers" else None)
        elif table is not None:
            logger.warning("%s: the table of %s is not taken over, since this run has none", saved.directory, field)
        elif fresh is not None:
            tensors[name] = fresh
            logger.info("%s has no table of %s; it starts at random", saved.directory, field)
    tensors = _with_own_vectors(tensors, expected, saved.directory)
    _require_told(expected, tensors, saved)
    require_fitting(expected, tensors, where=f"{saved.directory}")
    _assign(network, tensors)


def require_system(saved: SavedModel, system: str) -> None:
    """Refuse to start from a model of another system.

    Raises:
        CheckpointError: it is of another one.
    """
    if saved.system != system:
        raise CheckpointError(f"{saved.directory}: a {saved.system} model cannot start a {system} run; choose another")


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


def _require_told(expected: Mapping[str, Tensor], tensors: Mapping[str, Tensor], saved: SavedModel) -> None:
    """Refuse a model of one speaker for a run of several, where more than a table tells them apart."""
    lacking = sorted(expected.keys() - tensors.keys())
    if lacking and "speakers.weight" in expected and "speakers.weight" not in saved.tensors:
        raise CheckpointError(
            f"{saved.directory}: learned one speaker only, so it lacks {len(lacking)} tensors by which this run tells "
            f"several apart, {lacking[0]} first; start from a model of several speakers, or name one in `speakers`"
        )


def _require_table(speakers: SpeakerStart, expected: Mapping[str, Tensor], saved: SavedModel) -> None:
    if speakers.method != "mean" and "speakers.weight" not in expected:
        raise ConfigError(f"speaker_init {speakers.method} has no effect: this run has no table of speakers; remove it")
    if speakers.method not in ("mean", "random") and "speakers.weight" not in saved.tensors:
        raise ConfigError(
            f"speaker_init {speakers.method} needs rows to start from, but {saved.directory} has no table of speakers; "
            "choose random, or name a model of several speakers in init_from"
        )


def _rows_by_name(known: Mapping[str, Tensor], built: Mapping[str, Tensor], speakers: SpeakerStart | None) -> Tensor:
    """Rows of the names of `built`, in their order; `speakers` says how new ones start, None = at the mean."""
    fresh = {name: row for name, row in built.items() if name not in known}
    if speakers is not None:
        made = new_rows(known, fresh, speakers)
    else:
        made = dict.fromkeys(fresh, torch.stack(list(known.values())).mean(dim=0))
        if made:
            logger.info("new rows, started at the mean of the saved ones: %s", ", ".join(made))
    return torch.stack([known[name] if name in known else made[name] for name in built])


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
