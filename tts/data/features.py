"""A corpus and its features, read as slices of memory maps.

Three lines to look at a clip: ``features = CorpusFeatures(Path("data/corpus/demo"), Path("data/features/demo/mel"))``,
``name = features.ids[0]``, ``waveform, mel = features.audio(name), features.mel(name)``.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from tts.audio.mel_definition import MelDefinition, num_frames
from tts.audio.samples import to_float
from tts.config import build
from tts.data.shards import Array, ShardReader
from tts.data.speaker_vectors import SpeakerVectorTable
from tts.data.splits import SplitSettings, assign_splits
from tts.data.tables import MANIFEST, MEL, UTTERANCES, read_arrow, read_metadata
from tts.data.utterances import Positions, Utterances
from tts.errors import ConfigError, DataError
from tts.interfaces import Inventory, Statistics

Floats = npt.NDArray[np.float32]
Integers = npt.NDArray[np.int32]
Kind = Literal["audio", "mel", "durations", "pitch_phone", "energy_phone", "pitch", "energy"]

_PHONES, _FRAMES = ("phone_offset", "num_phones"), ("frame_offset", "num_frames")
_PROSODY: dict[Kind, tuple[str, str]] = {
    "durations": _PHONES,
    "pitch_phone": _PHONES,
    "energy_phone": _PHONES,
    "pitch": _FRAMES,
    "energy": _FRAMES,
}
_PLACES: dict[Kind, tuple[str, str]] = {
    "audio": ("audio_offset", "num_samples"),
    "mel": ("mel_offset", "num_frames"),
    **_PROSODY,
}
"""Columns of the index that say where in its shard an array begins, and how long it is."""

_SHOWN = 5


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
        speaker_vectors: of the clips; None where they were not asked for.
    """

    def __init__(
        self,
        corpus: Path,
        mel: Path,
        *,
        prosody: Path | None = None,
        index: Path | None = None,
        split: SplitSettings | None = None,
        vectors: Path | None = None,
    ) -> None:
        """Open the folders of a corpus (see `pipeline.paths`).

        Args:
            corpus: manifest and audio shards.
            mel: mel shards.
            prosody: duration, pitch and energy shards; needs the index.
            index: the joined table; without it, rows come from the manifest and `mel.parquet`.
            split: assigns splits where there is no index to tell them.
            vectors: the speaker vectors of the clips.

        Raises:
            DataError: a table is missing, or two of them disagree.
        """
        self.mel_definition = _mel_definition(mel)
        self.utterances = Utterances(_indexed(index) if index else _joined(corpus, mel, split))
        _check_lengths(self.utterances, self.mel_definition, mel)
        folders = {"audio": corpus, "mel": mel, **(dict.fromkeys(_PROSODY, prosody) if prosody else {})}
        self._shards = {kind: ShardReader(folder, kind) for kind, folder in folders.items()}
        self.speaker_vectors = SpeakerVectorTable(vectors, self._speakers(), self.select("train")) if vectors else None

    @property
    def ids(self) -> list[str]:
        """All utterance ids, sorted."""
        return list(self.utterances.ids)

    @property
    def has_prosody(self) -> bool:
        """Whether durations, pitch and energy can be read."""
        return "durations" in self._shards

    def num_frames(self, ids: Sequence[str]) -> dict[str, int]:
        """Mel frames by id."""
        frames = self.utterances.numbers["num_frames"][self.utterances.positions(ids)]
        return dict(zip(ids, frames.tolist(), strict=True))

    def audio(self, utterance_id: str, start: int = 0, length: int | None = None) -> Floats:
        """Waveform [samples] in [-1, 1], or a part of it; only the part is read.

        Args:
            utterance_id: of the clip.
            start: first sample.
            length: samples; None = to the end.
        """
        return to_float(self._part("audio", utterance_id, start, length))

    def mel(self, utterance_id: str, start: int = 0, length: int | None = None) -> Floats:
        """Log-mel [frames, mels], or a part of it, as a read-only view.

        Args:
            utterance_id: of the clip.
            start: first frame.
            length: frames; None = to the end.
        """
        return cast("Floats", self._part("mel", utterance_id, start, length))

    def prosody(self, utterance_id: str) -> Prosody:
        """Durations, pitch and energy as read-only views."""
        return Prosody(**{kind: self._part(kind, utterance_id) for kind in _PROSODY})

    def views(self, kind: Kind, ids: Sequence[str]) -> list[Array]:
        """Arrays of one kind of many clips, as read-only views of what is on disk: audio is of 16 bits."""
        offset, length = _PLACES[kind]
        numbers, rows = self.utterances.numbers, self.utterances.positions(ids)
        return self._views(kind, rows, numbers[offset][rows], numbers[length][rows])

    def segments(self, kind: Kind, ids: Sequence[str], starts: Positions, length: int) -> list[Array]:
        """Parts of equal length of many clips, as `views` gives the whole.

        Args:
            kind: of array.
            ids: of the clips.
            starts: [clips] first row of each part.
            length: rows of every part.
        """
        rows = self.utterances.positions(ids)
        first = self.utterances.numbers[_PLACES[kind][0]][rows] + starts
        return self._views(kind, rows, first, np.full(len(ids), length))

    def select(
        self, split: str, *, speakers: Collection[str] | None = None, styles: Collection[str] | None = None
    ) -> list[str]:
        """Ids of a split, of these speakers and styles only (None = all).

        Raises:
            ConfigError: a name is not in the corpus.
        """
        table = self.utterances.table
        wanted = pc.equal(table["split"], split)
        for column, names in (("speaker", speakers), ("style", styles)):
            if names is not None:
                _require_known(names, pc.unique(table[column]).to_pylist(), column)
                wanted = pc.and_(wanted, pc.is_in(table[column], value_set=pa.array(sorted(names), pa.string())))
        ids: list[str] = table["utterance_id"].filter(wanted).to_pylist()
        return ids

    def _speakers(self) -> dict[str, str]:
        return dict(zip(self.ids, self.utterances.table["speaker"].to_pylist(), strict=True))

    def _part(self, kind: Kind, utterance_id: str, start: int = 0, length: int | None = None) -> Array:
        (whole,) = self.views(kind, [utterance_id])
        return whole[start:] if length is None else whole[start : start + length]

    def _views(self, kind: Kind, rows: Positions, offsets: Positions, lengths: Positions) -> list[Array]:
        places = zip(self.utterances.numbers["shard"][rows].tolist(), offsets.tolist(), lengths.tolist(), strict=True)
        return [self._shards[kind].read(*place) for place in places]


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
    for key in ("pitch_mean", "pitch_std", "pitch_hz_mean", "pitch_hz_std"):
        if key in moments:  # an older release gathered no moments of Hz
            moments[key] = {name: moments[key][name] for name in kept}
    return Inventory(
        mel=mel,
        symbols=tuple(_read_names(index, "symbols")),
        speakers=kept,
        styles=tuple(name for name in known_styles if styles is None or name in styles),
        statistics=Statistics(**moments),
    )


