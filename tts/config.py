"""The `config` decorator: frozen, keyword-only, strict dataclasses, and how to build one from a mapping."""

from __future__ import annotations

import dataclasses
import difflib
import json
import types
import typing
from collections.abc import Mapping
from typing import Any, TypeVar, cast

import pydantic
from pydantic import ConfigDict, TypeAdapter, ValidationError
from typing_extensions import dataclass_transform

from tts.errors import ConfigError

T = TypeVar("T")


@dataclass_transform(kw_only_default=True, frozen_default=True)
def config(cls: type[T]) -> type[T]:
    """Make a class a frozen, keyword-only dataclass that refuses unknown keys and wrong types."""
    settings = ConfigDict(extra="forbid", strict=True)
    make = pydantic.dataclasses.dataclass(frozen=True, kw_only=True, config=settings)
    return cast("type[T]", make(cls))


def build(cls: type[T], values: Mapping[str, Any], *, where: str) -> T:
    """Build a config from a plain mapping, such as a section of params.yaml.

    Args:
        cls: a class made by `config`.
        values: plain Python values (what YAML or JSON holds); lists become tuples.
        where: dotted path of the section, for messages.

    Raises:
        ConfigError: names the first bad key with the nearest valid one, or the value that does not fit.
    """
    try:
        # Through JSON, because strict validation of Python objects would refuse a list for a tuple.
        return TypeAdapter(cls).validate_json(json.dumps(values))
    except ValidationError as error:
        raise ConfigError(_explain(cls, error, where)) from error


def to_plain(value: object) -> Any:  # noqa: ANN401 - plain JSON has no narrower type
    """Give a config back as plain dicts, lists and scalars (the inverse of `build`)."""
    return TypeAdapter(type(value)).dump_python(value, mode="json")


def _explain(cls: type, error: ValidationError, where: str) -> str:
    details = error.errors()
    # An unknown key is usually the cause of the "missing" that comes with it: report it first.
    detail = next((d for d in details if d["type"] == "unexpected_keyword_argument"), details[0])
    path = [str(part) for part in detail["loc"]]
    dotted = ".".join([where, *path]) if where else ".".join(path)
    if detail["type"] == "unexpected_keyword_argument":
        valid = _valid_keys(cls, path[:-1])
        close = difflib.get_close_matches(path[-1], valid, n=1)
        hint = f"did you mean '{close[0]}'?" if close else f"valid keys: {', '.join(sorted(valid))}"
        return f"{dotted}: unknown key; {hint}"
    if detail["type"] in ("missing_argument", "missing"):  # the latter inside a tagged union
        return f"{dotted}: is required and missing"
    message = detail["msg"].removeprefix("Value error, ")
    return f"{dotted}: {message} (value: {detail['input']!r})"


def _valid_keys(cls: object, path: list[str]) -> list[str]:
    """Field names of the (nested) config that `path` leads to."""
    for part in path:
        cls = _step(cls, part)
    found = [each for each in _alternatives(cls) if dataclasses.is_dataclass(each)]
    return [field.name for each in found for field in dataclasses.fields(each)]


def _step(cls: object, part: str) -> object:
    for candidate in _alternatives(cls):
        if dataclasses.is_dataclass(candidate):
            hints = typing.get_type_hints(candidate, include_extras=True)
            if part in hints:
                return hints[part]
            kind = hints.get("kind")
            if kind is not None and part in typing.get_args(kind):  # tagged union: the tag is a path step
                return candidate
        if typing.get_origin(candidate) in (dict, Mapping):
            return typing.get_args(candidate)[1]
        if typing.get_origin(candidate) in (list, tuple):
            return typing.get_args(candidate)[0]
    return None


def _alternatives(cls: object) -> list[object]:
    if typing.get_origin(cls) is typing.Annotated:
        return _alternatives(typing.get_args(cls)[0])
    if typing.get_origin(cls) in (typing.Union, types.UnionType):
        return [each for option in typing.get_args(cls) for each in _alternatives(option)]
    return [cls]
