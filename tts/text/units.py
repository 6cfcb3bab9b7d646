"""Measures: a number with a unit."""

from __future__ import annotations

from tts.text.numbers import DIGITS, cardinal, decimal, words
from tts.text.plain import FRACTION, fraction
from tts.text.rules import Match, either, rule

_UNITS = {
    "km/h": "kilometer(s) per hour", "kph": "kilometer(s) per hour", "mph": "mile(s) per hour",
    "m/s^2": "meter(s) per second squared", "m/s": "meter(s) per second", "mpg": "mile(s) per gallon",
    "km^2": "square kilometer(s)", "m^2": "square meter(s)", "cm^2": "square centimeter(s)",
    "m^3": "cubic meter(s)", "cm^3": "cubic centimeter(s)", "mm^2": "square millimeter(s)",
    "sq ft": "square foot|square feet",
    "sq mi": "square mile(s)", "sq m": "square meter(s)", "sq km": "square kilometer(s)",
    "km": "kilometer(s)", "cm": "centimeter(s)", "mm": "millimeter(s)", "μm": "micrometer(s)",
    "nm": "nanometer(s)", "m": "meter(s)", "ft": "foot|feet", "yd": "yard(s)", "yds": "yard(s)", "mi": "mile(s)",
    "kg": "kilogram(s)", "mg": "milligram(s)", "μg": "microgram(s)", "g": "gram(s)", "lbs": "pound(s)",
    "lb": "pound(s)", "oz": "ounce(s)", "ml": "milliliter(s)", "mL": "milliliter(s)", "L": "liter(s)",
    "gal": "gallon(s)", "tsp": "teaspoon(s)", "tbsp": "tablespoon(s)", "Hz": "hertz", "kHz": "kilohertz",
    "MHz": "megahertz", "GHz": "gigahertz", "kWh": "kilowatt hour(s)", "kW": "kilowatt(s)", "MW": "megawatt(s)",
    "GW": "gigawatt(s)", "W": "watt(s)", "V": "volt(s)", "kV": "kilovolt(s)", "mA": "milliamp(s)",
    "mAh": "milliamp hour(s)", "dB": "decibel(s)", "hp": "horsepower", "kcal": "kilocalorie(s)",
    "cal": "calorie(s)", "psi": "pound(s) per square inch", "rpm": "revolution(s) per minute",
    "kB": "kilobyte(s)", "KB": "kilobyte(s)", "MB": "megabyte(s)", "GB": "gigabyte(s)", "TB": "terabyte(s)",
    "MB/s": "megabyte(s) per second", "GB/s": "gigabyte(s) per second", "kbps": "kilobit(s) per second",
    "Mbps": "megabit(s) per second", "Gbps": "gigabit(s) per second", "ms": "millisecond(s)",
    "ns": "nanosecond(s)", "secs": "second(s)", "sec": "second(s)", "mins": "minute(s)", "min": "minute(s)",
    "hrs": "hour(s)", "hr": "hour(s)", "h": "hour(s)", "yrs": "year(s)", "yr": "year(s)", "°C": "degree(s) Celsius",
    "°F": "degree(s) Fahrenheit", "°": "degree(s)", "%": "percent",
}  # fmt: skip
_LETTER_END = r"(?![^\W_])"
_AREA = either(("km^2", "m^2", "cm^2", "mm^2", "m^3", "cm^3"))


def unit_name(unit: str, *, one: bool) -> str:
    """Give a unit's name in the singular or plural."""
    name = _UNITS[unit]
    if "|" in name:
        return name.split("|")[0 if one else 1]
    return name.replace("(s)", "" if one else "s")


def _measure(match: Match) -> str:
    number, article, hyphen = match["number"], match["article"] or "", match["hyphen"]
    is_one = number == "1" or bool(hyphen or (article and match["thing"]))
    sign = "minus " if match["minus"] else ""
    return f"{article}{sign}{decimal(number)}{hyphen or ' '}{unit_name(match['unit'], one=is_one)}"


def _part(match: Match) -> str:
    """Half a pound is singular, two and a half pounds are not."""
    return f"{fraction(match)} {unit_name(match['unit'], one=not match['whole'])}"


def _feet_and_inches(match: Match) -> str:
    foot, inch = int(match[1]), int(match[2])
    return f"{words(foot)} {'foot' if foot == 1 else 'feet'} {words(inch)} {'inch' if inch == 1 else 'inches'}"


RULES = (
    rule(r"(?<![\w.,])(\d{1,2})'\s?(\d{1,2})(?:\"|'')", lambda m: f"{cardinal(m[1])} foot {cardinal(m[2])}"),
    rule(r"(?<![\w.,])(\d{1,2})\s?ft\.?\s?(\d{1,2})\s?in\b\.?(?!\s[a-z])", _feet_and_inches),
    rule(
        rf"(?P<article>\b[Aa]n?\s)?(?P<minus>(?<![\w.,])[-−])?(?<!\d)(?<!\d[.,])(?<!\d[/⁄])(?P<number>{DIGITS}(?:\.\d+)?)"
        rf"(?:(?P<hyphen>-)|\s)?(?P<unit>{either(_UNITS)}){_LETTER_END}(?:\.(?=\s+[a-z]))?(?=(?P<thing>\s[a-z])?)",
        _measure,
    ),
    rule(rf"{FRACTION}[\s-]?(?P<unit>{either(_UNITS)}){_LETTER_END}(?:\.(?=\s+[a-z]))?", _part),
    rule(r"(?<![\w.,])(\d+\.\d+)s(?!\w)", lambda m: f"{decimal(m[1])} seconds"),
    rule(rf"(?<![\w^]){_AREA}(?!\w)", lambda m: unit_name(m[0], one=False)),
)
