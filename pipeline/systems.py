"""What the registry holds, as plain rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipeline.yaml import read_yaml
from tts.models import count_parameters
from tts.registry import SYSTEMS, load_system


def describe_systems(root: Path) -> list[dict[str, Any]]:
    """Name, kind, parameter counts after weight-norm removal, presets that use it, and needs of every system."""
    presets = presets_by_system(root)
    rows = []
    for name in SYSTEMS:
        system = load_system(name)
        rows.append(
            {
                "name": name,
                "kind": system.kind,
                "parameters": {each: count_parameters(system, each) for each in system.configurations},
                "presets": presets[name],
                "needs": "nothing to train" if system.task is None else f"{system.task} training",
            }
        )
    return rows


def presets_by_system(root: Path) -> dict[str, list[str]]:
    """Give the presets that use each system."""
    used = {file.stem: _systems_of(file) for file in sorted((root / "presets").glob("*.yaml"))}
    return {name: [preset for preset, systems in used.items() if name in systems] for name in SYSTEMS}


def _systems_of(preset: Path) -> set[str]:
    return {run["system"] for run in read_yaml(preset)["runs"].values()}
