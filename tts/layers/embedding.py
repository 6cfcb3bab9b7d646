"""Tables of what belongs to a name: speakers, styles."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from tts.errors import ConfigError


def name_table(names: tuple[str, ...], hidden: int) -> nn.Embedding | None:
    """Table with a row for each name; None where there is nothing to tell apart."""
    return nn.Embedding(len(names), hidden) if len(names) > 1 else None


def rows_of(table: nn.Embedding | Tensor, names: Tensor) -> Tensor:
    """Rows [batch, hidden] of ids [batch], or mixed rows by weights [batch, names]."""
    if names.is_floating_point():
        mixed: Tensor = names @ (table if isinstance(table, Tensor) else table.weight)
        return mixed
    rows: Tensor = table[names] if isinstance(table, Tensor) else table(names)
    return rows


def position(name: str | None, known: Sequence[str], what: str) -> int:
    """Row of a name, which may be left out (None) where there is only one.

    Raises:
        ConfigError: `what` has no such name, or must be named; lists those there are.
    """
    if name is None and len(known) <= 1:
        return 0
    if name in known:
        return known.index(name)
    problem = f"{what} must be named" if name is None else f"{what} {name!r} is unknown"
    raise ConfigError(f"{problem}; the voice has: {', '.join(known) or 'none'}")


def blend(shares: Mapping[str, float], known: Sequence[str], what: str) -> Tensor:
    """Weights [names] of several names, that sum to 1.

    Raises:
        ConfigError: `what` has no such name, or a weight is negative or no number, or none is positive.
    """
    weights = torch.zeros(len(known))
    for name, share in shares.items():
        if not 0 <= share < math.inf:
            raise ConfigError(f"the weight of {what} {name!r} is {share:g}; weights are numbers from 0 on")
        weights[position(name, known, what)] = share
    if not 0 < weights.sum() < math.inf:
        raise ConfigError(f"the weights of the {what}s sum to {weights.sum():g}; give at least one a positive weight")
    return weights / weights.sum()
