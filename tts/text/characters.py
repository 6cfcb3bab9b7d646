"""Letters for phones, in any language: a voice learns from the recordings how they sound.

For spellings near to their sound (Finnish, Spanish), or where there is nothing better; a Hangul letter is a whole
syllable, so Korean is better off with its own front end. A letter keeps its combining marks; capitals are small
letters; English and Korean numbers are spelled out, others must be in the text.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence

from tts.errors import TextError
from tts.text.frontend import PAUSE, Word
from tts.text.korean_normalize import normalize_korean
from tts.text.normalize import normalize_english, normalize_other

_NORMALIZERS = {"en": normalize_english, "ko": normalize_korean}
_TOKEN = re.compile(r"(?P<pause>[,.;:!?…—、。，！？；：،؛؟۔।]+)|[^\s,.;:!?…—、。，！？；：،؛؟۔।]+")


class CharacterFrontend:
    """As many phones as the texts have letters."""

    def normalize(self, text: str, language: str) -> str:
        """Tidy a text and write it small.

        Raises:
            TextError: nothing speakable is left, or a number in another language than English and Korean.
        """
        normal = _NORMALIZERS.get(language.partition("-")[0], normalize_other)(text)
        number = next((char for char in normal if char.isnumeric() and not char.isalpha()), None)
        if number:
            raise TextError(f"{number!r} in {text!r}: the characters front end cannot read numbers of {language!r};"
                            " write them in words")  # fmt: skip
        return unicodedata.normalize("NFC", normal.lower())

    def pronounce(self, texts: Sequence[str], language: str) -> list[tuple[Word, ...]]:
        """Give the words of each text.

        Raises:
            TextError: a text has no letters.
        """
        return [_words(text) for text in texts]


def letters(word: str) -> Iterator[str]:
    """Give each letter with its combining marks; signs that are none are left out."""
    letter = ""
    for char in word:
        if unicodedata.category(char).startswith("M"):
            letter += char if letter else ""
            continue
        if letter:
            yield letter
        letter = char if char.isalpha() else ""
    if letter:
        yield letter


def _words(text: str) -> tuple[Word, ...]:
    tokens = _TOKEN.finditer(unicodedata.normalize("NFC", text.lower()))
    words = (PAUSE if token["pause"] else Word(token[0], tuple(letters(token[0]))) for token in tokens)
    spoken = tuple(word for word in words if word == PAUSE or word.phones)
    if all(word == PAUSE for word in spoken):
        raise TextError(f"nothing to say in {text!r}; give it words")
    return spoken
