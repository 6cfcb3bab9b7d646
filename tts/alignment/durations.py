"""Phone boundaries in seconds to durations in frames that always add up."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tts.audio.mel_definition import MelDefinition, num_frames

_ROUNDING = 1e-6  # hops: a time times a rate may come out above the centre that it is


def frame_durations(
    ends: npt.NDArray[np.float64], num_samples: int, definition: MelDefinition
) -> npt.NDArray[np.int32]:
    """Frames of each phone: those whose centre lies within it, or on its start.

    Boundaries are rounded, not durations, so errors do not add up, and the sum is `num_frames` exactly. A phone
    shorter than a hop may get no frame.

    Args:
        ends: [phones] end of each phone in seconds, not decreasing; the last one is the clip's end.
        num_samples: of the clip.
        definition: gives the hop and where frames are centred.

    Returns:
        [phones] frames.

    Raises:
        ValueError: there are no ends, or they are not finite or decrease.
    """
    if len(ends) == 0 or not np.isfinite(ends).all() or (np.diff(ends, prepend=0.0) < 0).any():
        raise ValueError("ends of phones must be finite, not negative, and must not decrease")
    total = num_frames(num_samples, definition)
    # Frame t is centred on first_center + t * hop_length: count the centres before each boundary.
    before = np.ceil((ends * definition.sample_rate - definition.first_center) / definition.hop_length - _ROUNDING)
    boundaries = np.clip(before, 0, total).astype(np.int32)
    boundaries[-1] = total
    return np.diff(boundaries, prepend=np.int32(0)).astype(np.int32)
