"""What every corpus gives: recordings with their texts, what was left out, and what is known of the speakers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from tts.corpora.trees import Tree

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Recording:
    """One clip and what is said in it."""

    utterance_id: str
    audio: Tree
    text: str
    speaker: str
    language: str
    style: str


@dataclass(frozen=True)
class Dropped:
    """An utterance that cannot be used.

    Attributes:
        utterance_id: of it, or its place where it has none.
        reason: the same few words for all with this fault.
        detail: the values of this one.
        is_expected: whether the publisher says that it is missing; such a one is listed, but `max_dropped` does not
            count it.
    """

    utterance_id: str
    reason: str
    detail: str
    is_expected: bool = False


@dataclass(frozen=True)
class Speaker:
    """What a corpus tells about a speaker; None and "" are unknown."""

    speaker: str
    age: int | None = None
    gender: str = ""
    accent: str = ""
    region: str = ""
    comments: str = ""


class ParallelMap(Protocol):
    """Applies a top-level function to items, in worker processes if it can, and yields the results in order."""

    def __call__(self, function: Callable[[Item], Result], items: Sequence[Item]) -> Iterator[Result]:
        """Yield one result per item."""
        ...


def sorted_out(clips: Mapping[str, Recording | Dropped], *, limit: int | None) -> tuple[list[Recording], list[Dropped]]:
    """Give the first so many clips by id (None = all), those of use and the others."""
    chosen = [clips[name] for name in sorted(clips)[:limit]]
    recordings = [each for each in chosen if isinstance(each, Recording)]
    return recordings, [each for each in chosen if isinstance(each, Dropped)]


def serial_map(function: Callable[[Item], Result], items: Sequence[Item]) -> Iterator[Result]:
    """A `ParallelMap` in this process."""
    return map(function, items)
