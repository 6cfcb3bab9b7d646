"""The ledger of losses: every clip that is left out is a row with its stage and reason, and too many stop the run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from pipeline.incremental import Rejected
from tts.data.tables import DROPPED, read_table, write_table
from tts.errors import CorpusError

Loss = Mapping[str, str]

_SHOWN = 5


def loss(utterance_id: str, stage: str, reason: str, detail: str) -> Loss:
    """One row of the ledger."""
    return {"utterance_id": utterance_id, "stage": stage, "reason": reason, "detail": detail}


def write_ledger(path: Path, losses: Sequence[Loss]) -> None:
    """Write dropped.parquet, sorted."""
    write_table(path, sorted(losses, key=lambda row: (row["utterance_id"], row["reason"])), DROPPED)


def write_rejections(path: Path, rejected: Mapping[str, Rejected], *, stage: str) -> list[Loss]:
    """Write dropped.parquet of a stage that computes clip by clip; give the losses."""
    losses = [loss(name, stage, each.reason, each.detail) for name, each in rejected.items()]
    write_ledger(path, losses)
    return losses


def read_ledger(path: Path) -> list[Loss]:
    """Read dropped.parquet; none, where the stage drops nothing."""
    return list(read_table(path, DROPPED)) if path.exists() else []


def require_few(losses: Sequence[Loss], *, num_clips: int, limit: float, stage: str) -> None:
    """Stop when more clips were lost than params allow.

    Args:
        losses: of this stage.
        num_clips: clips before it.
        limit: share, `max_dropped`.
        stage: for the message.

    Raises:
        CorpusError: counts the losses by reason and names the first few clips.
    """
    if len(losses) <= limit * num_clips and len(losses) < max(num_clips, 1):
        return
    reasons = ", ".join(
        f"{count} × {reason}" for reason, count in Counter(row["reason"] for row in losses).most_common()
    )
    named = "; ".join(f"{row['utterance_id']} ({row['detail']})" for row in losses[:_SHOWN])
    raise CorpusError(
        f"{stage}: {len(losses)} of {num_clips} clips would be dropped, max_dropped is {limit:g}: {reasons}. "
        f"First: {named}. Mend them, or raise max_dropped in params.yaml"
    )
