"""What every front end does: normalize a text, and turn texts into words with their phones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol, TypeVar

from tts.config import config
from tts.errors import ConfigError, TextError
from tts.phones import SILENCE

Item = TypeVar("Item")
Result = TypeVar("Result")


@config
class TextSettings:
    """How text becomes phones.

    Attributes:
        frontend: english is ARPAbet from CMUdict; korean is jamo by the Standard Pronunciation; ipa is espeak-ng's
            phones, over 100 languages; characters takes letters for phones, in any language.
        stress: keep stress with the vowels, as ARPAbet's digits or IPA's marks; more symbols, so more data needed.
        lexicon: file of one's own pronunciations, relative to the project (see tts.text.lexicon); null for none.
    """

    frontend: Literal["english", "korean", "ipa", "characters"]
    stress: bool = False
    lexicon: str | None = None


@dataclass(frozen=True)
class Word:
    """A word and its phones; a pause is the word "," without phones.

    Attributes:
        text: as written.
        phones: labels.
        source: where the phones come from, such as "cmudict"; takes no part in comparison, like alternatives.
        alternatives: other phones that the word may have.
    """

    text: str
    phones: tuple[str, ...]
    source: str = field(default="", compare=False)
    alternatives: tuple[tuple[str, ...], ...] = field(default=(), compare=False)


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
    """Make the front end that the settings name, and read its lexicon.

    Raises:
        ConfigError: the lexicon cannot be read, a line of it is not a word and its phones, or stress is asked of a
            front end that has none.
    """
    from tts.text.lexicon import NO_LEXICON, Overridden, read_lexicon

    path = Path(settings.lexicon) if settings.lexicon is not None else None
    if settings.frontend == "english":
        from tts.text.arpabet import require_arpabet
        from tts.text.english import EnglishFrontend

        lexicon = read_lexicon(path, check=require_arpabet) if path else NO_LEXICON
        return EnglishFrontend(stress=settings.stress, lexicon=lexicon)
    lexicon = read_lexicon(path) if path else NO_LEXICON
    if settings.frontend == "ipa":
        from tts.text.ipa import IpaFrontend

        return IpaFrontend(stress=settings.stress, lexicon=lexicon)
    if settings.stress:
        raise ConfigError(f"text.stress: the {settings.frontend} front end has no stress; set it to false")
    if settings.frontend == "korean":
        from tts.text.korean import KoreanFrontend

        return Overridden(KoreanFrontend(), lexicon)
    from tts.text.characters import CharacterFrontend

    return Overridden(CharacterFrontend(), lexicon)


def pronounce_each(frontend: Frontend, texts: Sequence[str], language: str) -> list[tuple[Word, ...] | TextError]:
    """Give the words of each text, or why it has none: one bad text of a batch fails alone."""
    return each_or_error(lambda batch: frontend.pronounce(batch, language), texts)


def each_or_error(
    function: Callable[[Sequence[Item]], Sequence[Result]], items: Sequence[Item]
) -> list[Result | TextError]:
    """Give a batch function's result for each item, or its error: where it raises one, halves are tried alone."""
    if not items:
        return []
    try:
        return list(function(items))
    except TextError as error:
        if len(items) == 1:
            return [error]
    half = len(items) // 2
    return [*each_or_error(function, items[:half]), *each_or_error(function, items[half:])]


def speakable(words: Sequence[Word]) -> tuple[str, ...]:
    """Give the phones for synthesis: SILENCE at both ends and once for every pause."""
    phones = [SILENCE]
    for word in words:
        if word.phones:
            phones.extend(word.phones)
        elif phones[-1] != SILENCE:
            phones.append(SILENCE)
    return (*phones, SILENCE) if phones[-1] != SILENCE else tuple(phones)
