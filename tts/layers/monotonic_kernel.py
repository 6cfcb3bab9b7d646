"""The alignment search as machine code, for CPUs: one cell after another, by numba."""

from __future__ import annotations

import numba
import numpy as np
import numpy.typing as npt

Integers = npt.NDArray[np.int64]


@numba.njit("i8[:,::1](f4[:,:,::1], i8[::1], i8[::1])", cache=True, nogil=True)
def durations(likelihood: npt.NDArray[np.float32], frames: Integers, phones: Integers) -> Integers:
    """Frames [batch, phones] of each phone, of likelihoods [batch, frames, phones] and lengths [batch]."""
    found = np.zeros((likelihood.shape[0], likelihood.shape[2]), np.int64)
    moves = np.empty((likelihood.shape[1], likelihood.shape[2]), np.bool_)
    # Sums over a thousand frames: single precision would decide close cases by chance.
    best = np.empty(likelihood.shape[2], np.float64)
    for row in range(likelihood.shape[0]):
        num_frames, num_phones = frames[row], phones[row]
        best[:] = -np.inf
        best[0] = 0.0
        for frame in range(num_frames):
            # A path is at a phone no sooner than it can be, and no later than the phones after it allow.
            first, last = max(0, num_phones - num_frames + frame), min(frame, num_phones - 1)
            for phone in range(last, first - 1, -1):
                moves[frame, phone] = phone > 0 and best[phone - 1] > best[phone]
                before = best[phone - 1] if moves[frame, phone] else best[phone]
                best[phone] = before + likelihood[row, frame, phone]
        phone = num_phones - 1
        for frame in range(num_frames - 1, -1, -1):
            found[row, phone] += 1
            phone -= moves[frame, phone]
    return found
