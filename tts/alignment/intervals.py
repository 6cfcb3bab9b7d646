"""Between the words of the front end and phones in time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tts.alignment.hmm import Transcript
from tts.phones import SILENCE
from tts.text.frontend import Word


@dataclass(frozen=True)
class Interval:
    """A phone from `start` to `end` seconds; `word` is "" for silence."""

    phone: str
    start: float
    end: float
    word: str


def transcript(words: Sequence[Word]) -> Transcript:
    """Phones of the words that have any; the others are pauses, as are both ends."""
    spoken: list[tuple[str, ...]] = []
    pauses = [True]
    for word in words:
        if word.phones:
            spoken.append(word.phones)
            pauses.append(False)
        else:
            pauses[-1] = True
    pauses[-1] = True
    return Transcript(tuple(spoken), tuple(pauses))


def intervals(
    phones: Sequence[str],
    boundaries: npt.NDArray[np.float64],
    words: Sequence[Word],
    *,
    fold_seconds: float,
) -> list[Interval]:
    """Name the word of each phone, and give short silences between words to the phone before them.

    Args:
        phones: as aligned, silences included.
        boundaries: [phones + 1] seconds.
        words: of the front end; their phones are those aligned.
        fold_seconds: shorter silences are folded.
    """
    owners = iter([word.text for word in words for _ in word.phones])
    result: list[Interval] = []
    for index, phone in enumerate(phones):
        start, end = float(boundaries[index]), float(boundaries[index + 1])
        is_inner = 0 < index < len(phones) - 1
        if phone == SILENCE and is_inner and end - start < fold_seconds:
            before = result.pop()
            result.append(Interval(before.phone, before.start, end, before.word))
        else:
            result.append(Interval(phone, start, end, "" if phone == SILENCE else next(owners)))
    return result
