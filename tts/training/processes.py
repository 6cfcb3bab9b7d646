"""Training in several processes: each takes its share of a step's batches, and gradients are averaged.

Not DistributedDataParallel: the batches of a step are fixed by `accumulate`, so the number of processes changes
how long a run takes and not what it computes (up to the order of floating-point sums).
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, distributed

from tts.errors import ConfigError

_CPU = torch.device("cpu")


@dataclass(frozen=True)
class Processes:
    """This process among those that train together; the default trains alone, on the CPU.

    Attributes:
        rank: number of this process.
        size: number of processes.
        device: of this process.
    """

    rank: int = 0
    size: int = 1
    device: torch.device = _CPU

    @property
    def is_first(self) -> bool:
        """Whether this process writes the files."""
        return self.rank == 0

    def share(self, accumulate: int) -> range:
        """Batches of a step that this process takes.

        Raises:
            ConfigError: they cannot be shared evenly.
        """
        if accumulate % self.size:
            raise ConfigError(
                f"accumulate {accumulate} cannot be shared by {self.size} processes; make it a multiple of {self.size} "
                "(and batch.size smaller), or start fewer"
            )
        return range(self.rank, accumulate, self.size)

    def average(self, tensors: Iterable[Tensor]) -> None:
        """Replace tensors by their mean over processes."""
        if self.size == 1:
            return
        for group in _by_type(tensors):
            flat = torch.cat([tensor.reshape(-1) for tensor in group])
            distributed.all_reduce(flat)
            flat /= self.size
            parts = torch.split(flat, [tensor.numel() for tensor in group])
            for tensor, part in zip(group, parts, strict=True):
                tensor.copy_(part.view_as(tensor))

    def total(self, value: float) -> float:
        """Sum of a value of each process."""
        if self.size == 1:
            return value
        sum_of_all = torch.tensor(value, device=self.device, dtype=torch.float64)
        distributed.all_reduce(sum_of_all)
        return float(sum_of_all)

    def any(self, *, claim: bool) -> bool:
        """Whether the claim holds in any process."""
        if self.size == 1:
            return claim
        flag = torch.tensor(float(claim), device=self.device)
        distributed.all_reduce(flag, op=distributed.ReduceOp.MAX)
        return bool(flag.item())

    def wait(self) -> None:
        """Wait until every process is here."""
        if self.size > 1:
            distributed.barrier()


ALONE = Processes()


@contextmanager
def joined(device: Literal["auto", "cpu", "cuda"]) -> Iterator[Processes]:
    """Yield this process' place: alone, or among those that ``torchrun`` started.

    Raises:
        ConfigError: there is no CUDA device though one is asked for, or fewer than processes.
    """
    if "TORCHELASTIC_RUN_ID" not in os.environ:
        yield Processes(device=choose_device(device))
        return
    own = choose_device(device, number=int(os.environ["LOCAL_RANK"]))
    distributed.init_process_group("nccl" if own.type == "cuda" else "gloo")
    try:
        yield Processes(distributed.get_rank(), distributed.get_world_size(), own)
    finally:
        distributed.destroy_process_group()


def choose_device(device: Literal["auto", "cpu", "cuda"], *, number: int = 0) -> torch.device:
    """Give the device to run on; auto is cuda where there is one.

    Raises:
        ConfigError: cuda is asked for and absent, or has no device of this number.
    """
    present = torch.cuda.is_available()
    if device == "cuda" and not present:
        raise ConfigError("device cuda is asked for in runtime.yaml, but torch finds none; set it to auto or cpu")
    if device == "cpu" or not present:
        return _CPU
    if number >= torch.cuda.device_count():
        raise ConfigError(
            f"process {number + 1} of this machine finds {torch.cuda.device_count()} CUDA devices; each needs its own, "
            "so start fewer processes, or set device to cpu in runtime.yaml"
        )
    return torch.device("cuda", number)


def _by_type(tensors: Iterable[Tensor]) -> Iterator[list[Tensor]]:
    groups: dict[torch.dtype, list[Tensor]] = {}
    for tensor in tensors:
        groups.setdefault(tensor.dtype, []).append(tensor)
    yield from groups.values()
