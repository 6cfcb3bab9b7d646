"""How far the loudness of two clips is apart, in dB."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating]

_RANGE_DB = 60


def energy_mae_db(ours: Floats, theirs: Floats) -> float:
    """Mean absolute difference in level of paired frames, in dB.

    Levels are clamped 60 dB below the reference's loudest frame: what lies deeper is not heard beside speech, and
    would outweigh it.

    Args:
        ours: [pairs] energy, the L2 norm of the magnitude spectrum.
        theirs: [pairs] energy of the reference.
    """
    loudest = max(float(theirs.max()), np.finfo(np.float32).tiny)
    floor = loudest * 10 ** (-_RANGE_DB / 20)
    levels = [20 * np.log10(np.maximum(each.astype(np.float64), floor)) for each in (ours, theirs)]
    return float(np.abs(levels[0] - levels[1]).mean())
