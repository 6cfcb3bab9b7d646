"""Look after .tts_cache, where long stages keep what they need to go on after an interruption.

Example: ``tts cache size``, ``tts cache clear``, ``tts cache clear train``.
"""

from __future__ import annotations

from typing import Annotated

import typer


def size() -> None:
    """Show how much each stage keeps."""
    from pathlib import Path

    from pipeline.paths import Paths

    for folder in sorted(Paths(Path()).cache.glob("*/")):
        num_bytes = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
        typer.echo(f"{folder.name:12} {num_bytes / 1e6:10.1f} MB")


def clear(stage: Annotated[str | None, typer.Argument(help="One stage; all if left out.")] = None) -> None:
    """Remove work in progress; finished outputs stay, interrupted stages start again."""
    import shutil
    from pathlib import Path

    from pipeline.paths import Paths
    from tts.errors import ConfigError

    cache = Paths(Path()).cache
    folders = [folder for folder in sorted(cache.glob("*/")) if stage in (None, folder.name)]
    if stage is not None and not folders:
        raise ConfigError(f"{cache / stage} does not exist; see `tts cache size`")
    for folder in folders:
        shutil.rmtree(folder)
        typer.echo(f"removed {folder}")
