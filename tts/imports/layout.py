"""What a module of this package says of its public layout, and what all of them need."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from tts.errors import CheckpointError
from tts.interfaces import Inventory

SHOWN = 5
"""Names that a message lists at most."""


class Weights(dict[str, Tensor]):
    """Tensors of a network by its authors' names; one that is asked for and absent is an error."""

    def __missing__(self, name: str) -> Tensor:
        """Refuse, saying which.

        Raises:
            CheckpointError: always.
        """
        raise CheckpointError(f"the checkpoint lacks {name}; it is incomplete, copy it again")

    def count(self, prefix: str) -> int:
        """How many modules of a list there are: one more than the highest number after the prefix."""
        found = [re.match(rf"{re.escape(prefix)}\.(\d+)\.", name) for name in self]
        return 1 + max((int(match[1]) for match in found if match), default=-1)


@dataclass(frozen=True)
class Given:
    """What was given beside the weights.

    Attributes:
        config: the public configuration: the mappings of all its files as one.
        statistics: the public statistics.
        speakers: names by id.
        symbols: names by id.
    """

    config: Mapping[str, Any] = field(default_factory=dict)
    statistics: Mapping[str, Any] | None = None
    speakers: tuple[str, ...] | None = None
    symbols: tuple[str, ...] | None = None

    def setting(self, *path: str, default: Any) -> Any:  # noqa: ANN401 - any JSON value
        """Value at a path of keys in the public configuration."""
        value: Any = self.config
        for key in path:
            if not isinstance(value, Mapping) or key not in value:
                return default
            value = value[key]
        return value


@dataclass(frozen=True)
class Understood:
    """What a checkpoint is.

    Attributes:
        config: of the system.
        inventory: to build its network with.
        notes: what was taken for granted or left out, a sentence each.
    """

    config: Any
    inventory: Inventory
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Layout:
    """A public layout.

    Attributes:
        name: system and author.
        system: the name of ours.
        recognises: whether tensors have these names and shapes.
        understand: Config and Inventory from shapes, and from what was given.
        converted: tensors by our names, weight norm folded or not.
        discriminator: the same of the file that holds what the generator played against, if there is such a file.
    """

    name: str
    system: str
    recognises: Callable[[Mapping[str, Tensor]], bool]
    understand: Callable[[Weights, Given], Understood]
    converted: Callable[[Mapping[str, Tensor]], dict[str, Tensor]]
    discriminator: Callable[[Mapping[str, Any]], dict[str, Tensor]] | None = None


def renamed(
    state: Mapping[str, Tensor], modules: Iterable[tuple[str, str]], *, unused: Sequence[str] = ()
) -> dict[str, Tensor]:
    """Rename modules, of which each is a prefix of tensors.

    Args:
        state: tensors by their authors' names.
        modules: our name and theirs.
        unused: tensors and prefixes of tensors that have no meaning here.

    Raises:
        CheckpointError: a module is missing, or tensors are left over; names the first five.
    """
    ours: dict[str, Tensor] = {}
    missing: list[str] = []
    taken: set[str] = set()
    for new, old in modules:
        found = {key: value for key, value in state.items() if key.startswith(f"{old}.")}
        ours |= {f"{new}{key[len(old) :]}": value for key, value in found.items()}
        taken |= found.keys()
        if not found:
            missing.append(f"{old}.*")
    left = [key for key in state if key not in taken and not key.startswith(tuple(unused))]
    refuse_unfitting(missing, left)
    return ours


def refuse_unfitting(missing: Sequence[str], left: Sequence[str]) -> None:
    """Refuse tensors that are missing or left over.

    Raises:
        CheckpointError: there are some; names the first five.
    """
    faults = [f"{name} is missing" for name in missing] + [f"{name} is left over" for name in sorted(left)]
    if faults:
        more = f" (and {len(faults) - SHOWN} more)" if len(faults) > SHOWN else ""
        raise CheckpointError(f"the checkpoint is not of its layout: {'; '.join(faults[:SHOWN])}{more}")
