"""Hangul syllables to their letters and back, by Unicode's arithmetic (The Unicode Standard, section 3.12).

Letters are compatibility jamo (U+3131 ff.), which look the same at either end of a syllable; "" is no final.
"""

from __future__ import annotations

from typing import NamedTuple

INITIALS = tuple("ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ")
VOWELS = tuple("ㅏㅐㅑㅒㅓㅔㅕㅖㅗㅘㅙㅚㅛㅜㅝㅞㅟㅠㅡㅢㅣ")
FINALS = ("", *"ㄱㄲㄳㄴㄵㄶㄷㄹㄺㄻㄼㄽㄾㄿㅀㅁㅂㅄㅅㅆㅇㅈㅊㅋㅌㅍㅎ")
_FIRST, _LAST = 0xAC00, 0xD7A3
_NAMES = {
    "ㄱ": "기역", "ㄴ": "니은", "ㄷ": "디귿", "ㄹ": "리을", "ㅁ": "미음", "ㅂ": "비읍", "ㅅ": "시옷", "ㅇ": "이응",
    "ㅈ": "지읒", "ㅊ": "치읓", "ㅋ": "키읔", "ㅌ": "티읕", "ㅍ": "피읖", "ㅎ": "히읗",
}  # fmt: skip
_DOUBLES = dict(zip("ㄲㄸㅃㅆㅉ", "ㄱㄷㅂㅅㅈ", strict=True))
_CLUSTERS = {
    "ㄳ": "ㄱㅅ", "ㄵ": "ㄴㅈ", "ㄶ": "ㄴㅎ", "ㄺ": "ㄹㄱ", "ㄻ": "ㄹㅁ", "ㄼ": "ㄹㅂ", "ㄽ": "ㄹㅅ", "ㄾ": "ㄹㅌ",
    "ㄿ": "ㄹㅍ", "ㅀ": "ㄹㅎ", "ㅄ": "ㅂㅅ",
}  # fmt: skip


class Syllable(NamedTuple):
    """One of the 11,172: initial (ㅇ where none sounds), vowel, final."""

    initial: str
    vowel: str
    final: str = ""


def is_syllable(char: str) -> bool:
    """Whether a character is a whole Hangul syllable."""
    return _FIRST <= ord(char) <= _LAST


def decompose(char: str) -> Syllable:
    """Give the letters of a syllable.

    Raises:
        ValueError: it is no Hangul syllable.
    """
    if not is_syllable(char):
        raise ValueError(f"{char!r} is no Hangul syllable")
    rest, final = divmod(ord(char) - _FIRST, len(FINALS))
    initial, vowel = divmod(rest, len(VOWELS))
    return Syllable(INITIALS[initial], VOWELS[vowel], FINALS[final])


def compose(syllable: Syllable) -> str:
    """Give the syllable of these letters.

    Raises:
        ValueError: a letter is not one of its place.
    """
    initial, vowel = INITIALS.index(syllable.initial), VOWELS.index(syllable.vowel)
    return chr(_FIRST + (initial * len(VOWELS) + vowel) * len(FINALS) + FINALS.index(syllable.final))


def letter_name(char: str) -> str | None:
    """The name of a letter that stands alone, of either of Unicode's kinds; None if it is no letter of today."""
    letter = _compatible(char)
    if letter in VOWELS:
        return compose(Syllable("ㅇ", letter))
    if letter in _DOUBLES:
        return f"쌍{_NAMES[_DOUBLES[letter]]}"
    names = [_NAMES[each] for each in _CLUSTERS.get(letter, letter) if each in _NAMES]
    return "".join(names) or None


def _compatible(char: str) -> str:
    """The compatibility jamo of a conjoining one (U+1100 ff.), which NFKC makes of them."""
    for first, letters in ((0x1100, INITIALS), (0x1161, VOWELS), (0x11A7, FINALS)):
        if first <= ord(char) < first + len(letters):
            return letters[ord(char) - first]
    return char
