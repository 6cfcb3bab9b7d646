"""From a prepared corpus to the tables of its alignment."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import groupby
from pathlib import Path
from typing import Any, TypeVar

from pipeline.clips import Clip, read_clips
from pipeline.ledger import loss, write_ledger
from pipeline.parallel import parallel_map
from tts.alignment.intervals import Interval, intervals, transcript
from tts.alignment.kaldi import Aligned, Failed, ParallelMap, Utterance, align
from tts.alignment.quality import alignment_metrics, require_few_unaligned, unfit
from tts.alignment.settings import AlignSettings
from tts.data.tables import MANIFEST, PHONES, read_table, write_table
from tts.errors import TextError
from tts.text.frontend import Frontend, TextSettings, Word, build_frontend

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Spoken:
    """A clip and the words said in it; `fault` tells why there are none."""

    utterance_id: str
    speaker: str
    clip: Clip
    words: tuple[Word, ...]
    fault: str = ""


@dataclass(frozen=True)
class Alignments:
    """What became of a corpus: intervals of the clips that can be used, and a result for every clip."""

    kept: Mapping[str, list[Interval]]
    results: Sequence[Aligned | Failed]

    @property
    def failed(self) -> list[Failed]:
        """Clips without a usable alignment."""
        return [result for result in self.results if isinstance(result, Failed)]


def mapper(workers: int) -> ParallelMap:
    """A `ParallelMap` over worker processes."""

    def run(function: Callable[[Item], Result], items: Sequence[Item], *, label: str) -> Iterator[Result]:
        return parallel_map(function, items, workers=workers, label=label, total=len(items))

    return run


def read_spoken(corpus: Path, settings: TextSettings, *, run: ParallelMap) -> list[Spoken]:
    """Pronounce the texts of data/corpus/<corpus>."""
    clips = read_clips(corpus)
    rows = read_table(corpus / "manifest.parquet", MANIFEST)
    words = run(partial(_pronounce, settings), [(r["normalized_text"], r["language"]) for r in rows], label="phones")
    return [
        Spoken(row["utterance_id"], row["speaker"], clips[row["utterance_id"]], *spoken)
        for row, spoken in zip(rows, words, strict=True)
    ]


def align_corpus(spoken: Sequence[Spoken], settings: AlignSettings, work: Path, *, run: ParallelMap) -> Alignments:
    """Align, and keep what is fit for use.

    Raises:
        AlignmentError: more clips failed than the settings allow.
    """
    words = {each.utterance_id: each.words for each in spoken}
    results: list[Aligned | Failed] = [
        Failed(each.utterance_id, "cannot be pronounced", each.fault) for each in spoken if each.fault
    ]
    utterances = [
        Utterance(each.utterance_id, each.speaker, each.clip, transcript(each.words))
        for each in spoken
        if not each.fault
    ]
    for result in align(utterances, settings, work, run=run):
        expected = [phone for word in words[result.utterance_id] for phone in word.phones]
        results.append(unfit(result, expected) or result if isinstance(result, Aligned) else result)
    results.sort(key=lambda result: result.utterance_id)
    fold = settings.fold_silence_ms / 1000
    kept = {
        result.utterance_id: intervals(result.phones, result.boundaries, words[result.utterance_id], fold_seconds=fold)
        for result in results
        if isinstance(result, Aligned)
    }
    alignments = Alignments(kept, results)
    require_few_unaligned(alignments.failed, num_clips=len(spoken), limit=settings.max_unaligned)
    return alignments


def write_alignments(folder: Path, alignments: Alignments) -> None:
    """Write phones.parquet and dropped.parquet."""
    write_table(folder / "phones.parquet", _phone_rows(alignments.kept), PHONES)
    losses = [loss(each.utterance_id, "align", each.reason, each.detail) for each in alignments.failed]
    write_ledger(folder / "dropped.parquet", losses)


def measure(alignments: Alignments, corpus: Path) -> dict[str, Any]:
    """Metrics of an alignment; errors of boundaries where data/corpus/<corpus> has true_phones.parquet."""
    path = corpus / "true_phones.parquet"
    truth = _read_intervals(path) if path.exists() else None
    return alignment_metrics(alignments.kept, alignments.results, truth)


def _pronounce(settings: TextSettings, text: tuple[str, str]) -> tuple[tuple[Word, ...], str]:
    """Words of a text in a language, or the fault."""
    try:
        return _frontend(settings).pronounce([text[0]], text[1])[0], ""
    except TextError as error:
        return (), str(error)


@lru_cache(maxsize=1)
def _frontend(settings: TextSettings) -> Frontend:
    return build_frontend(settings)


def _phone_rows(kept: Mapping[str, Iterable[Interval]]) -> Iterator[dict[str, Any]]:
    for name in sorted(kept):
        for position, interval in enumerate(kept[name]):
            yield {
                "utterance_id": name,
                "position": position,
                "phone": interval.phone,
                "start_seconds": interval.start,
                "end_seconds": interval.end,
                "word": interval.word,
            }


def _read_intervals(path: Path) -> dict[str, list[Interval]]:
    rows = read_table(path, PHONES)
    return {
        name: [Interval(row["phone"], row["start_seconds"], row["end_seconds"], row["word"]) for row in group]
        for name, group in groupby(rows, key=lambda row: str(row["utterance_id"]))
    }
