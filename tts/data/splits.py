"""Train, validation and test: decided by what is said, so that no sentence is on both sides.

The hash is taken of the text, not of the utterance id: corpora such as VCTK let many speakers read the same sentences,
and a sentence heard in training is no test.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from tts.config import config

Split = Literal["train", "validation", "test"]


@config
class SplitSettings:
    """Shares of the texts held out.

    Attributes:
        seed: of the hash; another seed, another draw.
        validation, test: shares of the texts.
    """

    seed: int = 1234
    validation: float = Field(default=0.05, ge=0, lt=0.5)
    test: float = Field(default=0.05, ge=0, lt=0.5)


def assign_splits(texts: Mapping[str, str], speakers: Mapping[str, str], settings: SplitSettings) -> dict[str, Split]:
    """Split of every utterance.

    A text is held out when its hash falls below the share, whatever else the corpus holds, so added recordings move
    no other. A speaker left without a held-out text gives the one with the lowest hash, if it has at least three.

    Args:
        texts: normalized text by utterance id.
        speakers: by utterance id.
        settings: shares and seed.
    """
    rank = {text: _fraction(text, settings.seed) for text in set(texts.values())}
    by_speaker: dict[str, set[str]] = defaultdict(set)
    for utterance_id, speaker in speakers.items():
        by_speaker[speaker].add(texts[utterance_id])
    test = _held_out(rank, by_speaker, share=settings.test, above=0.0, taken=set())
    validation = _held_out(rank, by_speaker, share=settings.validation, above=settings.test, taken=test)
    return {each: _name(text, test, validation) for each, text in texts.items()}


def _held_out(
    rank: Mapping[str, float],
    by_speaker: Mapping[str, set[str]],
    *,
    share: float,
    above: float,
    taken: set[str],
) -> set[str]:
    if share == 0:
        return set()
    chosen = {text for text, fraction in rank.items() if above <= fraction < above + share and text not in taken}
    for _, texts in sorted(by_speaker.items()):
        if len(texts) >= 3 and not texts & chosen:
            chosen.add(min(texts - taken, key=lambda text: (rank[text], text)))
    return chosen


def _name(text: str, test: set[str], validation: set[str]) -> Split:
    if text in test:
        return "test"
    return "validation" if text in validation else "train"


def _fraction(text: str, seed: int) -> float:
    digest = hashlib.sha256(f"{seed}:{text.casefold()}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64
