"""A corpus and its features, read as slices of memory maps.

Three lines to look at a clip: ``features = CorpusFeatures(Path("data/corpus/demo"), Path("data/features/demo/mel"))``,
``name = features.ids[0]``, ``waveform, mel = features.audio(name), features.mel(name)``.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from tts.audio.samples import to_float
from tts.audio.spectrogram import MelDefinition, num_frames
from tts.config import build
from tts.data.shards import ShardReader
from tts.data.splits import SplitSettings, assign_splits
from tts.data.tables import MANIFEST, MEL, UTTERANCES, read_metadata, read_table
from tts.errors import ConfigError, DataError
from tts.interfaces import Inventory, Statistics

Floats = npt.NDArray[np.float32]
Integers = npt.NDArray[np.int32]

_SHOWN = 5


@dataclass(frozen=True)
class Utterance:
    """One row of the index; what only the index knows is empty where a corpus is read without it."""

    utterance_id: str
    speaker: str
    language: str
    style: str
    text: str
    normalized_text: str
    num_samples: int
    num_frames: int
    shard: int
    audio_offset: int
    mel_offset: int
    split: str = ""
    phones: tuple[str, ...] = ()
    num_phones: int = 0
    phone_offset: int = 0
    frame_offset: int = 0


@dataclass(frozen=True)
class Prosody:
    """How an utterance was spoken.

    Attributes:
        durations: [phones] frames; they sum to the frames of the mel.
        pitch_phone, energy_phone: [phones] Hz (0 = unvoiced) and linear.
        pitch, energy: [frames], likewise.
    """

    durations: Integers
    pitch_phone: Floats
    energy_phone: Floats
    pitch: Floats
    energy: Floats


class CorpusFeatures:
    """Everything known of a corpus, by utterance id.

    Attributes:
        utterances: rows by id, in the order of ids.
        mel_definition: of the mel shards.
    """

    def __init__(
        self,
        corpus: Path,
        mel: Path,
        *,
        prosody: Path | None = None,
        index: Path | None = None,
        split: SplitSettings | None = None,
    ) -> None:
        """Open the folders of a corpus (see `pipeline.paths`).

        Args:
            corpus: manifest and audio shards.
            mel: mel shards.
            prosody: duration, pitch and energy shards; needs the index.
            index: the joined table; without it, rows come from the manifest and `mel.parquet`.
            split: assigns splits where there is no index to tell them.

        Raises:
            DataError: a table is missing, or two of them disagree.
        """
        self.mel_definition = _mel_definition(mel)
        rows = _indexed(index) if index else _joined(corpus, mel, split)
        self.utterances = {row.utterance_id: row for row in rows}
        _check_lengths(self.utterances.values(), self.mel_definition, mel)
        self._audio = ShardReader(corpus, "audio")
        self._mel = ShardReader(mel, "mel")
        names = ("durations", "pitch_phone", "energy_phone", "pitch", "energy")
        self._prosody = {name: ShardReader(prosody, name) for name in names} if prosody else {}

    @property
    def ids(self) -> list[str]:
        """All utterance ids, sorted."""
        return list(self.utterances)

    def audio(self, utterance_id: str, start: int = 0, length: int | None = None) -> Floats:
        """Waveform [samples] in [-1, 1], or a part of it; only the part is read.

        Args:
            utterance_id: of the clip.
            start: first sample.
            length: samples; None = to the end.
        """
        row = self.utterances[utterance_id]
        length = row.num_samples - start if length is None else length
        return to_float(self._audio.read(row.shard, row.audio_offset + start, length))

    def mel(self, utterance_id: str, start: int = 0, length: int | None = None) -> Floats:
        """Log-mel [frames, mels], or a part of it, as a read-only view.

        Args:
            utterance_id: of the clip.
            start: first frame.
            length: frames; None = to the end.
        """
        row = self.utterances[utterance_id]
        length = row.num_frames - start if length is None else length
        return cast("Floats", self._mel.read(row.shard, row.mel_offset + start, length))

    def prosody(self, utterance_id: str) -> Prosody:
        """Durations, pitch and energy as read-only views."""
        row = self.utterances[utterance_id]
        return Prosody(
            *(self._prosody_view(name, row, per_phone=True) for name in ("durations", "pitch_phone", "energy_phone")),
            *(self._prosody_view(name, row, per_phone=False) for name in ("pitch", "energy")),
        )

    def select(
        self, split: str, *, speakers: Collection[str] | None = None, styles: Collection[str] | None = None
    ) -> list[str]:
        """Ids of a split, of these speakers and styles only (None = all).

        Raises:
            ConfigError: a name is not in the corpus.
        """
        rows = self.utterances.values()
        _require_known(speakers, {row.speaker for row in rows}, "speaker")
        _require_known(styles, {row.style for row in rows}, "style")
        wanted = (
            row
            for row in rows
            if row.split == split
            and (speakers is None or row.speaker in speakers)
            and (styles is None or row.style in styles)
        )
        return [row.utterance_id for row in wanted]

    def _prosody_view(self, name: str, row: Utterance, *, per_phone: bool) -> Any:  # noqa: ANN401
        if per_phone:
            return self._prosody[name].read(row.shard, row.phone_offset, row.num_phones)
        return self._prosody[name].read(row.shard, row.frame_offset, row.num_frames)


def read_inventory(
    index: Path,
    mel: MelDefinition,
    *,
    speakers: Collection[str] | None = None,
    styles: Collection[str] | None = None,
) -> Inventory:
    """What an acoustic model must know of a corpus, from its index folder.

    Args:
        index: folder with symbols.json, speakers.json, styles.json and statistics.json.
        mel: definition of the corpus' mel shards.
        speakers: names to keep; None = all.
        styles: names to keep; None = all.

    Raises:
        ConfigError: a name is not in the corpus.
        DataError: all clips of a speaker are held out.
    """
    known_speakers, known_styles = _read_names(index, "speakers"), _read_names(index, "styles")
    _require_known(speakers, known_speakers, "speaker")
    _require_known(styles, known_styles, "style")
    kept = tuple(name for name in known_speakers if speakers is None or name in speakers)
    moments = dict(_read_json(index / "statistics.json"))
    if unheard := [name for name in kept if name not in moments["pitch_mean"]]:
        raise DataError(
            f"{index}: no training clip is of {', '.join(unheard[:_SHOWN])}; add recordings, lower split.validation "
            "and split.test, or name the other speakers in the run's `speakers`"
        )
    for key in ("pitch_mean", "pitch_std"):
        moments[key] = {name: moments[key][name] for name in kept}
    return Inventory(
        mel=mel,
        symbols=tuple(_read_names(index, "symbols")),
        speakers=kept,
        styles=tuple(name for name in known_styles if styles is None or name in styles),
        statistics=Statistics(**moments),
    )


def _indexed(index: Path) -> list[Utterance]:
    rows = read_table(index / "utterances.parquet", UTTERANCES)
    return [Utterance(**{**row, "phones": tuple(row["phones"])}) for row in rows]


def _joined(corpus: Path, mel: Path, split: SplitSettings | None) -> list[Utterance]:
    """Rows of every clip that has a mel; splits are drawn over the whole manifest, so that they match the index's."""
    clips = {row["utterance_id"]: row for row in read_table(corpus / "manifest.parquet", MANIFEST)}
    texts = {name: row["normalized_text"] for name, row in clips.items()}
    speakers = {name: row["speaker"] for name, row in clips.items()}
    splits = assign_splits(texts, speakers, split) if split else {}
    rows = []
    for row in read_table(mel / "mel.parquet", MEL):
        clip = clips.get(row["utterance_id"])
        if clip is None or clip["shard"] != row["shard"]:
            raise DataError(f"{mel}: {row['utterance_id']} is not where {corpus} has it; rebuild the mel features")
        place = {"audio_offset": clip["offset"], "mel_offset": row["offset"], "num_frames": row["num_frames"]}
        kept = {key: clip[key] for key in clip if key not in ("offset", "sample_rate", "audio_sha256")}
        rows.append(Utterance(**kept, **place, split=splits.get(row["utterance_id"], "")))
    return rows


