"""The styles that a voice hears, in the report: a picture of where clips lie, and how well labels can be told by it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.report_html import charts, heading, paragraph
from pipeline.style_space import STYLES
from tts.data.tables import read_table
from tts.metrics.styles import found_by_nearest

Row = Mapping[str, Any]
Points = npt.NDArray[np.float64]

_WIDTH, _HEIGHT, _MARGIN = 340, 300, 12
_GOLDEN_ANGLE = 137.508  # degrees: hues of any number of styles stay apart


def style_part(path: Path) -> str:
    """What the report says of styles.parquet; nothing where a voice has none."""
    if not path.exists():
        return ""
    rows = read_table(path, STYLES)
    names = sorted({row["style"] for row in rows})
    vectors = np.array([row["vector"] for row in rows], np.float64)
    train = np.array([row["split"] == "train" for row in rows])
    places, share = principal(vectors, vectors[train])
    told = (
        f"Where the voice hears the styles of {train.sum()} training clips (dots) and {(~train).sum()} test clips "
        f"(rings): the two directions in which training clips differ most, {share:.0%} of their variance."
    )
    if len(names) > 1:
        told += _probe(rows, vectors, train)
    return heading("Styles") + paragraph(told) + charts([_picture(rows, names, places)])


def principal(vectors: Points, reference: Points) -> tuple[Points, float]:
    """Places [clips, 2] of vectors [clips, dims] along the first two principal components of `reference`.

    Gives their share of its variance too. A component points to where its largest entry is positive.
    """
    mean = reference.mean(axis=0)
    _, sizes, components = np.linalg.svd(reference - mean, full_matrices=False)
    first = np.zeros((2, vectors.shape[1]))
    first[: len(components[:2])] = components[:2]
    largest = np.abs(first).argmax(axis=1)[:, None]
    first *= np.where(np.take_along_axis(first, largest, axis=1) < 0, -1, 1)
    variances = np.square(sizes)
    return (vectors - mean) @ first.T, float(variances[:2].sum() / max(variances.sum(), 1e-12))


def _probe(rows: Sequence[Row], vectors: Points, train: npt.NDArray[np.bool_]) -> str:
    """How well labels are told by styles: among all clips, and among those of one speaker."""
    labels, speakers = (np.array([row[column] for row in rows]) for column in ("style", "speaker"))
    among_all = found_by_nearest(vectors, labels, train)
    among_own = [
        each
        for speaker in np.unique(speakers)
        for each in found_by_nearest(*(array[speakers == speaker] for array in (vectors, labels, train)))
    ]
    if not among_all or not among_own:
        return ""
    return (
        f" Of test clips, {np.mean(among_all):.0%} lie nearest to the mean of their own style's training clips, and "
        f"{np.mean(among_own):.0%} where only clips of their own speaker count."
    )


def _picture(rows: Sequence[Row], names: Sequence[str], places: Points) -> str:
    low, high = places.min(axis=0), places.max(axis=0)
    scale = (np.array((_WIDTH, -_HEIGHT)) - np.array((2, -2)) * _MARGIN) / np.maximum(high - low, 1e-12)
    middle = np.array((_WIDTH, _HEIGHT)) / 2
    dots = "".join(
        _dot(x, y, _colour(names.index(row["style"])), is_ring=row["split"] != "train")
        for row, (x, y) in zip(rows, middle + (places - (low + high) / 2) * scale, strict=True)
    )
    legend = " ".join(
        f'<span><span style="color:{_colour(i)}">●</span> {escape(name)}</span>' for i, name in enumerate(names)
    )
    return (
        f'<figure><svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="styles of clips in two dimensions">'
        f'<rect class="frame" x="0" y="0" width="{_WIDTH}" height="{_HEIGHT}"/>{dots}</svg>'
        f"<figcaption>{legend}</figcaption></figure>"
    )


def _dot(x: float, y: float, colour: str, *, is_ring: bool) -> str:
    look = f'fill="none" stroke="{colour}"' if is_ring else f'fill="{colour}"'
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" {look}/>'


def _colour(index: int) -> str:
    return f"hsl({index * _GOLDEN_ANGLE % 360:.0f} 60% 50%)"
