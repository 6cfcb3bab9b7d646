"""Acoustic models and dictionaries of the Montreal Forced Aligner: where they are, and what a model knows."""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
from dataclasses import dataclass
from pathlib import Path

from tts.errors import AlignmentError

SAMPLE_RATE = 16000
"""Of MFA's features, Hz, where nothing else is said; it does not align clips of a lower rate."""

_EXTENSIONS = {"acoustic": (".zip",), "dictionary": (".dict", ".txt")}


@dataclass(frozen=True)
class AcousticModel:
    """What a model file knows.

    Attributes:
        path: of the file.
        sha256: of its content.
        phones: that it can align.
        sample_rate: lowest rate of clips it can align, Hz.
    """

    path: Path
    sha256: str
    phones: frozenset[str]
    sample_rate: int


def find_model(kind: str, name: str) -> Path:
    """Find an acoustic model or a dictionary by its file, or by the name that `mfa model download` has it under.

    Args:
        kind: acoustic or dictionary, as MFA says it.
        name: path of a file, or a name.

    Raises:
        AlignmentError: there is no such file, and no model of that name was downloaded.
    """
    path = Path(name).expanduser()
    if path.is_file():
        return path.resolve()
    # Its own folder, whatever root we give it for a run: https://montreal-forced-aligner.readthedocs.io
    root = Path(os.environ.get("MFA_ROOT_DIR", "~/Documents/MFA")).expanduser() / "pretrained_models" / kind
    found = [root / f"{name}{extension}" for extension in _EXTENSIONS[kind]]
    there = next((path for path in found if path.is_file()), None)
    if there:
        return there
    key = "align.mfa.acoustic_model" if kind == "acoustic" else "align.mfa.dictionary"
    known = ", ".join(sorted(each.stem for each in root.glob("*") if each.suffix in _EXTENSIONS[kind])) or "none"
    raise AlignmentError(
        f"{key}: {name!r} is neither a file nor a model in {root} (there: {known}); "
        f"`mfa model download {kind} NAME` gets one, or give the path of a {' or '.join(_EXTENSIONS[kind])} file"
    )


def read_model(path: Path) -> AcousticModel:
    """Read what a model file knows.

    Raises:
        AlignmentError: the file is not a model of MFA 2 or later.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            name = next(name for name in archive.namelist() if name.rpartition("/")[2] == "meta.json")
            meta = json.loads(archive.read(name))
        phones = frozenset(str(phone) for phone in meta["phones"])
        sample_rate = int(meta.get("features", {}).get("sample_frequency", SAMPLE_RATE))
    except (OSError, ValueError, TypeError, KeyError, AttributeError, StopIteration, zipfile.BadZipFile) as error:
        raise AlignmentError(
            f"{path}: is not an acoustic model of MFA 2 or later, a zip file with meta.json ({error or 'has none'}); "
            "download it again by `mfa model download acoustic NAME`"
        ) from error
    return AcousticModel(path, file_sha256(path), phones, sample_rate)


def file_sha256(path: Path) -> str:
    """Give the hash of a file's content."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
