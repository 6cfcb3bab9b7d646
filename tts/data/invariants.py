"""The gate before training: what must hold of every clip, checked in CPU seconds."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tts.audio.mel_definition import MelDefinition, num_frames
from tts.errors import DataError

_SHOWN = 5

Floats = npt.NDArray[np.floating]


@dataclass(frozen=True)
class Clip:
    """One row of the index, with the sample rate of the manifest, and its arrays."""

    row: Mapping[str, Any]
    mel: Floats
    durations: npt.NDArray[np.integer]
    pitch_phone: Floats
    energy_phone: Floats
    pitch: Floats
    energy: Floats


def violations(clip: Clip, definition: MelDefinition) -> Iterator[str]:
    """Everything that is wrong with a clip, in words."""
    yield from _faults_of_row(clip, definition)
    yield from _faults_of_lengths(clip, num_frames(clip.row["num_samples"], definition))
    for name in ("mel", "pitch", "energy", "pitch_phone", "energy_phone"):
        if not np.isfinite(getattr(clip, name)).all():
            yield f"a value of {name} that is not finite"


def _faults_of_row(clip: Clip, definition: MelDefinition) -> Iterator[str]:
    if clip.row["sample_rate"] != definition.sample_rate:
        yield f"sample rate {clip.row['sample_rate']} Hz, params say {definition.sample_rate} Hz"
    if not clip.row["phones"]:
        yield "no phones"
    if not clip.row["normalized_text"].strip():
        yield "empty text"


def _faults_of_lengths(clip: Clip, frames: int) -> Iterator[str]:
    if len(clip.mel) != frames:
        yield f"{len(clip.mel)} mel frames, {frames} expected of {clip.row['num_samples']} samples"
    if int(clip.durations.sum()) != frames:
        yield f"durations sum to {int(clip.durations.sum())}, not to {frames} frames"
    if (clip.durations < 0).any():
        yield "a negative duration"
    expected = {name: (len(clip.row["phones"]), "phones") for name in ("durations", "pitch_phone", "energy_phone")}
    expected |= dict.fromkeys(("pitch", "energy"), (frames, "frames"))
    for name, (count, of) in expected.items():
        if len(getattr(clip, name)) != count:
            yield f"{len(getattr(clip, name))} values of {name} for {count} {of}"


def require_no_faults(faults: Sequence[str]) -> None:
    """Stop where clips have faults.

    Args:
        faults: each with the name of its clip.

    Raises:
        DataError: counts them and says the first few.
    """
    if faults:
        more = f" (and {len(faults) - _SHOWN} more)" if len(faults) > _SHOWN else ""
        raise DataError(f"{len(faults)} faults in the features: {'; '.join(faults[:_SHOWN])}{more}; rebuild them")


def check_corpus(rows: Iterable[Mapping[str, Any]]) -> None:
    """Check what holds between clips: ids are unique, and no text is on both sides of a split.

    Raises:
        DataError: names the first few.
    """
    rows = list(rows)
    repeated = [name for name, count in Counter(row["utterance_id"] for row in rows).items() if count > 1]
    if repeated:
        raise DataError(f"{len(repeated)} utterance ids occur twice: {', '.join(repeated[:_SHOWN])}; make them unique")
    splits: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        splits[row["normalized_text"]].add(row["split"])
    torn = [text for text, names in splits.items() if len(names) > 1]
    if torn:
        raise DataError(f"{len(torn)} texts are in more than one split, for example {torn[0]!r}")
    if not any(row["split"] == "train" for row in rows):
        raise DataError("the training split is empty; add recordings or lower split.validation and split.test")
