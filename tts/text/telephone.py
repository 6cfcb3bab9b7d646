"""Telephone, security and postal numbers: groups of digits read one by one."""

from __future__ import annotations

import re

from tts.text.numbers import one_by_one, words
from tts.text.rules import Match, either, rule

_STATES = {
    "AL": "Alabama", "AK": "Alaska", "AZ": "Arizona", "AR": "Arkansas", "CA": "California", "CO": "Colorado",
    "CT": "Connecticut", "DE": "Delaware", "FL": "Florida", "GA": "Georgia", "HI": "Hawaii", "ID": "Idaho",
    "IL": "Illinois", "IN": "Indiana", "IA": "Iowa", "KS": "Kansas", "KY": "Kentucky", "LA": "Louisiana",
    "ME": "Maine", "MD": "Maryland", "MA": "Massachusetts", "MI": "Michigan", "MN": "Minnesota", "MS": "Mississippi",
    "MO": "Missouri", "MT": "Montana", "NE": "Nebraska", "NV": "Nevada", "NH": "New Hampshire", "NJ": "New Jersey",
    "NM": "New Mexico", "NY": "New York", "NC": "North Carolina", "ND": "North Dakota", "OH": "Ohio",
    "OK": "Oklahoma", "OR": "Oregon", "PA": "Pennsylvania", "RI": "Rhode Island", "SC": "South Carolina",
    "SD": "South Dakota", "TN": "Tennessee", "TX": "Texas", "UT": "Utah", "VT": "Vermont", "VA": "Virginia",
    "WA": "Washington", "WV": "West Virginia", "WI": "Wisconsin", "WY": "Wyoming", "DC": "D.C.",
}  # fmt: skip


def _groups(match: Match) -> str:
    return ", ".join(map(_group, re.findall(r"\d+", match[0])))


def _group(digits: str) -> str:
    """Eight hundred for the area code 800, otherwise digit by digit."""
    return words(int(digits)) if len(digits) == 3 and digits[1:] == "00" else one_by_one(digits)


def _postal(match: Match) -> str:
    return f"{_STATES[match[1]]} {', '.join(map(one_by_one, match[2].split('-')))}"


RULES = (
    rule(r"(?<!\w)\+\d{1,3}(?:[ .-]\(?\d{2,4}\)?){2,5}(?![\w-])", lambda m: f"plus {_groups(m)}"),
    rule(r"(?<![\w.,(-])(?:1[-. ])?\(\d{3}\) ?\d{3}[-. ]\d{4}(?![\w-])", _groups),
    rule(r"(?<![\w.,-])(?:1([-.]))?\d{3}([-.])\d{3}\2\d{4}(?![\w-])", _groups),
    rule(r"(?<![\w.,-])\d{3}-\d{2}-\d{4}(?![\w-])", _groups),
    rule(r"(?<![\w.,-])\d{3}-\d{4}(?![\w-])", _groups),
    rule(r"(?<=, )(" + either(_STATES) + r") (\d{5}(?:-\d{4})?)(?![\w-])", _postal),
    rule(r"\b((?:[Cc]all|[Dd]ial)(?:ed|ing|s)?) (\d{3})(?![\w,.:/-]*\d|\w)", lambda m: f"{m[1]} {one_by_one(m[2])}"),
    rule(r"(?<![\w-])9-1-1(?![\w-])", "nine one one"),
)
