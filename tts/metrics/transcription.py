"""Word and character error rates: what a recogniser hears otherwise than the text says.

Substitutions, deletions and insertions of the cheapest edit, divided by the words (or characters) of the text
(Levenshtein distance); 0 = all is heard, above 1 where more is heard than was said. A rate is that of the recogniser
as much as of the clip: it is read beside the rate of recordings of the same sentences, and as the difference to it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from tts.errors import TextError
from tts.metrics.measurable import NotMeasurableError
from tts.text.normalize import normalize_english

_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")
_APOSTROPHES = str.maketrans("’‘ʼ", "'''")


def words_of(text: str, language: str) -> list[str]:
    """Words of a text as they are compared: small letters, no punctuation; English numbers and signs are spelled out.

    Raises:
        NotMeasurableError: nothing is left.
    """
    try:
        spoken = normalize_english(text) if language == "en" else text
    except TextError as error:
        raise NotMeasurableError(f"the text cannot be read ({error})") from error
    words = _WORD.findall(unicodedata.normalize("NFC", spoken).casefold().translate(_APOSTROPHES))
    if not words:
        raise NotMeasurableError("the text has no words")
    return words


def word_error_rate(said: Sequence[str], heard: Sequence[str]) -> float:
    """Edits from the words of the text to those that were heard, for each word of the text."""
    return edit_distance(said, heard) / len(said)


def character_error_rate(said: Sequence[str], heard: Sequence[str]) -> float:
    """The same for characters; words are parted by one space, which counts."""
    return edit_distance(" ".join(said), " ".join(heard)) / len(" ".join(said))


def edit_distance(ours: Sequence[str], theirs: Sequence[str]) -> int:
    """The least number of substitutions, deletions and insertions between two sequences."""
    previous = list(range(len(theirs) + 1))
    for row, one in enumerate(ours, start=1):
        current = [row]
        for column, other in enumerate(theirs, start=1):
            current.append(min(previous[column] + 1, current[-1] + 1, previous[column - 1] + (one != other)))
        previous = current
    return previous[-1]
