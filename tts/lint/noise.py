"""Signal-to-noise ratio, from the quietest and the speaking frames of a clip."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from tts.lint.findings import Case, Check, Clip, Finding, finding
from tts.lint.spectrum import Floats

NOISY = Check(
    name="noise",
    title="Noise",
    unit="dB",
    rule="speech is less than 20 dB above the quietest frames, in clips over 1 s (LibriTTS' limit for its clean sets)",
    advice="listen to the worst; drop them or clean all clips alike, since a voice learns the noise too",
)
_CLEAN_DB = 20.0
_QUIETEST = 0.05  # of the frames: closures and ends, which clips without pauses have too
_SPREAD_DB = 3.0  # around it lie nearly all frames of steady noise, so that the mean is not biased to the low ones
_DIGITAL_DB = -100.0  # below the rounding noise of 16 bits there is no recorded noise
_FRAMES = 100  # 1 s: single words may have no quiet part at all


def signal_to_noise(level_db: Floats, is_speech: npt.NDArray[np.bool_]) -> float | None:
    """Ratio of mean powers in dB, speech without the noise in it; None where a clip holds no noise to be measured.

    Noise are the frames that are at most 3 dB above the mean power of the quietest 5 %, digital silence left out, after
    the idea of NIST's STNR, which takes noise and speech from the histogram of frame energies. The limit of 20 dB is
    that of LibriTTS (https://arxiv.org/abs/1904.02882) for WADA-SNR. Noise that stops with the speech, as behind a
    gate, cannot be seen.

    Args:
        level_db: [frames].
        is_speech: [frames].
    """
    recorded = level_db[level_db > _DIGITAL_DB]
    if not is_speech.any() or len(recorded) < _FRAMES:
        return None
    floor = _power(np.sort(recorded)[: round(_QUIETEST * len(recorded))])
    quiet = recorded[recorded <= 10 * np.log10(floor) + _SPREAD_DB]
    noise, speech = _power(quiet), _power(level_db[is_speech])
    return float(10 * np.log10(max(speech - noise, 1e-3 * noise) / noise))


def noise(clips: Sequence[Clip]) -> Iterator[Finding]:
    """Noisy clips."""
    known = ((clip, clip.sound.snr_db) for clip in clips if clip.sound.snr_db is not None)
    cases = (Case(clip.utterance_id, snr, f"SNR {snr:.1f} dB", -snr) for clip, snr in known if snr < _CLEAN_DB)
    yield from finding(NOISY, cases)


def _power(level_db: Floats) -> float:
    return float(np.mean(10 ** (level_db / 10)))
