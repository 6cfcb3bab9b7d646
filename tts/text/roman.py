"""Roman numerals: of rulers ("Henry VIII"), of chapters and wars ("World War II"), and of years ("MCMXCIV")."""

from __future__ import annotations

import re

from tts.text.numbers import ordinal, words, year
from tts.text.rules import Match, either, rule, word_set

_VALUES = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100, "D": 500, "M": 1000}
_CANONICAL = re.compile("M{0,3}(?:CM|CD|D?C{0,3})(?:XC|XL|L?X{0,3})(?:IX|IV|V?I{0,3})")
_NAMES = word_set(
    "Albert Alexander Alfonso Anna Artaxerxes Benedict Boniface Catherine Charles Christian Clement Constantine Cyrus "
    "Darius Edward Elizabeth Eugene Ferdinand Francis Frederick George Gregory Gustav Harald Harry Henry Innocent Ivan "
    "James John Joseph Julius Karl Leo Leopold Louis Ludwig Margaret Martin Mary Maximilian Mehmed Michael Murad "
    "Napoleon Nicholas Olaf Otto Paul Peter Philip Pius Ptolemy Ramesses Ramses Richard Robert Rudolf Selim Sixtus "
    "Suleiman Thomas Thurston Thutmose Urban Victor Wilhelm William Xerxes"
)
_TITLES = word_set("King Queen Pope Emperor Empress Tsar Czar Prince Sultan Kaiser")
_LABELS = (
    "act", "appendix", "article", "book", "bowl", "canto", "chapter", "class", "day", "grade", "iphone", "level",
    "os", "part", "phase",
    "psalm", "scene", "section", "stage", "table", "title", "type", "vol", "volume", "war",
)  # fmt: skip
_NOT_AFTER = word_set("A An The And Or I")
_FEW = frozenset("IVX")
_NUM_NAME_WORDS = 3  # how far before "III" the given name of "John D. Rockefeller III" may stand


def _is_numeral(text: str) -> bool:
    return len(text) < 16 and bool(_CANONICAL.fullmatch(text))


def _value(text: str) -> int:
    values = [_VALUES[char] for char in text]
    return sum(-a if a < b else a for a, b in zip(values, [*values[1:], 0], strict=True))


def _before(match: Match) -> list[str]:
    """The capitalized words right before a numeral, nearest first."""
    near = match.string[max(0, match.start() - 60) : match.start()]
    if not near.endswith(" ") or match.start() < 2:
        return []
    found = []
    for word in reversed(near.split()):
        if not word[0].isupper() or (word[-1] in ",;:!?)" or (word.endswith(".") and len(word) > 2)):
            break
        found.append(word.rstrip("."))
    return found


def _numeral(match: Match) -> str:
    text, before = match[0], _before(match)
    if not before or not _is_numeral(text):
        return text
    if _NAMES.intersection(before[:_NUM_NAME_WORDS]):
        return f"the {ordinal(str(_value(text)))}"
    if set(text) <= _FEW and before[0] not in _NOT_AFTER and not _is_numeral(before[0]):
        return words(_value(text))
    return text


def _single(match: Match) -> str:
    """King Charles V; "Elizabeth I of England" but not "James I think"."""
    text, before = match[0], _before(match)
    ends = not match.string[match.end() :].lstrip() or re.match(r"'s\b|[.,;:!?)]|\sof\b", match.string[match.end() :])
    if before and before[0] in _NAMES and (text != "I" or ends or _TITLES.intersection(before[:_NUM_NAME_WORDS])):
        return f"the {ordinal(str(_value(text)))}"
    return text


def _labelled(match: Match) -> str:
    return f"{match[1]} {words(_value(match[2]))}" if _is_numeral(match[2]) else match[0]


def _year(match: Match) -> str:
    return year(str(_value(match[0]))) if _is_numeral(match[0]) else match[0]


RULES = (
    rule(r"\bWW(I{1,3})\b", lambda m: f"World War {words(len(m[1]))}"),
    rule(rf"\b((?i:{either(_LABELS)})) ([IVXLC]+)\b(?!')", _labelled),
    rule(r"\b([IVX]+)(?= century\b)", lambda m: ordinal(str(_value(m[1]))) if _is_numeral(m[1]) else m[1]),
    rule(r"(?<![\w.'-])[IVXLC]{2,}(?!\w)", _numeral),
    rule(r"(?<![\w.'-])[IVX](?![\w.-]\w)(?!\w)", _single),
    rule(r"\bM[CDLXVIM]{3,}\b", _year),
)
