"""Waveforms at a lower rate, without what would fold back."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional as F

from tts.layers.reflection import reflected

_ROLLOFF = 0.9  # cutoff, as a share of half the lower rate
_ZEROS = 16  # half the length, in samples of the lower rate
_BETA = 8.0  # of the Kaiser window: from 1.1 times half the lower rate on, 80 dB less


def decimated(waveform: Tensor, factor: int) -> Tensor:
    """Give a waveform at a rate that is `factor` times lower, through a low-pass (windowed sinc).

    Sample n lies in the middle of the `factor` samples from n * factor on, as the samples of a transposed convolution
    lie about the one that they come from.

    Args:
        waveform: [batch, samples], samples a multiple of the factor; mirrored at its ends.
        factor: 1 or an even number.

    Returns:
        [batch, samples / factor].
    """
    if factor == 1:
        return waveform
    taps = _taps(factor, waveform.device, waveform.dtype)
    padded = reflected(waveform[:, None], (len(taps) - factor) // 2)
    return F.conv1d(padded, taps[None, None], stride=factor)[:, 0]


@lru_cache(maxsize=32)
@torch.inference_mode(mode=False)
def _taps(factor: int, device: torch.device, dtype: torch.dtype) -> Tensor:
    count = 2 * _ZEROS * factor
    time = torch.arange(count, dtype=torch.float64) - (count - 1) / 2
    window = torch.kaiser_window(count, periodic=False, beta=_BETA, dtype=torch.float64)
    taps = torch.sinc(time * _ROLLOFF / factor) * window
    return (taps / taps.sum()).to(device, dtype)
