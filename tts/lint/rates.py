"""Speaking rate: transcripts that say more or less than is spoken."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tts.errors import TextError
from tts.lint.findings import Case, Check, Clip, Finding, finding
from tts.lint.robust import by_speaker, enough, middle_and_spread
from tts.text.characters import CharacterFrontend, letters

MISFIT = Check(
    name="misfit",
    title="Transcript does not fit the audio",
    unit="times",
    rule="over twice, or under half, the speaker's usual letters per second of speech, and unusual as below",
    advice="listen: the transcript is another clip's, or words are missing in it or in the audio",
)
UNUSUAL = Check(
    name="speaking-rate",
    title="Unusual speaking rate",
    unit="letters/s",
    rule="letters per second of speech, in logarithms, 3.5 robust standard deviations from the speaker's median",
    advice="listen to the worst; words may be missing, or the style is another one",
    is_note=True,
)
_FEW = 12  # letters: "nine" and "six" differ by more than any rate
_FAR = 3.5  # of modified z-scores, as Iglewicz and Hoaglin (1993, How to detect and handle outliers) advise
_FACTOR = 2.0  # sentences of one speaker stay within 1.6
_LEAST_SPREAD = 0.06  # of log rates; speakers as even as espeak-ng would make outliers of 10 %
_FRONTEND = CharacterFrontend()


@dataclass(frozen=True)
class Rate:
    """Letters per second of speech in a clip."""

    clip: Clip
    per_second: float


def spoken_letters(text: str, language: str) -> int:
    """Letters of a text once its numbers are words, Korean syllables taken apart; 0 where there is nothing to say."""
    try:
        normal = _FRONTEND.normalize(text, language)
    except TextError:
        return 0
    return sum(_sounds(letter) for word in normal.split() for letter in letters(word))


def rate_of(clip: Clip) -> Rate | None:
    """Speaking rate; None where there is no speech, or less than 12 letters, too few to tell."""
    if clip.num_letters < _FEW or clip.sound.active_seconds <= 0:
        return None
    return Rate(clip, clip.num_letters / clip.sound.active_seconds)


def rates(clips: Sequence[Clip]) -> Iterator[Finding]:
    """Clips whose text is too long or too short for their sound, each judged by its speaker's others."""
    found = [case for group in by_speaker(clips) for case in _of_speaker(group)]
    yield from finding(MISFIT, (case for check, case in found if check is MISFIT))
    yield from finding(UNUSUAL, (case for check, case in found if check is UNUSUAL))


def _of_speaker(clips: Sequence[Clip]) -> Iterator[tuple[Check, Case]]:
    known = [rate for rate in map(rate_of, clips) if rate is not None]
    if not enough(known):
        return
    middle, spread = middle_and_spread([math.log(rate.per_second) for rate in known], least=_LEAST_SPREAD)
    for rate in known:
        away = math.log(rate.per_second) - middle
        name, times = rate.clip.utterance_id, math.exp(away)
        detail = f"{rate.per_second:.1f} letters/s, {rate.clip.speaker}'s median is {math.exp(middle):.1f}"
        if abs(away) <= _FAR * spread:
            continue
        if abs(away) > math.log(_FACTOR):
            yield MISFIT, Case(name, times, detail, abs(away))
        else:
            yield UNUSUAL, Case(name, rate.per_second, detail, abs(away))


def _sounds(letter: str) -> int:
    """Letters that a character stands for: two or three for a syllable of Hangul."""
    code = ord(letter[0]) - 0xAC00
    return (3 if code % 28 else 2) if 0 <= code < 11172 else 1
