"""VocGAN, https://arxiv.org/abs/2007.15256: waveforms of five rates, each judged beside the mel.

The generator speaks at 16, 32, ... 256 samples for each frame on its way up, where skips hand it the mel again. Of
each lower rate a discriminator of its own, of the full one three at falling resolution, give two scores: of the
waveform, and of the waveform with the mel (joint conditional and unconditional, JCU). Objective: least squares,
feature matching and a multi-resolution STFT distance.

The generator computes what github.com/rishikksh20/VocGAN computes: `published` its branch baseline, `light` its branch
master, which speaks at the full rate only and faces MelGAN's discriminators (https://arxiv.org/abs/1910.06711) there;
`tts.imports.vocgan` maps the names. Differs from it: items of a padded batch do not see their padding, no frames are
appended, and weights start as torch's own. Its JCU discriminators join waveform and mel one behind the other in time,
cut lower rates as 22050 // 2^k, have kernels of 7 and 2 where there are margins of 7 and 3, and cannot be built in
master. Here each joins both frame by frame on channels, with kernels of 15 and 7 (340,884 weights in place of 207,636),
the recording is brought to lower rates by a low-pass, and features that match are those of hidden layers.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import weight_norm

from tts.config import config
from tts.errors import ConfigError
from tts.interfaces import Inventory, System, VocoderBatch
from tts.layers import convolution
from tts.layers.convolution import frame_mask, normed_upsampling, zero_padding
from tts.layers.melgan_discriminator import MelGanDiscriminatorConfig, MelGanDiscriminators
from tts.layers.reflection import reflected
from tts.losses.adversarial import Judgement
from tts.losses.spectral import RESOLUTIONS, Resolution, multi_resolution_stft_distance

_SLOPE = 0.2  # of every leaky ReLU
_FIRST_SKIP = 2  # stages before it have no skip, and the first of them no waveform
_JCU_STRIDES = (4, 2)
_SCALE_STRIDES = (4, 4, 4)  # of branch master: one layer less than MelGAN's


@config
class Config:
    """Sizes of the network; the defaults are the paper's.

    Attributes:
        channels: after the first upsampling; halved at every other one.
        upsample_rates: even; their product is the mel's hop_length.
        blocks: residual blocks in each stage, of dilations 1, 3, 9, ...
        nested: whether lower rates are spoken and judged too, and the mel is seen by who judges.
        resolutions: of the stft loss term.
        discriminator_channels: of each discriminator's first layer, a multiple of 4.
        scales: discriminators of the full rate, each at half the resolution of the one before.
        mels: of the mel that discriminators see.
    """

    channels: int = 256
    upsample_rates: tuple[int, ...] = (4, 4, 2, 2, 2, 2)
    blocks: int = 4
    nested: bool = True
    resolutions: tuple[Resolution, ...] = RESOLUTIONS
    discriminator_channels: int = 16
    scales: int = 3
    mels: int = 80

    def __post_init__(self) -> None:
        """Refuse sizes that do not fit together."""
        halvings = len(self.upsample_rates) - 1
        if halvings < _FIRST_SKIP or any(rate < 2 or rate % 2 for rate in self.upsample_rates):
            raise ValueError(f"upsample_rates must be three even numbers or more, {self.upsample_rates} are not")
        if self.channels % 2**halvings:
            raise ValueError(f"channels must be halved {halvings} times, {self.channels} cannot")
        if self.discriminator_channels % 4 or self.discriminator_channels < 4:
            raise ValueError("discriminator_channels must be a multiple of 4, the channels of a group")
        slowest = min(math.prod(self.upsample_rates[:2]), math.prod(self.upsample_rates) // 2 ** (self.scales - 1))
        if self.nested and slowest % math.prod(_JCU_STRIDES):
            raise ValueError(
                f"upsample_rates {self.upsample_rates}: the slowest waveform judged has {slowest} samples for each "
                f"frame, which must be a multiple of {math.prod(_JCU_STRIDES)}; raise the first two, or lower scales"
            )


class ResidualBlock(nn.Module):
    """A dilated convolution, with a convolution of its input in place of the identity."""

    def __init__(self, channels: int, dilation: int) -> None:
        super().__init__()
        self.dilation = dilation
        self.dilated = weight_norm(nn.Conv1d(channels, channels, 3, dilation=dilation))
        self.mixed = weight_norm(nn.Conv1d(channels, channels, 1))
        self.shortcut = weight_norm(nn.Conv1d(channels, channels, 1))

    def forward(self, hidden: Tensor, lengths: Tensor | None) -> Tensor:
        """Give [batch, channels, positions] for the same."""
        inner = self.dilated(reflected(F.leaky_relu(hidden, _SLOPE), self.dilation, lengths))
        changed: Tensor = self.shortcut(hidden) + self.mixed(F.leaky_relu(inner, _SLOPE))
        return changed


class Stage(nn.Module):
    """Upsampling, the mel brought to the same rate where there is a skip, and residual blocks."""

    def __init__(self, channels: int, rate: int, *, blocks: int, skip: nn.Module | None) -> None:
        super().__init__()
        self.rate, self.skip = rate, skip
        self.upsample = normed_upsampling(2 * channels, channels, kernel_size=2 * rate, rate=rate)
        self.blocks = nn.ModuleList(ResidualBlock(channels, 3**number) for number in range(blocks))

    def forward(self, hidden: Tensor, mel: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Give [batch, channels, positions * rate] and the items' lengths there.

        Args:
            hidden: [batch, 2 * channels, positions].
            mel: [batch, mels, frames], zero where it is padded.
            lengths: [batch] positions of each item; None = all count.
        """
        hidden = self.upsample(_silent(F.leaky_relu(hidden, _SLOPE), lengths))
        lengths = None if lengths is None else lengths * self.rate
        if self.skip is not None:
            hidden = hidden + self.skip(mel)
        for block in self.blocks:
            hidden = block(hidden, lengths)
        return hidden, lengths


