"""MelGAN's discriminators, https://arxiv.org/abs/1910.06711: of the waveform, of its average at half the rate, and on.

Their convolutions are grouped so that every group has four channels, and as wide as ten strides.
"""

from __future__ import annotations

from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import weight_norm

from tts.config import config
from tts.layers.melgan import SLOPE
from tts.layers.reflection import reflected
from tts.losses.adversarial import Judgement

_GROUP = 4
_FIRST_MARGIN = 7


@config
class MelGanDiscriminatorConfig:
    """How many discriminators judge, and how wide they are; the defaults are MelGAN's.

    Attributes:
        scales: discriminators, each of half the rate of the one before.
        channels: of the first layer.
        strides: of the layers that follow; each has as many times more channels.
        max_channels: more than these no layer has.
    """

    scales: int = Field(default=3, gt=0)
    channels: int = 16
    strides: tuple[int, ...] = (4, 4, 4, 4)
    max_channels: int = 1024

    def __post_init__(self) -> None:
        """Refuse channels that cannot be grouped."""
        if self.channels < 1 or self.channels % _GROUP or self.max_channels < 1 or self.max_channels % _GROUP:
            raise ValueError(f"channels and max_channels must be multiples of {_GROUP}, the size of groups")


class MelGanDiscriminators(nn.Module):
    """All discriminators of a config."""

    def __init__(self, settings: MelGanDiscriminatorConfig) -> None:
        super().__init__()
        self.members = nn.ModuleList(MelGanDiscriminator(settings) for _ in range(settings.scales))
        self.halved = nn.AvgPool1d(4, 2, padding=1, count_include_pad=False)

    def forward(self, waveform: Tensor) -> list[Judgement]:
        """Judgements of waveforms [batch, samples], one for each discriminator."""
        judgements, samples = [], waveform[:, None]
        for number, member in enumerate(self.members):
            samples = self.halved(samples) if number else samples
            judgements.append(member(samples))
        return judgements


class MelGanDiscriminator(nn.Module):
    """Scores stretches of a waveform that overlap."""

    def __init__(self, settings: MelGanDiscriminatorConfig) -> None:
        super().__init__()
        width = settings.channels
        self.conv_pre = weight_norm(nn.Conv1d(1, width, 2 * _FIRST_MARGIN + 1))
        self.convs = nn.ModuleList()
        for stride in settings.strides:
            wider = min(width * stride, settings.max_channels)
            kernel, groups = 10 * stride + 1, width // _GROUP
            conv = nn.Conv1d(width, wider, kernel, stride, padding=5 * stride, groups=groups)
            self.convs.append(weight_norm(conv))
            width = wider
        wider = min(width * 2, settings.max_channels)
        self.convs.append(weight_norm(nn.Conv1d(width, wider, 5, padding=2)))
        self.conv_post = weight_norm(nn.Conv1d(wider, 1, 3, padding=1))

    def forward(self, samples: Tensor) -> Judgement:
        """Judgement of samples [batch, 1, samples]; feature matching leaves the score itself out."""
        hidden = F.leaky_relu(self.conv_pre(reflected(samples, _FIRST_MARGIN)), SLOPE)
        features = [hidden]
        for conv in self.convs:
            hidden = F.leaky_relu(conv(hidden), SLOPE)
            features.append(hidden)
        return self.conv_post(hidden).flatten(1), features
