"""List the systems and the parameter counts of their published configurations.

Example: ``tts systems``, ``tts systems --json``.
"""

from __future__ import annotations

from typing import Annotated

import typer


def run(*, json: Annotated[bool, typer.Option("--json", help="One JSON list.")] = False) -> None:
    """List the systems this toolkit can train."""
    import json as json_module
    from pathlib import Path

    from pipeline.systems import describe_systems

    rows = describe_systems(Path())
    if json:
        typer.echo(json_module.dumps(rows))
        return
    for row in rows:
        counts = ", ".join(f"{name} {count:,}" for name, count in row["parameters"].items())
        typer.echo(f"{row['name']:24} {row['kind']:10} {counts}")
