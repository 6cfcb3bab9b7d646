"""Numbers as an American says them: no "and" after hundreds, tens and units hyphenated."""

from __future__ import annotations

_UNDER_TWENTY = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)  # fmt: skip
_TENS = ("", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_SCALES = ("", " thousand", " million", " billion", " trillion")
_ORDINALS = {
    "one": "first", "two": "second", "three": "third", "five": "fifth", "eight": "eighth", "nine": "ninth",
    "twelve": "twelfth",
}  # fmt: skip
_LONGEST = 15  # digits that the scales reach; longer numbers are codes

DIGITS = r"(?:\d{1,3}(?:,\d{3})+(?!,?\d)|\d+)"
"""Pattern of a whole number, with commas at the thousands or without."""


def cardinal(digits: str) -> str:
    """Say a whole number; codes ("007", or over 15 digits) one digit at a time."""
    plain = digits.replace(",", "")
    if len(plain) > _LONGEST or (len(plain) > 1 and int(plain[0]) == 0):
        return one_by_one(plain)
    return words(int(plain))


def words(number: int) -> str:
    """Say a number under 10^15: 342 is "three hundred forty-two"."""
    if number < 1000:
        return _under_thousand(number)
    groups = []
    for scale in _SCALES:
        number, group = divmod(number, 1000)
        if group:
            groups.append(_under_thousand(group) + scale)
    return " ".join(reversed(groups))


def ordinal(digits: str) -> str:
    """Say a rank: "21" is "twenty-first"."""
    plain = digits.replace(",", "")
    if len(plain) > _LONGEST:
        return one_by_one(plain)
    said = words(int(plain))
    last = said.replace("-", " ").split()[-1]
    return said.removesuffix(last) + (_ORDINALS.get(last) or (last[:-1] + "ie" if last[-1] == "y" else last) + "th")


def one_by_one(text: str) -> str:
    """Say every digit of a text: "007" is "zero zero seven"."""
    return " ".join(_UNDER_TWENTY[int(char)] for char in text if char.isdecimal())


def decimal(text: str) -> str:
    """Say "3.14" as "three point one four", and versions ("1.10.12") in whole numbers."""
    whole, *parts = text.split(".")
    say = one_by_one if len(parts) == 1 else cardinal
    return " point ".join([cardinal(whole), *map(say, parts)])


def year(text: str) -> str:
    """Say a year: "1905" is "nineteen oh five", "2005" is "two thousand five"."""
    number = int(text)
    if number < 1000 or number % 1000 < 10 or number > 9999:
        return words(number)
    return f"{words(number // 100)} {in_pair(number % 100)}"


def in_pair(number: int) -> str:
    """Say the last two digits of a year, a time or a room: "hundred", "oh five", "forty-two"."""
    if number == 0:
        return "hundred"
    return f"oh {words(number)}" if number < 10 else words(number)


def plural(said: str) -> str:
    """Put a spoken number in the plural: twenties, thousands, sixes."""
    if said.endswith("y"):
        return said[:-1] + "ies"
    return said + ("es" if said.endswith("x") else "s")


def _under_thousand(number: int) -> str:
    hundreds, rest = divmod(number, 100)
    said = [f"{_UNDER_TWENTY[hundreds]} hundred"] if hundreds else []
    if rest or not hundreds:
        said.append(_under_hundred(rest))
    return " ".join(said)


def _under_hundred(number: int) -> str:
    if number < 20:
        return _UNDER_TWENTY[number]
    tens, units = divmod(number, 10)
    return f"{_TENS[tens]}-{_UNDER_TWENTY[units]}" if units else _TENS[tens]
