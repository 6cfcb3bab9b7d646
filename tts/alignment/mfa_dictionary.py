"""Pronunciations as the Montreal Forced Aligner takes them: one made-up word for each set of pronunciations.

Its tokenizers change case, cut at apostrophes and hyphens, and split some languages into words of their own; made-up
words of plain letters pass them all unchanged, and none is ever missing in the dictionary.
Format: https://montreal-forced-aligner.readthedocs.io/en/latest/user_guide/dictionary.html
"""

from __future__ import annotations

import re
import string
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tts.alignment.utterances import Utterance
from tts.errors import AlignmentError
from tts.text.frontend import Word

_SAFE = re.compile(r"[A-Z]{1,3}[0-2]?")
_TAKEN = frozenset({"SIL", "SPN", "SP", "EPS", "UNK"})  # names of MFA's own, in lower case
_NUMBER = re.compile(r"\d+\.\d+|1")
_MOST_NUMBERS = 4  # probability, silence after, corrections for silence and none before
_FEWEST_LETTERS = 4

Pronunciations = tuple[str, ...]
"""Entries of a dictionary behind one word: phones, after probabilities if there are any."""


class Lexicon(Protocol):
    """Where pronunciations come from, and how their phones are written for MFA."""

    def pronunciations(self, word: Word) -> Pronunciations:
        """Give the entries of a word with phones; none where the model has no way to say it."""
        ...

    def phone(self, symbol: str) -> str:
        """Give the phone that MFA writes as `symbol`."""
        ...


class SpelledPhones:
    """Pronunciations of the front end for a model of our own: any symbols, spelled so that MFA has no use for them."""

    def pronunciations(self, word: Word) -> Pronunciations:
        """Give the front end's."""
        return (" ".join(map(spell, word.phones)),)

    def phone(self, symbol: str) -> str:
        """Undo `spell`."""
        return unspell(symbol)


@dataclass(frozen=True)
class KnownPhones:
    """Pronunciations of the front end for a model that has its phones.

    Attributes:
        phones: of the model.
    """

    phones: frozenset[str]

    def pronunciations(self, word: Word) -> Pronunciations:
        """Give the front end's, if the model has its phones."""
        return (" ".join(word.phones),) if self.phones.issuperset(word.phones) else ()

    def phone(self, symbol: str) -> str:
        """Give the symbol itself."""
        return symbol


@dataclass(frozen=True)
class Dictionary:
    """Pronunciations of a dictionary, of which MFA chooses, and the front end's for words it lacks.

    Attributes:
        entries: by word in lower case.
        others: for words that the dictionary lacks.
    """

    entries: Mapping[str, Pronunciations]
    others: KnownPhones

    def pronunciations(self, word: Word) -> Pronunciations:
        """Give those of the dictionary that the model has phones for, else the front end's."""
        known = self.others.phones
        usable = tuple(entry for entry in self.entries.get(_key(word.text), ()) if known.issuperset(phones_of(entry)))
        return usable or self.others.pronunciations(word)

    def phone(self, symbol: str) -> str:
        """Give the symbol itself."""
        return symbol


class MadeUpWords:
    """A word of plain letters for each set of pronunciations in some utterances."""

    def __init__(self, utterances: Iterable[Utterance], lexicon: Lexicon) -> None:
        sets = {lexicon.pronunciations(word) for each in utterances for word in each.words if word.phones}
        self._words = {entries: _letters(number) for number, entries in enumerate(sorted(sets - {()}))}
        self._lexicon = lexicon

    def text(self, utterance: Utterance) -> list[str]:
        """Give an utterance whose words all have pronunciations in made-up words."""
        spoken = (word for word in utterance.words if word.phones)
        return [self._words[self._lexicon.pronunciations(word)] for word in spoken]

    def write(self, path: Path) -> None:
        """Write the dictionary."""
        lines = [f"{word}\t{entry}\n" for entries, word in self._words.items() for entry in entries]
        path.write_text("".join(lines), encoding="utf-8")


def read_dictionary(path: Path) -> dict[str, Pronunciations]:
    """Read a pronouncing dictionary of MFA: a word, perhaps probabilities, and its phones in each line.

    Raises:
        AlignmentError: the file cannot be read, or a line has no phones.
    """
    found: dict[str, Pronunciations] = {}
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise AlignmentError(f"align.mfa.dictionary: {path} cannot be read as UTF-8 text ({error})") from error
    for number, line in enumerate(lines, start=1):
        word, *rest = line.split() or [""]
        entry = " ".join(rest)
        if word and not phones_of(entry):
            raise AlignmentError(f"{path}:{number}: {line.strip()!r} has no phones; a line is a word and its phones")
        if word and entry not in found.get(_key(word), ()):
            found[_key(word)] = (*found.get(_key(word), ()), entry)
    return found


def phones_of(entry: str) -> Sequence[str]:
    """Give the phones of an entry without its probabilities."""
    parts = entry.split()
    start = 0
    while start < min(_MOST_NUMBERS, len(parts)) and _NUMBER.fullmatch(parts[start]):
        start += 1
    return parts[start:]


def spell(phone: str) -> str:
    """Write a phone so that MFA sees no marks of position, disambiguation, silence or number in it.

    ARPAbet stays as it is; other phones become their code points: "ɔː" is "x254x2d0".
    """
    if _SAFE.fullmatch(phone) and phone not in _TAKEN:
        return phone
    return "".join(f"x{ord(char):x}" for char in phone)


def unspell(symbol: str) -> str:
    """Give the phone that `spell` wrote; other symbols stay as they are."""
    if re.fullmatch(r"(?:x[0-9a-f]+)+", symbol):
        return "".join(chr(int(code, 16)) for code in symbol[1:].split("x"))
    return symbol


def _key(word: str) -> str:
    return unicodedata.normalize("NFKC", word).lower()


def _letters(number: int) -> str:
    """0 is waaaa, 1 is waaab, ..."""
    letters = ""
    while number or len(letters) < _FEWEST_LETTERS:
        number, index = divmod(number, len(string.ascii_lowercase))
        letters = string.ascii_lowercase[index] + letters
    return f"w{letters}"
