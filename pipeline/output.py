"""Outputs appear whole or not at all: written under a temporary name, then renamed."""

from __future__ import annotations

import json
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def passing_directory(path: Path, suffix: str = ".passing.tmp") -> Iterator[Path]:
    """Yield an empty folder beside `path`, which vanishes when the block ends, and what a killed one left before it."""
    temporary = path.with_name(f".{path.name}{suffix}")
    _remove(temporary)
    temporary.mkdir(parents=True)
    try:
        yield temporary
    finally:
        _remove(temporary)


@contextmanager
def replaced_directory(path: Path) -> Iterator[Path]:
    """Yield an empty folder that takes the place of `path` when the block ends well, and vanishes when it does not."""
    with passing_directory(path, ".tmp") as temporary:
        yield temporary
        _remove(path)
        temporary.replace(path)


@contextmanager
def replaced_file(path: Path) -> Iterator[Path]:
    """Yield a file name that takes the place of `path` when the block ends well, and vanishes when it does not."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # Two experiments share results and may write the same file at once: each under a name of its own.
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_json(path: Path, value: Any) -> None:  # noqa: ANN401 - any JSON value
    """Write JSON with sorted keys, atomically; NaN and infinity are refused, since they are not JSON."""
    text = json.dumps(value, indent=2, sort_keys=True, allow_nan=False, ensure_ascii=False)
    with replaced_file(path) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
