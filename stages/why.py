"""Say in words why stages would run.

Example: ``tts why`` or ``tts why train_vocoder@demo_vocoder``.
"""

from __future__ import annotations

from typing import Annotated

import typer


def run(
    stage: Annotated[str | None, typer.Argument(help="A stage as dvc.yaml names it; all if left out.")] = None,
) -> None:
    """Say why a stage would run at the next `dvc repro`."""
    from pathlib import Path

    from pipeline.why import explain

    for line in explain(Path(), stage):
        typer.echo(line)
