"""What every corpus gives: recordings with their texts, and what was left out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Recording:
    """One clip and what is said in it."""

    utterance_id: str
    audio: Path
    text: str
    speaker: str
    language: str
    style: str


@dataclass(frozen=True)
class Dropped:
    """An utterance that cannot be used; `reason` is the same few words for all with this fault."""

    utterance_id: str
    reason: str
    detail: str


class ParallelMap(Protocol):
    """Applies a top-level function to items, in worker processes if it can, and yields the results in order."""

    def __call__(self, function: Callable[[Item], Result], items: Sequence[Item]) -> Iterator[Result]:
        """Yield one result per item."""
        ...


def serial_map(function: Callable[[Item], Result], items: Sequence[Item]) -> Iterator[Result]:
    """A `ParallelMap` in this process."""
    return map(function, items)
