"""Loss terms of a step's batches: their weighted sum, their means, and the check that they are finite."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import Tensor

from tts.errors import ConfigError, TrainingError
from tts.training.processes import ALONE, Processes


class Record:
    """Terms by batch, left on their device until they are asked for, so that the device need not wait."""

    def __init__(self, title: str) -> None:
        """Start empty; the title, for example ``step 12``, opens messages."""
        self._title = title
        self._ids: list[Sequence[str]] = []
        self._names: tuple[str, ...] = ()
        self._values: list[Tensor] = []

    def add(self, utterance_ids: Sequence[str], terms: Mapping[str, Tensor]) -> None:
        """Take in the terms of one batch; every batch has the same ones."""
        self._ids.append(utterance_ids)
        self._names = tuple(terms)
        self._values.append(torch.stack([term.detach().float() for term in terms.values()]))

    def means(self, processes: Processes = ALONE) -> dict[str, float]:
        """Means over clips, and over processes.

        Raises:
            TrainingError: a term is not finite; names the utterances of its batch and all its terms.
        """
        rows = torch.stack(self._values)
        for ids, row in zip(self._ids, rows.tolist(), strict=True):
            self._require_finite(ids, row)
        sizes = rows.new_tensor([len(ids) for ids in self._ids])
        means = (sizes @ rows) / sizes.sum()
        processes.average([means])
        return dict(zip(self._names, means.tolist(), strict=True))

    def describe(self) -> str:
        """Utterances and terms of all batches, for messages."""
        rows = torch.stack(self._values).tolist()
        return "; ".join(self._line(ids, row) for ids, row in zip(self._ids, rows, strict=True))

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
    return torch.stack([weights[name] * term for name, term in terms.items() if weights[name] != 0]).sum()


def _names(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "none"
