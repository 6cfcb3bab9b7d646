"""The inverse short-time Fourier transform that gives exactly frames * hop_length samples."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tts.audio.mel_definition import MelDefinition
from tts.layers.convolution import stretch, zero_padding

_MIN_WEIGHT = 1e-4  # where the windows of all frames vanish, a sample is unknown and stays near zero


class InverseStft(nn.Module):
    """Least-squares inverse of the STFT of a `MelDefinition`, in its framing.

    torch.istft refuses HiFi-GAN's framing, because its window reaches zero at the first sample kept
    (https://github.com/pytorch/pytorch/issues/62323). Here each item's own frames alone make its samples, and
    what lies beyond an item's frames is zero.
    """

    window: Tensor

    def __init__(self, definition: MelDefinition) -> None:
        super().__init__()
        self.n_fft = definition.n_fft
        self.hop_length = definition.hop_length
        self.start = definition.padding
        margin = definition.n_fft - definition.win_length
        window = F.pad(torch.hann_window(definition.win_length), (margin // 2, margin - margin // 2))
        self.register_buffer("window", window, persistent=False)

    def forward(self, spectrum: Tensor, mask: Tensor | None = None) -> Tensor:
        """Waveform.

        Args:
            spectrum: complex [batch, frames, n_fft // 2 + 1]; any value outside the mask.
            mask: [batch, frames] true inside each item, or None.

        Returns:
            [batch, frames * hop_length].
        """
        by_frame = None if mask is None else mask.unsqueeze(2)
        pieces = torch.fft.irfft(spectrum, n=self.n_fft) * self.window
        envelope = self.window.square().expand(1 if mask is None else len(mask), spectrum.shape[1], -1)
        samples = self._cut(zero_padding(pieces, by_frame))
        weights = self._cut(zero_padding(envelope, by_frame)).clamp(min=_MIN_WEIGHT)
        return zero_padding(samples / weights, stretch(mask, self.hop_length))

    def _cut(self, pieces: Tensor) -> Tensor:
        samples = _overlap_add(pieces, self.hop_length)
        return samples[:, self.start : self.start + pieces.shape[1] * self.hop_length]


def _overlap_add(pieces: Tensor, hop_length: int) -> Tensor:
    """Sum pieces [batch, frames, width], each `hop_length` after the one before, to [batch, samples]."""
    batch, frames, width = pieces.shape
    num_hops = -(-width // hop_length)
    padded = F.pad(pieces, (0, num_hops * hop_length - width))
    hops = padded.view(batch, frames, num_hops, hop_length).unbind(2)
    shifted = [F.pad(each, (0, 0, shift, num_hops - 1 - shift)) for shift, each in enumerate(hops)]
    return torch.stack(shifted).sum(0).flatten(1)
