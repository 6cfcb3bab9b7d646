"""Jamo for Korean: the letters of the sound, as the Standard Pronunciation has it, 46 phones.

A consonant before the vowel is its letter (ㄱ); one of the seven after it has a hyphen in front (-ㄱ), being another
sound, without release; ㅇ before a vowel is silent and no phone. 국물 is said 궁물: ㄱ ㅜ -ㅇ ㅁ ㅜ -ㄹ.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from tts.errors import TextError
from tts.text.frontend import PAUSE, Word
from tts.text.jamo import decompose
from tts.text.korean_normalize import normalize_korean
from tts.text.korean_pronunciation import pronounce

_PHRASE = re.compile(r"[가-힣\s]+|(?P<pause>[,.;:!?])|(?P<unknown>.)")


class KoreanFrontend:
    """18 initials, 21 vowels and 7 finals."""

    def normalize(self, text: str, language: str) -> str:
        """Spell out numbers, units, Latin letters and symbols in Hangul.

        Raises:
            TextError: nothing speakable is left, the language is not Korean, or a letter is neither Hangul nor Latin.
        """
        _require_korean(language)
        return normalize_korean(text)

    def pronounce(self, texts: Sequence[str], language: str) -> list[tuple[Word, ...]]:
        """Give the words of each text.

        Raises:
            TextError: the language is not Korean, or a text is not normalized.
        """
        _require_korean(language)
        return [tuple(_words(text)) for text in texts]


def phones(sound: str) -> tuple[str, ...]:
    """Give the phones of Hangul syllables that are written as they sound."""
    return tuple(phone for char in sound for phone in _phones(char))


def _phones(char: str) -> Iterator[str]:
    initial, vowel, final = decompose(char)
    if initial != "ㅇ":
        yield initial
    yield vowel
    if final:
        yield f"-{final}"


def _words(text: str) -> Iterator[Word]:
    for phrase in _PHRASE.finditer(text):
        if phrase["pause"]:
            yield PAUSE
        elif phrase["unknown"]:
            raise TextError(f"{phrase['unknown']!r} in {text!r} is not Hangul; normalize the text first")
        else:
            yield from map(Word, phrase[0].split(), map(phones, pronounce(phrase[0])))


def _require_korean(language: str) -> None:
    if language.partition("-")[0] != "ko":
        raise TextError(f"the korean front end cannot say language {language!r}; use text.frontend: ipa")
