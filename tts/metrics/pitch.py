"""How far the melodies of two clips are apart; F0 in Hz, 0 = unvoiced, of paired frames."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tts.metrics.measurable import NotMeasurableError

Floats = npt.NDArray[np.floating]


def log_f0_rmse(ours: Floats, theirs: Floats) -> float:
    """Root mean square difference of ln F0 over pairs voiced in both, in nepers: 0.0578 is one semitone.

    Args:
        ours: [pairs] Hz.
        theirs: [pairs] Hz.

    Raises:
        NotMeasurableError: no pair is voiced in both.
    """
    voiced = (ours > 0) & (theirs > 0)
    if not voiced.any():
        raise NotMeasurableError("no frame is voiced in both clips")
    difference = np.log(ours[voiced].astype(np.float64)) - np.log(theirs[voiced].astype(np.float64))
    return float(np.sqrt(np.square(difference).mean()))


def voicing_error(ours: Floats, theirs: Floats) -> float:
    """Share of pairs [pairs] voiced in one clip and unvoiced in the other, 0 to 1."""
    return float(np.mean((ours > 0) != (theirs > 0)))
