"""A recogniser, which writes down what it hears in a clip.

PocketSphinx 5 (https://github.com/cmusphinx/pocketsphinx, BSD licence) with the English model in its wheel (16 kHz,
CMUdict, a trigram model of general English): it runs anywhere, and mishears a fifth of the words of a good recording.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from tts.audio.samples import to_int16
from tts.metrics.measurable import NotMeasurableError
from tts.metrics.packages import require_package

Waveform = npt.NDArray[np.float32]

SAMPLE_RATE = 16000

# A third of the work of its defaults, two or three words more misheard in a hundred: fewer paths, one Gaussian of each
# codebook, no second pass, and no phones that the next 50 ms do not sound like.
_QUICK = {"fwdflat": False, "topn": 1, "maxhmmpf": 3000, "maxwpf": 5, "pl_window": 5}


def recognise(waveform: Waveform, sample_rate: int, *, language: str) -> str:
    """Give the words that are heard in a clip [samples], in small letters; "" where there are none.

    Args:
        waveform: in [-1, 1].
        sample_rate: of it, Hz.
        language: of its words.

    Raises:
        NotMeasurableError: the package is absent, the clip is silent, or the language is not English ("en").
    """
    require_package("pocketsphinx")
    if language != "en":
        raise NotMeasurableError(f"the embedded recogniser knows English only, not {language!r}")
    if not waveform.any():
        raise NotMeasurableError("the clip is silent")
    import soxr

    decoder = _decoder()
    decoder.reinit_feat()  # else the words would depend on the clips before
    decoder.start_utt()
    decoder.process_raw(_bytes(soxr.resample(waveform, sample_rate, SAMPLE_RATE)), full_utt=True)
    decoder.end_utt()
    found = decoder.hyp()
    return str(found.hypstr) if found else ""


def _bytes(waveform: Waveform) -> bytes:
    return to_int16(np.clip(waveform, -1, 1)).astype("<i2").tobytes()


@lru_cache(maxsize=1)
def _decoder() -> Any:  # noqa: ANN401 - the wheel has no types
    from pocketsphinx import Decoder

    # Means over the clip itself: those of the clips before it would make its words depend on them.
    return Decoder(samprate=SAMPLE_RATE, cmn="batch", loglevel="FATAL", **_QUICK)
