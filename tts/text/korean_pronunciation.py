"""Korean spelling to Korean sound, one word at a time: the rules of the Standard Pronunciation (표준 발음법, 1988).

Numbers in brackets are its articles (https://korean.go.kr, 어문 규범). The rules are our own tables, because no
library does: g2pk and g2pkk (2020, 2022) download a dictionary when imported and install packages when called, want
108 MB of MeCab, take 40 ms a word, and say 85 % of 462 test words right (바바 for 밟아); ko-pron (2018) says 65 %;
pecab is empty; kiwipiepy finds morphemes, not sounds. Words whose sound hangs on what they are made of are listed in
`korean_words.py`: the rules alone cannot know that 솜이불 is 솜 + 이불.

Vowel length [6, 7] is left out, as today's speakers do; of two permitted sounds the one nearer the spelling is taken.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache

from tts.text.jamo import Syllable, compose, decompose
from tts.text.korean_words import NEUTRAL, TENSE, follows_future, respell

# Before a vowel: what stays, and what moves over [13, 14]; ㅎ is not heard [12.4].
_LIAISON = {
    "ㄳ": ("ㄱ", "ㅆ"), "ㄵ": ("ㄴ", "ㅈ"), "ㄶ": ("", "ㄴ"), "ㄺ": ("ㄹ", "ㄱ"), "ㄻ": ("ㄹ", "ㅁ"),
    "ㄼ": ("ㄹ", "ㅂ"), "ㄽ": ("ㄹ", "ㅆ"), "ㄾ": ("ㄹ", "ㅌ"), "ㄿ": ("ㄹ", "ㅍ"), "ㅀ": ("", "ㄹ"),
    "ㅄ": ("ㅂ", "ㅆ"), "ㅎ": ("", "ㅇ"), "ㅇ": ("ㅇ", "ㅇ"), "": ("", "ㅇ"),
}  # fmt: skip
_ASPIRATED = {"ㄱ": "ㅋ", "ㄷ": "ㅌ", "ㅂ": "ㅍ", "ㅈ": "ㅊ"}
_NASAL = {"ㄱ": "ㅇ", "ㄷ": "ㄴ", "ㅂ": "ㅁ"}
_WITHOUT_H = {"ㅎ": "", "ㄶ": "ㄴ", "ㅀ": "ㄹ"}
# Before ㅎ: what stays, and the aspirate it becomes [12.1]; ㅅ ㅊ ㅌ sound as ㄷ.
_BEFORE_H = {
    "ㄱ": ("", "ㅋ"), "ㄲ": ("", "ㅋ"), "ㅋ": ("", "ㅋ"), "ㄳ": ("", "ㅋ"), "ㄺ": ("ㄹ", "ㅋ"), "ㄷ": ("", "ㅌ"),
    "ㅅ": ("", "ㅌ"), "ㅆ": ("", "ㅌ"), "ㅈ": ("", "ㅌ"), "ㅊ": ("", "ㅌ"), "ㅌ": ("", "ㅌ"), "ㅎ": ("", "ㅌ"),
    "ㅂ": ("", "ㅍ"), "ㅍ": ("", "ㅍ"), "ㅄ": ("", "ㅍ"), "ㄼ": ("ㄹ", "ㅍ"), "ㄵ": ("ㄴ", "ㅊ"),
}  # fmt: skip
_PALATAL = {"ㄷ": ("", "ㅈ"), "ㅌ": ("", "ㅊ"), "ㄾ": ("ㄹ", "ㅊ")}


def pronounce(text: str) -> list[str]:
    """Give each word of a text of Hangul words and spaces as it sounds, in Hangul: "국물 맛" is 궁물 and 맏.

    Words do not change each other, but a plain consonant is tense in a word such as 것 after a future form [27].
    """
    words = text.split()
    return [sound(word, tense=follows_future(word, before)) for before, word in zip(["", *words], words, strict=False)]


@lru_cache(maxsize=100_000)
def sound(word: str, *, tense: bool = False) -> str:
    """Give a word of Hangul syllables as it sounds, in Hangul; `tense`: its first consonant, if it can be.

    Raises:
        ValueError: a character is no Hangul syllable.
    """
    syllables = [decompose(char) for char in respell(word)]
    if tense:
        syllables[0] = syllables[0]._replace(initial=TENSE.get(syllables[0].initial, syllables[0].initial))
    return "".join(map(compose, _vowels(_joined(_plain_ui(syllables)))))


def _plain_ui(syllables: Iterable[Syllable]) -> Iterator[Syllable]:
    """희 is 히: ㅢ after a written consonant [5, proviso 3]."""
    for each in syllables:
        yield each._replace(vowel="ㅣ") if each.vowel == "ㅢ" and each.initial != "ㅇ" else each


def _vowels(syllables: Iterable[Syllable]) -> Iterator[Syllable]:
    """져 is 저: ㅕ after ㅈ, ㅉ, ㅊ, written or come about [5, proviso 1]."""
    for each in syllables:
        yield each._replace(vowel="ㅓ") if each.vowel == "ㅕ" and each.initial in "ㅈㅉㅊ" else each


def _joined(syllables: Iterable[Syllable]) -> Iterator[Syllable]:
    """Let every final meet the next initial; the last one is neutral [9 to 11]."""
    rest = iter(syllables)
    current = next(rest)
    for following in rest:
        final, initial = _meet(current.final, following)
        yield current._replace(final=final)
        current = following._replace(initial=initial)
    yield current._replace(final=NEUTRAL.get(current.final, current.final))


def _meet(final: str, following: Syllable) -> tuple[str, str]:
    """A final and the initial after it, as they sound."""
    initial, vowel = following.initial, following.vowel
    is_suffix = vowel == "ㅣ" or (vowel == "ㅕ" and following.final in ("", "ㅆ"))  # 이, 히, 여, 혀, 였, 혔
    if initial == "ㅇ":
        if final in _PALATAL and is_suffix:
            return _PALATAL[final]  # [17]
        return _LIAISON.get(final, ("", final))
    if initial == "ㅎ" and final in _BEFORE_H:
        if is_suffix and final in "ㄷㅈㅌ":
            return "", "ㅊ"  # 닫히다, 꽂히다 [12.1, 17]
        return _BEFORE_H[final]
    if final in _WITHOUT_H and initial in _ASPIRATED and initial != "ㅂ":
        return _WITHOUT_H[final], _ASPIRATED[initial]  # [12.1]
    if final in _WITHOUT_H and initial == "ㅅ":
        return _WITHOUT_H[final], "ㅆ"  # [12.2]
    return _consonants(final, initial)


def _consonants(final: str, initial: str) -> tuple[str, str]:
    if final == "ㄺ" and initial == "ㄱ":
        return "ㄹ", "ㄲ"  # stems, as in 맑게; nouns are respelled [11]
    is_tense = NEUTRAL.get(final, final) in _NASAL or final in ("ㄼ", "ㄾ", "ㄵ", "ㄻ")  # [23 to 25]
    final = NEUTRAL.get(final, final)
    if is_tense and initial in TENSE:
        return final, TENSE[initial]
    if initial == "ㄹ" and final in ("ㅁ", "ㅇ", *_NASAL):
        initial = "ㄴ"  # [19]
    if initial in "ㄴㅁ" and final in _NASAL:
        return _NASAL[final], initial  # [18]
    if (final, initial) in (("ㄴ", "ㄹ"), ("ㄹ", "ㄴ")):
        return "ㄹ", "ㄹ"  # [20]
    return final, initial
