"""What the tables of a run that starts from another one have rows for: names that were known, then new ones."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Mapping
from dataclasses import fields, replace
from typing import Any

import numpy as np

from tts.errors import ConfigError
from tts.interfaces import Inventory, Statistics
from tts.training.export import SavedModel
from tts.training.patterns import TABLES

logger = logging.getLogger(__name__)

_VECTOR_MEANS = "speaker_vectors.means"


def known_names(saved: SavedModel, *, by_vector: bool) -> Inventory:
    """Give a saved model's inventory without the names that it holds nothing for.

    One of a single speaker or style has no row for it. Where a run is told its speakers by vectors, the model must
    have had them.

    Args:
        saved: the model.
        by_vector: whether the run's speakers are told by vectors.
    """
    told = {"symbols": "symbols.weight", "speakers": "speakers.weight", "styles": "styles.weight"}
    if by_vector:
        told["speakers"] = _VECTOR_MEANS
    has_rows = {field: told[field] in saved.tensors for field in TABLES}
    kept: dict[str, Any] = {field: getattr(saved.inventory, field) if has_rows[field] else () for field in TABLES}
    means = saved.tensors.get(_VECTOR_MEANS)
    vectors = None
    if by_vector and means is not None:
        vectors = dict(zip(saved.inventory.speakers, means.numpy().astype(np.float32), strict=True))
    return replace(saved.inventory, **kept, speaker_vectors=vectors)


def joined(first: Inventory, *others: Inventory) -> Inventory:
    """Join the names of inventories, each once, in this order; moments and vectors are those of the first that tells.

    Args:
        first: tells the mel definition, and moments over all speakers, if it has any.
        others: tell more names.
    """
    every = (first, *others)
    names: dict[str, Any] = {field: _once(name for each in every for name in getattr(each, field)) for field in TABLES}
    return replace(first, **names, statistics=_joined_statistics(every), speaker_vectors=_joined_vectors(every))


def require_new(
    new: Collection[str], known: Collection[str], same: Collection[str], *, run: str, corpus: str, base: str
) -> None:
    """Refuse names of speakers that mean one voice in this run's corpus and perhaps another in that of its base.

    Args:
        new: speakers of the run.
        known: to the model it starts from, from another corpus.
        same: as in `same_speakers`.
        run: its name.
        corpus: its corpus.
        base: name of the model.

    Raises:
        ConfigError: a name is in both and not declared the same, or declared the same and not in both.
    """
    both = set(new) & set(known)
    for name in sorted(both - set(same)):
        raise ConfigError(
            f"runs.{run}: {base} already has a speaker {name!r}, from another corpus than {corpus!r}; rename one of "
            f"the two, or if it is the same voice, state same_speakers: [{name}]"
        )
    for name in sorted(set(same) - both):
        lacking = f"corpus {corpus!r}" if name in known else base
        raise ConfigError(f"runs.{run}.same_speakers: {name!r} is no speaker of {lacking}; remove it")


def require_phones(found: Iterable[str], known: Collection[str], *, run: str, base: str) -> None:
    """Refuse phones that the model never learned.

    Raises:
        ConfigError: names them, and the way to have them all the same.
    """
    new = [phone for phone in found if phone not in known]
    if new:
        raise ConfigError(
            f"runs.{run}: {base} never learned the phones {' '.join(new)} of this run's clips; give them rows that "
            "start at the mean by new_phones: extend, or read the texts by the front end that it was trained with"
        )


def _once(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))


def _joined_statistics(every: tuple[Inventory, ...]) -> Statistics | None:
    told = [each.statistics for each in every if each.statistics is not None]
    if not told:
        return None
    by_speaker: dict[str, Any] = {
        field.name: {name: value for each in reversed(told) for name, value in getattr(each, field.name).items()}
        for field in fields(Statistics)
        if isinstance(getattr(told[0], field.name), Mapping)
    }
    return replace(told[0], **by_speaker)


def _joined_vectors(every: tuple[Inventory, ...]) -> Mapping[str, Any] | None:
    told = [each.speaker_vectors for each in every if each.speaker_vectors is not None]
    return {name: vector for each in reversed(told) for name, vector in each.items()} if told else None
