"""How much there is: lengths of clips, and minutes of each speaker."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tts.lint.findings import Case, Check, Clip, Finding, finding
from tts.lint.robust import by_speaker

SHORT = Check(
    name="short-clips",
    title="Very short clips",
    unit="s",
    rule="under 0.5 s of speech",
    advice="single letters and clicks teach little; join or drop them, corpora.<name>.min_seconds drops by length",
    is_note=True,
)
LONG = Check(
    name="long-clips",
    title="Very long clips",
    unit="s",
    rule="over 20 s",
    advice="cut at pauses; long clips set the memory of a batch and are harder to align (max_seconds drops them)",
)
LITTLE = Check(
    name="little-data",
    title="Little speech of a speaker",
    unit="min",
    rule="a speaker has under 10 min of speech",
    advice="record more, or start from a voice with `init_from`; 20 min and more are usual per speaker",
)
_SHORT_SECONDS = 0.5  # less than two syllables
_LONG_SECONDS = 20.0  # LJSpeech's longest clip has 10 s
_LITTLE_MINUTES = 10.0  # speakers of LibriTTS and VCTK have some 25


def amounts(clips: Sequence[Clip]) -> Iterator[Finding]:
    """Clips too short or too long, and speakers with too little."""
    sounding = [clip for clip in clips if clip.sound.active_seconds > 0]
    short = [clip for clip in sounding if clip.sound.active_seconds < _SHORT_SECONDS]
    yield from finding(SHORT, (_seconds(clip, clip.sound.active_seconds, -1) for clip in short))
    long = [clip for clip in clips if clip.sound.seconds > _LONG_SECONDS]
    yield from finding(LONG, (_seconds(clip, clip.sound.seconds, 1) for clip in long))
    minutes = {group[0].speaker: speech_minutes(group) for group in by_speaker(clips)}
    yield from finding(LITTLE, (Case(name, value, f"{value:.1f} min of speech", -value)
                                for name, value in minutes.items() if value < _LITTLE_MINUTES))  # fmt: skip


def speech_minutes(clips: Sequence[Clip]) -> float:
    """Minutes of speech, silence left out."""
    return sum(clip.sound.active_seconds for clip in clips) / 60


def _seconds(clip: Clip, seconds: float, sign: int) -> Case:
    return Case(clip.utterance_id, seconds, f"{seconds:.2f} s: {clip.text[:60]!r}", sign * seconds)
