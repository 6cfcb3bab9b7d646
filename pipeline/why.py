"""`dvc status` in words: which values, files and stages make a stage run again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pipeline.yaml import read_yaml
from tts.errors import ConfigError

Causes = dict[str, list[str]]

_FILE_STATES = {
    "modified": "changed",
    "new": "is new",
    "deleted": "is missing",
    "not in cache": "is not in the cache",
}


def explain(root: Path, stage: str | None) -> list[str]:
    """One line for each stage that would run, in the order they would run.

    Args:
        root: folder of dvc.yaml.
        stage: the only stage to speak of; None = all.

    Raises:
        ConfigError: no stage of that name.
    """
    from dvc.repo import Repo
    from networkx import ancestors, topological_sort

    with Repo(str(root)) as repo:
        graph = repo.index.graph
        order = [each for each in reversed(list(topological_sort(graph))) if each.addressing != "dvc.yaml"]
        if stage is not None and stage not in {each.addressing for each in order}:
            raise ConfigError(f"{stage}: no such stage; there is: {', '.join(each.addressing for each in order)}")
        direct = _direct(root, repo.status())
        lines = []
        for each in order:
            # An edge of this graph points from a stage to the stages it reads from.
            upstream = [other.addressing for other in order if each in ancestors(graph, other)]
            lines += _lines(each.addressing, direct, upstream) if stage in (None, each.addressing) else []
    return lines or ["everything is up to date" if stage is None else f"{stage} is up to date"]


def _lines(name: str, direct: Causes, upstream: list[str]) -> list[str]:
    causes = list(direct.get(name, []))
    sources = [other for other in upstream if other in direct]
    if not causes and sources:
        causes = [f"{' and '.join(sources[:3])} would run and may change what it reads"]
    return [f"{name} would run: {'; '.join(causes)}"] if causes else []


def _direct(root: Path, status: Mapping[str, list[Any]]) -> Causes:
    locked = read_yaml(root / "dvc.lock").get("stages", {}) if (root / "dvc.lock").exists() else {}
    params = read_yaml(root / "params.yaml")
    return {
        name: [cause for entry in entries for cause in _causes(entry, locked.get(name), params)]
        for name, entries in status.items()
    }


def _causes(entry: Any, locked: Mapping[str, Any] | None, params: Mapping[str, Any]) -> Iterator[str]:  # noqa: ANN401
    if isinstance(entry, str):
        yield {"changed command": "its command changed"}.get(entry, entry)
        return
    if locked is None:
        yield "it has never run here"
        return
    for path, state in entry.get("changed deps", {}).items():
        if isinstance(state, Mapping):
            for key in state:
                yield from _changed_values(key, locked.get("params", {}).get(path, {}).get(key), _get(params, key))
        else:
            yield f"{path} {_FILE_STATES.get(state, state)}"
    for path, state in entry.get("changed outs", {}).items():
        yield f"its output {path} {_FILE_STATES.get(state, state)}"


def _changed_values(key: str, old: Any, new: Any) -> Iterator[str]:  # noqa: ANN401
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for name in [*old, *(each for each in new if each not in old)]:
            yield from _changed_values(f"{key}.{name}", old.get(name), new.get(name))
    elif old != new:
        yield f"{key} was {old!r}, is {new!r}"


def _get(params: Mapping[str, Any], dotted: str) -> Any:  # noqa: ANN401
    value: Any = params
    for part in dotted.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value
