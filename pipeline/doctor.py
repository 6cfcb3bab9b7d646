"""What the stages need of a machine and of a project, looked at one by one."""

from __future__ import annotations

import importlib
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pipeline.params import load_params
from pipeline.paths import Paths
from pipeline.runtime import load_runtime
from tts.alignment.settings import AlignSettings
from tts.errors import TtsError

_LIBRARIES = {
    "torch": "training and synthesis",
    "pyworld": "pitch by Harvest",
    "numba": "alignment and pitch",
    "soundfile": "reading recordings",
    "espeakng_loader": "the demo corpus and IPA",
    "speechmos.dnsmos": "DNSMOS",
}
_MIN_FREE_GB = 2


@dataclass(frozen=True)
class Finding:
    """What was looked at, whether it is as it should be, and what was seen or is to be done."""

    what: str
    is_good: bool
    detail: str


def examine(root: Path) -> Iterator[Finding]:
    """Look at params.yaml, runtime.yaml, libraries, espeak-ng, the Montreal Forced Aligner, the device and the disk."""
    yield _attempt("params.yaml", lambda: f"{len(load_params(root).runs)} runs defined")
    yield _attempt("runtime.yaml", lambda: f"{load_runtime(root).num_workers} workers")
    for module, purpose in _LIBRARIES.items():
        yield _library(module, purpose)
    yield _attempt("espeak-ng", _espeak)
    yield _mfa(root)
    yield _attempt("device", _device)
    yield _disk(Paths(root))


def _attempt(what: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding(what, is_good=True, detail=look())
    except (TtsError, ImportError, OSError) as error:
        return Finding(what, is_good=False, detail=" ".join(str(error).split()))


def _library(module: str, purpose: str) -> Finding:
    try:
        found = importlib.import_module(module)
    except ImportError as error:
        return Finding(module, is_good=False, detail=f"{error}; needed for {purpose}: pip install -e .")
    return Finding(module, is_good=True, detail=f"{getattr(found, '__version__', 'installed')} ({purpose})")


def _espeak() -> str:
    from tts.text.frontend import TextSettings, build_frontend, speakable

    frontend = build_frontend(TextSettings(frontend="ipa"))
    return "speaks " + " ".join(speakable(frontend.pronounce(["hello"], "en")[0]))


def _mfa(root: Path) -> Finding:
    """The aligner that need not be there, unless params.yaml asks for it."""
    from tts.alignment.mfa_command import Mfa

    try:
        settings = load_params(root).align
    except TtsError:  # has a line of its own
        settings = AlignSettings()
    program = Mfa(settings.mfa.command, settings.mfa.timeout_minutes)
    found = _attempt("mfa", lambda: f"{program.version()} ({settings.mfa.command})")
    if found.is_good or settings.backend == "mfa":
        return found
    return Finding("mfa", is_good=True, detail=f"not usable, needed for align.backend: mfa only; {found.detail}")


def _device() -> str:
    import torch

    if torch.cuda.is_available():
        return f"{torch.cuda.get_device_name()}, torch {torch.__version__}"
    return f"no GPU, {torch.get_num_threads()} CPU threads, torch {torch.__version__}"


def _disk(paths: Paths) -> Finding:
    free_gb = shutil.disk_usage(paths.root).free / 1e9
    return Finding("disk", is_good=free_gb >= _MIN_FREE_GB, detail=f"{free_gb:.0f} GB free, {_MIN_FREE_GB} GB wanted")
