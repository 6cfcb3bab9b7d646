"""Dates, years and decades, month first as Americans write."""

from __future__ import annotations

from tts.text.numbers import cardinal, in_pair, ordinal, plural, year
from tts.text.rules import Match, either, rule

MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
SHORT_MONTHS = {month[:3]: month for month in MONTHS} | {"Sept": "September"}
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTH = rf"(?P<month>{either(MONTHS)}\b|{either(SHORT_MONTHS)}\b\.?)"
_SHORT_WEEKDAYS = {day[:3]: day for day in _WEEKDAYS} | {"Tues": "Tuesday", "Thurs": "Thursday"}
_NAMED = rf"(?:{either(MONTHS)}|{either(_WEEKDAYS)})\b"
_SHORT_WEEKDAY = rf"({either(_SHORT_WEEKDAYS)})"
_DAY = r"(?P<day>0?[1-9]|[12]\d|3[01])(?!\d)(?:st|nd|rd|th)?"
_TO_DAY = r"(?:\s?[-–—]\s?(?P<to>0?[1-9]|[12]\d|3[01])(?!\d)(?:st|nd|rd|th)?)?"
_START = r"(?<![\w.,/:$£€-])"
_BEFORE_A_YEAR = (
    "in", "In", "since", "Since", "by", "By", "of", "from", "From", "until", "Until", "till", "before", "Before",
    "after", "After", "year", "circa", "early", "late", "during", "During", "year of",
)  # fmt: skip
_COUNTED = (
    "people", "persons", "men", "women", "children", "students", "soldiers", "troops", "members", "workers", "votes",
    "dollars", "pounds", "euros", "miles", "feet", "meters", "kilometers", "acres", "tons", "calories", "points",
    "steps", "words", "pages", "copies", "units", "times", "years", "days", "hours", "minutes", "seconds", "cases",
    "homes", "houses", "ships", "cars", "seats", "bytes", "jobs", "employees", "residents", "visitors",
)  # fmt: skip


def _date(year_digits: str, month: int, day: int) -> str:
    said = in_pair(int(year_digits)) if len(year_digits) == 2 else year(year_digits)
    return f"{MONTHS[month - 1]} {ordinal(str(day))}, {said}"


def _iso_date(match: Match) -> str:
    year_digits, month, day = match.groups()
    if not _is_date(int(month), int(day)):
        return " ".join(map(cardinal, match.groups()))
    return _date(year_digits, int(month), int(day))


def _numeric_date(match: Match) -> str:
    """Month first, unless that cannot be."""
    first, second, year_digits = match["first"], match["second"], match["year"]
    month, day = (int(second), int(first)) if int(first) > 12 else (int(first), int(second))
    if not _is_date(month, day):
        return " ".join(map(cardinal, (first, second, year_digits)))
    return _date(year_digits, month, day)


def _is_date(month: int, day: int) -> bool:
    return 1 <= month <= 12 and 1 <= day <= 31


def _month_name(match: Match) -> str:
    name: str = match["month"].rstrip(".")
    return SHORT_MONTHS.get(name, name)


def _month_day(match: Match) -> str:
    to = f" to {ordinal(match['to'])}" if match["to"] else ""
    return f"{_month_name(match)} {ordinal(match['day'])}{to}"


def _day_month(match: Match) -> str:
    to = f" to {ordinal(match['to'])}" if match["to"] else ""
    return f"{match['the'] or 'the '}{ordinal(match['day'])}{to} of {_month_name(match)}"


def _day_name(short: str) -> str:
    return _SHORT_WEEKDAYS[short]


def _decade(match: Match) -> str:
    return plural(year(match["decade"]))


def _years(match: Match) -> str:
    """From 1914-18."""
    return f"{year(match[1])} to {in_pair(int(match[2]))}"


def _era(text: str) -> str:
    return ".".join(text.replace(".", "")) + "."


def _year(match: Match) -> str:
    """A year, unless things are counted; 1000 to 1099 only after a word that goes before years."""
    before, digits = match["before"] or "", match["year"]
    is_year = not match["counted"] and (bool(before) or int(digits) >= 1100)
    return before + (year(digits) if is_year else cardinal(digits))


NAMED_RANGES = (
    rule(rf"\b({_NAMED})\s?[-–—]\s?(?={_NAMED})", lambda m: f"{m[1]} to "),
    rule(rf"\b{_SHORT_WEEKDAY}\s?[-–—]\s?{_SHORT_WEEKDAY}\b", lambda m: " to ".join(map(_day_name, m.groups()))),
)
RULES = (
    rule(rf"{_START}(\d{{4}})-(\d\d)-(\d\d)(?![\w-])", _iso_date),
    rule(rf"{_START}(?P<first>\d\d?)([/.-])(?P<second>\d\d?)\2(?P<year>\d{{4}})(?![\w/-]|\.\d)", _numeric_date),
    rule(rf"{_START}(?P<first>\d\d?)/(?P<second>\d\d?)/(?P<year>\d\d)(?![\w/-]|\.\d)", _numeric_date),
    rule(rf"\b{_MONTH}\s{_DAY}{_TO_DAY}(?![\w:/%°]|[.,]\d)", _month_day),
    rule(rf"(?P<the>\b[Tt]he\s)?{_START}{_DAY}{_TO_DAY}\s(?:of\s)?{_MONTH}(?!\w)", _day_month),
    rule(r"(?<![\w.,])'?(?P<decade>1[1-9]\d0|20\d0|[2-9]0)(?:'s|s'?)(?!\w)", _decade),
    rule(r"(?<![\w.,])'(\d\d)(?![\w'\"]|[.,:]\d)", lambda m: in_pair(int(m[1]))),
    rule(rf"{_START}(\d{{1,4}})\s?(B\.?C\.?(?:E\b\.?)?)(?!\w)", lambda m: f"{year(m[1])} {_era(m[2])}"),
    rule(r"\bA\.?D\.?\s(\d{1,4})(?![\w,.:/-]*\d|\w)", lambda m: f"A.D. {year(m[1])}"),
    rule(rf"{_START}(1[1-9]\d\d|20\d\d)[-–—](\d\d)(?![\w-]|[.,]\d)", _years),
)
YEARS = (
    rule(r"\bFY\s?((?:19|20)\d\d)(?!\w)", lambda m: f"F Y {year(m[1])}"),
    rule(
        rf"(?P<before>\b{either(_BEFORE_A_YEAR)}\s)?(?<![\w.,$£€/:])(?P<year>1\d{{3}}|20\d\d)(?!\w|[.,:/]\d)"
        rf"(?=(?P<counted>\s{either(_COUNTED)}\b)?)",
        _year,
    ),
)