def _check_lengths(rows: Collection[Utterance], definition: MelDefinition, mel: Path) -> None:
    wrong = [row.utterance_id for row in rows if row.num_frames != num_frames(row.num_samples, definition)]
    if wrong:
        named = ", ".join(wrong[:_SHOWN])
        raise DataError(
            f"{mel}: {len(wrong)} clips have other lengths than their audio ({named}); rebuild the mel features"
        )


def _mel_definition(mel: Path) -> MelDefinition:
    path = mel / "mel.parquet"
    if not path.exists():
        raise DataError(f"{path} is missing; run `tts mel`")
    return build(MelDefinition, json.loads(read_metadata(path)["mel_definition"]), where=f"{path}: mel_definition")


def _read_names(index: Path, kind: str) -> list[str]:
    return list(_read_json(index / f"{kind}.json"))


def _read_json(path: Path) -> Any:  # noqa: ANN401 - any JSON value
    if not path.exists():
        raise DataError(f"{path} is missing; run `tts index`")
    return json.loads(path.read_text(encoding="utf-8"))


def _require_known(names: Collection[str] | None, known: Collection[str], what: str) -> None:
    unknown = sorted(set(names or ()) - set(known))
    if unknown:
        raise ConfigError(f"{what} {unknown[0]!r} is not in the corpus; there is: {', '.join(sorted(known))}")
