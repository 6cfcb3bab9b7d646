"""A clip as a picture in time: waveform, mel spectrogram, melody, phones, and a cursor for the player below it."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

from pipeline.report_html import data_uri
from pipeline.report_pictures import Floats, envelope, mel_of, mel_png
from tts.alignment.intervals import Interval
from tts.audio.mel_definition import MelDefinition
from tts.phones import SILENCE

_COLUMN = 3  # pixels of the waveform's columns
_WAVE, _GAP, _MEL = 50, 4, 90  # heights
_PHONES, _WORDS, _EDGE = (13, 25), 42, 8  # below the mel; phones in turns, since many are narrower than their names


@dataclass(frozen=True)
class Melodies:
    """F0 in Hz, 0 = unvoiced, of a clip's mel frames.

    Attributes:
        own: [frames] of the clip.
        recorded: [frames] of the recording at the same words; None where it is the clip.
        lowest, highest: Hz at the bottom and the top of the picture.
    """

    own: Floats
    recorded: Floats | None
    lowest: float
    highest: float


@dataclass(frozen=True)
class ClipPicture:
    """What is drawn of a clip.

    Attributes:
        waveform: [samples] at the mel definition's sample rate.
        definition: of the mel spectrogram.
        phones: from the clip's start to its end; none where they are not known.
        melodies: drawn over the mel.
        levels: log-mel values of the darkest and the brightest colour; those of the clip if left out.
        has_wave: whether the waveform is drawn above the mel.
        pixels_per_second: its scale.
    """

    waveform: Floats
    definition: MelDefinition
    phones: Sequence[Interval] = ()
    melodies: Melodies | None = None
    levels: tuple[float, float] | None = None
    has_wave: bool = False
    pixels_per_second: int = 220

    @property
    def seconds(self) -> float:
        """Length of the clip."""
        return len(self.waveform) / self.definition.sample_rate

    @property
    def mel_top(self) -> int:
        """Where the mel begins, in pixels from the top."""
        return _WAVE + _GAP if self.has_wave else 0

    @property
    def mel_bottom(self) -> int:
        """Where it ends."""
        return self.mel_top + _MEL

    @property
    def height(self) -> int:
        """Of the whole picture, in pixels."""
        if not self.phones:
            return self.mel_bottom
        return self.mel_bottom + _EDGE + (_WORDS if any(row.word for row in self.phones) else _PHONES[-1])


@dataclass(frozen=True)
class _Span:
    """A phone from `start` to `end` pixels."""

    text: str
    start: float
    end: float

    @property
    def middle(self) -> float:
        return (self.start + self.end) / 2


def clip_svg(picture: ClipPicture, *, label: str) -> str:
    """Draw a clip.

    Args:
        picture: what of it.
        label: what the picture is, for those who do not see it.
    """
    scale = picture.pixels_per_second
    width = picture.seconds * scale
    spans = [_Span(row.phone, row.start * scale, row.end * scale) for row in picture.phones]
    return (
        f'<svg viewBox="0 0 {width:.0f} {picture.height}" style="width:{width:.0f}px" role="img" '
        f'aria-label="{escape(label, quote=True)}" data-seconds="{picture.seconds:.4f}">'
        f"{''.join(_pauses(spans, picture))}{_wave(picture, round(width))}{_mel(picture, width)}"
        f"{_boundaries(spans, picture)}{_melodies(picture)}{''.join(_names(spans, picture))}{''.join(_words(picture))}"
        f'<path class="cursor" d="M0 0V{picture.height}"/></svg>'
    )


def _pauses(spans: Sequence[_Span], picture: ClipPicture) -> Iterator[str]:
    for span in spans:
        if span.text == SILENCE:
            yield (
                f'<rect class="pause" x="{span.start:.1f}" y="0" width="{span.end - span.start:.1f}" '
                f'height="{picture.mel_bottom + _PHONES[-1] + 4}"/>'
            )


def _wave(picture: ClipPicture, width: int) -> str:
    """The envelope; the loudest sample of the clip reaches top or bottom."""
    if not picture.has_wave:
        return ""
    columns = envelope(picture.waveform, max(width // _COLUMN, 1))
    middle, reach = _WAVE / 2, _WAVE / 2 / max(float(abs(columns).max()), 1e-4)
    lines = "".join(
        f"M{index * _COLUMN + 1} {middle - high * reach:.0f}V{middle - low * reach + 0.5:.1f}"
        for index, (low, high) in enumerate(columns.tolist())
    )
    return f'<path class="wave" d="{lines}"/>'


def _mel(picture: ClipPicture, width: float) -> str:
    mel = mel_of(picture.waveform, picture.definition)
    low, high = picture.levels or (float(mel.min()), float(mel.max()))
    image = data_uri("image/png", mel_png(mel, low=low, high=high))
    place = f'x="0" y="{picture.mel_top}" width="{width:.0f}" height="{_MEL}"'
    return f'<image {place} preserveAspectRatio="none" href="{image}"/>'


def _boundaries(spans: Sequence[_Span], picture: ClipPicture) -> str:
    if not spans:
        return ""
    top, bottom, end = picture.mel_top, picture.mel_bottom, picture.mel_bottom + _PHONES[-1] + 4
    places = [span.end for span in spans[:-1]]
    outside = "".join(f"{f'M{x:.1f} 0V{top}' if top else ''}M{x:.1f} {bottom}V{end}" for x in places)
    inside = "".join(f"M{x:.1f} {top}V{bottom}" for x in places)
    return f'<path class="boundary" d="{outside}"/><path class="boundary bright" d="{inside}"/>'


def _melodies(picture: ClipPicture) -> str:
    found = picture.melodies
    if found is None:
        return ""
    lines = "" if found.recorded is None else f'<path class="f0 recorded" d="{_melody(found.recorded, picture)}"/>'
    return f'{lines}<path class="f0" d="{_melody(found.own, picture)}"/>'


def _melody(f0: Floats, picture: ClipPicture) -> str:
    """A line for each stretch of voiced frames, on a logarithmic scale of Hz."""
    melodies, definition = picture.melodies, picture.definition
    assert melodies is not None, "there is a line to draw"
    octaves = math.log(melodies.highest / melodies.lowest)
    frame = definition.hop_length / definition.sample_rate * picture.pixels_per_second
    first = definition.first_center / definition.sample_rate * picture.pixels_per_second
    parts, is_drawing = [], False
    for index, hertz in enumerate(np.asarray(f0, np.float64).tolist()):
        if hertz > 0:
            height = math.log(min(max(hertz, melodies.lowest), melodies.highest) / melodies.lowest) / octaves
            place = f"{first + index * frame:.1f} {picture.mel_bottom - height * _MEL:.1f}"
            parts.append(f"L{place}" if is_drawing else f"M{place}h.1")  # a frame alone is a dot
        is_drawing = hertz > 0
    return "".join(parts)


def _names(spans: Sequence[_Span], picture: ClipPicture) -> Iterator[str]:
    spoken = [span for span in spans if span.text != SILENCE]
    for span, below in zip(spoken, itertools.cycle(_PHONES), strict=False):
        height = picture.mel_bottom + below
        yield f'<text class="phone" x="{span.middle:.1f}" y="{height}">{escape(span.text)}</text>'


def _words(picture: ClipPicture) -> Iterator[str]:
    for word, group in itertools.groupby(picture.phones, key=lambda row: row.word):
        rows = list(group)
        middle = (rows[0].start + rows[-1].end) / 2 * picture.pixels_per_second
        if word:
            height = picture.mel_bottom + _WORDS
            yield f'<text class="word" x="{middle:.1f}" y="{height}">{escape(word)}</text>'
