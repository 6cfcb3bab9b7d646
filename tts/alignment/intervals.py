"""Phones in time, as the tables hold them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import accumulate, pairwise

from tts.alignment.transcripts import transcript
from tts.alignment.utterances import Aligned
from tts.phones import SILENCE


@dataclass(frozen=True, slots=True)
class Interval:
    """A phone from `start` to `end` seconds; `word` is "" for silence."""

    phone: str
    start: float
    end: float
    word: str


def intervals(aligned: Aligned, *, fold_seconds: float) -> list[Interval]:
    """Phones of a clip with their words, as a model learns them.

    Every pause of the text, and both ends, are a silence, though one that nobody hears lasts 0 s: synthesis has a
    silence at every pause too, and the model learns how long. A shorter silence than `fold_seconds` where the text
    has no pause becomes part of the phone before it; a longer one stays.
    """
    spoken = [word for word in aligned.words if word.phones]
    starts = set(accumulate((len(word.phones) for word in spoken), initial=0))
    pauses = dict(zip(sorted(starts), transcript(aligned.words).pauses, strict=True))
    owners = [word.text for word in spoken for _ in word.phones]
    found: list[Interval] = []
    said = 0
    for phone, (start, end) in zip(aligned.phones, pairwise(map(float, aligned.boundaries)), strict=True):
        is_pause = pauses.get(said, False)
        if phone != SILENCE:
            if is_pause and not (found and found[-1].phone == SILENCE):
                found.append(Interval(SILENCE, start, start, ""))
            found.append(Interval(phone, start, end, owners[said]))
            said += 1
        elif is_pause or end - start >= fold_seconds:
            found.append(Interval(SILENCE, start, end, ""))
        else:
            found[-1] = replace(found[-1], end=end)
    if found[-1].phone != SILENCE:
        found.append(Interval(SILENCE, found[-1].end, found[-1].end, ""))
    return found
