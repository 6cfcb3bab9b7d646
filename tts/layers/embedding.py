"""Tables of what belongs to a name: speakers, styles."""

from __future__ import annotations

from torch import nn


def name_table(names: tuple[str, ...], hidden: int) -> nn.Embedding | None:
    """Table with a row for each name; None where there is nothing to tell apart."""
    return nn.Embedding(len(names), hidden) if len(names) > 1 else None
