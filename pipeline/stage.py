"""The frame around every stage: params, paths, work folder, and the one line that says what was done."""

from __future__ import annotations

import gc
import logging
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import typer

from pipeline.fingerprint import code_key, content_key
from pipeline.incremental import Results
from pipeline.kept_files import links_last
from pipeline.kept_shards import ShardStore
from pipeline.ledger import Loss, require_few
from pipeline.locks import exclusive
from pipeline.parallel import Executor, open_executor
from pipeline.params import Params, load_params
from pipeline.paths import Paths
from pipeline.runtime import Runtime, load_runtime

logger = logging.getLogger(__name__)

_COLLECTED_AFTER = (100_000, 20, 100)
"""Left to itself, Python's garbage collector takes a quarter of the time to read the million phones of a corpus."""


@dataclass
class Stage:
    """What a stage command works with."""

    name: str
    item: str | None
    paths: Paths
    summary: list[str] = field(default_factory=list)
    resources: ExitStack = field(default_factory=ExitStack)

    @property
    def title(self) -> str:
        """What is done to what."""
        return f"{self.name} {self.item}" if self.item else self.name

    @cached_property
    def params(self) -> Params:
        """params.yaml, checked as a whole."""
        return load_params(self.paths.root)

    @cached_property
    def runtime(self) -> Runtime:
        """runtime.yaml with its local overrides."""
        return load_runtime(self.paths.root)

    @cached_property
    def executor(self) -> Executor:
        """Where this stage maps functions over clips; its workers stay until the stage ends."""
        return self.resources.enter_context(open_executor(self.runtime))

    def work(self, *content: Any) -> Path:  # noqa: ANN401 - any JSON value
        """The work folder of this stage for this content: same content and code, same folder.

        Another process that works there, such as an experiment in another folder, is waited for: its results are ours.
        """
        modules = (f"stages.{self.name}", *(part.module for part in content if isinstance(part, Code)))
        key = content_key(code_key(*modules), *(part for part in content if not isinstance(part, Code)))
        folder = self.paths.cache / self.name / key
        folder.mkdir(parents=True, exist_ok=True)
        self.hold(folder / ".lock", what=f"this very work of `tts {self.title}`", wait=True)
        return folder

    def store(self) -> Path:
        """The folder of results that are keyed one by one (see pipeline.incremental)."""
        return self.paths.cache / self.name / "results"

    def shards(self) -> ShardStore:
        """The shards of earlier runs, and what writes new ones."""
        return ShardStore(self.paths.cache / self.name / "shards", self.executor, links=links_last(self.paths.root))

    def utterance_keys(self, content: Mapping[str, Sequence[Any]], *shared: Any) -> dict[str, str]:  # noqa: ANN401
        """Content keys for `map_cached`: code, shared params, and what is each utterance's own."""
        base = content_key(code_key(f"stages.{self.name}"), *shared)
        return {name: content_key(base, *own) for name, own in content.items()}

    def hold(self, lock: Path, *, what: str, wait: bool = False) -> None:
        """Hold a lock until the stage ends; of several processes that torchrun starts, the first does.

        Raises:
            TtsError: another process holds it, and is not waited for.
        """
        if is_first_process():
            self.resources.enter_context(exclusive(lock, what=what, wait=wait))

    def say(self, text: str) -> None:
        """Add to the closing line."""
        self.summary.append(text)

    def check_losses(self, losses: Sequence[Loss], *, num_clips: int) -> None:
        """Stop when this stage lost more clips than `max_dropped` allows."""
        require_few(losses, num_clips=num_clips, limit=self.params.max_dropped, stage=self.name)

    def say_results(self, folder: Path, results: Results) -> None:
        """Add what was written, how many clips, and how many were dropped or reused, to the closing line."""
        num_clips = len(results.ids) + len(results.rejected)
        self.say(f"wrote {folder}")
        self.say(f"{len(results.ids)} clips ({num_clips - results.num_computed} reused)")
        self.say(f"{len(results.rejected)} dropped")


@dataclass(frozen=True)
class Code:
    """A module whose source belongs to a work key though the stage finds it by name, such as a system."""

    module: str


@contextmanager
def stage(name: str, item: str | None = None) -> Iterator[Stage]:
    """Run a stage in the current folder and close with one line: what it wrote, how many, how long.

    Raises:
        TtsError: another process runs the same stage for the same item here.
    """
    started = time.monotonic()
    gc.set_threshold(*_COLLECTED_AFTER)
    current = Stage(name, item, Paths(Path()))
    with current.resources:
        # Experiments share the cache and have data of their own.
        lock = current.paths.cache / "locks" / content_key(current.title, str(Path().resolve()))
        current.hold(lock, what=f"`tts {current.title}`")
        yield current
    if is_first_process():
        typer.echo(f"{current.title}: {', '.join([*current.summary, f'{time.monotonic() - started:.1f} s'])}")


def is_first_process() -> bool:
    """Whether this is the first of several processes that torchrun started, or alone."""
    return os.environ.get("RANK", "0") == "0"
