"""The test sentences of a corpus, spoken by a voice."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import torch

from pipeline.fingerprint import content_key, file_key
from pipeline.ledger import Loss, loss, write_ledger
from pipeline.parallel import Executor, ThisProcess
from tts.audio.files import write_wav
from tts.data.features import CorpusFeatures
from tts.data.tables import UTTERANCES, read_table, write_table
from tts.end_to_end_voice import EndToEndVoice
from tts.errors import ConfigError, DataError, TextError
from tts.interfaces import Inventory
from tts.layers.embedding import position
from tts.synthesis import Line, Speech, Synthesizer, Voice
from tts.text.frontend import Frontend
from tts.training.processes import choose_device

if TYPE_CHECKING:  # worker processes import this module and need no params
    from pipeline.params import Params, VoiceSettings
    from pipeline.paths import Paths
    from pipeline.runtime import Runtime
    from pipeline.stage import Stage

Row = Mapping[str, Any]

SPOKEN = pa.schema(
    [
        ("utterance_id", pa.string()),
        ("phones", pa.list_(pa.string())),
        ("durations", pa.list_(pa.int32())),
        ("num_samples", pa.int64()),
    ]
)
"""Rows of data/audio/<voice>/synthesized.parquet: what was said, each phone's frames, and how long it became."""


@dataclass(frozen=True)
class VoiceFolders:
    """Where a voice is loaded from, and to; picklable, for worker processes.

    Attributes:
        acoustic: model folder of the acoustic model, or of an end-to-end system.
        vocoder: model folder; None where the other one holds an end-to-end system.
        device: of torch.
    """

    acoustic: Path
    vocoder: Path | None
    device: str

    def load(self) -> Voice:
        """Give the voice, loaded once in each process."""
        return _load(self)

    def key(self) -> str:
        """Key of the weights and of what they run on."""
        folders = [folder for folder in (self.acoustic, self.vocoder) if folder is not None]
        files = [(path.name, file_key(path)) for folder in folders for path in sorted(folder.iterdir())]
        return content_key(files, self.device)

    def executor(self, current: Stage) -> Executor:
        """Where the voice speaks: a GPU serves one process."""
        return current.executor if self.device == "cpu" else ThisProcess()


def voice_folders(params: Params, paths: Paths, runtime: Runtime, name: str | None) -> VoiceFolders:
    """Where a voice of params.yaml is; without a name, the only one that is built.

    Raises:
        ConfigError: there is none of this name, or no name and several voices.
    """
    built = sorted(params.run.voices)
    if name is None and len(built) != 1:
        raise ConfigError(f"the voice must be named; run.voices in params.yaml has: {', '.join(built) or 'none'}")
    settings = params.voice(built[0] if name is None else name)
    device = str(choose_device(runtime.device))
    first, *second = map(paths.model, settings.runs)
    return VoiceFolders(first, second[0] if second else None, device)


def draw_utterances(
    index: Path,
    inventory: Inventory,
    *,
    limit: int,
    split: str = "test",
    speakers: Sequence[str] | None = None,
    by_anyone: bool = False,
) -> list[Row]:
    """Rows of a split that a voice can say, sorted by id; a limit keeps a fair draw of speakers.

    Args:
        index: of the corpus.
        inventory: of the voice.
        limit: rows at most.
        split: of the corpus.
        speakers: whose; None = all of them.
        by_anyone: whether speakers whom the voice does not know by name are drawn too.

    Raises:
        ConfigError: the voice does not know a speaker.
        DataError: there is none.
    """
    for name in () if by_anyone else speakers or ():
        position(name, inventory.speakers, "speaker")
    rows = [
        row
        for row in read_table(index / "utterances.parquet", UTTERANCES)
        if row["split"] == split
        and (speakers is None or row["speaker"] in speakers)
        and (by_anyone or row["speaker"] in inventory.speakers)
        and row["style"] in inventory.styles
    ]
    if not rows:
        raise DataError(
            f"{index}: the {split} split has no clip of the voice's speakers; change `split` in params.yaml"
        )
    # In the order of a hash, so that the draw changes little when clips are added.
    drawn = sorted(rows, key=lambda row: hashlib.sha256(row["utterance_id"].encode()).digest())[:limit]
    return sorted(drawn, key=itemgetter("utterance_id"))


