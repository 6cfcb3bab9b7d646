"""YAML 1.2 as DVC reads it (1e-3 is a number, `no` is a string), with one clear line when it is malformed."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError

from tts.errors import ConfigError


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a file whose top level is a mapping.

    Raises:
        ConfigError: the file is absent, malformed, repeats a key, or holds no mapping.
    """
    if not path.exists():
        raise ConfigError(f"{path} is missing; run `tts preset use demo` in the project's folder, or change folder")
    try:
        value = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else "?"
        raise ConfigError(f"{path}:{line}: {error.problem}") from error
    if value is not None and not isinstance(value, dict):
        raise ConfigError(f"{path}: the top level must be a mapping of sections")
    return dict(value or {})


def yaml_text(values: Mapping[str, Any]) -> str:
    """Give a mapping as YAML."""
    text = io.StringIO()
    YAML().dump(values, text)
    return text.getvalue()
