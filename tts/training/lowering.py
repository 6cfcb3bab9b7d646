"""Smaller batches, more of them in a step: less memory, as many clips to learn from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from tts.training.settings import BatchSettings, RunSettings


def lowered(settings: RunSettings, *, longest: int) -> Iterator[RunSettings]:
    """Yield the settings, then those with half the batch and twice `accumulate`, and so on down to one clip.

    Halves are rounded up, so that a step never learns from fewer clips.

    Args:
        settings: to begin with.
        longest: frames of the longest clip, which `max_frames` has to admit.
    """
    batch: BatchSettings | None = settings.batch
    while batch is not None:
        yield settings
        batch = _halved(batch, longest)
        if batch is not None:
            settings = replace(settings, batch=batch, accumulate=2 * settings.accumulate)


def _halved(batch: BatchSettings, longest: int) -> BatchSettings | None:
    """None where a batch is one clip already, or may be."""
    smaller = replace(batch, size=_half(batch.size, 1), max_frames=_half(batch.max_frames, longest))
    return None if batch.size == 1 or smaller == batch else smaller


def _half(value: int | None, least: int) -> int | None:
    return None if value is None else min(value, max(least, (value + 1) // 2))
