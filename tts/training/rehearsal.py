"""One step that is taken back, with the largest batch: what does not fit is known at once, and not in the night."""

from __future__ import annotations

from typing import Any

import torch

from tts.errors import MemoryShortageError
from tts.interfaces import AcousticBatch, VocoderBatch
from tts.training.tasks import Batch, Task

_NO_MEMORY = "DefaultCPUAllocator: "  # what torch says where memory of a CPU is refused; it has no error of its own


def rehearse(task: Task, batch: Batch, step: int) -> None:
    """Make a step and take it back; weights, moments and running statistics are those of before, bit by bit.

    Args:
        task: to try; every step draws its randomness anew, so this one changes none of those to come.
        batch: the largest there is.
        step: one in which all networks take part.

    Raises:
        MemoryShortageError: memory does not suffice.
        TrainingError: what training itself raises.
    """
    before = _copied(task.state_dict())
    try:
        _ = task.update([batch], step).grad_norm  # which waits for the device
    except torch.OutOfMemoryError as error:
        raise _too_large(batch, error) from error
    except RuntimeError as error:
        if _NO_MEMORY not in str(error):
            raise
        raise _too_large(batch, error) from error
    finally:
        task.load_state_dict(before)


def _too_large(batch: Batch, error: RuntimeError) -> MemoryShortageError:
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
    return MemoryShortageError(
        f"the largest batch, {clips} {frames} frames, does not fit into memory ({reason}); {remedy}"
    )


def _size(batch: Batch) -> tuple[int, int]:
    """Clips and frames of the longest."""
    if isinstance(batch, VocoderBatch):
        return batch.mel.shape[0], batch.mel.shape[2]
    if isinstance(batch, AcousticBatch):
        return batch.mel.shape[0], batch.mel.shape[1]
    return len(batch.frames), int(batch.frames.max())


def _copied(state: Any) -> Any:  # noqa: ANN401 - a state is dictionaries, lists and tensors of any depth
    if isinstance(state, torch.Tensor):
        return state.detach().to("cpu", copy=True)
    if isinstance(state, dict):
        return {key: _copied(value) for key, value in state.items()}
    return [_copied(value) for value in state] if isinstance(state, list) else state
