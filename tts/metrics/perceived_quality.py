"""PESQ: how much worse than its recording a clip sounds, on the scale of listeners' mean opinions.

Wideband, ITU-T P.862.2 (https://www.itu.int/rec/T-REC-P.862.2), at 16 kHz, by the wheel `pesq`, which compiles ITU's
own program. About 1.0 (bad) to 4.64 (the recording itself). It is made for telephone networks: the two clips must be
the same performance in the same time, as copy-synthesis is, and it finds small delays by itself.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tts.metrics.measurable import NotMeasurableError
from tts.metrics.packages import require_package

SAMPLE_RATE = 16000

_LEAST_SECONDS = 0.25  # its program refuses shorter ones


def pesq(ours: npt.NDArray[np.float32], theirs: npt.NDArray[np.float32], sample_rate: int) -> float:
    """Wideband PESQ of a clip [samples] beside the recording [samples] it was made from, both of one rate in Hz.

    Raises:
        NotMeasurableError: the package is absent, or there is no speech in the recording.
    """
    require_package("pesq")
    import soxr
    from pesq import NoUtterancesError, PesqError
    from pesq import pesq as itu

    if min(len(ours), len(theirs)) < _LEAST_SECONDS * sample_rate:
        raise NotMeasurableError(f"PESQ needs {_LEAST_SECONDS:g} s of speech")
    if not ours.any() or not theirs.any():
        raise NotMeasurableError("one of the clips is silent")
    degraded, reference = (soxr.resample(each, sample_rate, SAMPLE_RATE) for each in (ours, theirs))
    try:
        return float(itu(SAMPLE_RATE, reference, degraded, "wb"))
    except NoUtterancesError as error:
        raise NotMeasurableError("PESQ finds no speech in the recording") from error
    except PesqError as error:
        raise NotMeasurableError(f"PESQ cannot compare the clips ({error})") from error
