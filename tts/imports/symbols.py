"""Tables of symbols that public models number their phones by, in our names.

A symbol that no front end of ours may say, because the model was not taught it or because it stands for something
else here, keeps its own name, in brackets where that name would be one of our phones.
"""

from __future__ import annotations

from collections.abc import Sequence

from tts.errors import CheckpointError
from tts.phones import SILENCE
from tts.text.arpabet import CONSONANTS, VOWELS
from tts.text.jamo import FINALS, INITIALS
from tts.text.jamo import VOWELS as JAMO_VOWELS

SPACE = "space"
"""So that the space between words can be written inside braces, as in ``{h i space y o u}``."""

_PUNCTUATION = "!'(),.:;? "
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_ARPABET = tuple(
    name
    for phone in sorted(VOWELS | CONSONANTS)
    for name in ([phone, *(phone + digit for digit in "012")] if phone in VOWELS else [phone])
)
_PINYIN_INITIALS = "b c ch d f g h j k l m n p q r s sh t w x y z zh"
_PINYIN_FINALS = (
    "a ai an ang ao e ei en eng er i ia ian iang iao ie ii iii in ing iong iou o ong ou u ua uai uan uang uei uen uo "
    "v van ve vn"
)
_PINYIN = (*_PINYIN_INITIALS.split(), *(f"{final}{tone}" for final in _PINYIN_FINALS.split() for tone in "12345"), "rr")

_FRONT_ENDS = {
    "english, stress true": {phone for phone in _ARPABET if phone not in VOWELS},
    "english, stress false": VOWELS | CONSONANTS,
    "korean": {*INITIALS, *JAMO_VOWELS, *(f"-{final}" for final in "ㄱㄴㄷㄹㅁㅂㅇ")} - {"ㅇ"},
    "characters": set("abcdefghijklmnopqrstuvwxyz"),
}
"""What the front ends say, where that can be counted, by their settings in params.yaml."""


def ming024() -> tuple[str, ...]:
    """The 361 of github.com/ming024/FastSpeech2, whose English is ARPAbet with stress, and its pause ``sp``.

    In brackets is what its data never holds: letters, punctuation, vowels without stress, and the row behind the last
    symbol. Pinyin keeps its ``@``.
    """
    arpabet = [_bracketed(phone) if phone in VOWELS else phone for phone in _ARPABET]
    unheard = [_bracketed(each) for each in ("_", "-", *_PUNCTUATION, *_LETTERS)]
    pinyin = [f"@{each}" for each in _PINYIN]
    return (*unheard, *arpabet, *pinyin, SILENCE, "@spn", "@sil", _bracketed("behind the last"))


def nvidia() -> tuple[str, ...]:
    """The 148 of github.com/NVIDIA/tacotron2: marks and letters, of which its data holds the small ones."""
    letters = [each if each.islower() else _bracketed(each) for each in _LETTERS]
    return (_bracketed("_"), "-", *_marks(_PUNCTUATION), *letters, *(f"@{each}" for each in _ARPABET))


def jinhan() -> tuple[str, ...]:
    """The 80 of github.com/jinhan/tacotron2-vae: Korean letters by their place in the syllable, marks, and an end.

    Final ㄷ was mistyped there as a second ㅇ, whose row is never used.
    """
    finals = [_bracketed("-ㄷ") if each == "ㄷ" else f"-{each}" for each in FINALS[1:]]
    return (_bracketed("_"), "~", *INITIALS, *JAMO_VOWELS, *finals, *_marks("!'(),-.:;? "))


def front_end(symbols: Sequence[str]) -> tuple[str, list[str], list[str]]:
    """Settings of the front end that says most of these symbols, what it says besides, and symbols that it never says.

    Pauses are left out, which every front end has.
    """
    known = set(symbols) - {SILENCE}
    name = max(_FRONT_ENDS, key=lambda each: len(_FRONT_ENDS[each] & known) / len(_FRONT_ENDS[each]))
    return name, sorted(_FRONT_ENDS[name] - known), [each for each in symbols if each in known - _FRONT_ENDS[name]]


def named(rows: int, given: Sequence[str] | None, published: Sequence[str], *, layout: str) -> tuple[str, ...]:
    """Names of a table's rows: those that were given, else the published ones.

    Raises:
        CheckpointError: there are more or fewer of them than rows, or one is there twice.
    """
    names = tuple(_marks(published if given is None else given))
    if len(names) != rows:
        origin = f"{layout} has" if given is None else "the file of symbols has"
        raise CheckpointError(
            f"the checkpoint has {rows} symbols, {origin} {len(names)}; list its own, one a line in the order of their "
            "ids, in a file (--symbols)"
        )
    double = next((name for i, name in enumerate(names) if name in names[:i]), None)
    if double is not None:
        raise CheckpointError(f"the symbol {double!r} is there twice; give each of the {rows} rows its own name")
    return names


def _marks(marks: Sequence[str]) -> list[str]:
    return [SPACE if mark == " " else mark for mark in marks]


def _bracketed(name: str) -> str:
    return f"({name})"
