"""WaveGlow, https://arxiv.org/abs/1811.00002: an invertible network between waveforms and white noise.

Training maps a waveform to noise and raises its likelihood, without an adversary; speaking runs the same steps
backwards from drawn noise. Every 8 samples are the channels of one position.

Differs from github.com/NVIDIA/waveglow: no inverse of a mixing matrix is kept, so that none is stale when training
goes on; items of a padded batch do not see their padding; training adds noise of one 16-bit step, without which
the likelihood of digital silence has no upper bound and ends in nan. Of the upsampled mel what lies behind the
last frame's hop is cut, in training and in speaking alike, which for the published sizes are its 768 samples.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from tts.audio.mel_definition import MelDefinition
from tts.config import config
from tts.errors import ConfigError
from tts.interfaces import Inventory, System, VocoderBatch
from tts.layers import convolution
from tts.layers.convolution import frame_mask, normed_conv, stretch, zero_padding
from tts.layers.frame_noise import frame_noise
from tts.layers.istft import InverseStft

_BIAS_FRAMES = 16  # of the mel that the network's own hum is heard in; the public code takes 88
_TINY = 1e-9  # keeps a division finite where nothing sounds


@config
class Config:
    """Sizes of the network and how it speaks; the defaults are those of the published code.

    Attributes:
        steps: of the flow.
        group: samples that become the channels of one position; divides the mel's hop_length.
        early_every, early_size: before every so many steps, but the first, so many channels leave as noise.
        layers: of each coupling's network, dilated by 1, 2, 4, ...
        channels: of each coupling's network.
        kernel: of its dilated convolutions.
        upsample_kernel: of the transposed convolution from frames to samples; at least the mel's hop_length.
        training_sigma: standard deviation of the noise that training maps to.
        dither: width of the uniform noise that training adds to waveforms.
        sigma: standard deviation of the noise that is spoken from.
        seed: of that noise.
        denoiser_strength: share of the network's own hum that is taken off what it speaks; 0 = none.
    """

    steps: int = 12
    group: int = 8
    early_every: int = 4
    early_size: int = 2
    layers: int = 8
    channels: int = 256
    kernel: int = 3
    upsample_kernel: int = 1024
    training_sigma: float = 1.0
    dither: float = 2.0**-15
    sigma: float = 0.6
    seed: int = Field(default=0, ge=0)
    denoiser_strength: float = 0.1

    def __post_init__(self) -> None:
        """Refuse sizes that do not fit together."""
        if min(self.steps, self.early_every, self.layers, self.channels) < 1:
            raise ValueError("steps, early_every, layers and channels must be positive")
        if self.group % 2 or self.early_size % 2 or self.early_size < 0:
            raise ValueError("group and early_size must be even: couplings halve the channels")
        if self.widths[-1] < 2:
            raise ValueError(f"early_size {self.early_size} leaves no channels of group {self.group}")
        if self.kernel % 2 == 0:
            raise ValueError(f"kernel must be odd, {self.kernel} is not")
        if self.training_sigma <= 0 or min(self.dither, self.sigma, self.denoiser_strength) < 0:
            raise ValueError("training_sigma must be positive; dither, sigma and denoiser_strength not negative")

    @property
    def widths(self) -> tuple[int, ...]:
        """Channels of every step."""
        return tuple(self.group - self.early_size * (step // self.early_every) for step in range(self.steps))


@dataclass(frozen=True)
class Encoded:
    """A waveform as noise.

    Attributes:
        latent: [batch, group, positions], the channels that left first in front.
        log_scales: of each step's coupling, [batch, width / 2, positions].
        log_determinants: of each step's mixing matrix, scalars.
    """

    latent: Tensor
    log_scales: tuple[Tensor, ...]
    log_determinants: tuple[Tensor, ...]

    @property
    def log_determinant(self) -> Tensor:
        """Of the Jacobian of the whole batch, a scalar."""
        batch, _, positions = self.latent.shape
        mixed = torch.stack(self.log_determinants).sum() * (batch * positions)
        return torch.stack([each.sum() for each in self.log_scales]).sum() + mixed


class Mixing(nn.Module):
    """Invertible 1x1 convolution of Glow, https://arxiv.org/abs/1807.03039, section 3.2."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(width, width))
        nn.init.orthogonal_(self.weight)

    def forward(self, hidden: Tensor) -> Tensor:
        """Mix channels [batch, width, positions]."""
        mixed: Tensor = self.weight @ hidden
        return mixed

    def inverse(self, hidden: Tensor) -> Tensor:
        """Undo `forward` with the inverse of the weight as it is now: of so few channels it costs nothing."""
        unmixed: Tensor = torch.linalg.inv(self.weight) @ hidden
        return unmixed

    def log_determinant(self) -> Tensor:
        """Of the absolute determinant, which is what counts: its sign may change as training goes on."""
        logarithm: Tensor = torch.linalg.slogdet(self.weight).logabsdet
        return logarithm


