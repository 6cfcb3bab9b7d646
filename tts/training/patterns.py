"""Parameters chosen by patterns of their names."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping, Sequence

from torch import nn

from tts.errors import ConfigError

Sets = Mapping[str, tuple[str, ...]]
"""Patterns by the name of a set."""

TABLES = ("symbols", "speakers", "styles")
"""An embedding named after a field of the Inventory has one row for each of its names."""

NAME_TABLES = tuple(f"{field}.weight" for field in TABLES)
"""Their weights."""

_ALL_BUT = "all_but_"


def matching(network: nn.Module, pattern: str, *, what: str, sets: Sets | None = None) -> list[str]:
    """Names of the parameters that match a pattern (fnmatch), or are of a named set.

    Args:
        network: whose parameters.
        pattern: for example ``encoder.*``, a set's name, or that with ``all_but_`` before it for all else.
        what: the setting that holds it, for the message.
        sets: patterns by the set's name; those that the network has no parameter for count for nothing.

    Raises:
        ConfigError: none does.
    """
    names = [name for name, _ in network.named_parameters()]
    matched = _of_set(names, pattern, sets or {})
    if not matched:
        parts = sorted({name.split(".")[0] for name in names})
        named = f", and the sets are {', '.join(sorted(sets))}" if sets else ""
        raise ConfigError(f"{what}: {pattern!r} matches no parameter; names begin with {', '.join(parts)}{named}")
    return matched


def _of_set(names: Sequence[str], pattern: str, sets: Sets) -> list[str]:
    chosen = sets.get(pattern.removeprefix(_ALL_BUT))
    if chosen is None:
        return fnmatch.filter(names, pattern)
    inside = {name for each in chosen for name in fnmatch.filter(names, each)}
    return [name for name in names if (name in inside) is (pattern in sets)]
