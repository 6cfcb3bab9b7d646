"""Recordings of any kind to one manifest and audio shards of one sample rate."""

from __future__ import annotations

import dataclasses
import hashlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.fingerprint import content_key, file_key
from pipeline.incremental import Fields, Rejected, Results
from pipeline.kept import Kept
from pipeline.kept_shards import ShardStore
from pipeline.ledger import Loss, loss
from pipeline.parallel import Executor
from tts.audio.files import Readable, read_audio
from tts.audio.samples import to_int16
from tts.config import to_plain
from tts.corpora import CorpusConfig, read
from tts.corpora.limits import ClipLimits
from tts.corpora.packs import PackedFile
from tts.corpora.recordings import Dropped, Recording, Speaker
from tts.corpora.trees import Tree
from tts.data.shards import assign_shards, layout
from tts.data.tables import MANIFEST, PHONES, SPEAKERS, read_table, write_table
from tts.errors import AudioError, CorpusError, TextError
from tts.text.frontend import Frontend, TextSettings, build_frontend

_TRUE_PHONES = "true_phones.parquet"


@dataclass(frozen=True)
class Prepared:
    """The clips that are kept.

    Attributes:
        recordings: as the corpus has them.
        texts: normalized, by utterance id.
        results: of `samples_of`, by utterance id.
        sample_rate: of the results, Hz.
    """

    recordings: Sequence[Recording]
    texts: Mapping[str, str]
    results: Results
    sample_rate: int

    @property
    def num_samples(self) -> dict[str, int]:
        """Length of each clip."""
        lengths = self.results.lengths("audio")
        return {each.utterance_id: lengths[each.utterance_id] for each in self.recordings}


def read_recordings(settings: CorpusConfig, raw: Tree) -> tuple[list[Recording], list[Dropped]]:
    """List the clips of a corpus that was fetched, and what cannot be used.

    Raises:
        CorpusError: there are none, or the folder is not such a corpus.
    """
    recordings, dropped = read(settings, raw)
    if not recordings and all(each.is_expected for each in dropped):
        raise CorpusError(f"{raw}: holds no recordings; look at corpora.{raw.name} in params.yaml")
    return recordings, dropped


def normalize(
    recordings: Sequence[Recording], settings: TextSettings, folder: Path, code: str
) -> tuple[dict[str, str], list[Dropped]]:
    """Texts as they are spoken, by utterance id, and what cannot be spoken.

    Args:
        recordings: of a corpus.
        settings: of the front end, which is asked about texts that are new.
        folder: where its answers are kept.
        code: key of its code.
    """
    kept, lexicon = Kept(folder), file_key(Path(settings.lexicon)) if settings.lexicon else None
    base = content_key(code, to_plain(settings), lexicon)
    keys = {each.utterance_id: content_key(base, each.language, each.text) for each in recordings}
    new = {keys[each.utterance_id]: each for each in recordings if keys[each.utterance_id] not in kept}
    if new:
        frontend = build_frontend(settings)
        kept.keep((key, _normalized(each, frontend)) for key, each in new.items())
    texts, dropped = {}, []
    for name, key in keys.items():
        text, fault = kept.read(key)
        if fault:
            dropped.append(Dropped(name, "nothing to say", fault))
        else:
            texts[name] = text
    return texts, dropped


def _normalized(recording: Recording, frontend: Frontend) -> tuple[str, str]:
    """Text and fault, one of which is empty."""
    try:
        return frontend.normalize(recording.text, recording.language), ""
    except TextError as error:
        return "", str(error)


def audio_contents(audio: Mapping[str, Tree], executor: Executor, *, label: str) -> dict[str, list[str]]:
    """What the samples of each clip depend on: the bytes of its file, and its name, which messages hold.

    Of packed files nothing is read, since their digests are known.
    """
    known = {name: file.sha256 for name, file in audio.items() if isinstance(file, PackedFile)}
    plain = {name: file for name, file in audio.items() if name not in known}
    known.update(zip(plain, executor.map(_digest, plain.values(), label=label), strict=True))
    return {name: [known[name], str(file)] for name, file in audio.items()}


def samples_of(audio: Readable, sample_rate: int) -> Fields | Rejected:
    """Samples of a sound file, mono int16 at `sample_rate` (Hz), and apart from them their SHA-256."""
    try:
        samples = to_int16(read_audio(audio, sample_rate=sample_rate))
    except AudioError as error:
        return Rejected("unusable audio", str(error))
    digest = hashlib.sha256(samples.astype("<i2").tobytes()).hexdigest()
    return {"audio": samples, "sha256": np.array(digest)}


def unusable(results: Results, limits: ClipLimits, sample_rate: int) -> list[Dropped]:
    """Clips that could not be read, or are too short or too long."""
    dropped = [Dropped(name, each.reason, each.detail) for name, each in results.rejected.items()]
    for name, length in results.lengths("audio").items():
        why = limits.why_not(length / sample_rate)
        if why:
            dropped.append(Dropped(name, *why))
    return dropped


def as_losses(dropped: Sequence[Dropped]) -> list[Loss]:
    """Rows of the ledger."""
    return [loss(each.utterance_id, "prepare", each.reason, each.detail) for each in dropped]


def write_corpus(folder: Path, prepared: Prepared, store: ShardStore, *, shard_clips: int) -> None:
    """Write manifest.parquet and audio shards of about `shard_clips` clips into an existing folder."""
    lengths, results = prepared.num_samples, prepared.results
    shards = assign_shards(lengths, shard_clips)
    store.write(folder, "audio", results, shards=shards, like=np.empty(0, np.int16))
    recordings = {each.utterance_id: each for each in prepared.recordings}
    rows = [
        {
            **_described(recordings[name]),
            "normalized_text": prepared.texts[name],
            "num_samples": lengths[name],
            "sample_rate": prepared.sample_rate,
            "audio_sha256": str(results.read(name, "sha256")),
            "shard": shard,
            "offset": offset,
        }
        for name, (shard, offset) in layout(lengths, shards).items()
    ]
    write_table(folder / "manifest.parquet", rows, MANIFEST)


def write_speakers(folder: Path, prepared: Prepared, known: Sequence[Speaker]) -> None:
    """Write speakers.parquet: a row for every speaker of the clips that are kept, empty where nothing is known."""
    by_name = {each.speaker: each for each in known}
    names = sorted({each.speaker for each in prepared.recordings})
    rows = [dataclasses.asdict(by_name.get(name, Speaker(name))) for name in names]
    write_table(folder / "speakers.parquet", rows, SPEAKERS)


def copy_true_phones(raw: Tree, folder: Path, prepared: Prepared) -> None:
    """Write the phones whose true times the corpus knows, if it does, of the clips that are kept."""
    source = raw / _TRUE_PHONES
    if source.is_file():
        kept = {each.utterance_id for each in prepared.recordings}
        rows = [row for row in read_table(io.BytesIO(source.read_bytes()), PHONES) if row["utterance_id"] in kept]
        write_table(folder / _TRUE_PHONES, rows, PHONES)


def _digest(audio: Readable) -> str:
    return hashlib.sha256(audio.read_bytes()).hexdigest()


def _described(recording: Recording) -> dict[str, Any]:
    keys = ("utterance_id", "speaker", "language", "style", "text")
    return {key: getattr(recording, key) for key in keys}
