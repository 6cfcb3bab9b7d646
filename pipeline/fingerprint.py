"""Keys made of content: what a result was computed from, and the code that computed it."""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import json
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

PACKAGES = ("stages", "pipeline", "tts")

FRAME = frozenset(
    {
        *(
            f"pipeline.{name}"
            for name in (
                "chunks",
                "fingerprint",
                "incremental",
                "ledger",
                "kept",
                "kept_files",
                "kept_shards",
                "locks",
                "output",
                "parallel",
                "params",
                "paths",
            )
        ),
        *(f"pipeline.{name}" for name in ("alignment_comparison", "progress", "runtime", "stage", "yaml")),
        *(f"pipeline.{name}" for name in ("chunks", "local_executor", "ray_executor")),
        *("tts.config", "tts.errors", "tts.models", "tts.registry"),
    }
)
"""Modules that carry values and run loops around the work but take no part in a result: the values they carry are
tracked as params and files. They, and what only they import, belong to no key and to no stage's dependencies."""


def content_key(*parts: Any) -> str:  # noqa: ANN401 - any JSON value
    """Key of JSON-like parts: equal parts, equal key, on every machine."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:32]


def file_key(path: Path) -> str:
    """Key of a file's bytes."""
    with path.open("rb") as file:
        digest = hashlib.sha256()
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


@lru_cache(maxsize=64)
def code_key(*modules: str) -> str:
    """Key of the source of modules and of everything of ours that they import."""
    files = {name: path for module in modules for name, path in import_closure(module).items()}
    return content_key([(name, file_key(files[name])) for name in sorted(files)])


@lru_cache(maxsize=64)
def import_closure(module: str) -> dict[str, Path]:
    """Our modules that a module imports, directly or not, itself included but not the FRAME, as name -> file.

    Imports are read from the source, those inside functions too; imports by computed names are not seen.
    """
    found: dict[str, Path] = {}
    waiting = [module]
    while waiting:
        name = waiting.pop()
        path = _source(name)
        if name in found or name in FRAME or path is None:
            continue
        found[name] = path
        waiting.extend(_imports(path))
        if "." in name:
            waiting.append(name.rpartition(".")[0])  # importing a.b runs a/__init__.py
    return found


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@lru_cache(maxsize=1024)
def _source(name: str) -> Path | None:
    """File of one of our modules; None for other packages and for names that are not modules.

    It is found without importing what the name is in, which would load torch and numba into every stage.
    """
    package, *parts = name.split(".")
    spec = importlib.util.find_spec(package) if package in PACKAGES else None
    if spec is None or spec.origin is None:
        return None
    place = Path(spec.origin).parent.joinpath(*parts)
    found = (path for path in (place / "__init__.py", place.with_suffix(".py")) if path.is_file())
    return next(found, None)
