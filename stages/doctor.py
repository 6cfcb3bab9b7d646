"""Check this machine and this project before hours are spent.

Example: ``tts doctor``.
"""

from __future__ import annotations

import typer


def run() -> None:
    """Check what the stages need, and say what to do about what is missing."""
    from pathlib import Path

    from pipeline.doctor import examine

    findings = list(examine(Path()))
    for finding in findings:
        typer.echo(f"{'ok  ' if finding.is_good else 'FAIL'} {finding.what}: {finding.detail}")
    if not all(finding.is_good for finding in findings):
        raise typer.Exit(1)
