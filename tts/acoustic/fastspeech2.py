"""FastSpeech 2: phones to mel in parallel, with explicit durations, pitch and energy.

Ren et al. 2020, "FastSpeech 2: Fast and High-Quality End-to-End Text to Speech", https://arxiv.org/abs/2006.04558.

Notable choices:

- The network predicts ln F0 and ln energy, standardised by speaker, or another `target`, but every quantity goes in
  and out in Hz and linear energy: a pitch scale of 1.2 is 20 % in Hz.
- The mel is predicted standardised; its loss is in units of the log-mel.
- An energy scale of 2 is 6 dB of the mel too.
- Padding is masked before every convolution: an item of a batch gives what it gives alone.
- The ends of phones are rounded to frames, not the phones: scaled durations keep short phones and the total.
- Speaker and style tables are added to the encoder's output; with one speaker or one style there is none. In place of
  the speakers' table, or beside it, a projection of speaker vectors may be: then it speaks as whom a vector describes.
  How high strangers speak is for the vector to say, where pitch is standardised over all speakers (`moments: all`).

Differs from the paper: pitch and energy are those of phones by default; voicing is predicted (a second output
of the pitch predictor) instead of pitch being interpolated over unvoiced phones, so that they stay unvoiced;
no pitch spectrogram by wavelets; optionally pre-LN, embeddings by convolution, a post-net, and harmonics: the mel
of a buzz at the pitch, added band by band as far as the decoder lets it through. Where pitch and energy are those of
frames, each frame is told its place in its phone: otherwise pitch is flat from one end of a vowel to the other.

Differs from github.com/ming024/FastSpeech2, whose LJSpeech set-up is the configuration `ming024_ljspeech`:
position codes and bin edges are no parameters (513,022 frozen ones there); the tables of pitch and energy
have one more row, for phones that have none (2 * 256 parameters), and the pitch predictor one more output
(257). With 361 symbols it has 34,646,339 trainable parameters there and 34,647,108 here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from tts.audio.mel_definition import MelDefinition
from tts.config import config
from tts.errors import ConfigError, DataError
from tts.interfaces import AcousticBatch, Controls, Inventory, Spoken, Statistics, System
from tts.layers.embedding import name_table, rows_of
from tts.layers.harmonics import HarmonicMel
from tts.layers.masking import length_mask, masked
from tts.layers.postnet import PostNet, PostNetConfig
from tts.layers.speaker_vectors import SpeakerVectors
from tts.layers.style_space import StyleSpace
from tts.layers.transformer import Transformer, TransformerConfig, require_divided
from tts.layers.variance import (
    NUM_PLACES,
    Predictor,
    PredictorConfig,
    Quantity,
    QuantityAdaptor,
    QuantityConfig,
    places_in_phones,
    presence_loss,
    repeat_to_frames,
    whole_frames,
)
from tts.losses.reconstruction import masked_l1, masked_mse
from tts.phones import SILENCE


@config
class VarianceConfig:
    """Durations, pitch and energy.

    Attributes:
        level: whether pitch and energy are those of phones or of frames.
        duration: predictor of ln(frames + 1).
        pitch: predictor of F0 and voicing, and their embedding.
        energy: predictor of energy and its embedding.
    """

    level: Literal["phone", "frame"] = "phone"
    duration: PredictorConfig = Field(default_factory=PredictorConfig)
    pitch: QuantityConfig = Field(default_factory=QuantityConfig)
    energy: QuantityConfig = Field(default_factory=QuantityConfig)


@config
class Config:
    """The paper's network by default.

    Attributes:
        hidden: channels of encoder and decoder.
        encoder: of phones.
        variance: durations, pitch and energy.
        decoder: of frames.
        postnet: Tacotron 2's, None = off.
        harmonics: whether the decoder adds those of the pitch to the mel; meant for the level "frame", whose pitch
            moves within a phone.
        speaker: told by a row of a table, by a speaker vector (`run.speaker_vectors` computes them), or by both.
    """

    hidden: int = Field(default=256, gt=0)
    encoder: TransformerConfig = Field(default_factory=TransformerConfig)
    variance: VarianceConfig = Field(default_factory=VarianceConfig)
    decoder: TransformerConfig = Field(default_factory=TransformerConfig)
    postnet: PostNetConfig | None = None
    harmonics: bool = False
    speaker: Literal["table", "vector", "both"] = "table"

    def __post_init__(self) -> None:
        """Refuse heads that do not divide the hidden size."""
        require_divided(self.hidden, encoder=self.encoder, decoder=self.decoder)


@dataclass(frozen=True)
class Prosody:
    """What is given instead of predicted; None = predicted.

    Attributes:
        durations: [batch, phones] int64 frames.
        pitch: [batch, phones] or [batch, frames] Hz, 0 = unvoiced.
        energy: [batch, phones] or [batch, frames] linear, 0 = none.
        num_frames: of the longest item by its durations; the device need not be asked then.
    """

    durations: Tensor | None = None
    pitch: Tensor | None = None
    energy: Tensor | None = None
    num_frames: int | None = None


@dataclass(frozen=True)
class _Varied:
    """Frames [batch, frames, hidden] with their mask, and the prosody that made them.

    `heard` is True where a position of pitch and energy (a phone or a frame) has frames.
    """

    frames: Tensor
    mask: Tensor
    log_durations: Tensor
    durations: Tensor
    heard: Tensor
    pitch: Quantity
    energy: Quantity


class FastSpeech2(nn.Module):
    """Phones to mel.

    Raises:
        ConfigError: the inventory lacks symbols, speakers or statistics.
    """

    def __init__(self, config: Config, inventory: Inventory) -> None:
        super().__init__()
        self.level = config.variance.level
        statistics = inventory.statistics
        if not inventory.symbols or not inventory.speakers or statistics is None:
            raise ConfigError("fastspeech2 needs symbols, speakers and statistics; train it on a corpus with an index")
        self.symbols = nn.Embedding(len(inventory.symbols), config.hidden)
        by_table, by_vector = config.speaker != "vector", config.speaker != "table"
        self.speakers = name_table(inventory.speakers, config.hidden) if by_table else None
        self.speaker_vectors = SpeakerVectors(config.hidden, inventory) if by_vector else None
        self.styles = name_table(inventory.styles, config.hidden)
        self.encoder = Transformer(config.hidden, config.encoder)
        self.variance = _VarianceAdaptor(config.hidden, config.variance, inventory.speakers, statistics)
        self.decoder = Transformer(config.hidden, config.decoder)
        self.mel = nn.Linear(config.hidden, inventory.mel.n_mels)
        self.harmonics = _Harmonics(config.hidden, inventory.mel) if config.harmonics else None
        self.postnet = PostNet(inventory.mel.n_mels, config.postnet) if config.postnet else None
        self.mel_mean, self.mel_std = statistics.mel_mean, statistics.mel_std
        self.silence_id = inventory.symbols.index(SILENCE) if SILENCE in inventory.symbols else None

    def loss(self, batch: AcousticBatch) -> dict[str, Tensor]:
        """Named terms: mel (and mel_postnet) in log-mel units, duration, pitch, voicing, energy.

        Raises:
            DataError: pitch or energy are not of the configured level.
        """
        varied = self._follow(batch)
        mels = zip(("mel", "mel_postnet"), self._decode(varied), strict=False)
        terms = {name: masked_l1(mel, batch.mel, varied.mask) for name, mel in mels}
        phones = length_mask(batch.phone_lengths, batch.phones.shape[1])
        terms["duration"] = masked_mse(varied.log_durations, batch.durations.float().log1p(), phones)
        pitch, energy = self.variance.pitch, self.variance.energy
        terms["pitch"] = pitch.value_loss(varied.pitch, batch.speaker_ids, varied.heard)
        terms["voicing"] = presence_loss(varied.pitch, varied.heard)
        terms["energy"] = energy.value_loss(varied.energy, batch.speaker_ids, varied.heard)
        return terms

    def teacher_forced(self, batch: AcousticBatch) -> Tensor:
        """Mel [batch, frames, mels] for the batch's own durations, pitch and energy; zero beyond each length.

        Raises:
            DataError: as `loss`.
        """
        varied = self._follow(batch)
        return masked(self._decode(varied)[-1], varied.mask)

    @property
    def style_space(self) -> StyleSpace | None:
        """Its styles as vectors, as `speak` takes them; None where there is only one."""
        return None if self.styles is None else StyleSpace(self.styles.weight)

    def speak(  # noqa: PLR0913 - what is said, by whom, and how
        self,
        phones: Tensor,
        lengths: Tensor,
        *,
        speaker_ids: Tensor,
        style_ids: Tensor,
        controls: Controls,
        given: Prosody = Prosody(),
        speaker_vectors: Tensor | None = None,
        style: Tensor | None = None,
    ) -> Spoken:
        """Speak padded phones [batch, phones]; controls act on what is predicted, not on what is given.

        The decoder hears of another energy, and moves the level of the mel by some of it only; here it moves by all.

        Speaker vectors [batch, SPEAKER_VECTOR_SIZE] may describe anyone; pitch then has the moments of `speaker_ids`,
        or with `moments: all` those of all.
        A style [batch, hidden] goes before its id.
        """
        if speaker_vectors is None and self.speaker_vectors is not None:
            speaker_vectors = rows_of(self.speaker_vectors.means, speaker_ids)
        hidden, mask = self._encode(phones, lengths, self._manner(speaker_ids, style_ids, speaker_vectors, style))
        minimum = mask if self.silence_id is None else mask & (phones != self.silence_id)
        vary = partial(self.variance, hidden, mask, speaker_ids=speaker_ids, minimum=minimum, given=given)
        varied: _Varied = vary(controls=controls)
        mel = self._decode(varied)[-1]
        if given.energy is None and controls.changed("energy_scale"):
            plain = self._decode(vary(controls=replace(controls, energy_scale=1.0)))[-1]
            scale = _of_frames(controls.energy_scale, varied.durations, mel.shape[1])
            mel = _at_level(mel, _level(plain) + torch.as_tensor(scale).to(mel).log())
        mel = masked(mel, varied.mask)
        lengths = varied.durations.sum(dim=1)
        return Spoken(mel, lengths, varied.durations, varied.pitch.values, varied.energy.values)

    def _follow(self, batch: AcousticBatch) -> _Varied:
        """Go through the network with the batch's own prosody."""
        self._check(batch)
        speaker_ids, given = batch.speaker_ids, Prosody(batch.durations, batch.pitch, batch.energy, batch.mel.shape[1])
        manner = self._manner(speaker_ids, batch.style_ids, batch.speaker_vectors)
        hidden, mask = self._encode(batch.phones, batch.phone_lengths, manner)
        varied: _Varied = self.variance(
            hidden,
            mask,
            speaker_ids=speaker_ids,
            minimum=mask,
            given=given,
            controls=Controls(),
        )
        return varied

    def _check(self, batch: AcousticBatch) -> None:
        if self.speaker_vectors is not None and batch.speaker_vectors is None:
            raise DataError(
                f"the batch of {batch.utterance_ids[0]} has no speaker vectors, which this model is told its speakers "
                "by; compute them with `tts vectors`, or choose model.speaker 'table'"
            )
        expected = batch.durations.shape if self.level == "phone" else batch.mel.shape[:2]
        for name, values in (("pitch", batch.pitch), ("energy", batch.energy)):
            if values.shape != expected:
                raise DataError(
                    f"{name} of the batch of {batch.utterance_ids[0]} has shape {tuple(values.shape)}, not "
                    f"{tuple(expected)}; variance.level is {self.level!r}, load {name} of the same level"
                )

    def _manner(
        self, speaker_ids: Tensor, style_ids: Tensor, speaker_vectors: Tensor | None, style: Tensor | None = None
    ) -> list[Tensor]:
        """What says who speaks and how: some [batch, hidden]."""
        styled = (self.styles, style_ids) if style is None else (nn.Identity(), style)
        known = (styled, (self.speaker_vectors, speaker_vectors))
        spoken_by = [] if self.speakers is None else [rows_of(self.speakers, speaker_ids)]
        return spoken_by + [layer(values) for layer, values in known if layer is not None]

    def _encode(self, phones: Tensor, lengths: Tensor, manner: list[Tensor]) -> tuple[Tensor, Tensor]:
        mask = length_mask(lengths, phones.shape[1])
        hidden: Tensor = self.encoder(self.symbols(phones), mask)
        for each in manner:
            hidden = hidden + each.unsqueeze(1)
        return hidden, mask

    def _decode(self, varied: _Varied) -> list[Tensor]:
        """Give the decoder's mel and, where there is a post-net, the better one after it."""
        hidden = self.decoder(varied.frames, varied.mask)
        mels = [self.mel(hidden)]
        if self.harmonics is not None:
            mels[0] = mels[0] + self.harmonics(hidden, self._pitch_of_frames(varied))
        if self.postnet is not None:
            mels.append(mels[0] + self.postnet(mels[0], varied.mask))
        return [mel * self.mel_std + self.mel_mean for mel in mels]

    def _pitch_of_frames(self, varied: _Varied) -> Tensor:
        """Hz [batch, frames], 0 = unvoiced."""
        pitch = varied.pitch.values
        if self.level == "phone":
            pitch = _repeated(pitch, varied.durations, varied.mask.shape[1])
        return pitch


