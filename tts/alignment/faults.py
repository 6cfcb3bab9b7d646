"""Why a clip cannot be aligned, whatever the aligner; in the same words for all."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tts.alignment.utterances import Failed, Utterance

_SILENT_BELOW = 1e-3  # peak, -60 dB of full scale


def no_phones(utterance: Utterance) -> Failed | None:
    """The fault of a text without phones."""
    return None if utterance.phones else Failed(utterance.utterance_id, "no phones", "its text has nothing to align")


def too_short(utterance: Utterance) -> Failed:
    """The fault of a clip that has no room for its phones."""
    detail = f"{len(utterance.phones)} phones in {utterance.seconds:.2f} s"
    return Failed(utterance.utterance_id, "text too long for the audio", detail)


def silent(utterance: Utterance, waveform: npt.NDArray[np.float32]) -> Failed | None:
    """The fault of samples [samples] without sound."""
    peak = float(np.abs(waveform).max())
    if peak >= _SILENT_BELOW:
        return None
    return Failed(utterance.utterance_id, "silent audio", f"peak {peak:.5f} of full scale")
