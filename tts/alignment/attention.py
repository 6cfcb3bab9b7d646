"""Durations from where a teacher attends, in place of an aligner's.

Ren et al. 2019, "FastSpeech", section 3.2, https://arxiv.org/abs/1905.09263.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tts.errors import AlignmentError

Weights = npt.NDArray[np.floating]


def focus_rates(attention: Weights) -> npt.NDArray[np.float64]:
    """How sharply each head looks: the mean over steps of its largest weight, from 1 / phones to 1.

    Args:
        attention: [heads, steps, phones] of one utterance without padding; each step spreads a weight of 1.

    Returns:
        [heads].
    """
    rates: npt.NDArray[np.float64] = attention.max(axis=2).mean(axis=1, dtype=np.float64)
    return rates


def durations_of_attention(
    attention: Weights, *, num_frames: int | None = None, frames_per_step: int = 1
) -> npt.NDArray[np.int32]:
    """Frames of each phone: those of the steps at which the sharpest head looks at it most.

    A phone that is never looked at most gets none, and where the teacher goes back, its frames are counted for the
    phone all the same. Of several heads the one of the highest focus rate is taken, the first of equal ones.

    Args:
        attention: [heads, steps, phones] or [steps, phones] of one utterance without padding.
        num_frames: of the mel, where its last step is not whole; None = all frames of all steps.
        frames_per_step: the teacher's reduction factor.

    Returns:
        [phones] frames; they sum to `num_frames`.

    Raises:
        AlignmentError: the attention is empty or not finite, or its steps do not make `num_frames`.
    """
    heads = attention[None] if attention.ndim == 2 else attention
    if heads.ndim != 3 or 0 in heads.shape or not np.isfinite(heads).all():
        raise AlignmentError(
            f"attention of shape {attention.shape} must be [heads, steps, phones], finite and not empty; "
            "train the teacher on"
        )
    looked_at = heads[focus_rates(heads).argmax()].argmax(axis=1).repeat(frames_per_step)
    if num_frames is not None and not 0 <= len(looked_at) - num_frames < frames_per_step:
        raise AlignmentError(
            f"attention has {heads.shape[1]} steps of {frames_per_step} frames, but the mel has {num_frames} frames; "
            "take both from one utterance"
        )
    return np.bincount(looked_at[:num_frames], minlength=heads.shape[2]).astype(np.int32)
