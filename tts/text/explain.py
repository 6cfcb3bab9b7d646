"""How a text is said, word by word, and why."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tts.text.frontend import Frontend, Word

_HEADER = ("word", "phones", "from", "or")


def explain(frontend: Frontend, text: str, language: str) -> str:
    """Give the normalized text, then a line for every word: its phones, where they come from, and other ways to say it.

    Raises:
        TextError: the text has nothing to say, or a word cannot be said.
    """
    normal = frontend.normalize(text, language)
    (words,) = frontend.pronounce([normal], language)
    return "\n".join([normal, "", *_table([_HEADER, *map(_row, words)])])


def _row(word: Word) -> tuple[str, ...]:
    if not word.phones:
        return (word.text, "", "pause", "")
    return (word.text, " ".join(word.phones), word.source, "; ".join(map(" ".join, word.alternatives)))


def _table(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
