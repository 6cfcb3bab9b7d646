"""Which words of a text are which of a transcript that may write them otherwise."""

from __future__ import annotations

import itertools
import unicodedata
from bisect import bisect_left
from collections.abc import Sequence


def match_words(ours: Sequence[str], theirs: Sequence[str]) -> list[tuple[list[int], list[int]]] | None:
    """Give the smallest groups of neighbours that are spelled alike; None if the whole is not.

    Case, accents, punctuation, hyphens, apostrophes and where words are split do not count: "twenty-one" is
    "Twenty one", "don't" is "don 't".

    Returns:
        indices of our words and of theirs, group by group; every word is in one group.
    """
    spelled, heard = [letters(word) for word in ours], [letters(word) for word in theirs]
    if "".join(spelled) != "".join(heard):
        return None
    ends, their_ends = _ends(spelled), _ends(heard)
    cuts = sorted({*ends} & {*their_ends} - {0})
    groups: list[tuple[list[int], list[int]]] = [([], []) for _ in cuts]
    for side, places in enumerate((ends, their_ends) if cuts else ()):
        for index, end in enumerate(places):
            groups[bisect_left(cuts, end)][side].append(index)
    return groups


def first_difference(ours: Sequence[str], theirs: Sequence[str]) -> str:
    """Say where two wordings part, for words that `match_words` does not match."""
    pairs = itertools.zip_longest(ours, theirs)
    number, (our, their) = next(
        (number, pair) for number, pair in enumerate(pairs, start=1) if letters(pair[0] or "") != letters(pair[1] or "")
    )
    return f"word {number} is {_quoted(their)}, in the text {_quoted(our)}"


def letters(word: str) -> str:
    """Give the letters and digits of a word, without case and accents."""
    return "".join(char for char in unicodedata.normalize("NFKD", word.casefold()) if char.isalnum())


def _ends(words: Sequence[str]) -> list[int]:
    return list(itertools.accumulate(map(len, words)))


def _quoted(word: str | None) -> str:
    return "missing" if word is None else repr(word)