class _Harmonics(nn.Module):
    """Harmonics [batch, frames, mels] of the pitch, each band behind a gate that the decoder opens."""

    def __init__(self, hidden: int, definition: MelDefinition) -> None:
        super().__init__()
        self.mel = HarmonicMel(definition)
        self.gate = nn.Linear(hidden, definition.n_mels)

    def forward(self, hidden: Tensor, pitch: Tensor) -> Tensor:
        gated: Tensor = self.gate(hidden).sigmoid() * self.mel(pitch)
        return gated


class _VarianceAdaptor(nn.Module):
    """From encoded phones to frames that carry durations, pitch and energy."""

    def __init__(self, hidden: int, config: VarianceConfig, speakers: tuple[str, ...], statistics: Statistics) -> None:
        super().__init__()
        self.level = config.level
        self.durations = Predictor(hidden, config.duration)
        self.places = nn.Linear(NUM_PLACES, hidden) if config.level == "frame" else None
        pitch = _pitch_moments(statistics, config.pitch, speakers)
        self.pitch = QuantityAdaptor(hidden, config.pitch, pitch, can_be_absent=True)
        energy = _energy_moments(statistics, config.energy).repeat(len(speakers), 1)
        self.energy = QuantityAdaptor(hidden, config.energy, energy, can_be_absent=False)

    def forward(
        self,
        hidden: Tensor,
        mask: Tensor,
        *,
        speaker_ids: Tensor,
        minimum: Tensor,
        given: Prosody,
        controls: Controls,
    ) -> _Varied:
        """Take hidden [batch, phones, hidden], its mask, and the frames that each phone has at least."""
        log_durations = self.durations(hidden, mask).squeeze(-1)
        durations = given.durations
        if durations is None:
            durations = whole_frames(log_durations.expm1() * controls.duration_scale, minimum)
        lengths = durations.sum(dim=1)
        frame_mask = length_mask(lengths, given.num_frames or int(lengths.max()))
        heard = durations > 0
        pitch_scale, energy_scale = controls.pitch_scale, controls.energy_scale
        if self.places is not None:
            pitch_scale, energy_scale = (
                _of_frames(scale, durations, frame_mask.shape[1]) for scale in (pitch_scale, energy_scale)
            )
            places = self.places(places_in_phones(durations, frame_mask.shape[1]))
            hidden = masked(repeat_to_frames(hidden, durations, frame_mask.shape[1]) + places, frame_mask)
            mask = heard = frame_mask
        pitch, hidden = self.pitch(
            hidden, mask, speaker_ids=speaker_ids, heard=heard, given=given.pitch, scale=pitch_scale
        )
        energy, hidden = self.energy(
            hidden,
            mask,
            speaker_ids=speaker_ids,
            heard=heard,
            given=given.energy,
            scale=energy_scale,
        )
        if self.level == "phone":
            hidden = repeat_to_frames(hidden, durations, frame_mask.shape[1])
        return _Varied(hidden, frame_mask, log_durations, durations, heard, pitch, energy)


