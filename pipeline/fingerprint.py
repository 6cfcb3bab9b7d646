"""Keys made of content: what a result was computed from, and the code that computed it."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

PACKAGES = ("stages", "pipeline", "tts")
_ROOT = Path(__file__).parents[1]

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
                "launching",
                "locks",
                "output",
                "parallel",
                "params",
                "paths",
            )
        ),
        *(f"pipeline.{name}" for name in ("alignment_comparison", "progress", "runtime", "stage", "yaml")),
        *(f"pipeline.{name}" for name in ("chunks", "local_executor", "ray_executor")),
        *(f"pipeline.{name}" for name in ("hosting", "provenance", "sample_files", "tracking")),
        *(
            f"pipeline.{name}" for name in ("recitals", "run_curves", "watching")
        ),  # a new metric is no reason to train again
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
    """Names that a file may import; some are no modules."""
    for match in _IMPORT.finditer(path.read_text(encoding="utf-8")):
        package, names, modules = match.groups()
        if package:
            yield package
            yield from (f"{package}.{name}" for name in _NAME.findall(names))
        else:
            yield from _NAME.findall(modules)


# Python's own parser takes twenty times as long, and every stage reads fifty files.
_IMPORT = re.compile(r"^\s*(?:from ([\w.]+) import (\([^)]*\)|.*)|import (.*))", re.MULTILINE)
_NAME = re.compile(r"[\w.]+")


@lru_cache(maxsize=4096)
def _source(name: str) -> Path | None:
    """File of one of our modules; None for other packages and for names that are not modules.

    It is found without importing what the name is in, which would load torch and numba into every stage.
    """
    if name.split(".")[0] not in PACKAGES:
        return None
    path = _ROOT.joinpath(*name.split("."))
    candidates = (path / "__init__.py", path.with_name(f"{path.name}.py"))
    return next((each for each in candidates if each.exists()), None)
