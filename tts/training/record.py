"""What a step did: loss terms of its batches, their weighted sum and means, and the check that all is finite."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from tts.errors import ConfigError, TrainingError
from tts.training.processes import ALONE, Processes


class Record:
    """Terms by batch and the gradient's norm, left on their device until they are asked for: it need not wait."""

    def __init__(self, title: str) -> None:
        """Start empty; the title, for example ``step 12``, opens messages."""
        self._title = title
        self._ids: list[Sequence[str]] = []
        self._names: tuple[str, ...] = ()
        self._values: list[Tensor] = []
        self._norm: Tensor | None = None
        self._may_overflow: Callable[[], bool] = lambda: False

    def add(self, utterance_ids: Sequence[str], terms: Mapping[str, Tensor]) -> None:
        """Take in the terms of one batch; every batch has the same ones."""
        self._ids.append(utterance_ids)
        self._names = tuple(terms)
        self._values.append(torch.stack([term.detach().float() for term in terms.values()]))

    def note_norm(self, norm: Tensor, *, may_overflow: Callable[[], bool]) -> None:
        """Take in a norm of the gradients, and who tells whether it may be infinite, as loss scaling allows.

        Of several, as a discriminator has that moves more than once in a step, the largest is kept.
        """
        self._norm = norm if self._norm is None else torch.maximum(self._norm, norm)
        self._may_overflow = may_overflow

    def is_finite(self) -> Tensor:
        """Whether all terms and the norm are finite, as a tensor on their device."""
        values = torch.stack(self._values).flatten()
        return torch.isfinite(values if self._norm is None else torch.cat((values, self._norm.reshape(1)))).all()

    def means(self, processes: Processes = ALONE) -> dict[str, float]:
        """Means over clips, and over processes; waits for the device.

        Raises:
            TrainingError: a term is not finite; names the utterances of its batch and all its terms.
        """
        rows = torch.stack(self._values)
        for ids, row in zip(self._ids, rows.tolist(), strict=True):
            self._require_finite(ids, row)
        sizes = rows.new_tensor([len(ids) for ids in self._ids])
        means = (sizes @ rows) / sizes.sum()
        processes.average([means])
        found = dict(zip(self._names, means.tolist(), strict=True))
        self._require_finite(("clips of another process",), list(found.values()))
        return found

    def norm(self) -> float:
        """Norm of the gradients before clipping; waits for the device.

        Raises:
            TrainingError: it is not finite.
        """
        assert self._norm is not None, "the step has moved the weights"
        norm = self._norm.item()
        if not math.isfinite(norm) and not self._may_overflow():
            rows = torch.stack(self._values).tolist()
            lines = "; ".join(self._line(ids, row) for ids, row in zip(self._ids, rows, strict=True))
            raise TrainingError(f"{self._title}: the gradient is not finite, {lines}; lower the learning rate")
        return norm

    def _require_finite(self, ids: Sequence[str], row: Sequence[float]) -> None:
        wrong = [name for name, value in zip(self._names, row, strict=True) if not math.isfinite(value)]
        if wrong:
            term = next((name for name in wrong if name != "loss"), wrong[0])
            raise TrainingError(
                f"{self._title}: the loss term {term!r} is not finite, {self._line(ids, row)}; "
                "check the features of these clips, or lower the learning rate"
            )

    def _line(self, ids: Sequence[str], row: Sequence[float]) -> str:
        terms = ", ".join(f"{name} {value:.4g}" for name, value in zip(self._names, row, strict=True))
        return f"on {', '.join(ids)} ({terms})"


@dataclass(frozen=True)
class StepReport:
    """What an optimizer step did; asking for terms and norm waits for the device.

    Attributes:
        record: of the network.
        lr: its learning rate.
        adversary: record of the discriminator's part of the step, None = it had none.
        processes: that shared the batches.
    """

    record: Record
    lr: float
    adversary: Record | None = None
    processes: Processes = ALONE

    @cached_property
    def terms(self) -> dict[str, float]:
        """Unweighted loss terms and ``loss``, their weighted sum: means over the clips of the step.

        Raises:
            TrainingError: a term is not finite; the weights did not move by it.
        """
        judging = self.adversary.means(self.processes) if self.adversary else {}
        return {**self.record.means(self.processes), **judging}

    @cached_property
    def grad_norm(self) -> float:
        """Norm of the network's gradients, before clipping.

        Raises:
            TrainingError: it is not finite, or the discriminator's is not; the weights did not move by it.
        """
        if self.adversary:
            self.adversary.norm()
        return self.record.norm()


def weighted_sum(terms: Mapping[str, Tensor], weights: Mapping[str, float]) -> Tensor:
    """Sum of terms by their weights; terms of weight 0 are left out.

    Raises:
        ConfigError: a term has no weight, or a weight no term.
    """
    if terms.keys() != weights.keys():
        raise ConfigError(
            f"loss_weights: {_names(weights.keys() - terms.keys())} without a loss term, loss terms "
            f"{_names(terms.keys() - weights.keys())} without a weight; the system gives {_names(terms)}, "
            "and a weight of 0 only logs"
        )
    weighted = [weights[name] * term for name, term in terms.items() if weights[name] != 0]
    return torch.stack(weighted).sum() if weighted else torch.zeros_like(next(iter(terms.values())))


def _names(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "none"