def _repeated(values: Tensor, durations: Tensor, num_frames: int) -> Tensor:
    """Values [batch, phones] as those of frames [batch, num_frames]."""
    return repeat_to_frames(values.unsqueeze(-1), durations, num_frames).squeeze(-1)


def _of_frames(scale: float | Tensor, durations: Tensor, num_frames: int) -> float | Tensor:
    return _repeated(scale, durations, num_frames) if isinstance(scale, Tensor) else scale


def _level(mel: Tensor) -> Tensor:
    """Level [batch, frames] of a log-mel: the logarithm of its norm."""
    return 0.5 * torch.logsumexp(2 * mel, dim=-1)


def _at_level(mel: Tensor, level: Tensor) -> Tensor:
    return mel + (level - _level(mel)).unsqueeze(-1)


def _pitch_moments(statistics: Statistics, config: QuantityConfig, speakers: tuple[str, ...]) -> Tensor:
    """Mean and standard deviation [speakers, 2] of ln(F0), or of F0 for a target that is no logarithm."""
    means, stds = statistics.pitch_mean, statistics.pitch_std
    if not config.target.startswith("log"):
        means, stds = statistics.pitch_hz_mean, statistics.pitch_hz_std
    if not means.keys() >= set(speakers):
        raise _lacking("pitch", config)
    moments = torch.tensor([(means[name], stds[name]) for name in speakers])
    return _together(moments) if config.moments == "all" else moments


