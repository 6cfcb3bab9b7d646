"""Files of public checkpoints, read without running code.

What torch writes is a zip archive of pickled tensors, or, before torch 1.6, a plain pickle; ``weights_only`` lets
neither of them call anything (https://docs.pytorch.org/docs/stable/generated/torch.load.html).
"""

from __future__ import annotations

import pickle
import re
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import safetensors
import torch
from safetensors.torch import load_file
from torch import Tensor

from tts.errors import CheckpointError
from tts.imports.layout import Weights

_PICKLE = b"\x80"
_WRITERS = {b"\x1f\x8b": "gzip", b"BZ": "bzip2", b"\xfd7": "xz", b"7z": "7z", b"Ra": "rar"}


def read_checkpoint(path: Path) -> dict[Any, Any]:
    """Read what a file holds: tensors and plain values, nested as its author wrote them.

    Raises:
        CheckpointError: the file cannot be read, is damaged, holds code, or is of another kind.
    """
    head = _head(path)
    if head.startswith(b"PK"):
        _require_torch_archive(path)
        content = _load(path, mmap=True)
    elif head.startswith(_PICKLE):
        content = _load(path, mmap=False)
    elif head[8:9] == b"{":
        content = _safetensors(path)
    else:
        raise CheckpointError(f"{path}: {_what_else(head)}; give a .safetensors file, or one that torch.save wrote")
    if not isinstance(content, Mapping):
        raise CheckpointError(f"{path}: holds a {type(content).__name__}, not tensors by name; {_remedy(path)}")
    return dict(content)


def networks(content: Mapping[Any, Any], where: str = "") -> Iterator[tuple[str, Weights]]:
    """Every mapping of names to tensors in a checkpoint, however deep, with the keys that lead to it.

    The prefix that torch's wrappers for several GPUs give to all names is taken off.
    """
    tensors = {name: value for name, value in content.items() if isinstance(name, str) and isinstance(value, Tensor)}
    if tensors:
        wrapped = all(name.startswith("module.") for name in tensors)
        yield (
            where,
            Weights({name.removeprefix("module.") if wrapped else name: each for name, each in tensors.items()}),
        )
    for key, value in content.items():
        if isinstance(key, str) and isinstance(value, Mapping):
            yield from networks(value, f"{where}.{key}".lstrip("."))


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(9)
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read ({error.strerror}); give a checkpoint's file") from error


def _require_torch_archive(path: Path) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            names = {Path(name).name for name in archive.namelist()}
            damaged = archive.testzip()
    except zipfile.BadZipFile as error:
        raise _cut_off(path, error) from error
    if damaged is not None:
        raise _cut_off(path, f"checksum of {damaged}")
    if "constants.pkl" in names:
        raise CheckpointError(f"{path}: is TorchScript, which is code; give the training checkpoint it was made from")
    if "data.pkl" not in names:
        raise CheckpointError(f"{path}: is an archive of {len(names)} files; unpack it and give the checkpoint inside")


def _load(path: Path, *, mmap: bool) -> Any:  # noqa: ANN401 - whatever was saved
    try:
        return torch.load(path, map_location="cpu", weights_only=True, mmap=mmap)
    except pickle.UnpicklingError as error:
        unknown = re.search(r"GLOBAL (\S+)", str(error))
        if unknown is None:
            raise _cut_off(path, str(error).splitlines()[0]) from error
        raise CheckpointError(
            f"{path}: holds {unknown[1]}, more than tensors and plain values; {_remedy(path)}"
        ) from error
    except (RuntimeError, EOFError, ValueError) as error:
        raise _cut_off(path, str(error).splitlines()[0] if str(error) else type(error).__name__) from error


def _remedy(path: Path) -> str:
    """Two lines of Python, which only who trusts the file may run."""
    return (
        "since that can run code, it is refused; if you trust its author, convert it where their code can be imported: "
        f"c = torch.load('{path.name}', map_location='cpu', weights_only=False); "
        f"torch.save(c['model'].state_dict(), '{path.stem}.plain.pt') - with 'model' the key of the network"
    )


def _safetensors(path: Path) -> dict[str, Tensor]:
    try:
        return dict(load_file(path))
    except safetensors.SafetensorError as error:
        raise _cut_off(path, error) from error


def _cut_off(path: Path, reason: object) -> CheckpointError:
    return CheckpointError(f"{path}: is cut off or damaged ({reason}); copy it again")


def _what_else(head: bytes) -> str:
    if not head:
        return "is empty"
    packed = next((name for start, name in _WRITERS.items() if head.startswith(start)), None)
    return (
        f"is packed with {packed}, unpack it first"
        if packed
        else "is no checkpoint (perhaps a web page that was saved in its place)"
    )
