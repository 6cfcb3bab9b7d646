"""Pieces of HTML: everything that comes from data is escaped here."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from html import escape

from pipeline.report_style import STYLE


def page(title: str, summary: str, links: str, *sections: str) -> str:
    """A whole document that loads nothing from anywhere.

    Args:
        title: text.
        summary: HTML below the title.
        links: HTML of the navigation.
        sections: HTML of the content.
    """
    content = "\n".join(sections)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<link rel="icon" href="data:,">\n<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n'
        f'<body>\n<a class="skip" href="#main">Skip to content</a>\n'
        f"<header>\n<h1>{escape(title)}</h1>\n{summary}\n{links}\n</header>\n"
        f'<main id="main">\n{content}\n</main>\n</body>\n</html>\n'
    )


def section(identifier: str, title: str, *parts: str) -> str:
    """A section that the navigation leads to."""
    name = escape(identifier, quote=True)
    return f'<section id="{name}" aria-labelledby="{name}-title">\n<h2 id="{name}-title">{escape(title)}</h2>\n' + (
        "\n".join(parts) + "\n</section>"
    )


def navigation(links: Iterable[tuple[str, str]]) -> str:
    """Links to sections, as pairs of identifier and title."""
    items = "".join(f'<li><a href="#{escape(name, quote=True)}">{escape(title)}</a></li>' for name, title in links)
    return f'<nav aria-label="Sections"><ul>{items}</ul></nav>'


def paragraph(text: str) -> str:
    """A paragraph of secondary text."""
    return f'<p class="soft">{escape(text)}</p>'


def heading(text: str) -> str:
    """A heading within a section."""
    return f"<h3>{escape(text)}</h3>"


def table(caption: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table whose first column names its rows.

    Args:
        caption: text.
        head: text of the column heads.
        rows: first the row's name as text, then cells as made by `cell`.
    """
    heads = "".join(f'<th scope="col">{escape(each)}</th>' for each in head)
    lines = "\n".join(f'<tr><th scope="row">{escape(name)}</th>{"".join(cells)}</tr>' for name, *cells in rows)
    return (
        f'<div class="scroll" tabindex="0"><table><caption>{escape(caption)}</caption>'
        f"<thead><tr>{heads}</tr></thead>\n<tbody>\n{lines}\n</tbody></table></div>"
    )


def cell(text: str, *, below: str = "", is_first: bool = False) -> str:
    """A table cell, with small print below its text."""
    small = f"<small>{escape(below)}</small>" if below else ""
    opening = '<td class="first">' if is_first else "<td>"
    return f"{opening}{escape(text)}{small}</td>"


def facts(caption: str, pairs: Iterable[tuple[str, str]]) -> str:
    """A narrow table of names and values."""
    rows = [[name, cell(value)] for name, value in pairs]
    return f'<div class="facts">{table(caption, ["", "value"], rows)}</div>'


def charts(figures: Iterable[str]) -> str:
    """A box of charts side by side."""
    return f'<div class="card"><div class="grid charts">{"".join(figures)}</div></div>'


def details(summary: str, inner: str) -> str:
    """Something that opens on request."""
    return f"<details><summary>{escape(summary)}</summary>\n{inner}\n</details>"


def definitions(pairs: Iterable[tuple[str, str]]) -> str:
    """Terms and what they mean."""
    return f"<dl>{''.join(f'<dt>{escape(term)}</dt><dd>{escape(text)}</dd>' for term, text in pairs)}</dl>"


def code(text: str) -> str:
    """Preformatted text."""
    return f'<pre tabindex="0">{escape(text)}</pre>'


def card(title: str, note: str, figures: Iterable[str]) -> str:
    """A titled box of figures side by side."""
    return (
        f'<article class="card"><h4>{escape(title)}</h4><div class="soft">{escape(note)}</div>'
        f'<div class="grid">{"".join(figures)}</div></article>'
    )


def listening(caption: str, note: str, *, flac: bytes, png: bytes, width_percent: float) -> str:
    """A figure of a clip: its mel spectrogram over its player.

    Args:
        caption: what it is.
        note: small print beside it.
        flac: sound, which browsers play losslessly at half the size of a WAV.
        png: picture.
        width_percent: of the picture, so that time has one scale within a card.
    """
    name = escape(caption, quote=True)
    return (
        f'<figure><figcaption>{name} <span class="soft">{escape(note)}</span></figcaption>'
        f'<img alt="mel spectrogram, {name}" src="{data_uri("image/png", png)}" style="width:{width_percent:.1f}%">'
        f'<audio controls preload="none" aria-label="{name}" src="{data_uri("audio/flac", flac)}"></audio></figure>'
    )


def wide_figure(caption: str, svg: str, *, audio: str) -> str:
    """A figure that scrolls sideways, over a player.

    Args:
        caption: what is heard.
        svg: the picture, with a width in pixels.
        audio: sound, as `data_uri` makes it.
    """
    name = escape(caption, quote=True)
    return (
        f'<figure><div class="scroll wide" tabindex="0">{svg}</div>'
        f'<audio controls preload="none" aria-label="{name}" src="{audio}"></audio></figure>'
    )


def data_uri(kind: str, content: bytes) -> str:
    """Bytes within the page, of a type such as image/png."""
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"
