"""Pseudo-QMF: a waveform as critically sampled sub-bands and back, nearly perfectly.

Cosine-modulated filters of one Kaiser-windowed low-pass: Nguyen 1994, https://doi.org/10.1109/78.258122, with the
search for its cutoff in the spirit of Lin and Vaidyanathan 1998, https://doi.org/10.1109/97.681427. Of vocoders:
Multi-band MelGAN, https://arxiv.org/abs/2005.05106.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional as F

Form = Literal["pwg", "legacy"]

_LEGACY_CUTOFF = 0.15

Taps = npt.NDArray[np.float64]


class Pqmf(nn.Module):
    """Analysis and synthesis filters; nothing is learned, and nothing is saved.

    The form ``pwg`` gives back what it split without delay, with an error 60 dB below it. ``legacy`` is the form in
    which published decoders of MB-iSTFT-VITS were trained: one sample late and, apart from that, 16 dB. Weights
    trained with one need that one.
    """

    analysis_filters: Tensor
    synthesis_filters: Tensor

    def __init__(
        self,
        bands: int = 4,
        *,
        taps: int | None = None,
        cutoff: float | None = None,
        beta: float = 9.0,
        form: Form = "pwg",
    ) -> None:
        """Design the filters.

        Args:
            bands: into which the waveform is split.
            taps: the filters' length less one, even; None = as many for each band as 62 are for four.
            cutoff: of the low-pass, 1 = half the sample rate; None = that of the least error, .142 for four bands, and
                .15 for `legacy`.
            beta: shape of the Kaiser window.
            form: what the modulation turns about, the filters' centre or, in `legacy`, half a sample before.

        Raises:
            ValueError: the filters would have no centre, or too few bands to be a split.
        """
        super().__init__()
        taps = 2 * round(31 * bands / 4) if taps is None else taps
        if bands < 2 or taps < 2 or taps % 2:
            raise ValueError(f"needs at least 2 bands and an even number of taps, not {bands} and {taps}")
        if cutoff is None:
            cutoff = _LEGACY_CUTOFF if form == "legacy" else best_cutoff(bands, taps=taps, beta=beta)
        prototype = _low_pass(taps, cutoff, beta)
        analysis, synthesis = _modulated(prototype, bands, center=(taps - (form == "legacy")) / 2)
        self.bands, self.taps = bands, taps
        for name, filters in (("analysis_filters", analysis), ("synthesis_filters", synthesis)):
            self.register_buffer(name, torch.tensor(filters[:, None], dtype=torch.float32), persistent=False)

    def analysis(self, waveform: Tensor) -> Tensor:
        """Split waveforms [batch, samples] into sub-bands [batch, bands, samples / bands].

        Raises:
            ValueError: the samples are no multiple of the bands.
        """
        if waveform.shape[1] % self.bands:
            raise ValueError(f"{waveform.shape[1]} samples cannot be split evenly into {self.bands} bands")
        with torch.autocast(waveform.device.type, enabled=False):
            padded = F.pad(waveform.float()[:, None], (self.taps // 2, self.taps // 2))
            return F.conv1d(padded, self.analysis_filters, stride=self.bands)

    def synthesis(self, subbands: Tensor) -> Tensor:
        """Give waveforms [batch, frames * bands] of sub-bands [batch, bands, frames]."""
        # The transposed convolution runs backwards, and of `bands` samples gets all but one as zeros.
        filters = self.bands * self.synthesis_filters.flip(2)
        with torch.autocast(subbands.device.type, enabled=False):
            samples = F.conv_transpose1d(
                subbands.float(), filters, stride=self.bands, padding=self.taps // 2, output_padding=self.bands - 1
            )
        return samples.squeeze(1)


def best_cutoff(bands: int, *, taps: int, beta: float) -> float:
    """Give the cutoff, to five decimals, with which analysis and synthesis together come nearest to doing nothing.

    What they do to a waveform, aliasing aside, is a filter: the prototype's autocorrelation at multiples of twice the
    bands. The search is by golden section between half a band's width and a whole one, where its distance from a unit
    impulse has one minimum.
    """
    ratio = (np.sqrt(5) - 1) / 2
    low, high = 0.5 / bands, 1 / bands
    while high - low > 1e-7:
        left, right = high - ratio * (high - low), low + ratio * (high - low)
        errors = [_distortion(_low_pass(taps, each, beta), bands) for each in (left, right)]
        low, high = (low, right) if errors[0] < errors[1] else (left, high)
    return round((low + high) / 2, 5)


def _low_pass(taps: int, cutoff: float, beta: float) -> Taps:
    offsets = np.arange(taps + 1) - taps / 2
    prototype: Taps = cutoff * np.sinc(cutoff * offsets) * np.kaiser(taps + 1, beta)
    return prototype


def _modulated(prototype: Taps, bands: int, *, center: float) -> tuple[Taps, Taps]:
    """Analysis and synthesis filters [bands, taps + 1]."""
    band = np.arange(bands)[:, None]
    turns = (2 * band + 1) * np.pi / (2 * bands) * (np.arange(len(prototype)) - center)
    shift = np.where(band % 2, -np.pi / 4, np.pi / 4)
    return 2 * prototype * np.cos(turns + shift), 2 * prototype * np.cos(turns - shift)


def _distortion(prototype: Taps, bands: int) -> float:
    """Squared distance of the whole filter from a unit impulse."""
    overall = 2 * bands * np.correlate(prototype, prototype, "full")[len(prototype) - 1 :: 2 * bands]
    return float((overall[0] - 1) ** 2 + 2 * np.square(overall[1:]).sum())
