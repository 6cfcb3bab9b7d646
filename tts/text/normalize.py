"""Written text to speakable text: numbers, money, dates, times, units and abbreviations become English words.

The rules stand by idea in the modules beside this one; here is their order, and the clean-up after them.
"""

from __future__ import annotations

import re
import unicodedata

from tts.errors import TextError
from tts.text import abbreviations, addresses, codes, dates, money, plain, roman, symbols, telephone, times, units
from tts.text.raw_phones import RAW_PHONES, around_kept
from tts.text.rules import apply

_QUOTES = str.maketrans(
    dict.fromkeys("‘’ʼ´`′", "'") | dict.fromkeys("“”„″«»", '"') | {"…": "...", "™": "", "®": "", "µ": "μ"}
)
_EMOJI = re.compile("[\u20e3\u2600-\u27bf\u2b00-\u2bff\ufe0f\U0001f000-\U0001faff]")
_VULGAR_FRACTION = re.compile(r"(?<=\d)(?=[¼-¾⅐-⅞])")
_PAUSE = re.compile(r"\s?(?:--+|(?<!\d)[—–―]|[—–―](?!\d)|(?<!\d)\s-\s|\s-\s(?!\d)|[()\[\]{}]+)\s?")
_MARKS = frozenset("',.;:!?- \ue000")

_WORDS_FIRST = (*addresses.RULES, *abbreviations.RULES, *symbols.RULES, *roman.RULES, *dates.NAMED_RANGES)
_NUMBERS = (
    *telephone.RULES, *dates.RULES, *codes.WHOLE, *money.RULES, *plain.RANGES, *dates.YEARS, *times.RULES,
    *units.RULES, *symbols.POWERS, *plain.ORDINALS, *codes.RULES, *plain.RULES,
)  # fmt: skip
_MAX_PASSES = 4


def normalize_english(text: str, *, kept: re.Pattern[str] = RAW_PHONES) -> str:
    """Give a text of letters, apostrophes, hyphens and ``,.;:!?`` only, and of what is to be kept.

    Args:
        text: as written.
        kept: pattern of words that stay as they are; raw phones must be among them.

    Raises:
        TextError: nothing speakable is left.
    """
    return _require_letters(around_kept(_visible(text), kept, _until_normal), text)


def normalize_other(text: str, *, kept: re.Pattern[str] = RAW_PHONES) -> str:
    """Tidy Unicode and white space of a text in any language; espeak reads its numbers and symbols.

    Raises:
        TextError: nothing speakable is left.
    """
    return _require_letters(around_kept(_visible(text), kept, _tidy), text)


def _until_normal(text: str) -> str:
    """Normalize until nothing changes, as when one rule's words ("St." to "Saint") complete another rule's pattern."""
    for _ in range(_MAX_PASSES):
        before, text = text, _normalize(text)
        if text == before:
            break
    return text


def _normalize(text: str) -> str:
    text = " ".join(_plain_characters(text).split())
    text = apply(_WORDS_FIRST, text)
    if any(map(str.isdecimal, text)):
        text = apply(_NUMBERS, text)
    return _clean(_PAUSE.sub(lambda match: ", " if match.end() < len(match.string) else "", text))


def _plain_characters(text: str) -> str:
    text = _VULGAR_FRACTION.sub(" ", text).translate(_QUOTES).translate(symbols.SUPERSCRIPTS)
    return unicodedata.normalize("NFKC", text).translate(_QUOTES)


def _tidy(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).split())


def _visible(text: str) -> str:
    """Control characters and emoji become spaces; invisible ones (joiners, soft hyphens, surrogates) go."""
    if text.isascii() and text.isprintable():
        return text
    kinds = ((char, unicodedata.category(char)) for char in _EMOJI.sub(" ", text))
    return "".join(" " if kind in ("Cc", "Zl", "Zp") else char for char, kind in kinds if kind not in ("Cf", "Cs"))


def _clean(text: str) -> str:
    text = "".join(char if char.isalpha() or char in _MARKS else " " for char in text.translate(symbols.WORDS))
    text = re.sub(r"(?<=\w\.)'(?=s\b)", "", text)  # the U.S.'s
    text = re.sub(r"'+", "'", text)
    text = re.sub(r"(?<!\w)['-]+|['-]+(?!\w)", " ", text)  # quotation marks and loose hyphens
    text = re.sub(r"\s+", " ", text)
    text = re.sub(r"(?P<initial>(?<=\.\w)\.(?= ?[,;:!?]))?(?: ?[,.;:!?])+", _one_mark, text)
    return re.sub(r"\s+", " ", text).lstrip(" ,.;:!?'-").rstrip(" '-")


def _one_mark(marks: re.Match[str]) -> str:
    """One mark of a run, the strongest; only a period may stand inside a word, or before a mark, as in "U.S.,"."""
    if marks[0] == ".":
        return "."
    run = marks[0].removeprefix(marks["initial"] or "")
    return f"{marks['initial'] or ''}{next(mark for mark in '?!.;:,' if mark in run)} "


def _require_letters(normal: str, text: str) -> str:
    if not any(map(str.isalnum, normal)):
        raise TextError(f"nothing to say in {text!r}; give it words, or drop the utterance")
    return normal
