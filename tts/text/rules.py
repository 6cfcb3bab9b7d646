"""A rule of normalization: what to look for, and how to say it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import NamedTuple

Match = re.Match[str]


class Rule(NamedTuple):
    """A pattern and what is said for what it finds.

    Patterns begin at places that a lookbehind makes few, or hold no unbounded repeat: a text of 5,000 digits or dots
    must take no longer than other texts.
    """

    pattern: re.Pattern[str]
    say: Callable[[Match], str]


def rule(pattern: str, say: Callable[[Match], str] | str) -> Rule:
    """Make a rule; a string is said as it is."""
    if isinstance(say, str):
        said = say
        return Rule(re.compile(pattern), lambda _: said)
    return Rule(re.compile(pattern), say)


def apply(rules: Iterable[Rule], text: str) -> str:
    """Apply rules one after the other; what they say is kept apart from letters and digits beside it."""
    for pattern, say in rules:
        text = pattern.sub(lambda match, say=say: _apart(match, say(match)), text)  # type: ignore[misc]
    return text


def either(words: Iterable[str]) -> str:
    """Give a pattern of any of these, the longest first."""
    return "(?:" + "|".join(map(re.escape, sorted(words, key=len, reverse=True))) + ")"


def word_set(words: str) -> frozenset[str]:
    """Give the words of a text with spaces between."""
    return frozenset(words.split())


def _apart(match: Match, said: str) -> str:
    text, start, end = match.string, match.start(), match.end()
    before = " " if start > 0 and text[start - 1].isalnum() and said[:1].isalnum() else ""
    after = " " if end < len(text) and text[end].isalnum() and said[-1:].isalnum() else ""
    return f"{before}{said}{after}"
