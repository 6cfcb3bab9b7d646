"""Sound files: any format soundfile reads, to float32 mono; and 16-bit WAV written with the standard library."""

from __future__ import annotations

import io
import struct
import wave
from pathlib import Path
from typing import IO, Protocol

import numpy as np
import numpy.typing as npt

from tts.audio.samples import Waveform, to_int16
from tts.errors import AudioError

_PLAUSIBLE_RATES = range(4000, 384_001)


class Readable(Protocol):
    """A sound file, on disk or in a pack; as text, its name for messages."""

    def read_bytes(self) -> bytes:
        """All of it."""
        ...


def read_audio(path: Readable, *, sample_rate: int, stated_rate: int | None = None) -> Waveform:
    """Read a file as [samples] float32 in [-1, 1]: channels averaged, resampled to `sample_rate` (Hz) where it differs.

    Args:
        path: WAV, FLAC, OGG or whatever else soundfile reads.
        sample_rate: of the result, Hz.
        stated_rate: what the file's own rate must be, Hz; None accepts any.

    Raises:
        AudioError: the file is missing, empty, truncated, not audio, has another rate than stated, or holds NaN.
    """
    channels, file_rate = decode(path)
    if stated_rate is not None and file_rate != stated_rate:
        raise AudioError(f"{path}: has {file_rate} Hz where the corpus states {stated_rate}; correct one of them")
    waveform: Waveform = channels.mean(axis=1, dtype=np.float32)
    if file_rate != sample_rate:
        import soxr

        waveform = soxr.resample(waveform, file_rate, sample_rate)
    return np.clip(waveform, -1.0, 1.0)


def decode(path: Readable) -> tuple[Waveform, int]:
    """Give a file as it is: samples [samples, channels] float32, full scale 1, and their rate in Hz.

    Raises:
        AudioError: the file is missing, empty, truncated, not audio, or holds NaN.
    """
    channels, rate = _read(path)
    if rate not in _PLAUSIBLE_RATES:
        raise AudioError(f"{path}: states a sample rate of {rate} Hz; its header is damaged")
    if not np.isfinite(channels).all():
        raise AudioError(f"{path}: holds samples that are NaN or infinite; export it again")
    return channels, rate


def write_wav(path: Path, waveform: Waveform | npt.NDArray[np.int16], *, sample_rate: int) -> None:
    """Write a mono 16-bit WAV; floats beyond [-1, 1] are clipped.

    Raises:
        AudioError: the waveform holds NaN or infinity.
    """
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(sample_rate)
        file.writeframes(to_int16(waveform).astype("<i2").tobytes())


def _read(path: Readable) -> tuple[Waveform, int]:
    """Give [samples, channels] and the file's rate."""
    import soundfile

    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise AudioError(f"{path}: does not exist; restore it or remove its line from the transcripts") from error
    except IsADirectoryError as error:
        raise AudioError(f"{path}: is a folder, not a sound file; rename or remove it") from error
    if not content:
        raise AudioError(f"{path}: is an empty file; restore it from its source")
    try:
        with soundfile.SoundFile(io.BytesIO(content)) as file:
            stated_frames, rate = file.frames, int(file.samplerate)
            channels: Waveform = file.read(dtype="float32", always_2d=True)
    except soundfile.LibsndfileError as error:
        raise AudioError(f"{path}: cannot be read as audio ({error.error_string.rstrip('.')})") from error
    stated_frames = max(stated_frames, _frames_in_wav_header(io.BytesIO(content)))
    if len(channels) < stated_frames:
        raise AudioError(
            f"{path}: is truncated, {len(channels)} samples of the {stated_frames} its header states; copy it again"
        )
    if len(channels) == 0:
        raise AudioError(f"{path}: holds no samples; restore it from its source")
    return channels, rate


def _frames_in_wav_header(file: IO[bytes]) -> int:
    """Samples that a WAV header promises (libsndfile only tells those present); 0 for other formats and streams."""
    riff = file.read(12)
    if riff[:4] != b"RIFF" or riff[8:] != b"WAVE":
        return 0
    block_align = 0
    while len(header := file.read(8)) == 8:
        name, size = struct.unpack("<4sI", header)
        if name == b"data":
            is_stream = size >= 0x7FFFF000  # written by programs that could not seek back
            return 0 if is_stream or not block_align else int(size // block_align)
        body = file.read(size + size % 2)
        if name == b"fmt " and len(body) >= 14:
            block_align = struct.unpack("<H", body[12:14])[0]
    return 0
