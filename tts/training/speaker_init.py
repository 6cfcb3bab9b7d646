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
from tts.training.ridge import fit_map
from tts.training.settings import SpeakerInit

logger = logging.getLogger(__name__)

_LEAST_MAPPED = 3
"""Speakers that a map from vectors to rows takes."""

Rows = Mapping[str, Tensor]
"""Rows [channels] by name of the speaker."""


@dataclass(frozen=True)
class SpeakerStart:
    """How the rows of new speakers are made, and what is known of speakers, old and new, by their names.

    Attributes:
        method: as in `runs.<name>.speaker_init`.
        seed: of mean_noise.
        vectors: [SPEAKER_VECTOR_SIZE] each, of unit length; for nearest and encoder_map.
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
        ConfigError: the method needs vectors that there are not.
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
    candidates = _heard(name, known, start)
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


def _encoder_map(name: str, fresh: Tensor, known: Rows, start: SpeakerStart) -> tuple[Tensor, str]:
    """What the linear map gives that takes vectors of known speakers to their rows."""
    heard = _heard(name, known, start)
    if len(heard) < _LEAST_MAPPED:
        raise ConfigError(
            f"speaker_init encoder_map: only {len(heard)} speakers of the model it starts from have a speaker vector, "
            f"and a map takes {_LEAST_MAPPED} at least; choose another speaker_init"
        )
    vectors = torch.stack([torch.as_tensor(start.vectors[each]) for each in heard])
    rows = torch.stack([known[each] for each in heard])
    fitted = fit_map(vectors, rows)
    row = fitted(torch.as_tensor(start.vectors[name]))
    return row, (
        f"what maps the vectors of {len(heard)} known speakers to their rows (ridge {fitted.ridge:g}; of speakers "
        f"left out it explains {fitted.explained:.0%})"
    )


def _heard(name: str, known: Rows, start: SpeakerStart) -> list[str]:
    """Known speakers of whom there are vectors.

    Raises:
        ConfigError: there is none of these, or none of the new speaker.
    """
    heard = [each for each in known if each in start.vectors]
    if name not in start.vectors or not heard:
        who = name if name not in start.vectors else "any speaker of the model it starts from"
        raise ConfigError(
            f"speaker_init {start.method}: no training clip of {who} has a speaker vector in this corpus; "
            "add longer recordings, or choose another speaker_init"
        )
    return heard


def _mean_of(rows: Rows) -> Tensor:
    return torch.stack(list(rows.values())).mean(dim=0)


_METHODS: Mapping[SpeakerInit, Callable[[str, Tensor, Rows, SpeakerStart], tuple[Tensor, str]]] = {
    "mean": _mean,
    "random": _random,
    "mean_noise": _mean_noise,
    "nearest": _nearest,
    "by_metadata": _by_metadata,
    "encoder_map": _encoder_map,
    "inversion": _mean,
}
"""Each gives a new speaker's row [channels], and says where it comes from."""
