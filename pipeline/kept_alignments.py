"""Alignments of clips kept under content keys, so that a clip is aligned once."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.fingerprint import content_key
from pipeline.output import replaced_file
from tts.alignment.utterances import Aligned, Failed
from tts.text.frontend import Word

Result = Aligned | Failed

_RESULTS_PER_FILE = 256


class KeptAlignments:
    """Results by key, in files of JSON that are written whole or not at all."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._kept: dict[str, dict[str, Any]] = {}
        for path in sorted(folder.glob("*.json")):
            self._kept.update(json.loads(path.read_text(encoding="utf-8")))

    def __contains__(self, key: str) -> bool:
        return key in self._kept

    def read(self, key: str, utterance_id: str) -> Result:
        """A result that was kept, for an utterance that may have had another name, or has a twin."""
        return replace(_result(self._kept[key]), utterance_id=utterance_id)

    def keep(self, results: Iterable[Result], keys: Mapping[str, str]) -> None:
        """Write results as they come, under the keys of their utterances."""
        for batch in _batches(results):
            plain = {keys[each.utterance_id]: _plain(each) for each in batch}
            with replaced_file(self._folder / f"{content_key(sorted(plain))}.json") as temporary:
                temporary.write_text(json.dumps(plain), encoding="utf-8")
            self._kept.update(plain)


def _batches(results: Iterable[Result]) -> Iterator[list[Result]]:
    batch: list[Result] = []
    for result in results:
        batch.append(result)
        if len(batch) == _RESULTS_PER_FILE:
            yield batch
            batch = []
    if batch:
        yield batch


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
