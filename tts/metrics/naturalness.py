"""DNSMOS: the mean opinion that listeners would give, predicted from the signal alone.

Reddy et al. 2022, https://arxiv.org/abs/2110.01763 (overall, signal and background quality, P.835) and 2021,
https://arxiv.org/abs/2010.15258 (P.808), by the networks of the wheel `speechmos`. Both judge noisy and enhanced
speech at 16 kHz: among clean voices they tell artefacts, not style. Scale 1 (bad) to 5 (excellent).
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tts.metrics.measurable import NotMeasurableError

SAMPLE_RATE = 16000

_KEYS = {"dnsmos_ovrl": "ovrl_mos", "dnsmos_sig": "sig_mos", "dnsmos_bak": "bak_mos", "dnsmos_p808": "p808_mos"}


def dnsmos(waveform: npt.NDArray[np.float32], sample_rate: int) -> dict[str, float]:
    """Scores `dnsmos_ovrl`, `dnsmos_sig`, `dnsmos_bak` and `dnsmos_p808` of a clip [samples].

    Raises:
        NotMeasurableError: the clip is silent, or not finite.
    """
    if not np.isfinite(waveform).all():
        raise NotMeasurableError("the clip has samples that are not finite")
    if not waveform.any():
        raise NotMeasurableError("the clip is silent")
    import soxr

    resampled = soxr.resample(waveform, sample_rate, SAMPLE_RATE)
    found = _networks()(np.clip(resampled, -1, 1), SAMPLE_RATE, False)  # noqa: FBT003 - theirs; not personalised
    return {ours: float(found[theirs]) for ours, theirs in _KEYS.items()}


@lru_cache(maxsize=1)
def _networks() -> Any:  # noqa: ANN401 - the wheel has no types
    """The wheel's windowing and calibration, with sessions of one thread: clips are spread over processes."""
    import onnxruntime
    import speechmos
    from speechmos.dnsmos import DNSMOS

    folder = Path(speechmos.__file__).parent / "dnsmos_models"
    paths = [str(folder / name) for name in ("sig_bak_ovr.onnx", "model_v8.onnx")]
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    networks = DNSMOS(*paths)
    networks.onnx_sess, networks.p808_onnx_sess = (onnxruntime.InferenceSession(path, options) for path in paths)
    return networks
