"""Style sheets and scripts of pages, which are put into the pages themselves: a page is one file."""

from __future__ import annotations

from pathlib import Path

_FOLDER = Path(__file__).parent / "web"


def web_file(name: str) -> str:
    """Text of a file of pipeline/web, such as report.css."""
    return (_FOLDER / name).read_text(encoding="utf-8")