class Reader(nn.Module):
    """A convolution over seven positions, mirrored at both ends."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv = weight_norm(nn.Conv1d(in_channels, out_channels, 7))

    def forward(self, hidden: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Give [batch, out_channels, positions]; void beyond each item's length."""
        convolved: Tensor = self.conv(reflected(hidden, 3, lengths))[..., : hidden.shape[2]]
        return convolved


class VocGan(nn.Module):
    """The generator."""

    def __init__(self, settings: Config, inventory: Inventory) -> None:
        super().__init__()
        _require_fitting(settings, inventory)
        self.resolutions = settings.resolutions
        mels, rates = inventory.mel.n_mels, settings.upsample_rates
        self.start = Reader(mels, 2 * settings.channels)
        self.stages, self.heads = nn.ModuleList(), nn.ModuleList()
        for number, rate in enumerate(rates):
            width, total = settings.channels // 2**number, math.prod(rates[: number + 1])
            has_skip = number >= _FIRST_SKIP
            skip = normed_upsampling(mels, width, kernel_size=2 * total, rate=total) if has_skip else None
            self.stages.append(Stage(width, rate, blocks=settings.blocks, skip=skip))
            if settings.nested and 0 < number < len(rates) - 1:
                self.heads.append(Reader(width, 1))
        self.out = Reader(width, 1)

    def forward(self, mel: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Speak, as `Vocoder` says."""
        *_, (hidden, ends) = self._rising(mel, lengths)
        return _silent(_waveform(self.out, hidden, ends), ends).squeeze(1)

    def generate(self, batch: VocoderBatch) -> tuple[Tensor, ...]:
        """Waveforms [batch, samples] of all rates, the highest first."""
        hidden = [each for each, _ in self._rising(batch.mel, None)]
        heads = [*self.heads, self.out]
        spoken = [_waveform(head, each, None) for head, each in zip(heads, hidden[-len(heads) :], strict=True)]
        return tuple(each.squeeze(1) for each in reversed(spoken))

    def loss(self, batch: VocoderBatch, waveform: Tensor) -> dict[str, Tensor]:
        """Reconstruction terms of a generated waveform [batch, samples]: stft."""
        return {"stft": multi_resolution_stft_distance(waveform, batch.waveform, self.resolutions)}

    def fold_weight_norm(self) -> None:
        """Replace normed weights by plain ones, for export and speed; training cannot go on as it was."""
        convolution.fold_weight_norm(self)

    def _rising(self, mel: Tensor, lengths: Tensor | None) -> Iterator[tuple[Tensor, Tensor | None]]:
        """What each stage gives, and the items' lengths there."""
        scaled = (mel + 5) / 5  # of the published code: roughly within [-1, 1]
        hidden, silent = self.start(scaled, lengths), _silent(scaled, lengths)
        for stage in self.stages:
            hidden, lengths = stage(hidden, silent, lengths)
            yield hidden, lengths


class JointDiscriminator(nn.Module):
    """Judges a waveform twice: alone, and joined with the mel."""

    def __init__(self, mels: int, channels: int) -> None:
        super().__init__()
        self.heard = nn.ModuleList(
            [
                _conv(1, channels, 15),
                _conv(channels, 4 * channels, 41, stride=_JCU_STRIDES[0], groups=channels // 4),
                _conv(4 * channels, 8 * channels, 21, stride=_JCU_STRIDES[1], groups=channels),
            ]
        )
        self.seen = _conv(mels, 8 * channels, 7)
        self.alone, self.joined = _conv(8 * channels, 8 * channels, 5), _conv(16 * channels, 8 * channels, 5)
        self.score_alone, self.score_joined = _conv(8 * channels, 1, 3), _conv(8 * channels, 1, 3)

    def forward(self, waveform: Tensor, mel: Tensor) -> list[Judgement]:
        """Two judgements of waveforms [batch, samples] of mels [batch, mels, frames]: alone and joined."""
        features = _run(self.heard, waveform[:, None])
        mel_feature = F.leaky_relu(self.seen(mel), _SLOPE)
        # Each frame's feature stands beside all that is heard during the frame.
        during = mel_feature.repeat_interleave(features[-1].shape[2] // mel.shape[2], dim=2)
        alone = F.leaky_relu(self.alone(features[-1]), _SLOPE)
        joined = F.leaky_relu(self.joined(torch.cat((features[-1], during), dim=1)), _SLOPE)
        return [
            (self.score_alone(alone).flatten(1), [*features, alone]),
            (self.score_joined(joined).flatten(1), [joined]),
        ]


class NestedDiscriminators(nn.Module):
    """Of the full rate several joint discriminators at falling resolution, of each lower rate one."""

    sees_mel = True

    def __init__(self, settings: Config) -> None:
        super().__init__()
        num_lower, width = len(settings.upsample_rates) - 2, settings.discriminator_channels
        self.full = nn.ModuleList(JointDiscriminator(settings.mels, width) for _ in range(settings.scales))
        self.lower = nn.ModuleList(JointDiscriminator(settings.mels, width) for _ in range(num_lower))

    def forward(self, waveforms: tuple[Tensor, ...], mel: Tensor) -> list[Judgement]:
        """Two judgements by each discriminator of waveforms [batch, samples], the highest rate first."""
        full, *lower = waveforms
        scaled = (mel + 5) / 5
        judgements = [each(pooled, scaled) for each, pooled in zip(self.full, _halved(full), strict=False)]
        judgements += [each(waveform, scaled) for each, waveform in zip(self.lower, lower, strict=True)]
        return [judgement for pair in judgements for judgement in pair]


def _run(layers: nn.ModuleList, hidden: Tensor) -> list[Tensor]:
    features = []
    for layer in layers:
        hidden = F.leaky_relu(layer(hidden), _SLOPE)
        features.append(hidden)
    return features


def _halved(waveform: Tensor) -> Iterator[Tensor]:
    """The waveform [batch, samples], then averaged to half its rate, again and again."""
    while True:
        yield waveform
        waveform = F.avg_pool1d(waveform[:, None], 4, 2, padding=1, count_include_pad=False)[:, 0]


def _conv(in_channels: int, out_channels: int, kernel: int, *, stride: int = 1, groups: int = 1) -> nn.Conv1d:
    conv = nn.Conv1d(in_channels, out_channels, kernel, stride, padding=kernel // 2, groups=groups)
    weight_norm(conv)
    return conv


def _waveform(head: nn.Module, hidden: Tensor, lengths: Tensor | None) -> Tensor:
    return torch.tanh(head(F.leaky_relu(hidden, _SLOPE), lengths))


def _silent(hidden: Tensor, lengths: Tensor | None) -> Tensor:
    """Copy of [batch, channels, positions] that is zero beyond the lengths, whatever stood there."""
    mask = frame_mask(lengths, hidden.shape[2])
    return zero_padding(hidden, None if mask is None else mask.unsqueeze(1))


def _require_fitting(settings: Config, inventory: Inventory) -> None:
    mel, product = inventory.mel, math.prod(settings.upsample_rates)
    if product != mel.hop_length:
        raise ConfigError(
            f"vocoders/vocgan: upsample_rates {settings.upsample_rates} multiply to {product}, "
            f"but the mel's hop_length is {mel.hop_length}; change one of the two"
        )
    if settings.mels != mel.n_mels:
        raise ConfigError(f"vocoders/vocgan: mels is {settings.mels}, but audio.n_mels {mel.n_mels}; make them equal")


def _build_discriminator(settings: Config) -> nn.Module:
    if settings.nested:
        return NestedDiscriminators(settings)
    width = settings.discriminator_channels
    return MelGanDiscriminators(
        MelGanDiscriminatorConfig(
            scales=settings.scales, channels=width, strides=_SCALE_STRIDES, max_channels=32 * width
        )
    )


SYSTEM = System(
    kind="vocoder",
    config=Config,
    build=VocGan,
    task="adversarial",
    build_discriminator=_build_discriminator,
    configurations={"published": Config(), "light": Config(nested=False)},
)
