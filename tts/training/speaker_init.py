"""Rows of the speakers that a run has and the model it starts from had not.

Which start serves new voices best depends on how many voices the model knows and how much is recorded of the new ones;
compare them by listening and by speaker similarity.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from tts.errors import ConfigError
from tts.training.settings import SpeakerInit

logger = logging.getLogger(__name__)

Rows = Mapping[str, Tensor]
"""Rows [channels] by name of the speaker."""


@dataclass(frozen=True)
class SpeakerStart:
    """How the rows of new speakers are made, and what is known of speakers, old and new, by their names.

    Attributes:
        method: as in `runs.<name>.speaker_init`.
        seed: of mean_noise.
        vectors: [SPEAKER_VECTOR_SIZE] each, of unit length; for nearest.
        traits: gender and accent, empty where they are not known; for by_metadata.
    """

    method: SpeakerInit = "mean"
    seed: int = 0
    vectors: Mapping[str, npt.NDArray[np.float32]] = field(default_factory=dict)
    traits: Mapping[str, tuple[str, str]] = field(default_factory=dict)


def new_rows(known: Rows, fresh: Rows, start: SpeakerStart) -> dict[str, Tensor]:
    """Rows [channels] of the new speakers, by name; where each comes from is logged.

    Args:
        known: rows of the model that is started from.
        fresh: rows of the new speakers as the network was built with them.
        start: how they are made.

    Raises:
        ConfigError: method nearest, and there is no vector of a new speaker or of any known one.
    """
    rows = {}
    for name, row in fresh.items():
        rows[name], source = _METHODS[start.method](name, row, known, start)
        logger.info("new speaker %s starts at %s", name, source)
    return rows


def _mean(name: str, fresh: Tensor, known: Rows, start: SpeakerStart) -> tuple[Tensor, str]:
    return _mean_of(known), f"the mean of all {len(known)} known rows"


def _random(name: str, fresh: Tensor, known: Rows, start: SpeakerStart) -> tuple[Tensor, str]:
    return fresh, "random, as a fresh network has it"


def _mean_noise(name: str, fresh: Tensor, known: Rows, start: SpeakerStart) -> tuple[Tensor, str]:
    """A row that is spread about the mean as the known ones are; it is the same whichever others are new."""
    spread = torch.stack(list(known.values())).std(dim=0, correction=0)
    drawn = np.random.default_rng([start.seed, *name.encode()]).standard_normal(len(spread))
    noise = torch.as_tensor(drawn, dtype=spread.dtype)
    return _mean_of(known) + spread * noise, f"the mean of all {len(known)} known rows, with noise as they are spread"


def _nearest(name: str, fresh: Tensor, known: Rows, start: SpeakerStart) -> tuple[Tensor, str]:
    candidates = [each for each in known if each in start.vectors]
    if name not in start.vectors or not candidates:
        who = name if name not in start.vectors else "any speaker of the model it starts from"
        raise ConfigError(
            f"speaker_init nearest: no training clip of {who} has a speaker vector in this corpus; "
            "add longer recordings, or choose another speaker_init"
        )
    cosines = {each: float(start.vectors[each] @ start.vectors[name]) for each in candidates}
    nearest = max(candidates, key=cosines.__getitem__)
    return known[nearest], f"the row of {nearest}, whose vector is nearest (cosine {cosines[nearest]:.3f})"


def _by_metadata(name: str, fresh: Tensor, known: Rows, start: SpeakerStart) -> tuple[Tensor, str]:
    """The mean of those of the same gender and accent, else of the same gender, else of all."""
    gender, accent = start.traits.get(name, ("", ""))
    known_of = {each: start.traits.get(each, ("", "")) for each in known}
    alike = {each: known[each] for each, traits in known_of.items() if traits == (gender, accent)}
    if gender and accent and alike:
        return _mean_of(alike), f"the mean of {len(alike)} known rows of gender {gender}, accent {accent}"
    alike = {each: known[each] for each, traits in known_of.items() if traits[0] == gender}
    if gender and alike:
        return _mean_of(alike), f"the mean of {len(alike)} known rows of gender {gender}"
    return _mean_of(known), f"the mean of all {len(known)} known rows: none is known to be of its gender"


def _mean_of(rows: Rows) -> Tensor:
    return torch.stack(list(rows.values())).mean(dim=0)


_METHODS: Mapping[SpeakerInit, Callable[[str, Tensor, Rows, SpeakerStart], tuple[Tensor, str]]] = {
    "mean": _mean,
    "random": _random,
    "mean_noise": _mean_noise,
    "nearest": _nearest,
    "by_metadata": _by_metadata,
}
"""Each gives a new speaker's row [channels], and says where it comes from."""
