"""Parameters that fit what was measured."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from tts.corpora.limits import ClipLimits
from tts.lint.findings import Clip

_RATES = (8000, 11025, 16000, 22050)  # at 22,050 Hz the published systems are defined
_LEAST_BAND = 0.8  # of half the sample rate; see tts.lint.bandwidth
_F_MAX = 8000
_SHORT_SECONDS, _FEW = 0.5, 0.02  # what few clips are shorter than may go
_LONG_SECONDS = 20.0
_HELD_OUT, _TEST_TEXTS, _MOST_TEXTS, _LARGEST_SHARE = 0.05, 20, 300, 0.1
_MAX_DROPPED = 0.01


@dataclass(frozen=True)
class Suggestion:
    """A value for a parameter.

    Attributes:
        key: dotted; the corpus' name stands as "<corpus>".
        value: as YAML has it.
        why: the reason in a few words.
    """

    key: str
    value: str | int | float
    why: str


def suggest(clips: Sequence[Clip], *, num_lost: int) -> list[Suggestion]:
    """Suggest parameters for a corpus; nothing for an empty one.

    Args:
        clips: that could be read.
        num_lost: clips and lines beside them that cannot be used.
    """
    if not clips:
        return []
    lengths = list(_lengths(clips))
    limits = ClipLimits(**{each.key.rpartition(".")[2]: float(each.value) for each in lengths})
    num_outside = sum(limits.why_not(clip.sound.seconds) is not None for clip in clips)
    share = (num_lost + num_outside) / (len(clips) + num_lost)
    return [*lengths, *_audio(clips), *_text(clips), *_split(clips), *_dropped(share)]


def _lengths(clips: Sequence[Clip]) -> Iterator[Suggestion]:
    seconds = np.array([clip.sound.seconds for clip in clips])
    num_short, num_long = int((seconds < _SHORT_SECONDS).sum()), int((seconds > _LONG_SECONDS).sum())
    if 0 < num_short <= _FEW * len(clips):
        yield Suggestion("corpora.<corpus>.min_seconds", _SHORT_SECONDS, f"drops {num_short} of {len(clips)} clips")
    if num_long:
        yield Suggestion("corpora.<corpus>.max_seconds", _LONG_SECONDS, f"drops {num_long} of {len(clips)} clips")


def _audio(clips: Sequence[Clip]) -> Iterator[Suggestion]:
    """The highest usual rate that nearly all clips fill."""
    held = np.array([_filled_rate(clip) for clip in clips])
    usable = float(np.percentile(held, 5))
    rate = max((rate for rate in _RATES if rate <= usable), default=_RATES[0])
    yield Suggestion("audio.sample_rate", rate, f"95 % of the clips hold sound for {usable:,.0f} Hz or more")
    if rate / 2 < _F_MAX:
        yield Suggestion("audio.f_max", rate // 2, "half of that")


def _filled_rate(clip: Clip) -> float:
    """Sample rate that a clip would fill: its own, unless the spectrum ends early."""
    rate, held = clip.sound.sample_rate, 2 * clip.sound.bandwidth_hz
    return rate if held >= _LEAST_BAND * rate or held == 0 else held * 1.02  # filters end a little below the half


def _text(clips: Sequence[Clip]) -> Iterator[Suggestion]:
    languages = {clip.language.partition("-")[0] for clip in clips if clip.text}
    if not languages:
        return
    known = {"en": "english", "ko": "korean"}
    frontend = known.get(next(iter(languages)), "ipa") if len(languages) == 1 else "ipa"
    yield Suggestion("text.frontend", frontend, f"for language {', '.join(sorted(languages))}")


def _split(clips: Sequence[Clip]) -> Iterator[Suggestion]:
    """Shares that leave enough texts to test with, and do not waste what large corpora have."""
    num_texts = len({clip.text for clip in clips if clip.text})
    if not num_texts:
        return
    least, most = _TEST_TEXTS / num_texts, _MOST_TEXTS / num_texts
    share = round(min(max(_HELD_OUT, least), most, _LARGEST_SHARE), 3)
    for name in ("validation", "test"):
        yield Suggestion(f"split.{name}", share, f"{share * num_texts:.0f} of {num_texts} texts")


def _dropped(share: float) -> Iterator[Suggestion]:
    if share > _MAX_DROPPED:
        value = math.ceil(share * 110) / 100  # a tenth more, in whole per cents
        yield Suggestion("max_dropped", min(value, 1.0), f"{share:.1%} of the clips cannot be used with these limits")
