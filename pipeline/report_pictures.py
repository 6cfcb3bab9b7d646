"""Pictures and sounds of the report, as bytes: equal clips give equal bytes."""

from __future__ import annotations

import io

import numpy as np
import numpy.typing as npt
import torch

from tts.audio.spectrogram import MelDefinition, mel_spectrogram

Floats = npt.NDArray[np.float32]

_LEVELS = 48  # colours: more are not seen, and fewer compress better


def mel_of(waveform: Floats, definition: MelDefinition) -> Floats:
    """Log-mel [mels, frames] of a clip [samples]."""
    mel: Floats = mel_spectrogram(torch.from_numpy(np.array(waveform))[None], definition)[0].numpy()
    return mel


def mel_png(mel: Floats, *, low: float, high: float) -> bytes:
    """PNG of a log-mel [mels, frames], low frequencies at the bottom.

    Args:
        mel: to be shown.
        low: value of the darkest colour.
        high: value of the brightest.
    """
    import matplotlib as mpl
    from matplotlib.image import imsave

    file = io.BytesIO()
    colours = mpl.colormaps["magma"].resampled(_LEVELS)
    metadata = {"Software": ""}  # or the bytes would depend on matplotlib's version
    imsave(file, mel, vmin=low, vmax=high, cmap=colours, origin="lower", format="png", metadata=metadata)
    return file.getvalue()


def flac(waveform: Floats, *, sample_rate: int) -> bytes:
    """FLAC of a clip, 16 bits."""
    import soundfile

    file = io.BytesIO()
    soundfile.write(file, waveform, sample_rate, format="FLAC", subtype="PCM_16")
    return file.getvalue()
