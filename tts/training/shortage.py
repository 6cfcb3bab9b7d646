"""Memory that does not suffice, told with what there is to lower."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from tts.errors import MemoryShortageError
from tts.interfaces import AcousticBatch, VocoderBatch
from tts.training.tasks import Batch

_NO_MEMORY = "DefaultCPUAllocator: "  # what torch says where memory of a CPU is refused; it has no error of its own


@contextmanager
def shortage_explained(batch: Batch, *, what: str) -> Iterator[None]:
    """Let a computation with a batch say by one line that it took too much memory.

    Args:
        batch: that is computed with.
        what: the batch is called.

    Raises:
        MemoryShortageError: memory does not suffice.
    """
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise _too_large(batch, what, error) from error
    except RuntimeError as error:
        if _NO_MEMORY not in str(error):
            raise
        raise _too_large(batch, what, error) from error


def _too_large(batch: Batch, what: str, error: RuntimeError) -> MemoryShortageError:
    is_whole = not isinstance(batch, VocoderBatch)
    size, frames = _size(batch)
    reason = str(error).strip().splitlines()[0]
    if size > 1:
        remedy = (
            "lower batch.size or batch.max_frames, and raise accumulate to learn from as many clips in a step; "
            "batch.auto does so by itself when a run starts"
        )
    else:
        less = "leave the longest clips out of the corpus" if is_whole else "lower batch.segment_frames"
        remedy = f"{less}, take a smaller model, or set precision to bf16"
    clips = f"{size} clips of up to" if size > 1 else "one clip of"
    return MemoryShortageError(f"{what}, {clips} {frames} frames, does not fit into memory ({reason}); {remedy}")


def _size(batch: Batch) -> tuple[int, int]:
    """Clips and frames of the longest."""
    if isinstance(batch, VocoderBatch):
        return batch.mel.shape[0], batch.mel.shape[2]
    if isinstance(batch, AcousticBatch):
        return batch.mel.shape[0], batch.mel.shape[1]
    return len(batch.frames), int(batch.frames.max())
