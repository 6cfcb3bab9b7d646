"""Complete params.yaml files to start from.

Example: ``tts preset list``, ``tts preset use ljspeech``.
"""

from __future__ import annotations

from typing import Annotated

import typer


def show() -> None:
    """List the presets."""
    from pathlib import Path

    from pipeline.presets import presets

    for name, purpose in presets(Path()).items():
        typer.echo(f"{name:12} {purpose}")


def use(
    name: Annotated[str, typer.Argument(help="A name that `tts preset list` shows.")],
    *,
    force: Annotated[bool, typer.Option("--force", help="Overwrite uncommitted edits of params.yaml.")] = False,
) -> None:
    """Replace params.yaml by a preset."""
    from pathlib import Path

    from pipeline.presets import use_preset

    use_preset(Path(), name, force=force)
    typer.echo(f"params.yaml is now the preset {name}; `dvc repro` builds it")
