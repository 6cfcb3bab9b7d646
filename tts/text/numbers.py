"""Numbers in English text to words: money, dates, times, years, ordinals, units, fractions, telephone numbers."""

from __future__ import annotations

import re
from collections.abc import Callable

from num2words import num2words

_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
_SHORT_MONTHS = {month[:3]: month for month in _MONTHS} | {"Sept": "September"}
_MONTH = rf"(?P<month>{'|'.join(_MONTHS)}|(?:{'|'.join(sorted(_SHORT_MONTHS, key=len, reverse=True))})\b\.?)"
_CURRENCIES = {
    "$": ("dollar", "dollars", "cent", "cents"),
    "£": ("pound", "pounds", "penny", "pence"),
    "€": ("euro", "euros", "cent", "cents"),
    "¥": ("yen", "yen", "sen", "sen"),
}
_UNITS = {
    "km/h": ("kilometer per hour", "kilometers per hour"), "mph": ("mile per hour", "miles per hour"),
    "km": ("kilometer", "kilometers"), "cm": ("centimeter", "centimeters"), "mm": ("millimeter", "millimeters"),
    "m": ("meter", "meters"), "ft": ("foot", "feet"), "yd": ("yard", "yards"), "mi": ("mile", "miles"),
    "kg": ("kilogram", "kilograms"), "mg": ("milligram", "milligrams"), "g": ("gram", "grams"),
    "lbs": ("pound", "pounds"), "lb": ("pound", "pounds"), "oz": ("ounce", "ounces"),
    "ml": ("milliliter", "milliliters"), "L": ("liter", "liters"),
    "kHz": ("kilohertz", "kilohertz"), "MHz": ("megahertz", "megahertz"), "GHz": ("gigahertz", "gigahertz"),
    "Hz": ("hertz", "hertz"), "kW": ("kilowatt", "kilowatts"), "W": ("watt", "watts"), "V": ("volt", "volts"),
    "KB": ("kilobyte", "kilobytes"), "MB": ("megabyte", "megabytes"), "GB": ("gigabyte", "gigabytes"),
    "TB": ("terabyte", "terabytes"), "ms": ("millisecond", "milliseconds"), "sec": ("second", "seconds"),
    "min": ("minute", "minutes"), "hrs": ("hour", "hours"), "hr": ("hour", "hours"),
    "°C": ("degree Celsius", "degrees Celsius"), "°F": ("degree Fahrenheit", "degrees Fahrenheit"),
    "°": ("degree", "degrees"), "%": ("percent", "percent"),
}  # fmt: skip
_UNIT = "|".join(map(re.escape, _UNITS))
_FRACTIONS = {2: ("half", "halves"), 4: ("quarter", "quarters")}
_LONGEST_NUMBER = 15  # digits; longer ones are codes, read one by one
_NUMBER = r"\d+(?:,\d{3})*"
_START = r"(?<![\w.,])"  # where a number may begin


def spell_numbers(text: str) -> str:
    """Replace every digit; the rest of the text is left alone."""
    for pattern, speak in _RULES:
        text = pattern.sub(lambda match, speak=speak: f" {speak(match)} ", text)  # type: ignore[misc]
    return text


def _cardinal(digits: str) -> str:
    plain = digits.replace(",", "")
    if len(plain) > _LONGEST_NUMBER or (len(plain) > 1 and int(plain[0]) == 0):
        return _digits(plain)
    return _words(int(plain))


def _words(number: int, to: str = "cardinal") -> str:
    words: str = num2words(number, to=to)
    return words.replace("-", " ").replace(",", "")


def _digits(text: str) -> str:
    return " ".join(_words(int(digit)) for digit in text if digit.isdecimal())


def _decimal(text: str) -> str:
    """Any number of parts: 3.14, 1.2.3."""
    whole, *parts = text.split(".")
    return " point ".join([_cardinal(whole), *(_digits(part) for part in parts)])


def _year(text: str) -> str:
    return _words(int(text), to="year")


def _ordinal(text: str) -> str:
    plain = text.replace(",", "")
    return _words(int(plain), to="ordinal") if len(plain) <= _LONGEST_NUMBER else _digits(plain)


def _money(match: re.Match[str]) -> str:
    one, many, cent, cents = _CURRENCIES[match["currency"]]
    amount, part, scale = match["amount"], match["part"], match["scale"]
    if scale:
        return f"{_decimal(amount + ('.' + part if part else ''))} {scale} {many}"
    if part and len(part) != 2:
        return f"{_decimal(f'{amount}.{part}')} {many}"
    whole = f"{_cardinal(amount)} {one if amount == '1' else many}"
    if not part or int(part) == 0:
        return whole
    small = f"{_words(int(part))} {cent if int(part) == 1 else cents}"
    return small if amount == "0" else f"{whole} and {small}"


def _date(year: str | None, month: int, day: int) -> str:
    spoken = f"{_MONTHS[month - 1]} {_words(day, to='ordinal')}"
    return f"{spoken}, {_year(year)}" if year else spoken


def _numeric_date(match: re.Match[str]) -> str:
    """Month first, as Americans write, unless that cannot be."""
    first, second, year = int(match[1]), int(match[2]), match[3]
    month, day = (second, first) if first > 12 else (first, second)
    if not (1 <= month <= 12 and 1 <= day <= 31):
        return " ".join(_cardinal(part) for part in match.groups())
    return _date(year, month, day)


