"""What every aligner is given, and what it gives back."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from tts.text.frontend import Word

logger = logging.getLogger(__name__)

Item = TypeVar("Item")
Result = TypeVar("Result")


class Audio(Protocol):
    """A clip's samples, read when needed; picklable."""

    @property
    def num_samples(self) -> int:
        """Length."""
        ...

    @property
    def sample_rate(self) -> int:
        """In Hz."""
        ...

    def waveform(self) -> npt.NDArray[np.float32]:
        """Samples in [-1, 1]."""
        ...


@dataclass(frozen=True)
class Utterance:
    """A clip and what is said in it.

    Attributes:
        utterance_id: of the clip.
        speaker: whose mean and manner an aligner may learn.
        audio: its samples.
        words: what is said; words without phones are pauses of the text.
        key: equal for equal samples, words and speaker.
    """

    utterance_id: str
    speaker: str
    audio: Audio
    words: tuple[Word, ...]
    key: str

    @property
    def phones(self) -> tuple[str, ...]:
        """Phones of all words."""
        return tuple(phone for word in self.words for phone in word.phones)

    @property
    def seconds(self) -> float:
        """Length of the clip."""
        return self.audio.num_samples / self.audio.sample_rate


@dataclass(frozen=True)
class Aligned:
    """Phones of a clip in time.

    Attributes:
        utterance_id: of the clip.
        words: as said, pauses of the text among them; aligners that know several pronunciations choose.
        phones: in order, silences included.
        boundaries: [phones + 1] seconds from 0 to the clip's end.
        log_likelihood: per frame, for comparison with other clips of this alignment; None where it is not known.
    """

    utterance_id: str
    words: tuple[Word, ...]
    phones: tuple[str, ...]
    boundaries: npt.NDArray[np.float64]
    log_likelihood: float | None = None


@dataclass(frozen=True)
class Failed:
    """Why a clip has no alignment; `reason` is the same few words for all with this fault."""

    utterance_id: str
    reason: str
    detail: str


@dataclass(frozen=True)
class Identity:
    """What an aligner works with.

    Attributes:
        key: changes when results may change: of the tool's version, its model, and the settings it heeds.
        facts: the same for people, as the metrics show it.
        note: what was done for it, for the stage's closing line: "model trained", "model kept".
    """

    key: str
    facts: dict[str, str | int | float]
    note: str = ""


class ParallelMap(Protocol):
    """Applies a top-level function to items, in worker processes if it can, and yields the results in order."""

    def __call__(self, function: Callable[[Item], Result], items: Sequence[Item], *, label: str) -> Iterator[Result]:
        """Yield one result per item."""
        ...


class Aligner(Protocol):
    """A way to place phones in time."""

    def fit(self, utterances: Sequence[Utterance], folder: Path, *, run: ParallelMap) -> Identity:
        """Make ready for a corpus: find the tool and its model, keep the model in `folder`, or train one there.

        Args:
            utterances: the whole corpus.
            folder: the aligner's own, kept from run to run; the same for other clips of the same corpus.
            run: how work is shared out.

        Raises:
            AlignmentError: the tool is missing or broken, or there is nothing to learn from.
        """
        ...

    def align(self, utterances: Sequence[Utterance], folder: Path, *, run: ParallelMap) -> Iterator[Aligned | Failed]:
        """Align some utterances of a corpus that `fit` was called for; one result each, in any order.

        Raises:
            AlignmentError: the tool is broken, or took too long.
        """
        ...


def serial_map(function: Callable[[Item], Result], items: Sequence[Item], *, label: str) -> Iterator[Result]:
    """A `ParallelMap` in this process, without a bar."""
    logger.debug("%s: %d items", label, len(items))
    return map(function, items)
