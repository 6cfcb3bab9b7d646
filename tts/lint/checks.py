"""All checks, in the order in which they are told."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from tts.lint.amounts import amounts
from tts.lint.bandwidth import bandwidth
from tts.lint.clipping import clipping
from tts.lint.findings import Clip, Finding
from tts.lint.fingerprints import same_audio
from tts.lint.formats import formats
from tts.lint.levels import levels
from tts.lint.noise import noise
from tts.lint.rates import rates
from tts.lint.silence import silence
from tts.lint.similar_texts import similar_texts
from tts.lint.texts import texts

CHECKS: tuple[Callable[[Sequence[Clip]], Iterable[Finding]], ...] = (
    rates,
    same_audio,
    clipping,
    silence,
    noise,
    levels,
    bandwidth,
    formats,
    texts,
    amounts,
    similar_texts,
)


def check(clips: Sequence[Clip]) -> list[Finding]:
    """What is wrong with the clips of a corpus, notes last."""
    found = [each for look in CHECKS for each in look(clips)]
    return sorted(found, key=lambda each: each.check.is_note)
