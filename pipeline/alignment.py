"""From a prepared corpus to the tables of its alignment."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache, partial
from itertools import chain, groupby
from pathlib import Path
from typing import Any

from pipeline.clips import Clip, read_clips
from pipeline.fingerprint import content_key
from pipeline.intervals import read_intervals
from pipeline.kept import Kept
from pipeline.kept_alignments import KeptAlignments
from pipeline.ledger import loss, write_ledger
from tts.alignment.backends import build_aligner
from tts.alignment.intervals import Interval, intervals
from tts.alignment.quality import ClipQuality, alignment_metrics, clip_qualities, require_few_unaligned, unfit
from tts.alignment.settings import AlignSettings
from tts.alignment.utterances import Aligned, Failed, Identity, ParallelMap, Utterance
from tts.data.tables import MANIFEST, PHONES, QUALITY, read_table, write_columns, write_table
from tts.errors import TextError
from tts.text.frontend import Frontend, TextSettings, Word, build_frontend, pronounce_each

_TEXTS_AT_ONCE = 100  # espeak-ng is loaded once for them
_CLIPS_AT_ONCE = 1000


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
    """What became of a corpus.

    Attributes:
        kept: intervals of the clips that can be used.
        qualities: of the same clips.
        failed: clips without a usable alignment.
        num_computed: clips that had to be aligned now.
        identity: of the aligner.
    """

    kept: Mapping[str, list[Interval]]
    qualities: Sequence[ClipQuality]
    failed: Sequence[Failed]
    num_computed: int
    identity: Identity

    @property
    def num_clips(self) -> int:
        """With and without alignment."""
        return len(self.kept) + len(self.failed)


def read_spoken(corpus: Path, settings: TextSettings, work: Path, *, run: ParallelMap) -> list[Spoken]:
    """Pronounce the texts of data/corpus/<corpus> whose pronunciation is not kept in `work`."""
    clips = read_clips(corpus)
    rows = read_table(corpus / "manifest.parquet", MANIFEST)
    kept = Kept(work / "words")
    texts = [(str(row["language"]), str(row["normalized_text"])) for row in rows]
    keys = {text: content_key(*text) for text in texts}
    missing = sorted(text for text, key in keys.items() if key not in kept)
    pronounced = run(partial(_pronounce, settings), _batches(missing), label="phones")
    kept.keep((keys[text], words) for text, words in zip(missing, chain.from_iterable(pronounced), strict=True))
    return [
        Spoken(row["utterance_id"], row["speaker"], clips[row["utterance_id"]], *_words(kept.read(keys[text])))
        for row, text in zip(rows, texts, strict=True)
    ]


def align_corpus(spoken: Sequence[Spoken], settings: AlignSettings, work: Path, *, run: ParallelMap) -> Alignments:
    """Align the clips whose alignment is not kept in `work`, and tell what is fit for use.

    Raises:
        AlignmentError: more clips failed than the settings allow.
    """
    utterances = [_utterance(each) for each in spoken if not each.fault]
    aligner = build_aligner(settings)
    identity = aligner.fit(utterances, work / "aligner", run=run)
    kept = KeptAlignments(work / "clips")
    keys = {each.utterance_id: content_key(identity.key, each.key) for each in utterances}
    missing = [each for each in utterances if keys[each.utterance_id] not in kept]
    kept.keep(aligner.align(missing, work / "aligner", run=run) if missing else (), keys)
    results = (kept.read(keys[each.utterance_id], each.utterance_id) for each in utterances)
    unspoken = (Failed(each.utterance_id, "cannot be pronounced", each.fault) for each in spoken if each.fault)
    alignments = _judged(chain(results, unspoken), settings.fold_silence_ms / 1000, len(missing), identity)
    require_few_unaligned(alignments.failed, num_clips=len(spoken), limit=settings.max_unaligned)
    return alignments


def write_alignments(folder: Path, alignments: Alignments) -> None:
    """Write phones.parquet, quality.parquet and dropped.parquet."""
    write_columns(folder / "phones.parquet", _phone_columns(alignments.kept), PHONES)
    write_table(folder / "quality.parquet", map(asdict, alignments.qualities), QUALITY)
    losses = [loss(each.utterance_id, "align", each.reason, each.detail) for each in alignments.failed]
    write_ledger(folder / "dropped.parquet", losses)


def measure(alignments: Alignments, corpus: Path) -> dict[str, Any]:
    """Metrics of an alignment; errors of boundaries where data/corpus/<corpus> has true_phones.parquet."""
    path = corpus / "true_phones.parquet"
    truth = read_intervals(path) if path.exists() else None
    found = alignment_metrics(alignments.kept, alignments.qualities, num_clips=alignments.num_clips, truth=truth)
    return {**found, "made_by": alignments.identity.facts}


def _utterance(spoken: Spoken) -> Utterance:
    words = [[word.text, word.phones] for word in spoken.words]
    key = content_key(spoken.clip.audio_sha256, spoken.clip.sample_rate, spoken.speaker, words)
    return Utterance(spoken.utterance_id, spoken.speaker, spoken.clip, spoken.words, key)


def _judged(
    results: Iterable[Aligned | Failed], fold_seconds: float, num_computed: int, identity: Identity
) -> Alignments:
    kept, likelihoods, failed = {}, {}, []
    for each in results:
        fault = each if isinstance(each, Failed) else unfit(each)
        if fault:
            failed.append(fault)
        elif isinstance(each, Aligned):
            kept[each.utterance_id] = intervals(each, fold_seconds=fold_seconds)
            likelihoods[each.utterance_id] = each.log_likelihood
    failed.sort(key=lambda each: each.utterance_id)
    return Alignments(kept, clip_qualities(kept, likelihoods), failed, num_computed, identity)


def _batches(texts: Sequence[tuple[str, str]]) -> list[tuple[str, list[str]]]:
    """Texts by language, some at once."""
    return [
        (language, group[start : start + _TEXTS_AT_ONCE])
        for language, pairs in groupby(texts, key=lambda text: text[0])
        for group in ([text for _, text in pairs],)
        for start in range(0, len(group), _TEXTS_AT_ONCE)
    ]


def _pronounce(settings: TextSettings, batch: tuple[str, Sequence[str]]) -> list[Any]:
    """Words of each text of a language as JSON, or the fault."""
    language, texts = batch
    spoken = pronounce_each(_frontend(settings), texts, language)
    return [
        str(words) if isinstance(words, TextError) else [[word.text, word.phones] for word in words] for words in spoken
    ]


def _words(plain: Any) -> tuple[tuple[Word, ...], str]:  # noqa: ANN401 - any JSON value
    """Words, or the fault."""
    return ((), plain) if isinstance(plain, str) else (tuple(Word(text, tuple(phones)) for text, phones in plain), "")


@lru_cache(maxsize=1)
def _frontend(settings: TextSettings) -> Frontend:
    return build_frontend(settings)


def _phone_columns(kept: Mapping[str, Sequence[Interval]]) -> Iterator[dict[str, list[Any]]]:
    """Columns of phones.parquet, of some clips at once: an hour of speech has fifty thousand phones."""
    names = sorted(kept)
    for start in range(0, len(names), _CLIPS_AT_ONCE):
        some = names[start : start + _CLIPS_AT_ONCE]
        rows = [row for name in some for row in kept[name]]
        yield {
            "utterance_id": [name for name in some for _ in kept[name]],
            "position": [position for name in some for position in range(len(kept[name]))],
            "phone": [row.phone for row in rows],
            "start_seconds": [row.start for row in rows],
            "end_seconds": [row.end for row in rows],
            "word": [row.word for row in rows],
        }
