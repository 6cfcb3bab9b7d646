"""Amounts of money."""

from __future__ import annotations

from tts.text.numbers import DIGITS, cardinal, decimal, words
from tts.text.rules import Match, either, rule

_CURRENCIES = {
    "US$": ("U.S. dollar", "U.S. dollars", "cent", "cents"),
    "$": ("dollar", "dollars", "cent", "cents"),
    "£": ("pound", "pounds", "penny", "pence"),
    "€": ("euro", "euros", "cent", "cents"),
    "¥": ("yen", "yen", "sen", "sen"),
    "₩": ("won", "won", "jeon", "jeon"),
    "₹": ("rupee", "rupees", "paisa", "paise"),
}
_CODES = {
    "USD": ("U.S. dollar", "U.S. dollars"),
    "EUR": ("euro", "euros"),
    "GBP": ("British pound", "British pounds"),
    "JPY": ("yen", "yen"),
    "KRW": ("won", "won"),
}
_SCALES = {
    "thousand": "thousand", "million": "million", "billion": "billion", "trillion": "trillion", "K": "thousand",
    "k": "thousand", "M": "million", "m": "million", "mn": "million", "B": "billion", "bn": "billion", "tn": "trillion",
}  # fmt: skip
_SIGN = either(_CURRENCIES)


def _money(match: Match) -> str:
    before = f"{match['article'] or ''}{'minus ' if match['minus'] else ''}"
    one, many, *_ = _CURRENCIES[match["sign"]]
    amount, part, scale, to = match["amount"], match["part"], match["scale"], match["to"]
    number = amount + (f".{part}" if part else "")
    # "a twenty dollar bill"
    name = one if match["article"] and match["thing"] else many
    if scale or to:
        return f"{before}{decimal(number)}{f' to {decimal(to)}' if to else ''} {_scale(match)}{name}"
    if part and len(part) != 2:
        return f"{before}{decimal(number)} {name}"
    return before + _whole_and_part(match, name)


def _scale(match: Match) -> str:
    return f"{_SCALES[match['scale']]} " if match["scale"] else ""


def _whole_and_part(match: Match, name: str) -> str:
    one, _, cent, cents = _CURRENCIES[match["sign"]]
    amount, part = match["amount"], match["part"]
    whole = f"{cardinal(amount)} {one if amount == '1' else name}"
    if not part or int(part) == 0:
        return whole
    small = f"{words(int(part))} {cent if int(part) == 1 else cents}"
    return small if amount == "0" else f"{whole} and {small}"


def _code(match: Match) -> str:
    return f"{decimal(match[1])} {_CODES[match[2]][0 if match[1] == '1' else 1]}"


RULES = (
    rule(rf"(?<=\d)\s?[-–—]\s?(?={_SIGN}\s?\.?\d)", " to "),
    rule(r"(?<=[$£€])\.(?=\d\d(?!\d))", "0."),
    rule(
        rf"(?P<article>\b[Aa]n?\s)?(?P<minus>(?<![\w.,])[-−])?(?<!\w)(?P<sign>{_SIGN})\s?(?P<amount>{DIGITS})"
        rf"(?:\.(?P<part>\d+))?(?:\s?[-–—]\s?(?P<to>{DIGITS}(?:\.\d+)?))?"
        rf"(?:\s?(?P<scale>{either(_SCALES)})\b)?(?:'s\b)?(?=(?P<thing>\s[a-z])?)",
        _money,
    ),
    rule(rf"(?<![\w.,])({DIGITS}(?:\.\d+)?)\s?¢", lambda m: f"{decimal(m[1])} {'cent' if m[1] == '1' else 'cents'}"),
    rule(rf"(?<![\w.,])({DIGITS}(?:\.\d+)?)\s?({either(_CODES)})\b", _code),
)