def _together(moments: Tensor) -> Tensor:
    """Each speaker's moments [speakers, 2] as those of all together, of whom each counts alike."""
    mean, std = moments.double().unbind(-1)
    variance = std.square().mean() + mean.var(correction=0)
    return torch.stack((mean.mean(), variance.sqrt())).to(moments).repeat(len(moments), 1)


def _energy_moments(statistics: Statistics, config: QuantityConfig) -> Tensor:
    """Mean and standard deviation [2] of ln(energy), or of energy for a target that is no logarithm."""
    mean, std = statistics.energy_mean, statistics.energy_std
    if not config.target.startswith("log"):
        if statistics.energy_linear_mean is None or statistics.energy_linear_std is None:
            raise _lacking("energy", config)
        mean, std = statistics.energy_linear_mean, statistics.energy_linear_std
    return torch.tensor((mean, std))


def _lacking(name: str, config: QuantityConfig) -> ConfigError:
    return ConfigError(
        f"variance.{name}.target is {config.target!r}, for which the statistics lack moments, as those of older "
        "releases do; run `tts index` again, or choose log or log+zscore"
    )


_MING024_ENCODER = TransformerConfig(layers=4, dropout=0.2)
_MING024_DECODER = TransformerConfig(layers=6, dropout=0.2)

SYSTEM = System(
    kind="acoustic",
    config=Config,
    build=FastSpeech2,
    task="supervised",
    freeze_sets={
        "embedding": ("speakers.*", "speaker_vectors.*"),
        "embedding_and_encoder": ("speakers.*", "speaker_vectors.*", "symbols.*", "encoder.*"),
        "variance": ("variance.*",),
        "decoder": ("decoder.*", "mel.*", "harmonics.*", "postnet.*"),
    },
    configurations={
        "paper": Config(),
        "ming024_ljspeech": Config(encoder=_MING024_ENCODER, decoder=_MING024_DECODER, postnet=PostNetConfig()),
        "ming024_ljspeech_paper": Config(encoder=_MING024_ENCODER, decoder=_MING024_ENCODER, postnet=PostNetConfig()),
    },
)