def _iso_date(match: re.Match[str]) -> str:
    year, month, day = match.groups()
    if not (1 <= int(month) <= 12 and 1 <= int(day) <= 31):
        return " ".join(_cardinal(part) for part in match.groups())
    return _date(year, int(month), int(day))


def _month_name(match: re.Match[str]) -> str:
    name = match["month"].rstrip(".")
    return _SHORT_MONTHS.get(name, name)


def _month_day(match: re.Match[str]) -> str:
    return f"{_month_name(match)} {_words(int(match['day']), to='ordinal')}"


def _day_month(match: re.Match[str]) -> str:
    article = "" if match["the"] else "the "
    return f"{match['the'] or ''}{article}{_words(int(match['day']), to='ordinal')} of {_month_name(match)}"


def _time(match: re.Match[str]) -> str:
    hour, minute, half = match["hour"], int(match["minute"]), match["half"]
    if minute == 0:
        spoken = _cardinal(hour) if half else f"{_words(int(hour))} o'clock"
    else:
        spoken = f"{_words(int(hour))} {'oh ' if minute < 10 else ''}{_words(minute)}"
    return f"{spoken} {half.lower()}.m." if half else spoken


def _decade(match: re.Match[str]) -> str:
    number = int(match["decade"])
    words = _words(number) if number < 100 else _year(match["decade"])
    return words[:-1] + "ies" if words.endswith("y") else f"{words}s"


def _unit(match: re.Match[str]) -> str:
    one, many = _UNITS[match["unit"]]
    sign = "minus " if match["minus"] else ""
    return f"{sign}{_decimal(match['number'])} {one if match['number'] == '1' else many}"


def _fraction(match: re.Match[str]) -> str:
    whole, over, under = match["whole"], int(match["over"]), int(match["under"])
    if under < 2 or under > 100:
        spoken = f"{_words(over)} over {_words(under)}"
    else:
        one, many = _FRACTIONS.get(under) or (_words(under, to="ordinal"), f"{_words(under, to='ordinal')}s")
        count = "a" if whole and over == 1 else _words(over)
        spoken = f"{count} {one if over == 1 else many}"
    return f"{_cardinal(whole)} and {spoken}" if whole else spoken


_Rule = tuple[re.Pattern[str], Callable[[re.Match[str]], str]]
_DAY = r"(?P<day>0?[1-9]|[12]\d|3[01])"
_RULES: tuple[_Rule, ...] = tuple(
    (re.compile(pattern), speak)
    for pattern, speak in (
        (
            rf"(?P<currency>[$£€¥])\s?(?P<amount>{_NUMBER})(?:\.(?P<part>\d+))?"
            r"(?:\s(?P<scale>thousand|million|billion|trillion)\b)?",
            _money,
        ),
        (rf"{_START}(\d{{4}})-(\d\d)-(\d\d)(?![\w-])", _iso_date),
        (rf"{_START}(\d\d?)/(\d\d?)/(\d{{4}})(?![\w/])", _numeric_date),
        (rf"\b{_MONTH}\s{_DAY}(?:st|nd|rd|th)?(?![\w:/%°]|[.,]\d)", _month_day),
        (rf"(?P<the>\b[Tt]he\s)?{_START}{_DAY}(?:st|nd|rd|th)?\s(?:of\s)?{_MONTH}(?!\w)", _day_month),
        (
            rf"{_START}(?P<hour>[01]?\d|2[0-3]):(?P<minute>[0-5]\d)(?:\s?(?P<half>[aApP])\.?[mM]\b\.?)?(?![\w:])",
            _time,
        ),
        (rf"{_START}(\d\d?)\s?([aApP])\.?[mM]\b\.?", lambda m: f"{_cardinal(m[1])} {m[2].lower()}.m."),
        (r"(?<!\d)(\d{3}-)?(\d{3})-(\d{4})(?![\w-])", lambda m: ", ".join(_digits(g) for g in m.groups() if g)),
        (rf"({_NUMBER})(?:st|nd|rd|th)\b", lambda m: _ordinal(m[1])),
        (r"(?<![\w.,])'?(?P<decade>1[1-9]\d0|20\d0|[2-9]0)'?s\b", _decade),
        (rf"(?P<whole>{_START}\d+\s)?{_START}(?P<over>\d{{1,4}})[/⁄](?P<under>\d{{1,4}})(?![\w/])", _fraction),
        (
            rf"(?P<minus>(?<![\w.,])-)?(?P<number>{_NUMBER}(?:\.\d+)?)[\s-]?(?P<unit>{_UNIT})(?![^\W_])"
            r"(?:\.(?=\s+[a-z]))?",
            _unit,
        ),
        (r"(?:#|\bN[o°º]\.?)\s?(\d+)", lambda m: f"number {_cardinal(m[1])}"),
        (r"(?<=\d)\s?[-–—]\s?(?=\d)", lambda _: "to"),
        (rf"{_START}(1[1-9]\d\d|20\d\d)(?![\w,.]*\d|\w)", lambda m: _year(m[1])),
        (rf"(?<![\w.,])-({_NUMBER}(?:\.\d+)*)", lambda m: f"minus {_decimal(m[1])}"),
        (rf"{_NUMBER}(?:\.\d+)+", lambda m: _decimal(m[0])),
        (r"(?<!\d)\.(\d+)", lambda m: f"point {_digits(m[1])}"),
        (_NUMBER, lambda m: _cardinal(m[0])),
    )
)
