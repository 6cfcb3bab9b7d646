"""How far the melodies of two clips are apart; F0 in Hz, 0 = unvoiced, of paired frames."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tts.metrics.measurable import NotMeasurableError

Floats = npt.NDArray[np.floating]

_STILL = 1e-6  # nepers; what is left of a constant after rounding


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


def log_f0_correlation(ours: Floats, theirs: Floats) -> float:
    """Pearson's correlation of ln F0 over pairs voiced in both, -1 to 1: whether the melodies move alike.

    Unlike the RMSE it does not see a voice that is higher as a whole, or livelier. Hermes 1998, "Measuring the
    perceptual similarity of pitch contours", https://doi.org/10.1044/jslhr.4101.73.

    Args:
        ours: [pairs] Hz.
        theirs: [pairs] Hz.

    Raises:
        NotMeasurableError: fewer than two pairs are voiced in both, or one melody does not move.
    """
    voiced = (ours > 0) & (theirs > 0)
    if voiced.sum() < 2:
        raise NotMeasurableError("fewer than two frames are voiced in both clips")
    melodies = np.log(np.stack([ours[voiced], theirs[voiced]]).astype(np.float64))
    if np.ptp(melodies, axis=1).min() < _STILL:
        raise NotMeasurableError("the melody of one of the clips does not move")
    return float(np.corrcoef(melodies)[0, 1])


def voicing_error(ours: Floats, theirs: Floats) -> float:
    """Share of pairs [pairs] voiced in one clip and unvoiced in the other, 0 to 1."""
    return float(np.mean((ours > 0) != (theirs > 0)))
