"""Pieces of HTML: everything that comes from data is escaped here."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from html import escape

from pipeline.web_files import web_file

_POLICY = (
    "default-src 'none'; img-src data:; media-src data: blob:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"
)
"""What browsers let a page do: show and play what lies in it, and ask nobody for anything."""


class Html(str):
    """Text that is HTML already, and so is not escaped."""


def page(title: str, summary: str, links: str, *sections: str) -> str:
    """A document of sections.

    Args:
        title: text.
        summary: HTML below the title.
        links: HTML of the navigation.
        sections: HTML of the content.
    """
    content = "\n".join(sections)
    return document(
        title,
        '<a class="skip" href="#main">Skip to content</a>\n'
        f"<header>\n<h1>{escape(title)}</h1>\n{summary}\n{links}\n</header>\n"
        f'<main id="main" tabindex="-1">\n{content}\n</main>',
        styles=("report.css",),
        scripts=("tables.js", "players.js"),
    )


def document(title: str, body: str, *, styles: Sequence[str], scripts: Sequence[str]) -> str:
    """A whole document that loads nothing from anywhere.

    Args:
        title: text.
        body: HTML.
        styles: files of pipeline/web.
        scripts: likewise.
    """
    look = "\n".join(web_file(name) for name in styles)
    acts = "".join(f"<script>\n{web_file(name)}</script>\n" for name in scripts)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<link rel="icon" href="data:,">\n<title>{escape(title)}</title>\n<style>\n{look}</style>\n</head>\n'
        f"<body>\n{body}\n{acts}</body>\n</html>\n"
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


def table(
    caption: str,
    head: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    is_sortable: bool = False,
    sorted_by: tuple[str, str] = ("", ""),
) -> str:
    """A table whose first column names its rows.

    Args:
        caption: text.
        head: text of the column heads.
        rows: first the row's name, text or `Html`, then cells as made by `cell`.
        is_sortable: whether readers may sort it by its columns.
        sorted_by: column head by which the rows are sorted, and whether ascending or descending.
    """
    orders = {sorted_by[0]: f' aria-sort="{sorted_by[1]}"'} if sorted_by[0] else {}
    heads = "".join(
        f'<th scope="col"{orders.get(each, "")}>{escape(each)}</th>' if each else "<td></td>" for each in head
    )
    lines = "\n".join(f'<tr><th scope="row">{_escaped(name)}</th>{"".join(cells)}</tr>' for name, *cells in rows)
    label = escape(caption, quote=True)
    inner = (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{label}"><table>'
        f"<caption>{escape(caption)}</caption><thead><tr>{heads}</tr></thead>\n<tbody>\n{lines}\n</tbody></table></div>"
    )
    return f'<div class="sortable">{inner}</div>' if is_sortable else inner


def link(text: str, identifier: str, *, below: str = "") -> Html:
    """A link to a part of the page, with small print below its text."""
    return Html(f'<a href="#{escape(identifier, quote=True)}">{escape(text)}</a>{_small(below)}')


def cell(text: str, *, below: str = "", is_first: bool = False, value: float | None = None) -> str:
    """A table cell, with small print below its text.

    Args:
        text: what it says.
        below: small print.
        is_first: whether it is what the table is about.
        value: what the table is sorted by, where the text does not say it.
    """
    kind = ' class="first"' if is_first else ""
    sorted_by = "" if value is None else f' data-value="{value:.6g}"'
    return f"<td{kind}{sorted_by}>{escape(text)}{_small(below)}</td>"


def _small(text: str) -> str:
    return f"<small>{escape(text)}</small>" if text else ""


def _escaped(text: str) -> str:
    return text if isinstance(text, Html) else escape(text)


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


def card(title: str, note: str, inner: str) -> str:
    """A titled box."""
    return f'<article class="card"><h4>{escape(title)}</h4><div class="soft">{escape(note)}</div>{inner}</article>'


def figures(parts: Iterable[str]) -> str:
    """Figures side by side."""
    return f'<div class="grid">{"".join(parts)}</div>'


def folded_card(identifier: str, title: str, note: str, inner: str, *, is_open: bool) -> str:
    """A titled box that opens on request, and by links to it."""
    return (
        f'<details class="card" id="{escape(identifier, quote=True)}"{" open" if is_open else ""}>'
        f'<summary>{escape(title)} <span class="soft">{escape(note)}</span></summary>\n{inner}\n</details>'
    )


def clip_figure(caption: str, note: str, svg: str, *, audio: str, label: str) -> str:
    """A picture of a clip that scrolls sideways, over a player that is linked with it.

    Args:
        caption: what is heard; empty where a title above says it.
        note: small print beside it.
        svg: the picture, as `pipeline.report_clip` draws it.
        audio: sound, as `data_uri` makes it.
        label: of the player, for those who hear it read out.
    """
    name = escape(label, quote=True)
    head = f'<figcaption>{escape(caption)} <span class="soft">{escape(note)}</span></figcaption>'
    return (
        f'<figure class="clip">{head if caption else ""}'
        f'<div class="scroll wide" tabindex="0" role="group" aria-label="picture, {name}">{svg}</div>'
        f'<audio controls preload="none" aria-label="{name}" src="{audio}"></audio></figure>'
    )


def data_uri(kind: str, content: bytes) -> str:
    """Bytes within the page, of a type such as image/png."""
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"
