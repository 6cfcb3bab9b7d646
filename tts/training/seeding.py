"""Randomness as a function of (seed, step): a run that goes on draws what it would have drawn.

Every generator is seeded anew at every step, so there is no generator state to save or to lose.
"""

from __future__ import annotations

import random

import numpy as np
import torch


def seed_everything(seed: int, *position: int) -> None:
    """Seed the global generators of Python, NumPy and torch (all devices), for dropout and the like.

    Args:
        seed: of the run.
        position: what the draw belongs to, for example step and batch.
    """
    word = int(np.random.SeedSequence((seed, *position)).generate_state(1, np.uint64)[0])
    random.seed(word)
    np.random.seed(word % 2**32)
    torch.default_generator.manual_seed(word)
    if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]  # else manual_seed queues a call at every step
        torch.cuda.manual_seed_all(word)


def generator(seed: int, *position: int) -> np.random.Generator:
    """Give a NumPy generator of its own for a position, for batches and segments."""
    return np.random.default_rng((seed, *position))
