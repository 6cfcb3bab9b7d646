"""What an optimizer knows of each parameter, by the parameter's name, so that another run can go on with it.

``optimizer.safetensors`` of a model folder holds ``<network>/<what>/<parameter>``: `exp_avg`, `exp_avg_sq` and `step`
as Adam and its like have them, and `value` of normed weights, whose directions the folded weight does not tell.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from tts.errors import CheckpointError
from tts.interfaces import Inventory
from tts.training.export import OPTIMIZER_FILE, SavedModel, read_tensors
from tts.training.patterns import NAME_TABLES, TABLES

logger = logging.getLogger(__name__)

Tensors = dict[str, Tensor]

_MOMENTS = ("exp_avg", "exp_avg_sq")
_NORMED = ".parametrizations."


def moments_of(network: nn.Module, optimizer: torch.optim.Optimizer, *, prefix: str) -> Tensors:
    """Give the moments of a network's optimizer; parameters that never moved have none."""
    found = {}
    for name, parameter in network.named_parameters():
        for what, value in optimizer.state.get(parameter, {}).items():
            found[f"{prefix}/{what}/{name}"] = value.detach().cpu().clone()
    return found


def directions_of(network: nn.Module, *, prefix: str) -> Tensors:
    """Give the parts of a network's normed weights."""
    parts = {name: each for name, each in network.named_parameters() if _NORMED in name}
    return {f"{prefix}/value/{name}": each.detach().cpu().clone() for name, each in parts.items()}


def read_moments(saved: SavedModel, *, base: str) -> Tensors:
    """Read what a saved model's optimizer knew.

    Raises:
        CheckpointError: the folder does not hold it; or the file is damaged.
    """
    path = saved.directory / OPTIMIZER_FILE
    if not path.exists():
        raise CheckpointError(
            f"{path} is missing, from which init_optimizer takes the moments; set runs.{base}.export_optimizer: true "
            "and run it again, which trains nothing anew where its work folder is still there; or remove init_optimizer"
        )
    return read_tensors(path)


def take_directions(network: nn.Module, moments: Mapping[str, Tensor], *, prefix: str) -> None:
    """Set the parts of normed weights; the weights themselves stay what they are."""
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            value = moments.get(f"{prefix}/value/{name}")
            if value is not None and value.shape == parameter.shape:
                parameter.copy_(value)


def take_moments(
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    moments: Mapping[str, Tensor],
    *,
    prefix: str,
    known: Inventory,
    inventory: Inventory,
) -> None:
    """Give an optimizer that has not moved yet the moments of another one, parameter by parameter.

    Rows of tables go by their names; those of new names have moments of zero. Parameters that the other one did not
    have, or that never moved there, start without.

    Args:
        network: that is optimized.
        optimizer: of it.
        moments: as `read_moments` gives them.
        prefix: of this network's.
        known: names by row of the tables that the moments are of.
        inventory: names by row of this network's.
    """
    tables = {
        name: (getattr(known, field), getattr(inventory, field))
        for field, name in zip(TABLES, NAME_TABLES, strict=True)
    }
    names = {id(parameter): name for name, parameter in network.named_parameters()}
    parameters = [each for group in optimizer.param_groups for each in group["params"]]
    state = {}
    for number, parameter in enumerate(parameters):
        name = names[id(parameter)]
        own = {what: moments.get(f"{prefix}/{what}/{name}") for what in (*_MOMENTS, "step")}
        if name in tables:
            own |= {what: _by_name(own[what], *tables[name]) for what in _MOMENTS}
        found = {what: each for what, each in own.items() if each is not None}
        if len(found) == len(own) and all(found[what].shape == parameter.shape for what in _MOMENTS):
            state[number] = found
    optimizer.load_state_dict(optimizer.state_dict() | {"state": state})
    logger.info("%s: moments of %d of %d tensors taken over", prefix, len(state), len(parameters))


class StillRows:
    """Rows of names that stay, and their moments too, until a clip of their name comes by.

    Momentum that was taken over would else move the rows of names that no clip has.
    """

    def __init__(self, network: nn.Module, optimizer: torch.optim.Optimizer) -> None:
        """Watch the tables of names of a network, as they and the optimizer's state now are."""
        optimized = {each for group in optimizer.param_groups for each in group["params"]}
        tables = {name: each for name, each in network.named_parameters() if name in NAME_TABLES and each in optimized}
        self._tables, self._optimizer = tables, optimizer
        self._touched = {
            name: torch.zeros(len(each), 1, dtype=torch.bool, device=each.device) for name, each in tables.items()
        }
        self._keep()

    @torch.no_grad()
    def look(self) -> None:
        """Note, before the optimizer moves, which rows have a gradient."""
        for name, table in self._tables.items():
            if table.grad is not None:
                self._touched[name] |= (table.grad != 0).any(dim=1, keepdim=True)

    @torch.no_grad()
    def restore(self) -> None:
        """Put back, after the optimizer moved, the rows that have had none."""
        for name, kept in self._kept.items():
            for tensor, value in zip(self._moved(name), kept, strict=True):
                tensor.copy_(torch.where(self._touched[name], tensor, value))

    def state_dict(self) -> Tensors:
        """Which rows have had a gradient."""
        return dict(self._touched)

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Go on from a saved state; network and optimizer have gone on before."""
        for name, touched in self._touched.items():
            touched.copy_(state[name])
        self._keep()

    def _keep(self) -> None:
        self._kept = {name: [each.detach().clone() for each in self._moved(name)] for name in self._tables}

    def _moved(self, name: str) -> list[Tensor]:
        """A table and its moments."""
        state = self._optimizer.state.get(self._tables[name], {})
        return [self._tables[name], *(state[what] for what in _MOMENTS if what in state)]


def _by_name(rows: Tensor | None, known: Sequence[str], names: Sequence[str]) -> Tensor | None:
    """Rows of `known` names in the places of `names`; those of others are zero."""
    if rows is None or len(rows) != len(known):
        return None
    places = dict(zip(known, rows, strict=True))
    return torch.stack([places.get(name, torch.zeros_like(rows[0])) for name in names])
