"""Complete params.yaml files below presets/."""

from __future__ import annotations

import subprocess
from pathlib import Path

from pipeline.output import replaced_file
from tts.errors import ConfigError


def presets(root: Path) -> dict[str, str]:
    """Purpose of each preset by name: the comment on the first line of its file."""
    files = sorted((root / "presets").glob("*.yaml"))
    return {file.stem: file.read_text(encoding="utf-8").splitlines()[0].lstrip("# ") for file in files}


def use_preset(root: Path, name: str, *, force: bool) -> None:
    """Copy a preset over params.yaml.

    Raises:
        ConfigError: there is no such preset, or params.yaml holds edits that exist nowhere else.
    """
    available = presets(root)
    if name not in available:
        raise ConfigError(f"no preset {name!r}; there is: {', '.join(available) or 'none'}")
    target = root / "params.yaml"
    if not force and target.exists() and not _is_saved(root, target):
        raise ConfigError("params.yaml has edits that are not committed; commit them, or say --force to lose them")
    with replaced_file(target) as temporary:
        temporary.write_bytes((root / "presets" / f"{name}.yaml").read_bytes())


def _is_saved(root: Path, target: Path) -> bool:
    """Whether the file equals a preset or the last commit."""
    content = target.read_bytes()
    if any(content == (root / "presets" / f"{name}.yaml").read_bytes() for name in presets(root)):
        return True
    command = ["git", "-C", str(root), "show", f"HEAD:./{target.name}"]
    committed = subprocess.run(command, capture_output=True, check=False)
    return committed.returncode == 0 and committed.stdout == content
