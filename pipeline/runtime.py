"""What must not change results: runtime.yaml, overridden by a git-ignored runtime.local.yaml."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from pydantic import Field

from pipeline.yaml import read_yaml
from tts.config import build, config


@config
class Runtime:
    """How this machine runs things.

    Attributes:
        workers: processes of data stages and threads of training; None = one per core this process may use, or that
            the Ray cluster has.
        executor: where data stages run: local = processes of this machine; ray = tasks of Ray.
        ray_address: of a Ray cluster as host:port; auto = the one this machine is part of; None = Ray is started here
            for the time of a stage.
        device: where models run; auto = cuda if there is one.
        processes: that train together on this machine, one for each GPU; they share the batches of a step, see
            `accumulate` of a run.
        nodes: machines that train together, each with as many processes; `tts train` is started on all of them.
        rendezvous: where they meet, as host:port of one of them.
        samples: validation clips that training draws and speaks at each validation.
        wandb: offline keeps runs below .tts_cache; disabled writes none.
        mirror: folder or base URL with archives under their published file names, looked at before the web.
    """

    workers: int | None = Field(default=None, ge=1)
    executor: Literal["local", "ray"] = "local"
    ray_address: str | None = Field(default=None, pattern=r"^(auto|[^:/]+:\d+)$")
    device: Literal["auto", "cpu", "cuda"] = "auto"
    processes: int = Field(default=1, ge=1)
    nodes: int = Field(default=1, ge=1)
    rendezvous: str | None = Field(default=None, pattern=r"^[^:/]+:\d+$")
    samples: int = Field(default=1, ge=0)
    wandb: Literal["offline", "online", "disabled"] = "offline"
    mirror: str | None = Field(default=None, min_length=1)

    def __post_init__(self) -> None:
        """Refuse machines that cannot find each other."""
        if self.nodes > 1 and self.rendezvous is None:
            raise ValueError("several nodes need rendezvous, host:port of one of them")

    @property
    def num_training_processes(self) -> int:
        """How many train together, on all machines."""
        return self.processes * self.nodes

    @property
    def num_workers(self) -> int:
        """The number of processes to use."""
        if self.workers:
            return self.workers
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def load_runtime(root: Path) -> Runtime:
    """Read runtime.yaml and its local overrides; both may be absent.

    Raises:
        ConfigError: a key is unknown or a value does not fit.
    """
    merged: dict[str, object] = {}
    for name in ("runtime.yaml", "runtime.local.yaml"):
        if (root / name).exists():
            merged.update(read_yaml(root / name))
    return build(Runtime, merged, where="runtime")