def _indexed(index: Path) -> pa.Table:
    return read_arrow(index / "utterances.parquet", UTTERANCES).select(UTTERANCES.names)


def _joined(corpus: Path, mel: Path, split: SplitSettings | None) -> pa.Table:
    """Rows of every clip that has a mel; splits are drawn over the whole manifest, so that they match the index's."""
    clips = read_arrow(corpus / "manifest.parquet", MANIFEST).select(MANIFEST.names)
    clips = clips.append_column("split", pa.array(_splits(clips, split), pa.string()))
    mels = read_arrow(mel / "mel.parquet", MEL)
    found = pc.index_in(mels["utterance_id"], value_set=clips["utterance_id"].combine_chunks())
    table = clips.take(found)  # a row of nulls where a mel has no clip
    moved = pc.invert(pc.fill_null(pc.equal(table["shard"], mels["shard"]), fill_value=False))
    if pc.any(moved).as_py():
        name = mels["utterance_id"].filter(moved)[0].as_py()
        raise DataError(f"{mel}: {name} is not where {corpus} has it; rebuild the mel features")
    table = table.rename_columns({"offset": "audio_offset"}).drop_columns(["sample_rate", "audio_sha256"])
    return table.append_column("mel_offset", mels["offset"]).append_column("num_frames", mels["num_frames"])


def _splits(clips: pa.Table, settings: SplitSettings | None) -> list[str]:
    ids, texts, speakers = (clips[name].to_pylist() for name in ("utterance_id", "normalized_text", "speaker"))
    if settings is None:
        return [""] * len(ids)
    splits = assign_splits(dict(zip(ids, texts, strict=True)), dict(zip(ids, speakers, strict=True)), settings)
    return [splits[name] for name in ids]


def _check_lengths(utterances: Utterances, definition: MelDefinition, mel: Path) -> None:
    frames, samples = utterances.numbers["num_frames"], utterances.numbers["num_samples"]
    wrong = np.flatnonzero(frames != [num_frames(each, definition) for each in samples.tolist()])
    if len(wrong):
        named = ", ".join(utterances.ids[position] for position in wrong[:_SHOWN])
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
