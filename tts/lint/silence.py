"""Which frames are speech, and how much silence stands before and after it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tts.lint.findings import Case, Check, Clip, Finding, finding
from tts.lint.spectrum import HOP_SECONDS, Floats

LONG_SILENCE = Check(
    name="long-silence",
    title="Long silence at an end",
    unit="s",
    rule="over 1 s before or after speech",
    advice="trim the ends to 0.1 to 0.3 s; silence costs training time, and pauses at ends are learned",
)
CUT_OFF = Check(
    name="cut-off",
    title="Speech cut off",
    unit="dB",
    rule="the first or last 10 ms are less than 6 dB below the loud frames of the clip",
    advice="cut again with 0.1 s more, or drop; a voice learns to swallow first and last sounds",
)
NO_SPEECH = Check(
    name="no-speech",
    title="No speech",
    unit="dB",
    rule="the loudest frames are below -60 dB of full scale",
    advice="drop these clips, or look for a muted microphone",
)
_LONG_SECONDS = 1.0  # longer than pauses within read sentences, which seldom exceed a second
_CUT_DB = 6.0  # tight cuts of whole words begin at -8 dB and below; the middle of a vowel is at -5 to 0 dB
_AUDIBLE_DB = -60.0  # 40 dB below usual speech: there is nothing to hear
_RANGE_DB = 35.0  # weak fricatives are some 30 dB below vowels
_ABOVE_NOISE_DB = 6.0
_CLICK_FRAMES = 3  # what is shorter is a click, not speech


@dataclass(frozen=True)
class Activity:
    """Where speech is.

    Attributes:
        is_speech: [frames].
        speech_db: level that speech reaches in its loud frames, the 95th percentile.
        leading_seconds, trailing_seconds: before the first and after the last speech; the whole clip where is none.
        start_db, end_db: level of the first and the last frame less `speech_db`.
    """

    is_speech: npt.NDArray[np.bool_]
    speech_db: float
    leading_seconds: float
    trailing_seconds: float
    start_db: float
    end_db: float


def activity(level_db: Floats) -> Activity:
    """Tell speech from silence by levels [frames] in dB.

    Speech is what comes within 35 dB of the loud frames (95th percentile), is 6 dB above the quiet ones (5th
    percentile, but at most 10 dB below the loud: a clip without pauses has no noise to be seen), and lasts 30 ms.
    """
    quiet, loud = np.percentile(level_db, [5, 95])
    threshold = max(loud - _RANGE_DB, min(quiet + _ABOVE_NOISE_DB, loud - 10), _AUDIBLE_DB - 10)
    is_speech = _lasting(level_db >= threshold) if loud >= _AUDIBLE_DB else np.zeros(len(level_db), bool)
    spoken = np.flatnonzero(is_speech)
    first, last = (spoken[0], spoken[-1] + 1) if len(spoken) else (len(level_db), 0)
    return Activity(
        is_speech=is_speech,
        speech_db=float(loud),
        leading_seconds=float(first * HOP_SECONDS),
        trailing_seconds=float((len(level_db) - last) * HOP_SECONDS),
        start_db=float(level_db[0] - loud),
        end_db=float(level_db[-1] - loud),
    )


def silence(clips: Sequence[Clip]) -> Iterator[Finding]:
    """Clips without speech, with much silence at an end, and with none where speech is cut off."""
    mute = [clip for clip in clips if clip.sound.speech_db < _AUDIBLE_DB]
    spoken = [clip for clip in clips if clip.sound.speech_db >= _AUDIBLE_DB]
    yield from finding(NO_SPEECH, (_mute(clip) for clip in mute))
    yield from finding(LONG_SILENCE, (_long(clip) for clip in spoken if _longest(clip) > _LONG_SECONDS))
    yield from finding(CUT_OFF, (_cut(clip) for clip in spoken if _edge(clip) > -_CUT_DB))


def _lasting(frames: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Only the runs that are no clicks."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], frames, [False]]).astype(np.int8)))
    kept = np.zeros(len(frames), bool)
    for start, end in zip(edges[::2], edges[1::2], strict=True):
        kept[start:end] = end - start >= min(_CLICK_FRAMES, len(frames))
    return kept


def _longest(clip: Clip) -> float:
    return max(clip.sound.leading_seconds, clip.sound.trailing_seconds)


def _edge(clip: Clip) -> float:
    return max(clip.sound.start_db, clip.sound.end_db)


def _mute(clip: Clip) -> Case:
    level = clip.sound.speech_db
    return Case(clip.utterance_id, level, f"loudest frames at {level:.0f} dB", -level)


def _long(clip: Clip) -> Case:
    before, after = clip.sound.leading_seconds, clip.sound.trailing_seconds
    return Case(clip.utterance_id, _longest(clip), f"{before:.2f} s before, {after:.2f} s after", _longest(clip))


def _cut(clip: Clip) -> Case:
    sides = {"start": clip.sound.start_db, "end": clip.sound.end_db}
    cut = [f"{side} {value:+.0f} dB" for side, value in sides.items() if value > -_CUT_DB]
    return Case(clip.utterance_id, _edge(clip), f"against speech: {', '.join(cut)}", _edge(clip))
