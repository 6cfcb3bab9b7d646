"""Pictures and sounds of the report: equal clips give equal bytes."""

from __future__ import annotations

import io

import numpy as np
import numpy.typing as npt
import torch

from tts.audio.mel_definition import MelDefinition
from tts.audio.spectrogram import mel_spectrogram

Floats = npt.NDArray[np.float32]

_LEVELS = 48  # colours: more are not seen, and fewer compress better
_SHORT_SAMPLES = 8 * 4096  # blocks of FLAC
_MP3_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)


def mel_of(waveform: Floats, definition: MelDefinition) -> Floats:
    """Log-mel [mels, frames] of a clip [samples]."""
    mel: Floats = mel_spectrogram(torch.from_numpy(np.array(waveform))[None], definition)[0].numpy()
    return mel


def mel_png(mel: Floats, *, low: float, high: float) -> bytes:
    """PNG of a log-mel [mels, frames], low frequencies at the bottom; its palette makes it a third as large.

    Args:
        mel: to be shown.
        low: value of the darkest colour.
        high: value of the brightest.
    """
    import matplotlib as mpl
    from PIL import Image

    scale = _LEVELS / max(high - low, 1e-6)
    levels = np.clip((mel[::-1] - low) * scale, 0, _LEVELS - 1).astype(np.uint8)
    picture = Image.fromarray(levels)
    picture.putpalette(mpl.colormaps["magma"](np.linspace(0, 1, _LEVELS), bytes=True)[:, :3].tobytes())
    file = io.BytesIO()
    picture.save(file, format="PNG", optimize=True)
    return file.getvalue()


def envelope(waveform: Floats, columns: int) -> npt.NDArray[np.float32]:
    """Lowest and highest sample [columns, 2] of equal parts of a clip [samples], silence where there are fewer."""
    parts = np.array_split(waveform, columns)
    return np.array([(part.min(), part.max()) if len(part) else (0, 0) for part in parts], np.float32)


def small_sound(waveform: Floats, *, sample_rate: int) -> tuple[str, bytes]:
    """Media type and bytes of a clip, for pages that hold many: MP3, or lossless at sample rates that MP3 lacks."""
    import soundfile

    if sample_rate not in _MP3_RATES:
        return lossless_sound(waveform, sample_rate=sample_rate)
    file = io.BytesIO()
    soundfile.write(file, waveform, sample_rate, format="MP3", subtype="MPEG_LAYER_III")
    return "audio/mpeg", file.getvalue()


def lossless_sound(waveform: Floats, *, sample_rate: int) -> tuple[str, bytes]:
    """Media type and bytes of a clip as it is, 16 bits: FLAC, or WAV where it is short.

    Chromium cannot jump within a FLAC of four or five blocks, and gives the clip up.
    """
    import soundfile

    kind = "WAV" if len(waveform) < _SHORT_SAMPLES else "FLAC"
    file = io.BytesIO()
    soundfile.write(file, waveform, sample_rate, format=kind, subtype="PCM_16")
    return f"audio/{kind.lower()}", file.getvalue()
