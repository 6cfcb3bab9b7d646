"""Histograms as inline SVG."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import numpy as np

_WIDTH, _HEIGHT = 340, 150
_SIDE, _TOP, _BOTTOM = 10, 26, 24
_BARS = 30
_TAIL = 0.5  # percent at each side that stand in the outermost bars, so that one odd clip does not flatten the rest


def histogram(title: str, unit: str, values: Sequence[float]) -> str:
    """Draw how often values occur; empty where there are none."""
    if not len(values):
        return ""
    low, high = (float(each) for each in np.percentile(values, [_TAIL, 100 - _TAIL]))
    width = max(high - low, 1e-6 * max(abs(low), 1.0))
    counts, _ = np.histogram(np.clip(values, low, low + width), bins=_BARS, range=(low, low + width))
    said = f"median {np.median(values):.3g} {unit}"
    label = escape(f"{title}: {said}, from {min(values):.3g} to {max(values):.3g}", quote=True)
    return (
        f'<figure><svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{label}">'
        f'<text x="{_SIDE}" y="16">{escape(title)}</text>'
        f'<text x="{_WIDTH - _SIDE}" y="16" text-anchor="end">{escape(said)}</text>{_bars(counts.tolist())}'
        f'<text x="{_SIDE}" y="{_HEIGHT - 8}">{low:.3g}</text>'
        f'<text x="{_WIDTH - _SIDE}" y="{_HEIGHT - 8}" text-anchor="end">{high:.3g}</text></svg></figure>'
    )


def _bars(counts: Sequence[int]) -> str:
    step, room = (_WIDTH - 2 * _SIDE) / len(counts), _HEIGHT - _TOP - _BOTTOM
    heights = [room * count / max(max(counts), 1) for count in counts]
    return "".join(
        f'<rect class="bar" x="{_SIDE + number * step:.1f}" y="{_TOP + room - height:.1f}" width="{step - 1:.1f}" '
        f'height="{height:.1f}"/>'
        for number, height in enumerate(heights)
        if height
    )
