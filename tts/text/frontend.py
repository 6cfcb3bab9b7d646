"""What every front end does: normalize a text, and turn texts into words with their phones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from tts.config import config
from tts.phones import SILENCE


@config
class TextSettings:
    """How text becomes phones.

    Attributes:
        frontend: english is ARPAbet from CMUdict; ipa is espeak-ng's phones, over 100 languages.
        stress: keep stress with the vowels, as ARPAbet's digits or IPA's marks; more symbols, so more data needed.
    """

    frontend: Literal["english", "ipa"]
    stress: bool = False


@dataclass(frozen=True)
class Word:
    """A word and its phones; a pause is the word "," without phones."""

    text: str
    phones: tuple[str, ...]


PAUSE = Word(",", ())


class Frontend(Protocol):
    """Text to phones, for one alphabet of phones."""

    def normalize(self, text: str, language: str) -> str:
        """Give the text as it is spoken.

        Raises:
            TextError: nothing speakable is left, or the language is not one of this front end's.
        """
        ...

    def pronounce(self, texts: Sequence[str], language: str) -> list[tuple[Word, ...]]:
        """Give the words of each normalized text.

        Raises:
            TextError: a text has nothing to say, or the language is not one of this front end's.
        """
        ...


def build_frontend(settings: TextSettings) -> Frontend:
    """Make the front end that the settings name."""
    if settings.frontend == "english":
        from tts.text.english import EnglishFrontend

        return EnglishFrontend(stress=settings.stress)
    from tts.text.ipa import IpaFrontend

    return IpaFrontend(stress=settings.stress)


def speakable(words: Sequence[Word]) -> tuple[str, ...]:
    """Give the phones for synthesis: SILENCE at both ends and once for every pause."""
    phones = [SILENCE]
    for word in words:
        if word.phones:
            phones.extend(word.phones)
        elif phones[-1] != SILENCE:
            phones.append(SILENCE)
    return (*phones, SILENCE) if phones[-1] != SILENCE else tuple(phones)
