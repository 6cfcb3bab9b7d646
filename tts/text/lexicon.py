"""A user's own pronunciations: a file of words and phones, which go before everything that a front end knows.

One word a line, then its phones, with tabs or spaces between. Dictionaries of the Montreal Forced Aligner fit as they
are: numbers between word and phones (probabilities) are passed over, and so are the words of its noise phones. Of
several lines for a word the first counts; "#" begins a comment; capitals do not matter.
"""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from tts.errors import ConfigError, TextError
from tts.text.frontend import PAUSE, Frontend, Word
from tts.text.raw_phones import RAW_PHONES, raw_phones

Phones = tuple[str, ...]

_COMMENT = re.compile(r"(?:^|\s)#.*$")
_VARIANT = re.compile(r"\(\d+\)$")  # "read(2)", as CMUdict has it
_PROBABILITY = re.compile(r"\d+(?:\.\d+)?(?:[eE]-?\d+)?")
_NOISE = frozenset(("spn", "sil"))
_WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")
_PART = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_SURVIVES = re.compile(r"[^\W\d_]+(?:['-][^\W\d_]+)*")  # what normalization leaves as it is
_MARK = re.compile(r"[,.;:!?。、，！？；：]")


@dataclass(frozen=True)
class Lexicon:
    """What a user says of phones.

    Attributes:
        words: phones by word in small letters; without any there still are the raw phones of a text.
        dropped: characters that are taken from the start of phones, such as stress marks.
    """

    words: Mapping[str, Phones]
    dropped: str = ""

    def without(self, characters: str) -> Lexicon:
        """The same with characters that are taken from the start of phones."""
        return replace(self, dropped=characters)

    def find(self, word: str) -> Word | None:
        """Give a word of the lexicon, or raw phones, as it is to be said."""
        is_raw = word[0] in "{["
        phones = raw_phones(word) if is_raw else self.words.get(_key(word), ())
        shown = tuple(phone.lstrip(self.dropped) for phone in phones)
        return Word(word, shown, "raw phones" if is_raw else "lexicon") if phones else None

    @cached_property
    def kept(self) -> re.Pattern[str]:
        """Pattern of what normalization must leave alone: raw phones, and words such as "C3PO"."""
        changed = sorted((word for word in self.words if not _SURVIVES.fullmatch(word)), key=len, reverse=True)
        if not changed:
            return RAW_PHONES
        return re.compile(rf"{RAW_PHONES.pattern}|(?i:(?<!\w)(?:{'|'.join(map(re.escape, changed))})(?!\w))")

    def split(self, text: str) -> list[str | Word]:
        """Cut a text around its raw phones and the lexicon's words."""
        pieces: list[str | Word] = []
        end = 0
        for match, word in self._known(text):
            pieces += [text[end : match.start()], word]
            end = match.end()
        return [piece for piece in (*pieces, text[end:]) if not isinstance(piece, str) or piece.strip()]

    @cached_property
    def _candidates(self) -> re.Pattern[str]:
        return re.compile(f"{self.kept.pattern}|{_WORD.pattern}") if self.words else self.kept

    def _known(self, text: str) -> Iterator[tuple[re.Match[str], Word]]:
        for match in self._candidates.finditer(text):
            word = self.find(match[0])
            if word:
                yield match, word
            else:
                parts = ((part, self.find(part[0])) for part in _PART.finditer(text, *match.span()))
                yield from ((part, word) for part, word in parts if word)


NO_LEXICON = Lexicon({})


