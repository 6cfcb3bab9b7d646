"""DNSMOS: the mean opinion that listeners would give, predicted from the signal alone.

Reddy et al. 2022, https://arxiv.org/abs/2110.01763 (overall, signal and background quality, P.835) and 2021,
https://arxiv.org/abs/2010.15258 (P.808), by the networks of the wheel `speechmos`. Both judge noisy and enhanced
speech at 16 kHz: among clean voices they tell artefacts, not style. Scale 1 (bad) to 5 (excellent).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tts.metrics.dnsmos_windows import SAMPLE_RATE, p808, p835, windows_of
from tts.metrics.measurable import NotMeasurableError
from tts.metrics.packages import require_package


def dnsmos(waveform: npt.NDArray[np.float32], sample_rate: int) -> dict[str, float]:
    """Scores `dnsmos_ovrl`, `dnsmos_sig`, `dnsmos_bak` and `dnsmos_p808` of a clip [samples].

    Raises:
        NotMeasurableError: the clip is silent, or not finite, or the package is absent.
    """
    require_package("speechmos")
    if not np.isfinite(waveform).all():
        raise NotMeasurableError("the clip has samples that are not finite")
    if not waveform.any():
        raise NotMeasurableError("the clip is silent")
    import soxr
    from speechmos.dnsmos import DNSMOS

    audio, starts = windows_of(np.clip(soxr.resample(waveform, sample_rate, SAMPLE_RATE), -1, 1))
    # The wheel's own calibration to listeners' scores, which needs nothing of the object that it is a method of.
    calibrated = DNSMOS.get_polyfit_val(None, *p835(audio, starts).T, False)  # noqa: FBT003 - not personalised
    names = ("dnsmos_sig", "dnsmos_bak", "dnsmos_ovrl", "dnsmos_p808")
    return {name: float(np.mean(each)) for name, each in zip(names, (*calibrated, p808(audio, starts)), strict=True)}
