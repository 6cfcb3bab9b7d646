"""Alignments of clips kept under content keys, so that a clip is aligned once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.kept import Kept
from tts.alignment.utterances import Aligned, Failed
from tts.text.frontend import Word

Result = Aligned | Failed


class KeptAlignments:
    """Results by key."""

    def __init__(self, folder: Path) -> None:
        self._kept = Kept(folder)

    def __contains__(self, key: str) -> bool:
        return key in self._kept

    def read(self, key: str, utterance_id: str) -> Result:
        """A result that was kept, for an utterance that may have had another name, or has a twin."""
        return replace(_result(self._kept.read(key)), utterance_id=utterance_id)

    def keep(self, results: Iterable[Result], keys: Mapping[str, str]) -> None:
        """Write results as they come, under the keys of their utterances."""
        self._kept.keep((keys[each.utterance_id], _plain(each)) for each in results)


def _plain(result: Result) -> dict[str, Any]:
    if isinstance(result, Failed):
        return asdict(result)
    return {
        "utterance_id": result.utterance_id,
        "words": [[word.text, word.phones] for word in result.words],
        "phones": result.phones,
        "boundaries": result.boundaries.tolist(),
        "log_likelihood": result.log_likelihood,
    }


def _result(plain: Mapping[str, Any]) -> Result:
    if "reason" in plain:
        return Failed(**plain)
    words = tuple(Word(text, tuple(phones)) for text, phones in plain["words"])
    boundaries = np.array(plain["boundaries"], dtype=np.float64)
    return Aligned(plain["utterance_id"], words, tuple(plain["phones"]), boundaries, plain["log_likelihood"])
