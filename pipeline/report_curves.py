"""Learning curves as inline SVG."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from html import escape
from pathlib import Path

from tts.errors import DataError

Points = Sequence[tuple[float, float]]

_WIDTH, _HEIGHT = 340, 190
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 10, 26, 24
_LOG_FROM_RATIO = 20  # a loss that falls further than this shows its end on a logarithmic scale only


def read_curve(path: Path) -> dict[str, list[tuple[float, float]]]:
    """Points (step, value) of every column of a run's CSV.

    Raises:
        DataError: the file is missing.
    """
    if not path.exists():
        raise DataError(f"{path} is missing; run `tts train {path.stem}`")
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    columns = [name for name in rows[0] if name != "step"] if rows else []
    points = {name: [(float(row["step"]), float(row[name])) for row in rows if row[name]] for name in columns}
    return {name: [(x, y) for x, y in found if math.isfinite(y)] for name, found in points.items()}


def loss_terms(curve: dict[str, list[tuple[float, float]]]) -> list[str]:
    """Names of the loss terms of a curve, the weighted sum `loss` first."""
    prefixes = ("train_", "validation_")
    terms = dict.fromkeys(name.removeprefix(prefix) for prefix in prefixes for name in curve if name.startswith(prefix))
    return sorted(terms, key=lambda term: term != "loss")


def chart(title: str, train: Points, validation: Points, *, drawn: str = "validation") -> str:
    """Draw the training and validation values of one loss term over steps; empty where there are none.

    Args:
        title: above it.
        train: drawn grey.
        validation: drawn in colour, with dots.
        drawn: what the latter is called.
    """
    values = [y for _, y in (*train, *validation)]
    if not values:
        return ""
    scale = _Scale(max(x for x, _ in (*train, *validation)), min(values), max(values))
    last = f"last: {drawn} {validation[-1][1]:.3g}" if validation else f"last: train {train[-1][1]:.3g}"
    label = escape(f"{title} over steps, {last}", quote=True)
    return (
        f'<figure><svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{label}">'
        f'<rect class="frame" x="{_LEFT}" y="{_TOP}" width="{_WIDTH - _LEFT - _RIGHT}" '
        f'height="{_HEIGHT - _TOP - _BOTTOM}"/>'
        f'<text x="{_LEFT}" y="16">{escape(title)}{" (log)" if scale.is_log else ""}</text>'
        f'<text x="{_WIDTH - _RIGHT}" y="16" text-anchor="end">{escape(last)}</text>'
        f"{scale.labels()}{_line('train', train, scale)}{_line('validation', validation, scale)}"
        f"{_dots(validation, scale)}"
        "</svg></figure>"
    )


class _Scale:
    """From steps and values to places in the picture."""

    def __init__(self, last_step: float, low: float, high: float) -> None:
        self.is_log = low > 0 and high / low > _LOG_FROM_RATIO
        self._last_step = max(last_step, 1.0)
        self._low, self._high = low, high if high > low else low + (abs(low) or 1.0)

    def x(self, step: float) -> float:
        return _LEFT + (_WIDTH - _LEFT - _RIGHT) * step / self._last_step

    def y(self, value: float) -> float:
        low, high, here = (math.log(each) if self.is_log else each for each in (self._low, self._high, value))
        return _HEIGHT - _BOTTOM - (_HEIGHT - _TOP - _BOTTOM) * (here - low) / (high - low)

    def labels(self) -> str:
        middle = math.sqrt(self._low * self._high) if self.is_log else (self._low + self._high) / 2
        values = "".join(
            f'<text x="{_LEFT - 5}" y="{self.y(value) + 4:.1f}" text-anchor="end">{value:.3g}</text>'
            for value in (self._low, middle, self._high)
        )
        steps = f'<text x="{_LEFT}" y="{_HEIGHT - 8}">0</text>' + (
            f'<text x="{_WIDTH - _RIGHT}" y="{_HEIGHT - 8}" text-anchor="end">{self._last_step:.0f} steps</text>'
        )
        return values + steps


def _line(name: str, points: Points, scale: _Scale) -> str:
    places = " ".join(f"{scale.x(step):.1f},{scale.y(value):.1f}" for step, value in points)
    return f'<polyline class="{name}" points="{places}"/>'


def _dots(points: Points, scale: _Scale) -> str:
    """Validations are few: each is seen, even a single one."""
    return "".join(
        f'<circle class="validation" cx="{scale.x(step):.1f}" cy="{scale.y(value):.1f}" r="2"/>'
        for step, value in points
    )
