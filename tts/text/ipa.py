"""IPA for over 100 languages: the phones that espeak-ng says, taken from its speech, whose sound is thrown away.

So a corpus that espeak spoke has exactly these phones, where its own text output differs from what it speaks.

Words of another script than the language's are said as their own language says them, with its phones ("hello" in
Korean, "안녕" in English): espeak changes its voice. Only the scripts below are not read but named, letter by letter
("Cyrillic p"), unless the voice is of a language written in them; such a text is refused.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from itertools import groupby

from tts.errors import TextError
from tts.phones import SILENCE
from tts.text.espeak import Manner, Phone, spoken_phones
from tts.text.frontend import PAUSE, Word
from tts.text.lexicon import NO_LEXICON, Lexicon, speak_around
from tts.text.normalize import normalize_english, normalize_other

_VOICES = {"en": "en-us"}
_STRESS_MARKS = ("", "ˈ", "ˌ")
_READERS = {
    "CJK": "cmn yue hak zh",  # Japanese is read in kana only
    "HIRAGANA": "ja", "KATAKANA": "ja", "THAI": "th", "TELUGU": "te", "ORIYA": "or", "HEBREW": "he",
    "ETHIOPIC": "am ti", "ARABIC": "ar fa ug ur sd ku",
    "CYRILLIC": "ru uk be bg mk sr bs hr ka kk ky tt ba cv nog uz lfn lv ltg",
}  # fmt: skip


class IpaFrontend:
    """Phones as espeak-ng writes them; languages are its codes."""

    def __init__(self, *, stress: bool, lexicon: Lexicon = NO_LEXICON) -> None:
        self._stress = stress
        self._lexicon = lexicon if stress else lexicon.without("".join(_STRESS_MARKS))

    def normalize(self, text: str, language: str) -> str:
        """Spell out English; tidy other languages, whose numbers espeak reads.

        Raises:
            TextError: nothing speakable is left, or a letter is of a script that the voice would name, not read.
        """
        normalize = normalize_english if language.partition("-")[0] == "en" else normalize_other
        normal = normalize(text, kept=self._lexicon.kept)
        _require_readable(self._lexicon.kept.sub(" ", normal), language)
        return normal

    def pronounce(self, texts: Sequence[str], language: str) -> list[tuple[Word, ...]]:
        """Give the words of each text; words that espeak runs together ("of the") are one.

        Raises:
            TextError: espeak has no such language, or finds nothing to say.
            TtsError: espeak-ng cannot be loaded.
        """
        manner = Manner(_VOICES.get(language, language))
        return speak_around(
            texts, self._lexicon, lambda pieces: [self._words(phones) for phones in spoken_phones(pieces, manner)]
        )

    def _words(self, phones: Sequence[Phone]) -> tuple[Word, ...]:
        groups = [list(group) for _, group in groupby(phones, key=lambda phone: phone.word_number)]
        return tuple(
            PAUSE if group[0].phone == SILENCE else Word(group[0].word, tuple(map(self._symbol, group)), "espeak")
            for group in groups
        )

    def _symbol(self, phone: Phone) -> str:
        return _STRESS_MARKS[phone.stress] + phone.phone if self._stress else phone.phone


def _require_readable(text: str, language: str) -> None:
    for char in filter(str.isalpha, text):
        readers = _READERS.get(unicodedata.name(char, "").partition(" ")[0], "").split()
        if readers and language.partition("-")[0] not in readers:
            raise TextError(
                f"{char!r} in {text!r}: espeak's voice {language!r} cannot read that script;"
                f" transcribe it, or give the text a language that is written so ({', '.join(readers)})"
            )
