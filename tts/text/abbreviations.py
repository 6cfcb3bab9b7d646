"""Abbreviations: titles, streets, companies, months, and the initials of names.

"i.e." and "e.g." stay letters, as LJSpeech's reader says them.
"""

from __future__ import annotations

import re

from tts.text.rules import Match, either, rule, word_set

_ALWAYS = {
    "Mr": "Mister", "Mrs": "Missus", "Ms": "Miz", "Drs": "Doctors", "Prof": "Professor", "Rev": "Reverend",
    "Hon": "Honorable", "Gen": "General", "Col": "Colonel", "Maj": "Major", "Capt": "Captain", "Cmdr": "Commander",
    "Lt": "Lieutenant", "Sgt": "Sergeant", "Cpl": "Corporal", "Gov": "Governor", "Sen": "Senator",
    "Esq": "Esquire", "Jr": "Junior", "Sr": "Senior", "Co": "Company", "Corp": "Corporation",
    "Inc": "Incorporated", "Ltd": "Limited", "Bros": "Brothers", "Ave": "Avenue", "Blvd": "Boulevard", "Rd": "Road",
    "Ft": "Fort", "Mt": "Mount", "Jan": "January", "Feb": "February", "Mar": "March", "Apr": "April",
    "Aug": "August", "Sept": "September", "Oct": "October", "Nov": "November", "Dec": "December", "Mon": "Monday",
    "Tue": "Tuesday", "Tues": "Tuesday", "Wed": "Wednesday", "Thu": "Thursday", "Thurs": "Thursday", "Fri": "Friday",
    "etc": "et cetera", "vs": "versus", "approx": "approximately", "dept": "department", "Dept": "Department",
    "govt": "government", "Govt": "Government", "lbs": "pounds", "Univ": "University", "cf": "compare", "ca": "circa",
}  # fmt: skip
_BEFORE_NAMES = {"Rep": "Representative", "Pres": "President", "Adm": "Admiral"}
_BEFORE_NUMBERS = {
    "No": "number", "Nos": "numbers", "p": "page", "pp": "pages", "fig": "figure", "Fig": "Figure", "vol": "volume",
    "Vol": "Volume", "ch": "chapter", "Ch": "Chapter", "apt": "apartment", "Apt": "Apartment", "c": "circa",
    "sec": "section", "Sec": "Section", "Hwy": "Highway", "Rte": "Route", "Ste": "Suite", "art": "article",
    "Art": "Article", "ext": "extension", "Ext": "Extension",
}  # fmt: skip
_WEEKEND = {"Sat": "Saturday", "Sun": "Sunday"}
_WITHOUT_PERIOD = ("Mrs", "Mr", "Ms", "vs")
_SAINTS = (
    "Agnes", "Albans", "Andrew", "Andrews", "Anne", "Anthony", "Augustine", "Barts", "Bernard", "Catherine", "Charles",
    "Clair", "Cloud", "Croix", "Denis", "Elizabeth", "Francis", "George", "Helena", "Helens", "Ives", "James", "Joan",
    "John", "Joseph", "Jude", "Kitts", "Lawrence", "Louis", "Lucia", "Luke", "Mark", "Martin", "Mary", "Matthew",
    "Michael", "Moritz", "Nicholas", "Pancras", "Patrick", "Paul", "Peter", "Petersburg", "Stephen", "Teresa", "Thomas",
    "Tropez", "Valentine", "Vincent",
)  # fmt: skip
_STARTS_SENTENCE = either(
    word_set("A An And At But He I If In It On She So That The Then There They This We What When Who You")
)
_NOT_A_STREET = word_set("In At On To From Of By For Near The And Or Mount Lake Fort Port Sault")
_NOT_AN_INITIAL = word_set(
    "Plan Vitamin Hepatitis Group Type Class Grade Team Section Part Appendix Exhibit Figure Table Option Model"
)
_ENDS = re.compile(r"[\s\"')\]]*$|\s+" + _STARTS_SENTENCE + r"\b")


def _word_before(match: Match) -> str:
    """The word that stands right before, "" at the start or after a mark."""
    near = match.string[max(0, match.start() - 40) : match.start()]
    found = re.search(r"([^\s,.;:!?()]+) $", near)
    return found[1] if found else ""


def _keep_period(match: Match, said: str) -> str:
    """The period of an abbreviation ends the sentence too where nothing, or a word like "Then", follows."""
    return f"{said}." if match[0].endswith(".") and _ENDS.match(match.string, match.end()) else said


def _always(match: Match) -> str:
    return _keep_period(match, _ALWAYS[match[1]])


def _saint_or_street(match: Match) -> str:
    before, after = _word_before(match), re.match(r"\s([^\W\d_]+)", match.string[match.end() :][:30])
    follows = after[1] if after else ""
    follows_name = before[:1].isupper() or before[:1].isdecimal()
    if follows in _SAINTS or (follows[:1].isupper() and not (follows_name and before not in _NOT_A_STREET)):
        return "Saint"
    return _keep_period(match, "Street")


def _doctor_or_drive(match: Match) -> str:
    before = _word_before(match)
    follows_name = before[:1].isupper() and before not in _NOT_A_STREET
    is_drive = follows_name and not re.match(r"\s[A-Z]", match.string[match.end() :][:2])
    return _keep_period(match, "Drive" if is_drive else "Doctor")


def _initial(match: Match) -> str:
    """Names such as "J. K. Rowling" and "George W. Bush" have no pause; "Plan B. Then" has."""
    before = _word_before(match)
    starts_name = not before or before[0].isupper()
    return match[1] if starts_name and before not in _NOT_AN_INITIAL else match[0]


_START = r"(?<![\w'.-])"
RULES = (
    rule(_START + r"w/o(?!\w)", "without"),
    rule(_START + r"w/(?=\s)", "with"),
    rule(r"\bPh\.?D(?:\.|\b)", "P.H.D."),
    rule(r"'n'", " and "),
    rule(r"\bet al\.", lambda m: _keep_period(m, "et al")),
    rule(r"(?<=[A-Z][a-z]) v\. (?=[A-Z])|(?<=[a-z]{2}) v\. (?=[A-Z])", " versus "),
    rule(_START + f"({either(_BEFORE_NUMBERS)})" + r"\.\s?(?=\d|[IVXLC]+\b)", lambda m: f"{_BEFORE_NUMBERS[m[1]]} "),
    rule(_START + f"({either(_BEFORE_NAMES)})" + r"\.(?=\s[A-Z])", lambda m: _BEFORE_NAMES[m[1]]),
    rule(_START + r"(Sat|Sun)\.(?=\s?[,&\d-]|\s(?:and|at|from)\b)", lambda m: _WEEKEND[m[1]]),
    rule(_START + r"St\.(?!\w)", _saint_or_street),
    rule(_START + r"Dr(?:\.(?!\w)|(?=\s[A-Z]))", _doctor_or_drive),
    rule(_START + f"({either(_ALWAYS)})" + r"\.(?!\w)", _always),
    rule(_START + f"({either(_WITHOUT_PERIOD)})" + r"(?![\w'.-])", lambda m: _ALWAYS[m[1]]),
    rule(_START + r"([A-HJ-Z])\.(?=\s[A-Z])", _initial),
)
