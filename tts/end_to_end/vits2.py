"""VITS2, https://arxiv.org/abs/2307.16430, with the multi-band iSTFT decoders of https://arxiv.org/abs/2210.15975.

A variational autoencoder of waveforms whose latent frames a flow relates to what the text foretells; phones and frames
are aligned as it learns. Sizes and details the papers leave open follow github.com/FENRlR/MB-iSTFT-VITS2. Differs from
it: items of a padded batch do not see their padding; magnitudes are bounded; the pseudo-QMF gives back what it split;
on request, the decoder is told of the speaker.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Literal, TypeVar

import torch
from pydantic import Field
from torch import Tensor, nn

from tts.audio.mel_definition import MelDefinition
from tts.audio.spectrogram import mel_spectrogram
from tts.config import config
from tts.errors import ConfigError
from tts.interfaces import Controls, EndToEndBatch, Inventory, Learned, SpokenWaveform, System
from tts.layers import convolution
from tts.layers.adversaries import Adversaries, AdversariesConfig
from tts.layers.coupling_flow import Flow, FlowConfig
from tts.layers.embedding import name_table, rows_of
from tts.layers.masking import length_mask, masked
from tts.layers.monotonic_alignment import add_noise, monotonic_durations
from tts.layers.posterior_encoder import PosteriorConfig, PosteriorEncoder, draw
from tts.layers.pqmf import Form, Pqmf
from tts.layers.relative_transformer import RelativeTransformer, RelativeTransformerConfig
from tts.layers.residual_stacks import TrunkConfig
from tts.layers.segments import cut_segments, draw_starts
from tts.layers.stochastic_durations import StochasticDurationPredictor
from tts.layers.variance import Predictor, PredictorConfig, repeat_to_frames
from tts.layers.waveform_decoders import FixedJoin, IstftDecoder, LearnedJoin, SampleDecoder
from tts.losses.latent import latent_divergence, latent_likelihood
from tts.losses.reconstruction import masked_mse
from tts.losses.spectral import Resolution, loss_mel_definition, mel_distance, multi_resolution_stft_distance

N = TypeVar("N", int, Tensor)

_NOISE_SCALE = 0.667
_DURATION_NOISE_SCALE = 0.8
"""Of synthesis, as in the published code: less than the prior's own spread."""

_LEAST_FRAMES = 1e-6  # under the logarithm of a duration
_MOST_FRAMES = 500.0  # of a phone: a network that has just begun may foretell anything

_SUBBAND_RESOLUTIONS: tuple[Resolution, ...] = ((384, 30, 150), (683, 60, 300), (171, 10, 60))
"""Of the published code, in samples of a sub-band."""


@config
class Config:
    """Sizes; the defaults are those of the multi-band base model.

    Attributes:
        decoder: multi-band, multi-stream or plain inverse STFT, or HiFi-GAN's samples.
        trunk: of the decoder; its rates, istft_hop and bands multiply to the mel's hop_length.
        istft_size: points of the decoder's inverse STFT.
        istft_hop: samples between its frames.
        bands: sub-bands of the multi-band and multi-stream decoders.
        pqmf: filters of the multi-band decoder; weights of the published code want "legacy".
        latent: channels of the latent frames, even.
        hidden: channels of everything between text and latent frames.
        text: of the text encoder.
        posterior: of the posterior encoder.
        flow: between the two.
        durations: one best duration, or durations drawn at random.
        adversaries: what it plays against.
        speaker: channels of the speakers' table.
        speaker_in_text: whether the text encoder is told of the speaker.
        speaker_in_decoder: whether the decoder is, by scaling and shifting its input; an addition of ours.
        blanks: whether an empty symbol stands between all phones and at both ends, as in published models.
    """

    decoder: Literal["mb_istft", "ms_istft", "istft", "hifigan"] = "mb_istft"
    trunk: TrunkConfig = TrunkConfig(upsample_rates=(4, 4), upsample_kernels=(16, 16))
    istft_size: int = Field(default=16, gt=0, multiple_of=2)
    istft_hop: int = Field(default=4, gt=0)
    bands: int = Field(default=4, gt=1)
    pqmf: Form = "pwg"
    latent: int = Field(default=192, gt=0, multiple_of=2)
    hidden: int = Field(default=192, gt=0)
    text: RelativeTransformerConfig = RelativeTransformerConfig()
    posterior: PosteriorConfig = PosteriorConfig()
    flow: FlowConfig = FlowConfig()
    durations: Literal["deterministic", "stochastic"] = "deterministic"
    adversaries: AdversariesConfig = AdversariesConfig()
    speaker: int = Field(default=192, gt=0)
    speaker_in_text: bool = True
    speaker_in_decoder: bool = False
    blanks: bool = True

    def __post_init__(self) -> None:
        """Refuse sizes that do not fit together."""
        for name, heads in (("text", self.text.heads), ("flow", self.flow.heads)):
            if self.hidden % heads:
                raise ValueError(f"hidden {self.hidden} is not a multiple of {name}.heads {heads}")
        if 2 * self.istft_hop > self.istft_size:
            raise ValueError("needs an istft_size of at least twice istft_hop, so that windows overlap")
        if self.pqmf != "pwg" and self.decoder != "mb_istft":
            raise ValueError(f"pqmf has no effect on decoder {self.decoder}; remove it")

    @property
    def rate(self) -> int:
        """Samples that the decoder makes of a latent frame."""
        if self.decoder == "hifigan":
            return self.trunk.rate
        return self.trunk.rate * self.istft_hop * (1 if self.decoder == "istft" else self.bands)


