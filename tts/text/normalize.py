"""Written text to speakable text: numbers, money, dates, times, units and abbreviations become English words.

Numbers go first and abbreviations last, with the clean-up between them, so that no rule's result is another rule's
input: normalizing twice is normalizing once.
"""

from __future__ import annotations

import re
import unicodedata

from tts.errors import TextError
from tts.text.numbers import spell_numbers

_QUOTES = str.maketrans({"‘": "'", "’": "'", "ʼ": "'", "´": "'", "`": "'", "…": ". ", "²": " squared", "³": " cubed"})
_SYMBOL_WORDS = {"&": "and", "%": "percent", "+": "plus", "=": "equals", "@": "at", "°": "degrees"}
_PAUSES = re.compile(r"\s*(?:--+|(?<!\d)[—–―]|[—–―](?!\d)|\s-\s|[()\[\]{}])\s*")
_ABBREVIATIONS = {
    "Mr": "Mister", "Mrs": "Missus", "Ms": "Miz", "Dr": "Doctor", "Drs": "Doctors", "Prof": "Professor",
    "Rev": "Reverend", "Hon": "Honorable", "Gen": "General", "Col": "Colonel", "Maj": "Major", "Capt": "Captain",
    "Lt": "Lieutenant", "Sgt": "Sergeant", "Gov": "Governor", "Sen": "Senator", "Esq": "Esquire", "Jr": "Junior",
    "Sr": "Senior", "Co": "Company", "Corp": "Corporation", "Inc": "Incorporated", "Ltd": "Limited", "Bros": "Brothers",
    "Ave": "Avenue", "Blvd": "Boulevard", "Rd": "Road", "Ft": "Fort", "Mt": "Mount", "Jan": "January",
    "Feb": "February", "Aug": "August", "Sept": "September", "Oct": "October", "Nov": "November", "Dec": "December",
    "etc": "et cetera", "vs": "versus", "approx": "approximately", "dept": "department", "lbs": "pounds",
}  # fmt: skip
_WITHOUT_PERIOD = ("Mrs", "Mr", "Ms", "Dr", "vs")
_ABBREVIATION = re.compile(
    rf"(?<![\w'.-])(?:({'|'.join(_ABBREVIATIONS)})\.|({'|'.join(_WITHOUT_PERIOD)})(?![\w'.-])|(e\.g|i\.e|St)\.)(?![\w])"
)


def normalize_english(text: str) -> str:
    """Give a text of letters, apostrophes, hyphens and ``,.;:!?`` only.

    Raises:
        TextError: nothing speakable is left.
    """
    plain = unicodedata.normalize("NFKC", _without_controls(text.translate(_QUOTES)))
    spelled = spell_numbers(_PAUSES.sub(", ", plain.translate(_QUOTES)))
    cleaned = _clean(spelled)
    normal = _ABBREVIATION.sub(_expand, cleaned)
    return _require_letters(normal, text)


def normalize_other(text: str) -> str:
    """Tidy Unicode and white space of a text in any language; espeak reads its numbers and symbols.

    Raises:
        TextError: nothing speakable is left.
    """
    plain = unicodedata.normalize("NFC", _without_controls(text))
    return _require_letters(" ".join(plain.split()), text)


def _without_controls(text: str) -> str:
    """Control characters become spaces, invisible ones (joiners, soft hyphens) go."""
    kinds = ((char, unicodedata.category(char)) for char in text)
    return "".join(" " if kind in ("Cc", "Zl", "Zp") else char for char, kind in kinds if kind not in ("Cf", "Cs"))


def _clean(text: str) -> str:
    for symbol, word in _SYMBOL_WORDS.items():
        text = text.replace(symbol, f" {word} ")
    text = "".join(char if char.isalpha() or char in "',.;:!?- " else " " for char in text)
    text = re.sub(r"'+", "'", text)
    text = re.sub(r"(?<=[a-z]{2})\.(?=[a-z]{2})", " dot ", text)  # example.com
    text = re.sub(r"(?<![^\W_])['-]+|['-]+(?![^\W_])", " ", text)  # quotation marks and loose hyphens
    text = re.sub(r"\s+", " ", text)
    text = re.sub(r"(?: ?[,.;:!?])+(?: ?[,.;:!?])*", _one_mark, text)
    return re.sub(r"\s+", " ", text).strip(" ,.;:!?'-") + _last_mark(text)


def _one_mark(marks: re.Match[str]) -> str:
    """One mark of a run, the strongest; a single one stays as it is, even inside "a.m."."""
    run = marks.group().replace(" ", "")
    strongest = next((mark for mark in "?!.;:," if mark in run), "")
    return strongest if marks.group() == strongest else f"{strongest} "


def _last_mark(text: str) -> str:
    found = re.search(r"[,.;:!?](?=\s*$)", text)
    return found.group() if found else ""


def _expand(match: re.Match[str]) -> str:
    short = next(group for group in match.groups() if group)
    rest = match.string[match.end() :]
    if short == "St":
        word = "Saint" if re.match(r"\s[A-Z]", rest) else "Street"
    else:
        word = {"e.g": "for example", "i.e": "that is"}.get(short) or _ABBREVIATIONS[short]
    ends_text = match.group().endswith(".") and not rest.strip()
    return f"{word}." if ends_text else word


def _require_letters(normal: str, text: str) -> str:
    if not any(char.isalnum() for char in normal):
        raise TextError(f"nothing to say in {text!r}; give it words, or drop the utterance")
    return normal
