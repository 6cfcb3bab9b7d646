"""IPA for over 100 languages: the phones that espeak-ng says, taken from its speech, whose sound is thrown away.

So a corpus that espeak spoke has exactly these phones; 6 ms a sentence, where its own text output differs from
what it speaks.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from tts.phones import SILENCE
from tts.text.espeak import Manner, SpokenPhone, spoken_phones
from tts.text.frontend import PAUSE, Word
from tts.text.normalize import normalize_english, normalize_other

_VOICES = {"en": "en-us"}
_STRESS_MARKS = ("", "ˈ", "ˌ")


class IpaFrontend:
    """Phones as espeak-ng writes them; languages are its codes."""

    def __init__(self, *, stress: bool) -> None:
        self._stress = stress

    def normalize(self, text: str, language: str) -> str:
        """Spell out English; tidy other languages, whose numbers espeak reads.

        Raises:
            TextError: nothing speakable is left.
        """
        return normalize_english(text) if language.partition("-")[0] == "en" else normalize_other(text)

    def pronounce(self, texts: Sequence[str], language: str) -> list[tuple[Word, ...]]:
        """Give the words of each text; words that espeak runs together ("of the") are one.

        Raises:
            TextError: espeak has no such language, or finds nothing to say.
            TtsError: espeak-ng cannot be loaded.
        """
        manner = Manner(_VOICES.get(language, language))
        return [self._words(phones) for phones in spoken_phones(texts, manner)]

    def _words(self, phones: Sequence[SpokenPhone]) -> tuple[Word, ...]:
        groups = [list(group) for _, group in groupby(phones, key=lambda phone: phone.word_number)]
        return tuple(
            PAUSE if group[0].phone == SILENCE else Word(group[0].word, tuple(map(self._symbol, group)))
            for group in groups
        )

    def _symbol(self, phone: SpokenPhone) -> str:
        return _STRESS_MARKS[phone.stress] + phone.phone if self._stress else phone.phone
