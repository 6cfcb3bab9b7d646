"""Offsets from zero, and loudness that changes from clip to clip."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from tts.lint.findings import Case, Check, Clip, Finding, finding
from tts.lint.robust import by_speaker, enough
from tts.lint.spectrum import Floats

OFFSET = Check(
    name="dc-offset",
    title="DC offset",
    unit="%",
    rule="the mean of the samples is over 1 % of full scale from zero",
    advice="filter all clips with a high-pass at 20 Hz, for instance `sox in.wav out.wav highpass 20`",
)
UNEVEN = Check(
    name="loudness",
    title="Louder or quieter than the speaker's others",
    unit="dB",
    rule="the RMS of speech is over 9 dB from the speaker's median",
    advice="bring the clips to one loudness; a voice learns changes that no text explains",
)
_OFFSET = 0.01  # -40 dB: as strong as loud noise, and no voice is asymmetric enough to have it
_UNEVEN_DB = 9.0  # one speaker's sentences stay within some 6 dB; 10 dB are said to be twice as loud


def speech_level(level_db: Floats, is_speech: npt.NDArray[np.bool_]) -> float | None:
    """RMS of the speaking frames in dB of full scale, as ITU-T P.56 means its active speech level; None without speech.

    Args:
        level_db: [frames].
        is_speech: [frames].
    """
    if not is_speech.any():
        return None
    return float(10 * np.log10(np.mean(10 ** (level_db[is_speech] / 10))))


def levels(clips: Sequence[Clip]) -> Iterator[Finding]:
    """Clips with an offset, and clips of another loudness than the speaker's others."""
    yield from finding(OFFSET, (_offset(clip) for clip in clips if abs(clip.sound.offset) > _OFFSET))
    yield from finding(UNEVEN, _uneven(clips))


def _offset(clip: Clip) -> Case:
    percent = 100 * clip.sound.offset
    return Case(clip.utterance_id, percent, f"{percent:+.2f} % of full scale", abs(percent))


def _uneven(clips: Sequence[Clip]) -> Iterator[Case]:
    for group in by_speaker(clips):
        known = [(clip, clip.sound.level_db) for clip in group if clip.sound.level_db is not None]
        middle = float(np.median([level for _, level in known])) if enough(known) else None
        for clip, level in known if middle is not None else []:
            away = level - (middle or 0.0)
            if abs(away) > _UNEVEN_DB:
                detail = f"{level:.1f} dB, {clip.speaker}'s median is {middle:.1f}"
                yield Case(clip.utterance_id, away, detail, abs(away))
