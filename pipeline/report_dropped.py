"""Clips that were left out, in the report: each with its stage and reason."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.ledger import Loss
from pipeline.report_html import cell, details, table

_SHOWN = 200


def dropped_table(losses: Sequence[Loss], *, folder: str) -> str:
    """A table on request; empty where nothing was left out.

    Args:
        losses: rows of dropped.parquet.
        folder: where the whole table is.
    """
    if not losses:
        return ""
    rows = [
        [row["utterance_id"], *(cell(row[key]) for key in ("stage", "reason", "detail"))] for row in losses[:_SHOWN]
    ]
    caption = f"{len(losses):,} left out."
    if len(losses) > _SHOWN:
        caption += f" The first {_SHOWN} are shown; {folder}/dropped.parquet has all."
    inner = table(caption, ["clip", "stage", "reason", "detail"], rows, is_sortable=True)
    return details("Which clips were left out, and why", f'<div class="cases">{inner}</div>')
