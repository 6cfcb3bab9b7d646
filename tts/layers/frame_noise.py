"""Noise that a frame has wherever a mel is cut, so that a mel in pieces is spoken from the noise of the whole."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


def frame_noise(seed: int, frames: range, size: int) -> Tensor:
    """Normal noise [frames, size] on the CPU, each frame's a function of the seed and its number alone."""
    drawn = [np.random.default_rng((seed, frame)).standard_normal(size, np.float32) for frame in frames]
    return torch.from_numpy(np.stack(drawn) if drawn else np.empty((0, size), np.float32))
