"""Old recordings among new ones, so that a network that learns new voices does not forget those it knew.

Rehearsal: Robins 1995, Catastrophic forgetting, rehearsal and pseudorehearsal, Connection Science 7(2).
"""

from __future__ import annotations

import dataclasses
from typing import Generic, Protocol, TypeVar

from torch import Tensor

B_co = TypeVar("B_co", covariant=True)


class Plan(Protocol[B_co]):
    """Makes the batch of any running number."""

    def __call__(self, index: int) -> B_co:
        """Give the batch of this running number."""
        ...

    def largest(self) -> B_co:
        """Give a batch that takes as much memory as any."""
        ...


class Replaying(Generic[B_co]):
    """Batches of new recordings, and at an even rate batches of old ones.

    A batch is of one kind, so that clips of like length meet. Each kind has epochs of its own; which batch has which
    number follows from the number alone.
    """

    def __init__(self, new: Plan[B_co], old: Plan[B_co], *, rate: float) -> None:
        """Mix two plans; `rate` is the share of old batches, between 0 and 1."""
        self._new, self._old, self._rate = new, old, rate

    def __call__(self, index: int) -> B_co:
        """Give the batch of this running number."""
        before, after = (int(number * self._rate) for number in (index, index + 1))
        return self._old(before) if after > before else self._new(index - before)

    def largest(self) -> B_co:
        """Give a batch that takes as much memory as any."""
        return max(self._new.largest(), self._old.largest(), key=_num_values)


def _num_values(batch: object) -> int:
    values = (getattr(batch, field.name) for field in dataclasses.fields(batch))  # type: ignore[arg-type]
    return sum(each.numel() for each in values if isinstance(each, Tensor))
