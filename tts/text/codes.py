"""Names that mix letters and digits: B2B, MP3, COVID-19, F-16, 1080p, Room 101."""

from __future__ import annotations

import itertools
import re

from tts.text.addresses import spell
from tts.text.numbers import cardinal, decimal, in_pair, one_by_one, plural, words
from tts.text.rules import Match, either, rule

_WHOLE = {
    "401(k)": "four oh one K", "401k": "four oh one K", "9/11": "nine eleven", "24/7": "twenty-four seven",
    "50/50": "fifty fifty", "20/20": "twenty twenty",
}  # fmt: skip
_NUMBERED = (
    "Boeing", "Airbus", "Flight", "Room", "Suite", "Route", "Highway", "Interstate", "Area", "flight", "room",
)  # fmt: skip
_RUN = re.compile(r"\d+|[^\W\d_]+")
_LONGEST_SPELLED = 4  # longer capitals are words


def code_number(digits: str) -> str:
    """Say a number that names something: 747 is "seven forty-seven", 1080 is "ten eighty"."""
    if digits[0] == "0" or len(digits) > 4:
        return one_by_one(digits)
    number = int(digits)
    if number < 100 or number % 100 == 0 or (number > 1000 and number % 1000 < 10):
        return words(number)
    return f"{words(number // 100)} {in_pair(number % 100)}"


def _code(match: Match) -> str:
    parts = match[0].split("-")
    said = _part(parts[0])
    for before, part in itertools.pairwise(parts):
        said += ("-" if _is_joined(parts[0], before, part) else " ") + _part(part)
    return said


def _is_joined(first: str, before: str, part: str) -> bool:
    """Whether a hyphen stays: in "ten-year-old" and "three-in-one", but not in "F sixteen"."""
    if part.isdecimal():
        return first.isdecimal() and _is_word(before)
    return _is_word(part) and (before.isdecimal() or _is_word(before))


def _part(part: str) -> str:
    runs = _RUN.findall(part)
    if len(runs) == 1:
        return _number(part) if part.isdecimal() else part
    if len(runs) == 2 and runs[0].isdecimal() and runs[1] == "s":
        return plural(code_number(runs[0]))
    return " ".join(code_number(run) if run.isdecimal() else _letters(run) for run in runs)


def _number(digits: str) -> str:
    return cardinal(digits) if len(digits) < 3 else code_number(digits)


def _letters(run: str) -> str:
    is_short = len(run) <= _LONGEST_SPELLED and run.isupper()
    is_spelled = is_short or not re.search("[aeiouyAEIOUY]", run) or run in ("k", "p")
    return spell(run) if is_spelled and run != "x" else run


def _is_word(part: str) -> bool:
    return len(part) > 1 and part.isalpha() and not part.isupper()


WHOLE = (rule(r"(?<![\w.,/])" + either(_WHOLE) + r"(?![\w/]|\.\d)", lambda m: _WHOLE[m[0]]),)


def _size(match: Match) -> str:
    return " by ".join(decimal(side) if "." in side else code_number(side) for side in match.groups())


RULES = (
    rule(r"(?<!\w)[vV](\d+(?:\.\d+)+|(?<=v)\d+)(?!\w)", lambda m: f"version {decimal(m[1])}"),
    rule(rf"\b({either(_NUMBERED)}) (\d{{3,4}})(?![\w,.:/-]*\d|\w)", lambda m: f"{m[1]} {code_number(m[2])}"),
    rule(r"(?<![\w.'-])([A-Z])\.(\d{1,4})(?![\w.,]*\d|\w)", lambda m: f"{m[1]} {_number(m[2])}"),
    rule(r"(?<![\w.,])(\d+(?:\.\d+)?)\s?x\s?(\d+(?:\.\d+)?)(?!\w|[.,]\d)", _size),
    rule(r"(?<![\w.,])(\d+)x(?!\w)", lambda m: f"{cardinal(m[1])} times"),
    rule(
        r"(?<![\w.,'-])(?=[^\W\d_]*(?:-[^\W\d_]+)*-?\d)(?=[\d-]*[^\W\d_])[^\W_]+(?:-[^\W_]+)*(?!\w)",
        _code,
    ),
)
