"""Discriminators of waveforms: by period, by scale, and by STFT resolution.

- Multi-period: HiFi-GAN, https://arxiv.org/abs/2010.05646, section 2.3.
- Multi-scale: MelGAN, https://arxiv.org/abs/1910.06711, in HiFi-GAN's form (table 5).
- Multi-resolution STFT: UnivNet, https://arxiv.org/abs/2106.07889, in the form of Vocos,
  https://arxiv.org/abs/2306.00814 (convolutions over time and frequency of linear magnitudes).
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm, weight_norm

from tts.config import config
from tts.layers.windows import ColumnConv2d
from tts.losses.adversarial import Judgement
from tts.losses.spectral import Resolution, stft_magnitude

SLOPE = 0.1  # of every leaky ReLU, as in HiFi-GAN


@config
class DiscriminatorConfig:
    """Which discriminators judge, and how wide they are; the defaults are HiFi-GAN's.

    Attributes:
        periods: of the multi-period discriminator, in samples; empty = none.
        period_channels: of its five layers.
        scales: of the multi-scale discriminator: the waveform, then each half as fast as the one before.
        scale_channels: of its seven layers.
        resolutions: n_fft, hop_length, win_length of each STFT discriminator; empty = none.
        resolution_channels: of every layer of those.
    """

    periods: tuple[int, ...] = (2, 3, 5, 7, 11)
    period_channels: tuple[int, int, int, int, int] = (32, 128, 512, 1024, 1024)
    scales: int = 3
    scale_channels: tuple[int, int, int, int, int, int, int] = (128, 128, 256, 512, 1024, 1024, 1024)
    resolutions: tuple[Resolution, ...] = ()
    resolution_channels: int = 64

    def __post_init__(self) -> None:
        """Refuse a panel with nobody on it."""
        if not (self.periods or self.scales > 0 or self.resolutions):
            raise ValueError("needs at least one of periods, scales and resolutions")
        if any(each % _SCALE_GROUPS for each in self.scale_channels):
            raise ValueError(f"scale_channels must be multiples of {_SCALE_GROUPS}, the groups of their convolutions")


class Discriminators(nn.Module):
    """All discriminators of a config, asked one after the other."""

    def __init__(self, settings: DiscriminatorConfig) -> None:
        super().__init__()
        periods = [PeriodDiscriminator(each, settings.period_channels) for each in settings.periods]
        scales = [ScaleDiscriminator(each, settings.scale_channels) for each in range(settings.scales)]
        width = settings.resolution_channels
        resolutions = [ResolutionDiscriminator(each, width) for each in settings.resolutions]
        self.members = nn.ModuleList([*periods, *scales, *resolutions])

    def forward(self, waveform: Tensor) -> list[Judgement]:
        """Judgements of waveforms [batch, samples], one for each discriminator."""
        return [member(waveform) for member in self.members]


class PeriodDiscriminator(nn.Module):
    """Looks at every `period`-th sample: a waveform folded to [batch, 1, samples / period, period]."""

    def __init__(self, period: int, channels: Iterable[int]) -> None:
        super().__init__()
        self.period = period
        widths = [1, *channels]
        strides = [3] * (len(widths) - 2) + [1]
        self.convs = nn.ModuleList(
            weight_norm(ColumnConv2d(a, b, 5, stride=stride))
            for (a, b), stride in zip(pairwise(widths), strides, strict=True)
        )
        self.conv_post = weight_norm(ColumnConv2d(widths[-1], 1, 3))

    def forward(self, waveform: Tensor) -> Judgement:
        """Judgement of waveforms [batch, samples]."""
        missing = -waveform.shape[1] % self.period
        padded = F.pad(waveform[:, None], (0, missing), mode="reflect")
        folded = padded.view(len(waveform), 1, -1, self.period)
        return _judge(folded, self.convs, self.conv_post)


_SCALE_GROUPS = 16
_SCALE_KERNELS = (15, 41, 41, 41, 41, 41, 5)
_SCALE_STRIDES = (1, 2, 2, 4, 4, 1, 1)
_SCALE_GROUPINGS = (1, 4, *[_SCALE_GROUPS] * 4, 1)


class ScaleDiscriminator(nn.Module):
    """Looks at the waveform averaged down `halvings` times; the first, at full rate, is spectrally normed."""

    def __init__(self, halvings: int, channels: Iterable[int]) -> None:
        super().__init__()
        norm = weight_norm if halvings else spectral_norm
        self.downsample = nn.Sequential(*[nn.AvgPool1d(4, 2, padding=2) for _ in range(halvings)])
        widths = [1, *channels]
        shapes = zip(pairwise(widths), _SCALE_KERNELS, _SCALE_STRIDES, _SCALE_GROUPINGS, strict=True)
        self.convs = nn.ModuleList(
            norm(nn.Conv1d(a, b, kernel, stride, groups=groups, padding=kernel // 2))
            for (a, b), kernel, stride, groups in shapes
        )
        self.conv_post = norm(nn.Conv1d(widths[-1], 1, 3, padding=1))

    def forward(self, waveform: Tensor) -> Judgement:
        """Judgement of waveforms [batch, samples]."""
        return _judge(self.downsample(waveform[:, None]), self.convs, self.conv_post)


_RESOLUTION_KERNELS = ((7, 5), (5, 3), (5, 3), (3, 3), (3, 3))
_RESOLUTION_STRIDES = ((2, 2), (2, 1), (2, 2), (2, 1), (2, 2))


class ResolutionDiscriminator(nn.Module):
    """Looks at magnitudes as a picture [batch, 1, bins, frames]."""

    def __init__(self, resolution: Resolution, channels: int) -> None:
        super().__init__()
        self.resolution = resolution
        widths = [1] + [channels] * len(_RESOLUTION_KERNELS)
        shapes = zip(pairwise(widths), _RESOLUTION_KERNELS, _RESOLUTION_STRIDES, strict=True)
        self.convs = nn.ModuleList(
            weight_norm(nn.Conv2d(a, b, kernel, stride, padding=(kernel[0] // 2, kernel[1] // 2)))
            for (a, b), kernel, stride in shapes
        )
        self.conv_post = weight_norm(nn.Conv2d(channels, 1, 3, padding=1))

    def forward(self, waveform: Tensor) -> Judgement:
        """Judgement of waveforms [batch, samples]."""
        return _judge(stft_magnitude(waveform, self.resolution)[:, None], self.convs, self.conv_post)


def _judge(picture: Tensor, convs: Iterable[nn.Module], conv_post: nn.Module) -> Judgement:
    features = []
    hidden = picture
    for conv in convs:
        hidden = F.leaky_relu(conv(hidden), SLOPE)
        features.append(hidden)
    score = conv_post(hidden)
    return score.flatten(1), [*features, score]
