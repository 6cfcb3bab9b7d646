"""Which model sections of params.yaml are known to fit their systems.

A system's Config stands in its own file beside its network: to check a section is to import torch, which takes seconds
that no stage before training needs. So a section that fits is remembered under its content and the system's code.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from pipeline.fingerprint import code_key, content_key
from tts.config import build
from tts.registry import load_system, module_of
from tts.training.settings import RunSettings


def check_model(run: RunSettings, known: Path, *, where: str) -> None:
    """Check the model section of a run.

    Args:
        run: of a system that exists.
        known: folder of what was found to fit.
        where: dotted path of the section, for the message.

    Raises:
        ConfigError: names the first key that is unknown or whose value does not fit.
    """
    mark = known / content_key(code_key(module_of(run.system)), run.model)
    if mark.exists():
        return
    build(load_system(run.system).config, run.model, where=where)
    with suppress(OSError):  # who may only read a project checks again
        known.mkdir(parents=True, exist_ok=True)
        mark.touch()