class Coupling(nn.Module):
    """Gated dilated convolutions that tell from one half of the channels, and the mel, how to scale the other."""

    def __init__(self, settings: Config, width: int, in_conditions: int) -> None:
        super().__init__()
        size = self.channels = settings.channels
        self.start = normed_conv(width // 2, size, 1)
        self.condition = normed_conv(in_conditions, 2 * size * settings.layers, 1)
        self.dilated = nn.ModuleList(
            normed_conv(size, 2 * size, settings.kernel, dilation=2**layer) for layer in range(settings.layers)
        )
        outs = [2 * size] * (settings.layers - 1) + [size]
        self.residual = nn.ModuleList(normed_conv(size, out, 1) for out in outs)
        self.end = nn.Conv1d(size, width, 1)
        # Nothing is scaled before the first step of training.
        nn.init.zeros_(self.end.weight)
        nn.init.zeros_(self.end.bias)  # type: ignore[arg-type]

    def forward(self, half: Tensor, condition: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor]:
        """Give shift and log scale, both as `half` is.

        Args:
            half: [batch, width / 2, positions].
            condition: [batch, mels * group, positions].
            mask: [batch, 1, positions], or None.
        """
        hidden = zero_padding(self.start(half), mask)
        conditions = self.condition(condition).chunk(len(self.dilated), dim=1)
        skipped = torch.zeros_like(hidden)
        for dilated, residual, told in zip(self.dilated, self.residual, conditions, strict=True):
            content, gate = (dilated(hidden) + told).chunk(2, dim=1)
            *onward, skip = residual(torch.tanh(content) * torch.sigmoid(gate)).split(self.channels, dim=1)
            skipped = skipped + skip
            if onward:
                hidden = zero_padding(hidden + onward[0], mask)
        shift, log_scale = self.end(skipped).to(half.dtype).chunk(2, dim=1)
        return shift, log_scale


class WaveGlow(nn.Module):
    """Waveform to noise and back, given the mel."""

    def __init__(self, settings: Config, inventory: Inventory) -> None:
        super().__init__()
        _require_hop(settings, inventory.mel.hop_length)
        self.settings = settings
        self.hop_length, mels = inventory.mel.hop_length, inventory.mel.n_mels
        self.upsample = nn.ConvTranspose1d(mels, mels, settings.upsample_kernel, self.hop_length)
        self.mixings = nn.ModuleList(Mixing(width) for width in settings.widths)
        self.couplings = nn.ModuleList(Coupling(settings, width, mels * settings.group) for width in settings.widths)
        self.hum = _HumRemoval(inventory.mel)

    def forward(self, mel: Tensor, lengths: Tensor | None = None, *, noise: Tensor | None = None) -> Tensor:
        """Speak, as `FromNoise` says, from the noise of `Config.seed`, of which every item takes the same.

        Args:
            mel: log-mel [batch, mels, frames].
            lengths: [batch] frames of each item; None = all frames count.
            noise: [group, positions]; None = that of the first frames.

        Returns:
            [batch, frames * hop_length].
        """
        frames = frame_mask(lengths, mel.shape[2])
        noise = self.noise(range(mel.shape[2])) if noise is None else noise
        latent = self.settings.sigma * noise.to(mel)
        waveform = self.decode(latent.expand(len(mel), -1, -1), mel, frames)
        if self.settings.denoiser_strength:
            waveform = self.hum(waveform, self.settings.denoiser_strength * self._hum_of(mel), frames)
        return waveform.clamp(-1, 1)

    def loss(self, batch: VocoderBatch) -> dict[str, Tensor]:
        """Named term: negative log-likelihood in nats per sample, less that of the constant ln(2 pi sigma²) / 2."""
        steps = torch.rand_like(batch.waveform) - 0.5
        encoded = self.encode(batch.waveform + self.settings.dither * steps, batch.mel)
        return {"negative_log_likelihood": negative_log_likelihood(encoded, self.settings.training_sigma)}

    def encode(self, waveform: Tensor, mel: Tensor) -> Encoded:
        """Map a waveform [batch, frames * hop_length] to noise, given its mel [batch, mels, frames]."""
        condition = self._condition(mel)
        hidden = self._grouped(waveform)
        early, log_scales = [], []
        for step, (mixing, coupling) in enumerate(self._flow()):
            if self._leaves_before(step):
                early.append(hidden[:, : self.settings.early_size])
                hidden = hidden[:, self.settings.early_size :]
            with torch.autocast(hidden.device.type, enabled=False):  # what is lost here cannot be undone
                kept, changed = mixing(hidden).chunk(2, dim=1)
            shift, log_scale = coupling(kept, condition, None)
            hidden = torch.cat((kept, log_scale.exp() * changed + shift), dim=1)
            log_scales.append(log_scale)
        determinants = tuple(mixing.log_determinant() for mixing, _ in self._flow())
        return Encoded(torch.cat((*early, hidden), dim=1), tuple(log_scales), determinants)

    def decode(self, latent: Tensor, mel: Tensor, frames: Tensor | None = None) -> Tensor:
        """Map noise to a waveform, the inverse of `encode`.

        Args:
            latent: [batch, group, positions]; any value outside the mask.
            mel: [batch, mels, frames]; any value outside the mask.
            frames: mask [batch, frames], or None.

        Returns:
            [batch, frames * hop_length], zero outside the mask.
        """
        mask = None if frames is None else frames.unsqueeze(1)
        condition = self._condition(zero_padding(mel, mask))
        positions = stretch(mask, self.hop_length // self.settings.group)
        waiting, hidden = latent[:, : -self.settings.widths[-1]], latent[:, -self.settings.widths[-1] :]
        for step, (mixing, coupling) in reversed(list(enumerate(self._flow()))):
            kept, changed = hidden.chunk(2, dim=1)
            shift, log_scale = coupling(kept, condition, positions)
            hidden = torch.cat((kept, (changed - shift) * torch.exp(-log_scale)), dim=1)
            with torch.autocast(hidden.device.type, enabled=False):
                hidden = mixing.inverse(hidden)
            if self._leaves_before(step):
                hidden = torch.cat((waiting[:, -self.settings.early_size :], hidden), dim=1)
                waiting = waiting[:, : -self.settings.early_size]
        return zero_padding(hidden, positions).transpose(1, 2).flatten(1)

    def noise(self, frames: range) -> Tensor:
        """Normal noise [group, positions] of frames of an utterance, as `FromNoise` says."""
        drawn = frame_noise(self.settings.seed, frames, self.hop_length)
        return drawn.view(len(frames), self.settings.group, -1).transpose(0, 1).flatten(1)

    def fold_weight_norm(self) -> None:
        """Replace normed weights by plain ones, for export and speed; training cannot go on as it was."""
        convolution.fold_weight_norm(self)

    def _flow(self) -> list[tuple[Mixing, Coupling]]:
        return cast(list[tuple[Mixing, Coupling]], list(zip(self.mixings, self.couplings, strict=True)))

    def _leaves_before(self, step: int) -> bool:
        return step > 0 and step % self.settings.early_every == 0

    def _grouped(self, samples: Tensor) -> Tensor:
        """Channels [batch, group, positions] of a waveform [batch, samples]."""
        return samples.reshape(len(samples), -1, self.settings.group).transpose(1, 2)

    def _condition(self, mel: Tensor) -> Tensor:
        """Conditions [batch, mels * group, positions] of a mel [batch, mels, frames]."""
        samples: Tensor = self.upsample(mel)[..., : mel.shape[2] * self.hop_length]
        by_position = samples.reshape(*samples.shape[:2], -1, self.settings.group)
        return by_position.transpose(2, 3).flatten(1, 2)

    def _hum_of(self, like: Tensor) -> Tensor:
        """Magnitudes [bins] that sound where no noise is given; computed anew, so that training leaves none stale."""
        mel = like.new_zeros(1, like.shape[1], _BIAS_FRAMES)
        silence = like.new_zeros(1, self.settings.group, _BIAS_FRAMES * self.hop_length // self.settings.group)
        return self.hum.spectrum(self.decode(silence, mel)).abs()[0, 0]


class _HumRemoval(nn.Module):
    """Spectral subtraction over an STFT that sees silence, not reflections, beyond a waveform's ends."""

    def __init__(self, mel: MelDefinition) -> None:
        super().__init__()
        self.istft = InverseStft(mel)
        self.margins = (self.istft.start, mel.n_fft - mel.hop_length - self.istft.start)

    def forward(self, waveform: Tensor, hum: Tensor, frames: Tensor | None) -> Tensor:
        """Take magnitudes [bins] off a waveform [batch, samples] whose mask is [batch, frames]."""
        spectrum = self.spectrum(waveform)
        magnitude = spectrum.abs()
        cleaned: Tensor = self.istft(spectrum * ((magnitude - hum).clamp(min=0) / magnitude.clamp(min=_TINY)), frames)
        return cleaned

    def spectrum(self, waveform: Tensor) -> Tensor:
        """Complex [batch, frames, bins] of a waveform [batch, frames * hop_length]."""
        pieces = F.pad(waveform.float(), self.margins).unfold(1, self.istft.n_fft, self.istft.hop_length)
        transformed: Tensor = torch.fft.rfft(pieces * self.istft.window)
        return transformed


def negative_log_likelihood(encoded: Encoded, sigma: float) -> Tensor:
    """Nats per sample of what was encoded, under noise of standard deviation `sigma`, without its constant."""
    energy = encoded.latent.square().sum() / (2 * sigma**2)
    return (energy - encoded.log_determinant) / encoded.latent.numel()


def _require_hop(settings: Config, hop_length: int) -> None:
    if hop_length % settings.group:
        raise ConfigError(
            f"vocoders/waveglow: group {settings.group} does not divide the mel's hop_length {hop_length}; "
            "change one of the two"
        )
    if settings.upsample_kernel < hop_length:
        raise ConfigError(
            f"vocoders/waveglow: upsample_kernel {settings.upsample_kernel} is below the mel's hop_length "
            f"{hop_length}: some samples would see no frame; raise it"
        )


SMALL = Config(steps=6, early_every=2, layers=6, channels=48, upsample_kernel=512)

SYSTEM = System(
    kind="vocoder",
    config=Config,
    build=WaveGlow,
    task="supervised",
    configurations={"published": Config(), "small": SMALL},
)
