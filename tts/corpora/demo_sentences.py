"""Sentences for the demo corpus: our own, from a file, then as many more as are asked for from a small grammar."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

Language = Literal["en", "ko"]
Pattern = tuple[tuple[str, ...], ...]
"""Columns; a sentence takes one phrase of each."""

_FILES = {"en": "demo_english.txt", "ko": "demo_korean.txt"}

_WHO = (
    "the young doctor", "my neighbour", "a tired waiter", "the village priest", "our piano teacher", "his sister",
    "the ship's cook", "an old soldier", "the night nurse", "their cousin", "the new student", "a lonely giant",
    "the French painter", "the judge", "every child", "the beekeeper", "a famous author", "the shy librarian",
)  # fmt: skip
_DID = (
    "lost a silver watch", "found a pair of gloves", "told a joke", "played the violin", "ate a bowl of soup",
    "waited for an hour", "bought fresh figs", "drew a yellow fish", "heard a strange noise", "hid the treasure",
    "sang an old song", "caught a cold", "broke a vase", "wrote a long letter", "saw a white fox", "fixed the engine",
    "asked the way", "chose a thick book", "measured the table",
)  # fmt: skip
_DO = (
    "lose the key", "find my jacket", "tell the truth", "enjoy the show", "eat the last pear", "wait for us",
    "buy the green boat", "draw that picture", "hear the thunder", "hide the cheese", "choose a gift", "mend the roof",
    "break the mirror", "see the vision",
)  # fmt: skip
_WHERE = (
    "near the station", "in the garden", "behind the church", "at the harbour", "on the bridge", "under the oak",
    "by the frozen lake", "outside the theatre", "in a quiet corner", "along the river", "on the top floor",
    "beside the mill", "at the zoo",
)  # fmt: skip
_WHEN = (
    "yesterday", "after lunch", "one Thursday", "before the storm", "at noon", "last winter", "during the meeting",
    "a year ago", "early in the morning", "on their birthday", "for no good reason",
)  # fmt: skip
_WHY = (
    "because the bus was late", "although it was raining", "and nobody noticed", "but the dog stayed calm",
    "while the band played on", "so we all laughed", "which was rather unusual",
)  # fmt: skip
_COUNTS = ("two", "three", "seven", "nine", "eleven", "fourteen", "twenty", "thirty-six", "fifty", "eighty-one")
_THINGS = (
    "horses", "wooden chairs", "red umbrellas", "sheep", "empty bottles", "yellow vans", "oranges", "bicycles",
    "sleeping cats", "tourists", "huge puzzles",
)  # fmt: skip
_PATTERNS: dict[Language, tuple[Pattern, ...]] = {
    "en": (
        (_WHEN, (", ",), _WHO, (" ",), _DID, (" ",), _WHERE, (".",)),
        (_WHO, (" ",), _DID, (" ",), _WHERE, (", ",), _WHY, (".",)),
        (("did", "will", "could", "why did"), (" ",), _WHO, (" ",), _DO, (" ",), _WHERE, ("?",)),
        (("there were ", "she counted ", "we saw "), _COUNTS, (" ",), _THINGS, (" ",), _WHERE, (" ",), _WHEN, (".",)),
    ),
    "ko": (
        (
            ("어제", "지난주에", "아침에", "점심때", "비 오는 날에", "작년 여름에", "그날 밤에", "조금 전에"),
            (" ",),
            ("친구가", "동생이", "우리 선생님이", "할머니가", "옆집 아이가", "형이", "간호사가", "삼촌이"),
            (" ",),
            ("공원에서", "학교에서", "시장에서", "바닷가에서", "도서관에서", "부엌에서", "정류장에서"),
            (" ",),
            (
                "사진을 찍었어요", "책을 읽었어요", "노래를 불렀어요", "사과를 먹었어요", "편지를 썼어요",
                "모자를 샀어요", "길을 물었어요", "축구를 했어요", "고양이를 찾았어요", "커피를 마셨어요",
                "그림을 그렸어요",
            ),
            (".",),
        ),
    ),
}  # fmt: skip


def sentences(language: Language, count: int, *, seed: int) -> list[str]:
    """Give `count` sentences, all different as long as the grammar lasts; fewer of them are a prefix of more."""
    written = (Path(__file__).parent / _FILES[language]).read_text(encoding="utf-8").splitlines()
    random.Random(seed).shuffle(written)
    return list(itertools.islice(itertools.chain(written, _generated(_PATTERNS[language], seed)), count))


def _generated(patterns: tuple[Pattern, ...], seed: int) -> Iterator[str]:
    for number in itertools.count(seed):
        for pattern in patterns:
            phrase = _phrase(pattern, number)
            yield phrase[0].upper() + phrase[1:]


def _phrase(pattern: Pattern, number: int) -> str:
    """The number-th sentence; a stride prime to their number makes neighbours differ in every column."""
    total = math.prod(len(column) for column in pattern)
    stride = int(total * 0.618) | 1
    while math.gcd(stride, total) > 1:
        stride += 2
    number = number * stride % total
    chosen = []
    for column in pattern:
        number, index = divmod(number, len(column))
        chosen.append(column[index])
    return "".join(chosen)