def by_speaker(rows: Sequence[Row], settings: VoiceSettings, paths: Paths) -> list[Row]:
    """Give rows with who speaks them as `speaker`: their name, or the mean vector of their training clips.

    Raises:
        DataError: the corpus has no vectors, or none of a speaker.
    """
    if settings.speaker == "name":
        return list(rows)
    corpus = settings.corpus
    features = CorpusFeatures(
        paths.corpus(corpus), paths.mel(corpus), index=paths.index(corpus), vectors=paths.vectors(corpus)
    )
    assert features.speaker_vectors is not None, "they were asked for"
    means = features.speaker_vectors.means(sorted({row["speaker"] for row in rows}))
    return [{**row, "speaker": tuple(means[row["speaker"]].tolist())} for row in rows]


def in_style(rows: Sequence[Row], settings: VoiceSettings, folders: VoiceFolders, paths: Paths) -> list[Row]:
    """Give rows with what they are spoken in as `style`: their label, a mix, or the vector of their recording.

    Raises:
        ConfigError: the voice does not know the style, or hears none in recordings.
    """
    if settings.style == "label":
        return list(rows)
    if settings.style == "recording":
        return [
            {**row, "style": style} for row, style in zip(rows, _heard(rows, settings, folders, paths), strict=True)
        ]
    folders.load().styles.told([settings.style])
    return [{**row, "style": settings.style} for row in rows]


def _heard(
    rows: Sequence[Row], settings: VoiceSettings, folders: VoiceFolders, paths: Paths
) -> Iterator[tuple[float, ...]]:
    """Styles of recordings, heard alone by one thread: sums in another order would change their bytes."""
    if folders.device == "cpu":
        torch.set_num_threads(1)
    styles, corpus = folders.load().styles, settings.corpus
    features = CorpusFeatures(paths.corpus(corpus), paths.mel(corpus), index=paths.index(corpus))
    for row in rows:
        yield tuple(styles.of_mels([features.mel(row["utterance_id"])])[0].tolist())


def speak_utterances(
    rows: Sequence[Row], folders: VoiceFolders, frontend: Frontend, folder: Path, *, executor: Executor, label: str
) -> list[Loss]:
    """Speak utterances from their text into ``<utterance_id>.wav`` and synthesized.parquet; give those that cannot be.

    Args:
        rows: of the index, perhaps in another style (`in_style`).
        folders: of the voice.
        frontend: reads the texts.
        folder: an existing, empty folder.
        executor: where.
        label: of the progress bar.
    """
    voice = folders.load()
    lines, losses = _lines(rows, Synthesizer(voice, frontend))
    speeches = executor.map(partial(_speak, folders), lines.values(), label=label)
    spoken = []
    for (name, line), speech in zip(lines.items(), speeches, strict=True):
        write_wav(folder / f"{name}.wav", speech.waveform, sample_rate=voice.inventory.mel.sample_rate)
        spoken.append(_row(name, line, speech))
    write_table(folder / "synthesized.parquet", spoken, SPOKEN)
    write_ledger(folder / "dropped.parquet", losses)
    return losses


def _lines(rows: Sequence[Row], synthesizer: Synthesizer) -> tuple[dict[str, Line], list[Loss]]:
    """What to say by utterance id, and those that the front end or the voice cannot."""
    lines: dict[str, Line] = {}
    losses: list[Loss] = []
    for row in rows:
        name = row["utterance_id"]
        try:
            (phones,) = synthesizer.pronounce([row["normalized_text"]], row["language"])
        except TextError as error:
            losses.append(loss(name, "synthesize", "cannot be pronounced", str(error)))
        else:
            lines[name] = Line(phones, row["speaker"], row["style"])
    return lines, losses


def _speak(folders: VoiceFolders, line: Line) -> Speech:
    """Say a line alone and by one thread: in company, sums in another order would change its bytes."""
    if folders.device == "cpu":
        torch.set_num_threads(1)
    return folders.load().speak([line])[0]


def _row(name: str, line: Line, speech: Speech) -> Row:
    return {
        "utterance_id": name,
        "phones": list(line.phones),
        "durations": speech.durations.tolist(),
        "num_samples": len(speech.waveform),
    }


@lru_cache(maxsize=1)
def _load(folders: VoiceFolders) -> Voice:
    if folders.vocoder is None:
        return EndToEndVoice.load_one(folders.acoustic, device=folders.device)
    return Voice.load(folders.acoustic, folders.vocoder, device=folders.device)