@dataclass(frozen=True)
class Read:
    """What the text encoder makes of phones and, where there are any, the blanks between them.

    Attributes:
        hidden: [batch, symbols, hidden].
        mean, log_std: of the prior, [batch, symbols, latent].
        mask: [batch, symbols].
        lengths: [batch] symbols.
    """

    hidden: Tensor
    mean: Tensor
    log_std: Tensor
    mask: Tensor
    lengths: Tensor


class Vits2(nn.Module):
    """All that is needed to speak, and the posterior encoder, which only learning and voice conversion use."""

    def __init__(self, settings: Config, inventory: Inventory) -> None:
        super().__init__()
        _require_hop(settings, inventory.mel.hop_length)
        self.settings = settings
        self.hop_length = inventory.mel.hop_length
        self.definition = dataclasses.replace(loss_mel_definition(inventory.mel), framing="hifigan")
        hidden, latent = settings.hidden, settings.latent
        self.speakers = name_table(inventory.speakers, settings.speaker)
        told = None if self.speakers is None else settings.speaker
        self.symbols = nn.Embedding(len(inventory.symbols), hidden)
        nn.init.normal_(self.symbols.weight, std=hidden**-0.5)
        self.blank = nn.Parameter(hidden**-0.5 * torch.randn(hidden)) if settings.blanks else None
        self.text = RelativeTransformer(hidden, settings.text, speaker=told if settings.speaker_in_text else None)
        self.prior = nn.Linear(hidden, 2 * latent)
        self.posterior = PosteriorEncoder(self.definition.n_mels, latent, hidden, settings.posterior, speaker=told)
        self.flow = Flow(latent, hidden, settings.flow, speaker=told)
        self.durations = _build_durations(settings, told)
        self.duration_speaker = nn.Linear(told, hidden) if told and settings.durations == "deterministic" else None
        self.decoder = _build_decoder(settings, inventory.mel, told if settings.speaker_in_decoder else None)
        self.analysis = Pqmf(settings.bands, form=settings.pqmf) if settings.decoder == "mb_istft" else None

    def speak(
        self, phones: Tensor, lengths: Tensor, *, speaker_ids: Tensor, controls: Controls, seed: int = 0
    ) -> SpokenWaveform:
        """Speak padded phones, as `EndToEnd` says.

        Raises:
            ConfigError: pitch or energy is to be changed.
        """
        _refuse_prosody(controls)
        speaker = self._speaker(speaker_ids)
        text = self.read(phones, lengths, speaker)
        scale = self._spread(controls.duration_scale)
        durations = self.foretell(text, speaker, seed=seed, scale=scale)
        frames = durations.sum(1)
        mask = length_mask(frames, int(frames.max()))
        noise_scale = _NOISE_SCALE if controls.noise_scale is None else controls.noise_scale
        moved = self.foretold_latent(text, durations, noise_scale * _noise(frames, self.settings.latent, seed))
        latent = self.flow.inverse(moved, mask, speaker)
        waveform = self.decoder(latent, mask, speaker).waveform.float().clamp(-1, 1)
        return SpokenWaveform(waveform, frames * self.hop_length, self._by_phone(durations))

    def copy(self, waveform: Tensor, *, speaker_ids: Tensor) -> Tensor:
        """Copy-synthesis, as `EndToEnd` says: recordings through the posterior's mean and the decoder."""
        frames = torch.full_like(speaker_ids, waveform.shape[1] // self.hop_length)
        speaker, mel = self._speaker(speaker_ids), padded_mel(waveform, frames, self.definition)
        mean, _ = self.posterior(mel, length_mask(frames, mel.shape[1]), speaker)
        samples: Tensor = self.decoder(mean, None, speaker).waveform.float().clamp(-1, 1)
        return samples

    def convert(
        self, waveform: Tensor, frames: Tensor | None = None, *, from_ids: Tensor, to_ids: Tensor
    ) -> Tensor:  # fmt: skip
        """Voice conversion, as `EndToEnd` says: by the posterior's mean, so that nothing is drawn."""
        if frames is None:
            frames = torch.full((len(waveform),), waveform.shape[1] // self.hop_length, device=waveform.device)
        source, target = self._speaker(from_ids), self._speaker(to_ids)
        mel = padded_mel(waveform, frames, self.definition)
        mask = length_mask(frames, mel.shape[1])
        mean, _ = self.posterior(mel, mask, source)
        latent = self.flow.inverse(self.flow(mean, mask, source), mask, target)
        samples: Tensor = self.decoder(latent, mask, target).waveform.float().clamp(-1, 1)
        return samples

    def read(self, phones: Tensor, lengths: Tensor, speaker: Tensor | None) -> Read:
        """Encode phones [batch, phones] of lengths [batch], for speakers [batch, channels]."""
        embedded = self.symbols(phones)
        if self.blank is not None:
            embedded, lengths = _with_blanks(embedded, self.blank), self.num_symbols(lengths)
        mask = length_mask(lengths, embedded.shape[1])
        hidden = self.text(masked(embedded * math.sqrt(self.settings.hidden), mask), mask, speaker)
        mean, log_std = masked(self.prior(hidden), mask).chunk(2, dim=2)
        return Read(hidden, mean, log_std, mask, lengths)

    def num_symbols(self, num_phones: N) -> N:
        """Symbols that so many phones are read as; each takes a frame at least."""
        return 2 * num_phones + 1 if self.settings.blanks else num_phones

    def foretell(self, text: Read, speaker: Tensor | None, *, seed: int, scale: float | Tensor) -> Tensor:
        """Give whole frames [batch, symbols], at least one each; `scale` is one number or [batch, symbols]."""
        noise = None
        if self.settings.durations == "stochastic":
            noise = _DURATION_NOISE_SCALE * _noise(text.lengths, 2, seed)
        predicted = self._log_durations(text, speaker, noise).float()
        frames = predicted.clamp(max=math.log(_MOST_FRAMES)).exp() * scale
        return frames.ceil().clamp(min=1).long().masked_fill(~text.mask, 0)

    def foretold_latent(self, text: Read, durations: Tensor, noise: Tensor) -> Tensor:
        """Sample the prior: latent frames [batch, frames, latent] before the inverse flow, for noise of that shape."""
        mean, log_std = self._stretched(text, durations, noise.shape[1])
        mask = length_mask(durations.sum(1), noise.shape[1])
        return masked(mean + noise * log_std.exp(), mask)

    def learn(self, batch: EndToEndBatch, *, segment_frames: int, alignment_noise: float) -> Learned:
        """Follow recordings.

        Args:
            batch: of whole clips, none shorter than a segment.
            segment_frames: of the part of each clip that is decoded.
            alignment_noise: as `alignment_noise_scale` gives it.

        Raises:
            ConfigError: segments are too short for the loss of sub-bands.
        """
        if self.analysis is not None:
            _require_subbands(segment_frames, samples=self.hop_length // self.settings.bands)
        mel = padded_mel(batch.waveform, batch.frames, self.definition)
        return self.learn_mel(batch, mel, segment_frames=segment_frames, alignment_noise=alignment_noise)

    def learn_mel(self, batch: EndToEndBatch, mel: Tensor, *, segment_frames: int, alignment_noise: float) -> Learned:
        """Follow recordings whose log-mels [batch, frames, mels] are given."""
        speaker = self._speaker(batch.speaker_ids)
        text = self.read(batch.phones, batch.phone_lengths, speaker)
        mask = length_mask(batch.frames, mel.shape[1])
        mean, log_std = self.posterior(mel, mask, speaker)
        latent = masked(draw(mean, log_std), mask)
        moved = self.flow(latent, mask, speaker)
        durations = align(text, moved, batch.frames, noise_scale=alignment_noise)
        prior = self._stretched(text, durations, mel.shape[1])
        log_durations = (durations + _LEAST_FRAMES).log().masked_fill(~text.mask, 0)
        duration, predicted = self._duration_loss(text, speaker, durations, log_durations)
        starts = draw_starts(batch.frames, segment_frames)
        waveform, subbands = self.decoder(cut_segments(latent, starts, segment_frames), None, speaker)
        return Learned(
            waveform=waveform,
            subbands=subbands,
            starts=starts,
            divergence=latent_divergence(moved, log_std, prior, mask),
            duration=duration,
            text=text.hidden,
            mask=text.mask,
            durations=durations,
            log_durations=log_durations,
            predicted=predicted,
        )

    def loss(self, batch: EndToEndBatch, learned: Learned) -> dict[str, Tensor]:
        """Terms that need no adversary: mel, kl, duration and, with several bands by rule, subband."""
        generated = learned.waveform.float()
        recorded = self.segment(batch, learned)
        terms = {
            "mel": mel_distance(generated, recorded, self.definition),
            "kl": learned.divergence,
            "duration": learned.duration,
        }
        if self.analysis is not None and learned.subbands is not None:
            subbands = self.analysis.analysis(recorded).flatten(0, 1)
            ours = learned.subbands.float().flatten(0, 1)
            terms["subband"] = multi_resolution_stft_distance(ours, subbands, _SUBBAND_RESOLUTIONS)
        return terms

    def segment(self, batch: EndToEndBatch, learned: Learned) -> Tensor:
        """Recorded samples [batch, samples] of what was decoded."""
        samples = learned.waveform.shape[1]
        return cut_segments(batch.waveform.unsqueeze(2), learned.starts * self.hop_length, samples).squeeze(2)

    def fold_weight_norm(self) -> None:
        """Replace normed weights by plain ones, for export and speed; training cannot go on as it was."""
        convolution.fold_weight_norm(self)

    def _speaker(self, speaker_ids: Tensor) -> Tensor | None:
        """Vectors [batch, channels] of ids [batch], or of blends, the weights [batch, speakers]."""
        if self.speakers is None:
            return None
        return rows_of(self.speakers, speaker_ids)

    def _stretched(self, text: Read, durations: Tensor, num_frames: int) -> tuple[Tensor, Tensor]:
        """Mean and log-deviation of the prior, [batch, frames, latent] each."""
        both = repeat_to_frames(torch.cat((text.mean, text.log_std), dim=2), durations, num_frames)
        mean, log_std = both.chunk(2, dim=2)
        return mean, log_std

    def _log_durations(self, text: Read, speaker: Tensor | None, noise: Tensor | None) -> Tensor:
        """Log-durations [batch, symbols]; of the stochastic predictor, by noise [batch, symbols, 2]."""
        if isinstance(self.durations, StochasticDurationPredictor):
            drawn: Tensor = self.durations(text.hidden, text.mask, speaker, noise=noise)
            return drawn
        hidden = text.hidden.detach()
        if self.duration_speaker is not None and speaker is not None:
            hidden = hidden + self.duration_speaker(speaker.detach()).unsqueeze(1)
        predicted: Tensor = self.durations(hidden, text.mask).squeeze(2)
        return predicted

    def _duration_loss(
        self, text: Read, speaker: Tensor | None, durations: Tensor, log_durations: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Loss per symbol, and predicted log-durations."""
        if isinstance(self.durations, StochasticDurationPredictor):
            bound = self.durations.loss(text.hidden, text.mask, durations, speaker).sum() / text.mask.sum()
            return bound, self._log_durations(text, speaker, torch.randn_like(text.hidden[..., :2]))
        predicted = self._log_durations(text, speaker, None)
        return masked_mse(predicted, log_durations, text.mask), predicted

    def _spread(self, scale: float | Tensor) -> float | Tensor:
        """Factors [batch, symbols] of factors [batch, phones]: a blank has that of the phone before it."""
        if not isinstance(scale, Tensor) or not self.settings.blanks:
            return scale
        return torch.cat((scale[:, :1], scale.repeat_interleave(2, dim=1)), dim=1)

    def _by_phone(self, durations: Tensor) -> Tensor:
        """Durations [batch, phones] of those of symbols: a blank belongs to the phone before it, or to the first."""
        if not self.settings.blanks:
            return durations
        phones = durations[:, 1::2] + durations[:, 2::2]
        return torch.cat((phones[:, :1] + durations[:, :1], phones[:, 1:]), dim=1)


def align(text: Read, moved: Tensor, frames: Tensor, *, noise_scale: float) -> Tensor:
    """Durations [batch, symbols] under which latent frames [batch, frames, latent] are likeliest."""
    with torch.no_grad(), torch.autocast(moved.device.type, enabled=False):
        likelihood = latent_likelihood(moved, (text.mean, text.log_std))
        if noise_scale > 0:
            noise = torch.randn_like(likelihood)
            likelihood = add_noise(likelihood, frames, text.lengths, scale=noise_scale, noise=noise)
        return monotonic_durations(likelihood, frames, text.lengths)


def padded_mel(waveform: Tensor, frames: Tensor, definition: MelDefinition) -> Tensor:
    """Log-mels [batch, frames, mels] of waveforms [batch, samples], each as it would be alone.

    Behind its end an item is reflected, as it is there where it is alone; a batch's padding would be heard in its last
    frames.
    """
    ends = (frames * definition.hop_length).unsqueeze(1)
    hops = waveform.shape[1] // definition.hop_length + definition.n_fft // definition.hop_length
    place = torch.arange(hops * definition.hop_length, device=waveform.device).expand(len(waveform), -1)
    mirrored = torch.where(place < ends, place, 2 * ends - 2 - place).clamp(min=0)
    with torch.autocast(waveform.device.type, enabled=False):
        mel = mel_spectrogram(waveform.float().gather(1, mirrored), definition).transpose(1, 2)
    longest = waveform.shape[1] // definition.hop_length
    return masked(mel[:, :longest], length_mask(frames, longest))


def _with_blanks(embedded: Tensor, blank: Tensor) -> Tensor:
    """Put a blank [hidden] behind each of embedded [batch, phones, hidden], and one before the first."""
    batch, num_phones, hidden = embedded.shape
    blanks = blank.expand(batch, num_phones + 1, hidden)
    pairs = torch.stack((embedded, blanks[:, 1:]), dim=2).flatten(1, 2)
    return torch.cat((blanks[:, :1], pairs), dim=1)


def _noise(lengths: Tensor, channels: int, seed: int) -> Tensor:
    """Standard normal noise [batch, positions, channels]; an item's is the same in whatever batch it is."""
    rows = [torch.randn(length, channels, generator=torch.Generator().manual_seed(seed)) for length in lengths.tolist()]
    return nn.utils.rnn.pad_sequence(rows, batch_first=True).to(lengths.device)


def _build_durations(settings: Config, told: int | None) -> nn.Module:
    if settings.durations == "stochastic":
        return StochasticDurationPredictor(settings.hidden, speaker=told)
    return Predictor(settings.hidden, PredictorConfig())


def _build_decoder(settings: Config, definition: MelDefinition, told: int | None) -> SampleDecoder | IstftDecoder:
    if settings.decoder == "hifigan":
        return SampleDecoder(settings.trunk, settings.latent, speaker=told)
    return IstftDecoder(
        settings.trunk,
        settings.latent,
        speaker=told,
        definition=definition,
        n_fft=settings.istft_size,
        hop_length=settings.istft_hop,
        join=_build_join(settings),
    )


def _build_join(settings: Config) -> FixedJoin | LearnedJoin | None:
    if settings.decoder == "istft":
        return None
    fixed = settings.decoder == "mb_istft"
    return FixedJoin(settings.bands, form=settings.pqmf) if fixed else LearnedJoin(settings.bands)


def _require_hop(settings: Config, hop_length: int) -> None:
    if settings.rate != hop_length:
        raise ConfigError(
            f"end_to_end/vits2: decoder {settings.decoder} makes {settings.rate} samples of a frame "
            f"(trunk.upsample_rates {settings.trunk.upsample_rates}, istft_hop {settings.istft_hop}, bands "
            f"{settings.bands}), but the mel's "
            f"hop_length is {hop_length}; change one of them"
        )


def _require_subbands(segment_frames: int, *, samples: int) -> None:
    """Refuse segments whose sub-bands, of so many samples a frame, cannot be reflected as far as their loss wants."""
    least = max(n_fft for n_fft, _, _ in _SUBBAND_RESOLUTIONS) // 2 // samples + 1
    if segment_frames < least:
        raise ConfigError(
            f"batch.segment_frames {segment_frames} is too short for the loss of sub-bands; raise it to {least} or more"
        )


def _refuse_prosody(controls: Controls) -> None:
    for name, scale in controls.changed("pitch_scale", "energy_scale").items():
        raise ConfigError(
            f"vits2 has no {name.removesuffix('_scale')} to control: {name} must be 1, not {scale:g}; "
            "only duration_scale and noise_scale act, or use a voice of fastspeech2"
        )


def _build_adversaries(settings: Config) -> Adversaries:
    return Adversaries(settings.adversaries, settings.hidden)


_WIDE = TrunkConfig(upsample_rates=(8, 8), upsample_kernels=(16, 16))
_MINI_TEXT = RelativeTransformerConfig(layers=3)

MINI = Config(
    hidden=96,
    text=_MINI_TEXT,
    trunk=TrunkConfig(channels=256, upsample_rates=(4, 4), upsample_kernels=(16, 16)),
)
MINI_ISTFT = Config(
    decoder="istft",
    hidden=96,
    text=_MINI_TEXT,
    trunk=TrunkConfig(channels=256, upsample_rates=(8, 8), upsample_kernels=(16, 16)),
)
TINY = Config(
    latent=16,
    hidden=16,
    text=RelativeTransformerConfig(layers=2, filter=32),
    posterior=PosteriorConfig(layers=2),
    flow=FlowConfig(couplings=2, layers=1),
    speaker=8,
    adversaries=AdversariesConfig(periods=(2, 3), period_channels=(4, 4, 4, 4, 4), scale_channels=(4, 8)),
    trunk=TrunkConfig(
        channels=32,
        upsample_rates=(4, 4),
        upsample_kernels=(16, 16),
        resblock_kernels=(3,),
        resblock_dilations=((1, 3),),
    ),
)

SYSTEM = System(
    kind="end_to_end",
    config=Config,
    build=Vits2,
    task="adversarial",
    build_discriminator=_build_adversaries,
    freeze_sets={
        "embedding": ("speakers.*",),
        "embedding_and_encoder": ("speakers.*", "symbols.*", "blank", "text.*", "prior.*"),
        "flow_and_durations": ("flow.*", "durations.*", "duration_speaker.*"),
        "decoder": ("decoder.*",),
    },
    configurations={
        "mb_istft": Config(),
        "ms_istft": Config(decoder="ms_istft"),
        "istft": Config(decoder="istft", trunk=_WIDE),
        "hifigan": Config(decoder="hifigan", trunk=TrunkConfig()),
        "mini_mb_istft": MINI,
        "mini_istft": MINI_ISTFT,
    },
)
