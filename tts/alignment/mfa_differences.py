"""How often the Montreal Forced Aligner chose another pronunciation than the front end's."""

from __future__ import annotations

import logging
from collections import Counter

from tts.alignment.utterances import Aligned, Utterance

logger = logging.getLogger(__name__)

_SHOWN = 5


class Differences:
    """Counts words as they were said and as the front end says them."""

    def __init__(self) -> None:
        self._num_words = 0
        self._others: Counter[str] = Counter()

    def count(self, utterance: Utterance, aligned: Aligned) -> None:
        """Add the words of a clip."""
        for ours, said in zip(utterance.words, aligned.words, strict=True):
            self._num_words += bool(ours.phones)
            if ours.phones != said.phones:
                self._others[f"{ours.text} ({' '.join(said.phones)}, not {' '.join(ours.phones)})"] += 1

    def warn(self) -> None:
        """Say what share of the words differs, and what to do, if any does."""
        if not self._others:
            return
        logger.warning(
            "align.mfa.dictionary says %.1f %% of the words otherwise than the front end, most often %s; so that "
            "synthesis says them as they were said, give the front end these words by text.lexicon",
            100 * self._others.total() / self._num_words,
            ", ".join(example for example, _ in self._others.most_common(_SHOWN)),
        )
