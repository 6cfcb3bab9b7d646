"""The 39 phones of ARPAbet, checked as people write them, and found for what espeak-ng says."""

from __future__ import annotations

import difflib
import itertools
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from tts.errors import TextError
from tts.text.rules import word_set

if TYPE_CHECKING:
    from tts.text.espeak import Phone

Phones = tuple[str, ...]

VOWELS = word_set("AA AE AH AO AW AY EH ER EY IH IY OW OY UH UW")
CONSONANTS = word_set("B CH D DH F G HH JH K L M N NG P R S SH T TH V W Y Z ZH")
_INVENTORY = VOWELS | CONSONANTS
_WITH_STRESS = _INVENTORY | {vowel + digit for vowel in VOWELS for digit in "012"}
_SIBILANTS = word_set("S Z SH ZH CH JH")
_VOICELESS = word_set("P T K F TH")
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


def require_arpabet(phones: Sequence[str]) -> None:
    """Refuse what is no ARPAbet; vowels may have a stress digit.

    Raises:
        TextError: names the first such phone and the nearest that there is.
    """
    unknown = next((phone for phone in phones if phone not in _WITH_STRESS), None)
    if unknown is not None:
        near = difflib.get_close_matches(unknown.upper(), sorted(_WITH_STRESS), n=1, cutoff=0)[0]
        raise TextError(f"{unknown!r} is no ARPAbet phone; did you mean {near!r}?")


def without_stress(phones: Sequence[str]) -> Phones:
    """Give the phones without their digits."""
    return tuple(phone.rstrip("012") for phone in phones)


def with_stress(phones: Sequence[str]) -> Phones:
    """Give the phones with a digit at every vowel: 0 where none is written."""
    return tuple(f"{phone}0" if phone in VOWELS else phone for phone in phones)


def with_s(phones: Phones) -> Phones:
    """Give the phones of a possessive or plural."""
    if phones[-1] in _SIBILANTS:
        return (*phones, "IH0", "Z")
    return (*phones, "S" if phones[-1] in _VOICELESS else "Z")


def from_espeak(spoken: Sequence[Phone], word: str) -> Phones:
    """Give the ARPAbet, with stress digits, of a word that espeak-ng said.

    Raises:
        TextError: espeak says something that ARPAbet has no phone for, as for words in another script.
    """
    said = [phone for phone in spoken if phone.word]
    unknown = [phone.phone for phone in said if phone.phone not in _FROM_IPA]
    if unknown:
        raise TextError(f"{word!r} cannot be said in English ({unknown[0]!r} has no ARPAbet); use text.frontend: ipa")
    symbols = [symbol for phone in said for symbol in _symbols(phone)]
    # espeak says an r after ER, where CMUdict has it inside ER.
    return (symbols[0], *(b for a, b in itertools.pairwise(symbols) if not (b == "R" and a.startswith("ER"))))


def _symbols(phone: Phone) -> Iterator[str]:
    stress = str(phone.stress)
    for symbol in _FROM_IPA[phone.phone]:
        if symbol in VOWELS:
            yield symbol + stress
            stress = "0"  # of two vowels in one espeak phone, the first carries it
        else:
            yield symbol
