"""Compare two voices on the sentences that both spoke, by differences sentence by sentence.

Reads data/scores/<voice> of each, or CSV files that `tts score` wrote. Prints means and the paired differences with
95 % bootstrap intervals. Example: ``tts compare demo demo_fastspeech``, ``tts compare ours.csv theirs.csv``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

_Source = Annotated[str, typer.Argument(help="A voice that was evaluated, or a CSV file of scores.")]


def run(
    ours: _Source,
    theirs: _Source,
    *,
    json: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the intervals to a file.")] = None,
) -> None:
    """Compare two voices on the same sentences."""
    from pipeline.comparison import as_json, compare, read_scores, require_common
    from pipeline.output import write_json
    from pipeline.scores_table import show_comparison

    root = Path()
    found = compare(read_scores(ours, root), read_scores(theirs, root))
    require_common(found, ours, theirs)
    show_comparison(found, ours, theirs)
    if json is not None:
        write_json(json, as_json(found))
