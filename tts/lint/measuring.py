"""A sound file to its figures: decoded once, one spectrum, everything from there."""

from __future__ import annotations

import hashlib
import io

import numpy as np

from tts.audio.files import Readable, decode
from tts.audio.samples import Waveform
from tts.corpora.recordings import Recording
from tts.errors import AudioError
from tts.lint.bandwidth import bandwidth_hz
from tts.lint.clipping import clipped_samples
from tts.lint.findings import Clip
from tts.lint.fingerprints import BAND_EDGES_HZ, fingerprint
from tts.lint.levels import speech_level
from tts.lint.noise import signal_to_noise
from tts.lint.rates import spoken_letters
from tts.lint.silence import activity
from tts.lint.sounds import Sound, Unreadable
from tts.lint.spectrum import HOP_SECONDS, spectrum_of

_QUIETEST = 1e-6  # power: -60 dB, below which channels hold nothing that could cancel


def measure_recording(recording: Recording) -> Clip | Unreadable:
    """Measure a recording of a corpus, and count what its text says."""
    sound = measure_file(recording.audio)
    if isinstance(sound, Unreadable):
        return sound
    return Clip(
        utterance_id=recording.utterance_id,
        speaker=recording.speaker,
        style=recording.style,
        language=recording.language,
        text=recording.text,
        num_letters=spoken_letters(recording.text, recording.language),
        sound=sound,
    )


def measure_file(path: Readable) -> Sound | Unreadable:
    """Decode and measure a sound file."""
    import soundfile

    try:
        channels, sample_rate = decode(path)
    except AudioError as error:
        return Unreadable(str(error))
    header = soundfile.info(io.BytesIO(path.read_bytes()))
    return measure(channels, sample_rate, encoding=f"{header.format} {header.subtype}")


def measure(channels: Waveform, sample_rate: int, *, encoding: str) -> Sound:
    """Measure samples [samples, channels], at least one; channels are averaged as `tts prepare` does it.

    Args:
        channels: full scale is 1.
        sample_rate: Hz.
        encoding: of the file.
    """
    mono: Waveform = channels.mean(axis=1, dtype=np.float32)
    spectrum = spectrum_of(mono, sample_rate, edges_hz=BAND_EDGES_HZ)
    active = activity(spectrum.level_db)
    return Sound(
        seconds=len(channels) / sample_rate,
        sample_rate=sample_rate,
        num_channels=channels.shape[1],
        encoding=encoding,
        sha256=hashlib.sha256(repr((sample_rate, channels.shape)).encode() + channels.tobytes()).hexdigest(),
        peak=float(np.abs(channels).max()),
        clipped_samples=max(clipped_samples(channel) for channel in channels.T),
        offset=float(mono.mean(dtype=np.float64)),
        mixing_db=_mixing_db(channels, mono),
        active_seconds=float(active.is_speech.sum() * HOP_SECONDS),
        level_db=speech_level(spectrum.level_db, active.is_speech),
        speech_db=active.speech_db,
        leading_seconds=active.leading_seconds,
        trailing_seconds=active.trailing_seconds,
        start_db=active.start_db,
        end_db=active.end_db,
        snr_db=signal_to_noise(spectrum.level_db, active.is_speech),
        bandwidth_hz=bandwidth_hz(spectrum.mean_power, spectrum.bin_hz),
        fingerprint=fingerprint(spectrum.bands),
    )


def _mixing_db(channels: Waveform, mono: Waveform) -> float:
    """Level of the average less that of the loudest channel: 0 for equal ones, -6 where one of two is silent."""
    loudest = float((channels.astype(np.float64) ** 2).mean(axis=0).max())
    if channels.shape[1] == 1 or loudest < _QUIETEST:
        return 0.0
    mixed = float((mono.astype(np.float64) ** 2).mean())
    return float(10 * np.log10(max(mixed, 1e-12) / loudest))
