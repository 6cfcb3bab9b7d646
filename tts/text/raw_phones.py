"""Phones written in a text: ``{HH AH0 L OW1}`` or ``[[HH AH0 L OW1]]`` is one word with exactly these phones."""

from __future__ import annotations

import re
from collections.abc import Callable

RAW_PHONES = re.compile(r"\{\s*[^\s{}][^{}]*\}|\[\[\s*[^\s\[\]{}][^\[\]{}]*\]\]")
"""Braces that do not match, or hold nothing, are ordinary punctuation."""

_PLACEHOLDER = "\ue000"  # of the private use area, which has no meaning in text


def raw_phones(word: str) -> tuple[str, ...]:
    """Give the phones inside the braces."""
    return tuple(word.strip("{}[]").split())


def around_kept(text: str, kept: re.Pattern[str], normalize: Callable[[str], str]) -> str:
    """Normalize a text with what `kept` finds in it left as it is, a word of its own.

    Args:
        text: as written.
        kept: pattern of what must stay.
        normalize: must keep U+E000, and the order of words.
    """
    plain = text.replace(_PLACEHOLDER, " ")
    words = (match[0] for match in kept.finditer(plain))
    return re.sub(_PLACEHOLDER, lambda _: next(words), normalize(kept.sub(f" {_PLACEHOLDER} ", plain)))
