"""Models below models/ that no run of params.yaml trains: public checkpoints that were imported."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from tts.errors import CheckpointError


def imported_models(models: Path, runs: Iterable[str]) -> set[str]:
    """Names of the models that are none of these runs; of some there may be no more than DVC's file yet."""
    trained = set(runs)
    folders = {file.parent.name for file in models.glob("*/config.json") if not file.parent.name.startswith(".")}
    return (folders | {file.stem for file in models.glob("*.dvc")}) - trained


def system_of(folder: Path) -> str | None:
    """The system of a model; None where DVC has not fetched it yet.

    Raises:
        CheckpointError: its config.json says nothing of a system.
    """
    path = folder / "config.json"
    if not path.exists():
        return None
    try:
        return str(json.loads(path.read_text(encoding="utf-8"))["system"])
    except (ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"{path}: names no system ({error}); import or export the model again") from error
