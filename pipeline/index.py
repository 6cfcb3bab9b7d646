"""Join what the feature stages wrote into one table, with splits and names."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.ledger import Loss, read_ledger
from pipeline.output import write_json
from pipeline.paths import Paths
from tts.audio.mel_definition import MelDefinition
from tts.config import build
from tts.data.splits import SplitSettings, assign_splits
from tts.data.tables import MANIFEST, MEL, PROSODY, read_metadata, read_table

Row = dict[str, Any]


def join(paths: Paths, corpus: str, settings: SplitSettings) -> list[Row]:
    """Rows of utterances.parquet, and the `sample_rate` of each: the clips that every feature stage kept, sorted by id.

    The split is assigned over the whole manifest, as the vocoders do, who never see the alignments.
    """
    manifest = read_table(paths.corpus(corpus) / "manifest.parquet", MANIFEST)
    mel = {row["utterance_id"]: row for row in read_table(paths.mel(corpus) / "mel.parquet", MEL)}
    prosody = {row["utterance_id"]: row for row in read_table(paths.prosody(corpus) / "prosody.parquet", PROSODY)}
    texts = {row["utterance_id"]: row["normalized_text"] for row in manifest}
    splits = assign_splits(texts, {row["utterance_id"]: row["speaker"] for row in manifest}, settings)
    kept = sorted((row for row in manifest if row["utterance_id"] in mel and row["utterance_id"] in prosody), key=_id)
    return [_row(each, mel[_id(each)], prosody[_id(each)], splits[_id(each)]) for each in kept]


def data_metrics(paths: Paths, corpus: str, rows: Sequence[Row], sample_rate: int) -> Row:
    """Clips, hours, speakers and losses of a corpus, for metrics/data-<corpus>.json."""
    losses = all_losses(paths, corpus)
    return {
        "clips": len(rows),
        "hours": round(sum(row["num_samples"] for row in rows) / sample_rate / 3600, 4),
        "speakers": len({row["speaker"] for row in rows}),
        "splits": dict(Counter(row["split"] for row in rows)),
        "dropped": dict(Counter(f"{row['stage']}: {row['reason']}" for row in losses)),
    }


def all_losses(paths: Paths, corpus: str) -> list[Loss]:
    """The ledgers of every stage, one row for each clip and stage."""
    folders = (paths.corpus(corpus), paths.alignments(corpus), paths.mel(corpus), paths.prosody(corpus))
    return [row for folder in folders for row in read_ledger(folder / "dropped.parquet")]


def mel_definition(paths: Paths, corpus: str) -> MelDefinition:
    """What the mels of a corpus were made with."""
    stored = json.loads(read_metadata(paths.mel(corpus) / "mel.parquet")["mel_definition"])
    return build(MelDefinition, stored, where="mel_definition")


def names(rows: Sequence[Row]) -> dict[str, list[str]]:
    """Sorted speakers, styles and symbols; a name's id is its position."""
    return {
        "speakers": sorted({row["speaker"] for row in rows}),
        "styles": sorted({row["style"] for row in rows}),
        "symbols": sorted({phone for row in rows for phone in row["phones"]}),
    }


def write_names(folder: Path, rows: Sequence[Row]) -> None:
    """Write speakers.json, styles.json and symbols.json."""
    for name, values in names(rows).items():
        write_json(folder / f"{name}.json", values)


def _id(row: Mapping[str, Any]) -> str:
    return str(row["utterance_id"])


def _row(manifest: Row, mel: Row, prosody: Row, split: str) -> Row:
    copied = (
        "utterance_id",
        "speaker",
        "language",
        "style",
        "text",
        "normalized_text",
        "num_samples",
        "sample_rate",
        "shard",
    )
    return {
        **{key: manifest[key] for key in copied},
        "split": split,
        "phones": prosody["phones"],
        "num_phones": prosody["num_phones"],
        "num_frames": mel["num_frames"],
        "audio_offset": manifest["offset"],
        "mel_offset": mel["offset"],
        "phone_offset": prosody["phone_offset"],
        "frame_offset": prosody["frame_offset"],
    }
