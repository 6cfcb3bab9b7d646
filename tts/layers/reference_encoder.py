"""Reference encoder: a mel of any length to one vector that says how it was spoken.

Skerry-Ryan et al. 2018, section 3.2, https://arxiv.org/abs/1803.09047: convolutions of stride 2 in time and frequency,
then a GRU whose last state is the vector. Padding is masked before every convolution, and the last state is that of
each item's own end: an item of a batch gives what it gives alone.
"""

from __future__ import annotations

import itertools
from typing import TypeVar

import torch
from pydantic import Field
from torch import Tensor, nn

from tts.config import config
from tts.layers.masking import MaskedBatchNorm1d, length_mask

_Size = TypeVar("_Size", int, Tensor)


@config
class ReferenceEncoderConfig:
    """The paper's by default.

    Attributes:
        filters: of each convolution.
        hidden: of the GRU, and size of the vector.
        coordinates: whether the first convolution is told where it is in time and frequency: CoordConv, Liu et al.
            2018, https://arxiv.org/abs/1807.03247.
        scrambled: whether each mel is reshaped from [mels, frames] to [frames, mels] instead of transposed, which the
            weights of github.com/jinhan/tacotron2-vae were taught.
        least_heard: share of a clip. In training, a random excerpt of at least so much is heard, as speaker encoders
            are taught: Wan et al. 2017, https://arxiv.org/abs/1710.10467. Then a small corpus is not learned by heart.
            1 = clips are heard as they are.
    """

    filters: tuple[int, ...] = (32, 32, 64, 64, 128, 128)
    hidden: int = Field(default=128, gt=0)
    coordinates: bool = False
    scrambled: bool = False
    least_heard: float = Field(default=1.0, gt=0, le=1)

    def __post_init__(self) -> None:
        """Refuse an encoder without convolutions."""
        if not self.filters or min(self.filters) < 1:
            raise ValueError(f"filters must be positive numbers, at least one, not {list(self.filters)}")


class ReferenceEncoder(nn.Module):
    """Mel to a vector."""

    def __init__(self, n_mels: int, config: ReferenceEncoderConfig) -> None:
        super().__init__()
        self.coordinates, self.scrambled = config.coordinates, config.scrambled
        self._least_heard = config.least_heard
        channels = [4 if config.coordinates else 1, *config.filters]
        self.convolutions = nn.ModuleList(
            nn.Conv2d(a, b, 3, stride=2, padding=1) for a, b in itertools.pairwise(channels)
        )
        self.norms = nn.ModuleList(MaskedBatchNorm1d(each) for each in config.filters)
        bands = n_mels
        for _ in config.filters:
            bands = _halved(bands)
        self.gru = nn.GRU(bands * config.filters[-1], config.hidden, batch_first=True)

    def forward(self, mel: Tensor, lengths: Tensor) -> Tensor:
        """Give [batch, hidden] for mel [batch, frames, mels] of lengths [batch]."""
        if self.training and self._least_heard < 1:
            mel, lengths = excerpts(mel, lengths, self._least_heard)
        if self.scrambled:
            mel = _scrambled(mel, lengths)
        hidden = mel.unsqueeze(1)
        if self.coordinates:
            hidden = torch.cat((hidden, _coordinates(mel, lengths)), dim=1)
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            hidden = convolution(_masked(hidden, lengths))
            lengths = _halved(lengths)
            hidden = torch.relu(_normed(norm, hidden, lengths))
        states, _ = self.gru(hidden.transpose(1, 2).flatten(2))
        last: Tensor = states[torch.arange(len(lengths), device=lengths.device), lengths - 1]
        return last


def excerpts(mel: Tensor, lengths: Tensor, least: float) -> tuple[Tensor, Tensor]:
    """Random parts of mels [batch, frames, mels], and their lengths, from the share `least` to all of each."""
    size, start = torch.rand(2, len(lengths), device=lengths.device)
    sizes = (lengths * (least + (1 - least) * size)).ceil().long()
    starts = (start * (lengths - sizes + 1)).long()
    places = starts.unsqueeze(1) + torch.arange(int(sizes.max()), device=lengths.device)
    places = places.clamp(max=mel.shape[1] - 1).unsqueeze(2).expand(-1, -1, mel.shape[2])
    return mel.gather(1, places), sizes


def _scrambled(mel: Tensor, lengths: Tensor) -> Tensor:
    """Mels [batch, frames, mels] whose bands follow each other in place of the frames."""
    scrambled = torch.zeros_like(mel)
    for row, length in enumerate(lengths.tolist()):
        scrambled[row, :length] = mel[row, :length].T.reshape(length, -1)
    return scrambled


def _masked(hidden: Tensor, lengths: Tensor) -> Tensor:
    """Copy of hidden [batch, channels, frames, bands] that is zero beyond each length."""
    mask = length_mask(lengths, hidden.shape[2])
    return hidden.masked_fill(~mask[:, None, :, None], 0)


def _normed(norm: nn.Module, hidden: Tensor, lengths: Tensor) -> Tensor:
    """Normalise each channel over all real frames and bands."""
    batch, _, frames, bands = hidden.shape
    mask = length_mask(lengths, frames).repeat_interleave(bands, dim=1)
    normed: Tensor = norm(hidden.permute(0, 2, 3, 1).flatten(1, 2), mask)
    return normed.view(batch, frames, bands, -1).permute(0, 3, 1, 2)


def _coordinates(mel: Tensor, lengths: Tensor) -> Tensor:
    """Time and frequency from -1 to 1, and the distance from (0.5, 0.5), as [batch, 3, frames, mels]."""
    last = (lengths - 1).clamp(min=1).view(-1, 1, 1)
    time = (2 * torch.arange(mel.shape[1], device=mel.device).view(1, -1, 1) / last - 1).expand_as(mel)
    frequency = torch.linspace(-1, 1, mel.shape[2], device=mel.device).expand_as(mel)
    distance = torch.hypot(time - 0.5, frequency - 0.5)
    return torch.stack((time, frequency, distance), dim=1)


def _halved(size: _Size) -> _Size:
    """Positions that are left by a convolution of stride 2."""
    half: _Size = (size + 1) // 2
    return half
