"""Tables of what belongs to a name: speakers, styles."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from tts.errors import ConfigError


def name_table(names: tuple[str, ...], hidden: int) -> nn.Embedding | None:
    """Table with a row for each name; None where there is nothing to tell apart."""
    return nn.Embedding(len(names), hidden) if len(names) > 1 else None


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
