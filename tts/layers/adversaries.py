"""What VITS2 plays against: discriminators of waveforms, and one of durations.

HiFi-GAN's by period and, of MelGAN's, the one at full rate: VITS, section 2.4 and appendix B,
https://arxiv.org/abs/2106.06103; of durations, VITS2, section 2.1, https://arxiv.org/abs/2307.16430.
"""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import weight_norm

from tts.config import config
from tts.layers.discriminators import SLOPE, PeriodDiscriminator
from tts.layers.duration_discriminators import DurationDiscriminator, Form
from tts.losses.adversarial import Judgement

_FIRST_KERNEL, _KERNEL, _LAST_KERNEL, _STRIDE, _GROUP = 15, 41, 5, 4, 4


@config
class AdversariesConfig:
    """Which judge, and how wide they are; the defaults are those of the published code.

    Attributes:
        periods: of the discriminators by period, in samples.
        period_channels: of the five layers of each.
        scale_channels: of the layers of the discriminator at full rate, multiples of 4; each but the first lowers the
            rate to a quarter.
        durations: form of the discriminator of durations; None = there is none.
    """

    periods: tuple[int, ...] = (2, 3, 5, 7, 11)
    period_channels: tuple[int, int, int, int, int] = (32, 128, 512, 1024, 1024)
    scale_channels: tuple[int, ...] = (16, 64, 256, 1024, 1024)
    durations: Form | None = "normed"

    def __post_init__(self) -> None:
        """Refuse layers that do not split into groups."""
        if not self.scale_channels or any(each % _GROUP for each in self.scale_channels):
            raise ValueError(f"scale_channels must be multiples of {_GROUP}, one at least")


class Adversaries(nn.Module):
    """All of them.

    Attributes:
        waveforms: judge waveforms [batch, samples].
        durations: judges durations; None where there is none.
    """

    def __init__(self, settings: AdversariesConfig, hidden: int) -> None:
        """Take the channels of the text encoder's states, too."""
        super().__init__()
        by_period = [PeriodDiscriminator(each, settings.period_channels) for each in settings.periods]
        self.waveforms = nn.ModuleList([_FullRate(settings.scale_channels), *by_period])
        self.durations = None if settings.durations is None else DurationDiscriminator(hidden, settings.durations)

    def forward(self, waveform: Tensor) -> list[Judgement]:
        """Judgements of waveforms [batch, samples], one for each discriminator of these."""
        return [member(waveform) for member in self.waveforms]


class _FullRate(nn.Module):
    """Looks at all samples through strided, grouped convolutions."""

    def __init__(self, channels: tuple[int, ...]) -> None:
        super().__init__()
        strided = [
            nn.Conv1d(a, b, _KERNEL, _STRIDE, padding=_KERNEL // 2, groups=a // _GROUP) for a, b in pairwise(channels)
        ]
        first = nn.Conv1d(1, channels[0], _FIRST_KERNEL, padding=_FIRST_KERNEL // 2)
        last = nn.Conv1d(channels[-1], channels[-1], _LAST_KERNEL, padding=_LAST_KERNEL // 2)
        self.convs = nn.ModuleList(weight_norm(each) for each in (first, *strided, last))
        self.conv_post = weight_norm(nn.Conv1d(channels[-1], 1, 3, padding=1))

    def forward(self, waveform: Tensor) -> Judgement:
        """Judgement of waveforms [batch, samples]."""
        hidden, features = waveform.unsqueeze(1), []
        for conv in self.convs:
            hidden = F.leaky_relu(conv(hidden), SLOPE)
            features.append(hidden)
        score = self.conv_post(hidden)
        return score.flatten(1), [*features, score]