@dataclass(frozen=True)
class Overridden:
    """A front end that knows no lexicon, with one: what stands in it, and raw phones, never reach the front end."""

    frontend: Frontend
    lexicon: Lexicon

    def normalize(self, text: str, language: str) -> str:
        """Normalize what is between the lexicon's words.

        Raises:
            TextError: as the front end does.
        """
        pieces = self.lexicon.split(text)
        if all(isinstance(piece, str) for piece in pieces):
            return self.frontend.normalize(text, language)
        return " ".join(
            piece.text if isinstance(piece, Word) else self._normalize(piece.strip(), language) for piece in pieces
        )

    def pronounce(self, texts: Sequence[str], language: str) -> list[tuple[Word, ...]]:
        """Give the words of each text.

        Raises:
            TextError: as the front end does.
        """
        return speak_around(texts, self.lexicon, lambda pieces: self.frontend.pronounce(pieces, language))

    def _normalize(self, piece: str, language: str) -> str:
        before = "".join(itertools.takewhile(_MARK.match, piece))
        return before + self.frontend.normalize(piece, language) if any(map(str.isalnum, piece)) else before


def read_lexicon(path: Path, *, check: Callable[[Sequence[str]], None] | None = None) -> Lexicon:
    """Read a lexicon.

    Args:
        path: of a UTF-8 file.
        check: raises a TextError for phones that the front end does not have.

    Raises:
        ConfigError: the file cannot be read, or a line is not a word and its phones.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise ConfigError(f"{path}: the lexicon cannot be read ({error.strerror}); look at text.lexicon") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: the lexicon is not UTF-8 (byte {error.start}); save it as UTF-8") from error
    words: dict[str, Phones] = {}
    for number, line in enumerate(lines, start=1):
        try:
            entry = _entry(_COMMENT.sub("", line))
            if entry and entry[0] not in words:
                if check:
                    check(entry[1])
                words[entry[0]] = entry[1]
        except TextError as error:
            raise ConfigError(f"{path}:{number}: {error} (line: {line.strip()!r})") from error
    return Lexicon(words)


def speak_around(
    texts: Iterable[str], lexicon: Lexicon, speak: Callable[[list[str]], list[tuple[Word, ...]]]
) -> list[tuple[Word, ...]]:
    """Give the words of texts for a front end that says whole sentences.

    The text before and after a word of the lexicon is said as a sentence of its own, so every word but the nearest
    keeps its neighbours; marks at the cuts are pauses.

    Args:
        texts: normalized.
        lexicon: its words and raw phones are not given to `speak`.
        speak: gives the words of each piece of text.
    """
    split = [_with_pauses(lexicon.split(text)) for text in texts]
    pieces = [piece for each in split for piece in each if isinstance(piece, str)]
    spoken = iter(speak(pieces))
    return [
        tuple(word for piece in each for word in (next(spoken) if isinstance(piece, str) else (piece,)))
        for each in split
    ]


def _with_pauses(pieces: Sequence[str | Word]) -> list[str | Word]:
    """Turn the marks next to a cut into pauses, and drop pieces without a letter or digit."""
    if len(pieces) == 1:
        return list(pieces)
    found: list[str | Word] = []
    for index, piece in enumerate(pieces):
        if isinstance(piece, Word):
            found.append(piece)
            continue
        says = any(map(str.isalnum, piece))
        if index > 0 and _MARK.match(piece.strip()) and (says or index + 1 < len(pieces)):
            found.append(PAUSE)
        if says:
            found.append(piece.strip().lstrip(",.;:!?。、，！？；：").strip())
            if index + 1 < len(pieces) and _MARK.match(piece.strip()[-1]):
                found.append(PAUSE)
    return found


def _entry(line: str) -> tuple[str, Phones] | None:
    """A word and its phones; None for an empty line and for noise."""
    if not line.strip():
        return None
    word, *fields = line.split()
    if "\t" in line and " " in line.strip().partition("\t")[0]:
        raise TextError("a word must not hold spaces; give each word its own line")
    while fields and _PROBABILITY.fullmatch(fields[0]):
        fields = fields[1:]
    if not fields:
        raise TextError(f"{word!r} has no phones; write: word<TAB>phones with spaces between")
    if not any(map(str.isalnum, word)):
        raise TextError(f"{word!r} is no word; write: word<TAB>phones with spaces between")
    return None if set(fields) <= _NOISE else (_VARIANT.sub("", _key(word)), tuple(fields))


def _key(word: str) -> str:
    return unicodedata.normalize("NFC", word).replace("’", "'").lower()
