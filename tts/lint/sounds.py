"""All that is known of a sound file once it was measured (see tts.lint.measuring)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, eq=False)
class Sound:
    """Figures of a sound file.

    Attributes:
        seconds: its length.
        sample_rate: Hz.
        num_channels: 1 is mono.
        encoding: container and samples as libsndfile calls them, such as "WAV PCM_16".
        sha256: of its decoded samples, its rate and its channels.
        peak: largest magnitude, 1 is full scale.
        clipped_samples: see tts.lint.clipping.
        offset: mean of the samples, 1 is full scale.
        mixing_db: what averaging the channels does to the level; 0 for mono.
        active_seconds: of speech.
        level_db: RMS of the speech, dB of full scale; None where is none.
        speech_db, leading_seconds, trailing_seconds, start_db, end_db: see tts.lint.silence.
        snr_db: see tts.lint.noise.
        bandwidth_hz: see tts.lint.bandwidth.
        fingerprint: see tts.lint.fingerprints.
    """

    seconds: float
    sample_rate: int
    num_channels: int
    encoding: str
    sha256: str
    peak: float
    clipped_samples: int
    offset: float
    mixing_db: float
    active_seconds: float
    level_db: float | None
    speech_db: float
    leading_seconds: float
    trailing_seconds: float
    start_db: float
    end_db: float
    snr_db: float | None
    bandwidth_hz: float
    fingerprint: npt.NDArray[np.float32] | None


@dataclass(frozen=True)
class Unreadable:
    """A sound file that cannot be measured, and why."""

    why: str
