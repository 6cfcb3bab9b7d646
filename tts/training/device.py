"""How torch computes while a run trains."""

from __future__ import annotations

import torch

from tts.training.settings import Precision


def prepare_device(precision: Precision, *, num_threads: int, equal_batches: bool) -> None:
    """Set torch up for this process.

    Args:
        precision: of the run; but for fp32, products of float32 matrices on a GPU take 10 bits of their factors.
        num_threads: of the CPU.
        equal_batches: whether batches are all of one size, so that it pays to look for the fastest kernels.
    """
    torch.set_num_threads(num_threads)
    torch.backends.cudnn.benchmark = equal_batches
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = precision != "fp32"
