"""File formats: rates, channels and encodings that differ or lose something."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TypeVar

from tts.lint.findings import Case, Check, Clip, Finding, finding

RATES = Check(
    name="sample-rates",
    title="Several sample rates",
    unit="Hz",
    rule="not all files have the most common sample rate",
    advice="all are resampled to audio.sample_rate; choose it so that none need be upsampled",
)
CHANNELS = Check(
    name="channels",
    title="Several channel counts",
    unit="channels",
    rule="not all files have the most common number of channels",
    advice="channels are averaged; see that stereo files do not hold two microphones",
)
CANCEL = Check(
    name="cancelling-channels",
    title="Channels that cancel or are silent",
    unit="dB",
    rule="the average of the channels is over 4.5 dB below the loudest one (one silent channel of two costs 6 dB)",
    advice="export the good channel alone; channels are averaged here",
)
ENCODINGS = Check(
    name="encodings",
    title="Several encodings",
    unit="",
    rule="not all files have the most common encoding",
    advice="harmless in itself; it often tells recordings of different origin",
    is_note=True,
)
COARSE = Check(
    name="coarse-encoding",
    title="Few bits or lossy coding",
    unit="",
    rule="8-bit samples, telephone coding (u-law, A-law, ADPCM, GSM), MP3, Vorbis or Opus",
    advice="find the originals if there are any",
    is_note=True,
)
_CANCEL_DB = -4.5  # two unrelated channels lose 3 dB
_LOSSY = ("PCM_S8", "PCM_U8", "ULAW", "ALAW", "ADPCM", "GSM", "MPEG", "VORBIS", "OPUS", "G72", "NMS", "VOX")

Value = TypeVar("Value", int, str)


def formats(clips: Sequence[Clip]) -> Iterator[Finding]:
    """Clips whose files are of another kind than most, or of a poor one."""
    yield from finding(RATES, _unusual({clip: clip.sound.sample_rate for clip in clips}, "{:,} Hz"))
    yield from finding(CHANNELS, _unusual({clip: clip.sound.num_channels for clip in clips}, "{}"))
    yield from finding(CANCEL, (_cancelling(clip) for clip in clips if clip.sound.mixing_db < _CANCEL_DB))
    yield from finding(ENCODINGS, _unusual({clip: clip.sound.encoding for clip in clips}, "{}"))
    coarse = (clip for clip in clips if any(name in clip.sound.encoding for name in _LOSSY))
    yield from finding(COARSE, (Case(clip.utterance_id, None, clip.sound.encoding) for clip in coarse))


def _unusual(values: dict[Clip, Value], form: str) -> Iterator[Case]:
    counts = Counter(values.values())
    if not counts:
        return
    usual, count = max(counts.items(), key=lambda pair: (pair[1], pair[0]))
    for clip, value in values.items():
        if value != usual:
            detail = f"{form.format(value)}; {count:,} clips have {form.format(usual)}"
            yield Case(clip.utterance_id, value if isinstance(value, int) else None, detail, -counts[value])


def _cancelling(clip: Clip) -> Case:
    lost = clip.sound.mixing_db
    return Case(clip.utterance_id, lost, f"{lost:.1f} dB by averaging {clip.sound.num_channels} channels", -lost)
