"""Signs that are said as words."""

from __future__ import annotations

from tts.text.numbers import ordinal
from tts.text.rules import either, rule

SUPERSCRIPTS = str.maketrans({char: f"^{power}" for power, char in enumerate("⁰¹²³⁴⁵⁶⁷⁸⁹")})
_POWERS = {"2": "squared", "3": "cubed"}
_RATES = {
    "lb": "pound", "oz": "ounce", "kg": "kilogram", "gal": "gallon", "sec": "second", "min": "minute", "hr": "hour",
    "hour": "hour", "day": "day", "week": "week", "wk": "week", "month": "month", "mo": "month", "year": "year",
    "yr": "year", "night": "night", "person": "person", "user": "user", "mile": "mile",
}  # fmt: skip
_NUMBER_NEXT = r"(?=\s?[.\d$£€])"

RULES = (
    rule(r"(?<![\w&])([A-Z]{1,3})&([A-Z]{1,3})(?![\w&])", lambda m: f"{' '.join(m[1])} and {' '.join(m[2])}"),
    rule(r"(?<=\d)\s?[*×]\s?(?=\d)", " times "),
    rule(r"(?<=\d)\s?/\s?(" + either(_RATES) + r")(?![^\W_])", lambda m: f" per {_RATES[m[1]]}"),
    rule(r"(?<=\d)\s?÷\s?(?=\d)|(?<=\d)\s/\s(?=\d)", " divided by "),
    rule(r"(?<=\w)\s<\s(?=[\w$£€])", " is less than "),
    rule(r"(?<=\w)\s>\s(?=[\w$£€])", " is greater than "),
    rule(rf"~{_NUMBER_NEXT}|≈", "about "),
    rule(rf"≥{_NUMBER_NEXT}", "at least "),
    rule(rf"≤{_NUMBER_NEXT}", "at most "),
    rule("±", "plus or minus "),
    rule(r"(?<![^\W_])([A-G])#(?!\w)", lambda m: f"{m[1]} sharp"),
    rule(r"(?<=\w )\*(?!\S)", "star"),
    rule(r"(?<=\w )#(?!\S)", "pound"),
    rule(r"§\s?(?=\d)", "section "),
    rule("©", " copyright "),
)
"""Before numbers are said, so that "about" and "plus or minus" still see theirs."""

POWERS = (
    rule(r"(?<=\d)[eE]([+−-]?\d{1,3})(?!\w)", lambda m: f" times ten^{m[1].removeprefix('+')}"),
    rule(r"\^(\d{1,3})(?!\d)", lambda m: f" {_POWERS.get(m[1]) or f'to the {ordinal(m[1])}'}"),
    rule(r"\^[-−](\d{1,3})(?!\d)", lambda m: f" to the minus {ordinal(m[1])}"),
)
"""After units, which may be squared."""

WORDS = str.maketrans(
    {"&": " and ", "%": " percent ", "+": " plus ", "=": " equals ", "@": " at ", "°": " degrees ", "×": " times "}
    | {"÷": " divided by "}
)
"""Signs that are left when numbers are said."""
