"""What is said in a clip, as aligners see it: the phones of each word, and where the text pauses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tts.text.frontend import Word


@dataclass(frozen=True)
class Transcript:
    """What is said in a clip.

    Attributes:
        words: phones of each word.
        pauses: [words + 1] whether the text pauses before each word and at the end.
    """

    words: tuple[tuple[str, ...], ...]
    pauses: tuple[bool, ...]

    @property
    def phones(self) -> tuple[str, ...]:
        """Phones of all words."""
        return tuple(phone for word in self.words for phone in word)


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
