"""Where a voice hears the styles of a corpus' clips, for the report's picture of them."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import torch

from pipeline.evaluation import Plan
from pipeline.speaking import draw_utterances
from tts.data.tables import write_table

STYLES = pa.schema(
    [
        ("utterance_id", pa.string()),
        ("split", pa.string()),
        ("speaker", pa.string()),
        ("style", pa.string()),
        ("vector", pa.list_(pa.float32())),
    ]
)
"""Rows of styles.parquet: a clip's split, speaker and label, and its style as the voice hears it."""

_DRAWN = 300  # clips of a split show where a style lies


def write_styles(plan: Plan, folder: Path) -> None:
    """Write styles.parquet of training and test clips; a voice that hears no styles has none."""
    voice, features = plan.voice.load(), plan.features()
    if not voice.styles.learned:
        return
    if plan.voice.device == "cpu":
        torch.set_num_threads(1)  # sums in another order would make the bytes depend on the machine's cores
    found = []
    for split in ("train", "test"):
        for row in draw_utterances(plan.index, voice.inventory, limit=_DRAWN, split=split):
            (vector,) = voice.styles.of_mels([features.mel(row["utterance_id"])])
            found.append({**{name: row[name] for name in STYLES.names[:4]}, "vector": vector.tolist()})
    write_table(folder / "styles.parquet", found, STYLES)
