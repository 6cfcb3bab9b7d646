"""Other numbers: ranges, ordinals, fractions, decimals, and whatever digits are left."""

from __future__ import annotations

from tts.text.numbers import DIGITS, cardinal, decimal, one_by_one, ordinal, plural, words
from tts.text.rules import Match, rule

_FRACTIONS = {2: ("half", "halves"), 4: ("quarter", "quarters")}
_LARGEST_DENOMINATOR = 100
_ALONE = r"(?<![\w.,])"
FRACTION = rf"(?P<whole>{_ALONE}\d+\s)?{_ALONE}(?P<over>\d{{1,4}})[/⁄](?P<under>\d{{1,4}})"
"""Pattern of 3/4 and of 2 3/4."""


def fraction(match: Match) -> str:
    """Say what FRACTION found."""
    whole, over, under = match["whole"], int(match["over"]), int(match["under"])
    if under < 2 or under > _LARGEST_DENOMINATOR:
        said = f"{words(over)} over {words(under)}"
    else:
        one, many = _FRACTIONS.get(under) or (ordinal(match["under"]), f"{ordinal(match['under'])}s")
        count = "a" if whole and over == 1 else words(over)
        said = f"{count} {one if over == 1 else many}"
    return f"{cardinal(whole)} and {said}" if whole else said


def _spaced_dash(match: Match) -> str:
    """A range where it rises, otherwise a subtraction."""
    rises = decimal_value(match[1]) < decimal_value(match[2])
    return f"{match[1]} {'to' if rises else 'minus'} "


def decimal_value(text: str) -> float:
    """Give the value of a number written with commas at the thousands."""
    return float(text.replace(",", ""))


RANGES = (
    rule(rf"(?<!\d)(?<!\d[.,])({DIGITS})\s[-–—−]\s(?=({DIGITS}))", _spaced_dash),
    rule(r"(?<=\d)[-–—](?=\d)", " to "),
)
ORDINALS = (
    rule(rf"(?<!\d)(?<!\d[.,])({DIGITS})(?:st|nd|rd|th)(?![^\W_])", lambda m: ordinal(m[1])),
    rule(r"(?<![\w.,])(1,?0{2,6}|1,000,000)s(?!\w)", lambda m: plural(cardinal(m[1])).removeprefix("one ")),
)
RULES = (
    rule(rf"{FRACTION}(?![\w/⁄])", fraction),
    rule(r"(?:#|\bN[o°º]\.?)\s?(\d+)", lambda m: f"number {cardinal(m[1])}"),
    rule(rf"(?<![\w.,])[-−]({DIGITS}(?:\.\d+)*)", lambda m: f"minus {decimal(m[1])}"),
    rule(rf"(?<!\d)(?<!\d\.){DIGITS}(?:\.\d+)+", lambda m: decimal(m[0])),
    rule(r"(?<!\d)\.(\d+)", lambda m: f"point {one_by_one(m[1])}"),
    rule(DIGITS, lambda m: cardinal(m[0])),
)
