"""STOI and ESTOI: how well a clip could be understood, from its recording beside it.

Taal et al. 2011, https://doi.org/10.1109/TASL.2011.2114881 (STOI), and Jensen and Taal 2016,
https://doi.org/10.1109/TASLP.2016.2585878 (ESTOI, which also holds for noise that comes and goes), at 10 kHz, by the
wheel `pystoi`. Correlations of short-time envelopes: at most 1, that of the recording itself; unlike a score of
listeners, 0.8 is not 80 % of the words. The clips must be in step; nothing is aligned.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import numpy.typing as npt

from tts.metrics.measurable import NotMeasurableError
from tts.metrics.packages import require_package

SAMPLE_RATE = 10000


def stoi(
    ours: npt.NDArray[np.float32], theirs: npt.NDArray[np.float32], sample_rate: int, *, extended: bool = False
) -> float:
    """STOI, or ESTOI where `extended`, of a clip [samples] beside its recording [samples], both of one rate in Hz.

    Raises:
        NotMeasurableError: the package is absent, or fewer than 0.4 s of the recording are speech.
    """
    require_package("pystoi")
    import soxr
    from pystoi import stoi as measure

    if not ours.any() or not theirs.any():
        raise NotMeasurableError("one of the clips is silent")
    length = min(len(ours), len(theirs))
    degraded, reference = (soxr.resample(each[:length], sample_rate, SAMPLE_RATE) for each in (ours, theirs))
    with warnings.catch_warnings(), _same_draws():
        warnings.simplefilter("error", RuntimeWarning)  # what it says where it returns a constant for want of frames
        try:
            return float(measure(reference, degraded, SAMPLE_RATE, extended=extended))
        except RuntimeWarning as warning:
            raise NotMeasurableError("fewer than 0.4 s of the recording are speech") from warning


@contextmanager
def _same_draws() -> Iterator[None]:
    """Let the wheel draw equal numbers each time: it adds noise of 1e-16, which would change the last digits."""
    state = np.random.get_state()
    np.random.seed(0)
    try:
        yield
    finally:
        np.random.set_state(state)
