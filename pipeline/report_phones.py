"""Phones in time as a picture: waveform, mel spectrogram, boundaries, and what is said between them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

from pipeline.report_html import data_uri
from pipeline.report_pictures import Floats, envelope, mel_of, mel_png
from tts.alignment.intervals import Interval
from tts.audio.mel_definition import MelDefinition
from tts.phones import SILENCE

_PIXELS_PER_SECOND = 220
_COLUMN = 3  # pixels of the waveform's columns
_WAVE, _MEL = (0, 50), (54, 144)  # top and bottom
_PHONES = (157, 169)  # in turns, since many are narrower than their names
_WORDS, _HEIGHT = 186, 194


@dataclass(frozen=True)
class _Span:
    """Words or phones from `start` to `end` pixels."""

    text: str
    start: float
    end: float

    @property
    def middle(self) -> float:
        return (self.start + self.end) / 2


def phones_svg(waveform: Floats, definition: MelDefinition, phones: Sequence[Interval], *, label: str) -> str:
    """Draw a clip.

    Args:
        waveform: [samples] at the mel definition's sample rate.
        definition: of the mel spectrogram.
        phones: from the clip's start to its end.
        label: what the picture is, for those who do not see it.
    """
    width = len(waveform) / definition.sample_rate * _PIXELS_PER_SECOND
    spans = [_Span(row.phone, row.start * _PIXELS_PER_SECOND, row.end * _PIXELS_PER_SECOND) for row in phones]
    return (
        f'<svg viewBox="0 0 {width:.0f} {_HEIGHT}" style="width:{width:.0f}px" role="img" '
        f'aria-label="{escape(label, quote=True)}">'
        f"{''.join(_pauses(spans))}{_wave(waveform, round(width))}{_mel(waveform, definition, width)}"
        f"{_boundaries(spans)}{''.join(_names(spans))}{''.join(_words(phones))}</svg>"
    )


def _pauses(spans: Sequence[_Span]) -> Iterator[str]:
    for span in spans:
        if span.text == SILENCE:
            yield (
                f'<rect class="pause" x="{span.start:.1f}" y="{_WAVE[0]}" width="{span.end - span.start:.1f}" '
                f'height="{_PHONES[-1] + 4}"/>'
            )


def _wave(waveform: Floats, width: int) -> str:
    """The envelope; the loudest sample of the clip reaches top or bottom."""
    columns = envelope(waveform, max(width // _COLUMN, 1))
    middle, reach = sum(_WAVE) / 2, (_WAVE[1] - _WAVE[0]) / 2 / max(float(abs(columns).max()), 1e-4)
    lines = "".join(
        f"M{index * _COLUMN + 1} {middle - high * reach:.0f}V{middle - low * reach + 0.5:.1f}"
        for index, (low, high) in enumerate(columns.tolist())
    )
    return f'<path class="wave" d="{lines}"/>'


def _mel(waveform: Floats, definition: MelDefinition, width: float) -> str:
    mel = mel_of(waveform, definition)
    picture = data_uri("image/png", mel_png(mel, low=float(mel.min()), high=float(mel.max())))
    place = f'x="0" y="{_MEL[0]}" width="{width:.0f}" height="{_MEL[1] - _MEL[0]}"'
    return f'<image {place} preserveAspectRatio="none" href="{picture}"/>'


def _boundaries(spans: Sequence[_Span]) -> str:
    places = [span.end for span in spans[:-1]]
    outside = "".join(f"M{x:.1f} {_WAVE[0]}V{_MEL[0]}M{x:.1f} {_MEL[1]}V{_PHONES[-1] + 4}" for x in places)
    inside = "".join(f"M{x:.1f} {_MEL[0]}V{_MEL[1]}" for x in places)
    return f'<path class="boundary" d="{outside}"/><path class="boundary bright" d="{inside}"/>'


def _names(spans: Sequence[_Span]) -> Iterator[str]:
    spoken = [span for span in spans if span.text != SILENCE]
    for span, height in zip(spoken, itertools.cycle(_PHONES), strict=False):
        yield f'<text class="phone" x="{span.middle:.1f}" y="{height}">{escape(span.text)}</text>'


def _words(phones: Sequence[Interval]) -> Iterator[str]:
    for word, group in itertools.groupby(phones, key=lambda row: row.word):
        rows = list(group)
        middle = (rows[0].start + rows[-1].end) / 2 * _PIXELS_PER_SECOND
        if word:
            yield f'<text class="word" x="{middle:.1f}" y="{_WORDS}">{escape(word)}</text>'
