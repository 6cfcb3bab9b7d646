"""How long speech takes to make."""

from __future__ import annotations

import time
from collections.abc import Callable, Sized


def real_time_factor(make: Callable[[], Sized], *, sample_rate: int) -> float:
    """Give the wall-clock seconds of one call for each second of the samples it returns; below 1 keeps up.

    Args:
        make: synthesizes one clip; called once before the clock starts, so that nothing cold is measured.
        sample_rate: Hz.

    Raises:
        ValueError: it made no sample.
    """
    num_samples = len(make())
    if num_samples == 0:
        raise ValueError("no speech was made, so its speed is undefined")
    started = time.perf_counter()
    make()
    return (time.perf_counter() - started) * sample_rate / num_samples
