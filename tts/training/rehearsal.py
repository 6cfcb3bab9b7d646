"""One step that is taken back, with the largest batch: what does not fit is known at once, and not in the night."""

from __future__ import annotations

from typing import Any

import torch

from tts.training.shortage import shortage_explained
from tts.training.tasks import Batch, Task


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
        with shortage_explained(batch, what="the largest batch"):
            _ = task.update([batch], step).grad_norm  # which waits for the device
    finally:
        task.load_state_dict(before)


def _copied(state: Any) -> Any:  # noqa: ANN401 - a state is dictionaries, lists and tensors of any depth
    if isinstance(state, torch.Tensor):
        return state.detach().to("cpu", copy=True)
    if isinstance(state, dict):
        return {key: _copied(value) for key, value in state.items()}
    return [_copied(value) for value in state] if isinstance(state, list) else state
