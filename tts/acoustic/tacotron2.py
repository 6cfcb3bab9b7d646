"""Tacotron 2: phones to mel frame by frame, with attention in place of durations; optionally with learned styles.

Shen et al. 2018, "Natural TTS Synthesis by Conditioning WaveNet on Mel Spectrogram Predictions",
https://arxiv.org/abs/1712.05884. Styles: Zhang et al. 2018, https://arxiv.org/abs/1812.04342 (`vae`), and Wang et al.
2018, https://arxiv.org/abs/1803.09017 (`gst`).

Notable choices:

- The decoder predicts the mel standardised; losses are in units of the log-mel.
- Padding is masked everywhere, frames that fill the last step too: an item of a batch gives what it gives alone.
- The pre-net's dropout stays on when the network speaks, as published. All items of a batch then share one draw a step,
  so that company changes nothing; torch's seed decides the draw.
- A sentence that runs to its limit, leaves out phones or goes back to earlier ones is told.
- A style is a vector that can be averaged and mixed. Once training has ended, the mean of each style's clips is kept
  with its name.

Differs from the paper: dropout of the recurrent layers' outputs in place of zoneout, so that the second layer can be
run over all steps at once in training; several frames a step, if wanted, of which the last is fed back; diagonal
attention may be asked for by the weight of the term `guided`.

Differs from github.com/NVIDIA/tacotron2, whose network is the configuration `nvidia`: dropout is not fed back within
the recurrent layers; the gate is judged on the steps up to the end, not on padding. With 148 symbols it has 28,193,153
parameters there and here.

Differs from github.com/jinhan/tacotron2-vae, whose network is the configuration `jinhan_vae`: the style's mel is not
reshaped across time and frequency, divergence is a mean over clips, and what is never used there is absent: a second
first convolution (320 parameters) and tables of speakers and emotions (112). With 80 symbols it has 28,875,057
parameters there and 28,874,625 here.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from tts.config import config
from tts.errors import ConfigError
from tts.interfaces import AcousticBatch, AttendedSpeech, Controls, Inventory, System
from tts.layers.alignments import attended_durations, diagonality, failures, guided_attention_loss
from tts.layers.attention import Attended, AttentionConfig, LocationSensitiveAttention, Memory
from tts.layers.embedding import name_table
from tts.layers.masking import MaskedBatchNorm1d, MaskedConv1d, length_mask, masked
from tts.layers.postnet import PostNet, PostNetConfig
from tts.layers.recurrent import LstmState, run_lstm
from tts.layers.style import GstConfig, StyleCentroids, TokenStyle, VaeConfig, VariationalStyle, kl_terms, sampled
from tts.layers.style_space import StyleSpace
from tts.losses.reconstruction import masked_mean, masked_mse


@config
class EncoderConfig:
    """Of phones.

    Attributes:
        hidden: channels, of the symbols too; even, since both directions share them.
        layers: convolutions.
        kernel: of each.
        dropout: after each.
    """

    hidden: int = Field(default=512, gt=0, multiple_of=2)
    layers: int = Field(default=3, gt=0)
    kernel: int = Field(default=5, gt=0)
    dropout: float = Field(default=0.5, ge=0, lt=1)


@config
class DecoderConfig:
    """Of frames.

    Attributes:
        prenet: channels of each of its layers.
        prenet_dropout: after each of them, in training and when speaking.
        attention_rnn: channels of the recurrent layer that asks.
        rnn: channels of the recurrent layer that answers.
        dropout: of both layers' outputs.
        attention: on the phones.
        frames_per_step: predicted at once.
    """

    prenet: tuple[int, ...] = (256, 256)
    prenet_dropout: float = Field(default=0.5, ge=0, lt=1)
    attention_rnn: int = Field(default=1024, gt=0)
    rnn: int = Field(default=1024, gt=0)
    dropout: float = Field(default=0.1, ge=0, lt=1)
    attention: AttentionConfig = Field(default_factory=AttentionConfig)
    frames_per_step: int = Field(default=1, gt=0)

    def __post_init__(self) -> None:
        """Refuse a decoder without a pre-net."""
        if not self.prenet or min(self.prenet) < 1:
            raise ValueError(f"prenet must be positive numbers, at least one, not {list(self.prenet)}")


@config
class SpeakingConfig:
    """When to stop, and how freely attention moves.

    Attributes:
        gate_threshold: probability of the end from which on a sentence is over.
        max_frames_per_phone: a sentence without an end is cut there.
        window: phones that attention may move ahead in a step, never going back; None = it moves freely.
    """

    gate_threshold: float = Field(default=0.5, gt=0, lt=1)
    max_frames_per_phone: int = Field(default=40, gt=0)
    window: int | None = Field(default=None, gt=0)


@config
class Config:
    """The paper's network by default.

    Attributes:
        encoder: of phones.
        decoder: of frames.
        postnet: None = off.
        style: none (a table, where there are several), vae or gst.
        vae, gst: how these learn it.
        combine: whether a learned style is added to every encoded phone, or put beside it.
        guided_sigma: width of the diagonal of the term `guided`, as a share of the sentence.
        end_weight: of the last step of a sentence in the term `gate`; other steps have 1.
        speaking: when to stop.
    """

    encoder: EncoderConfig = Field(default_factory=EncoderConfig)
    decoder: DecoderConfig = Field(default_factory=DecoderConfig)
    postnet: PostNetConfig | None = Field(default_factory=PostNetConfig)
    style: Literal["none", "vae", "gst"] = "none"
    vae: VaeConfig = Field(default_factory=VaeConfig)
    gst: GstConfig = Field(default_factory=GstConfig)
    combine: Literal["add", "concatenate"] = "add"
    guided_sigma: float = Field(default=0.4, gt=0)
    end_weight: float = Field(default=1.0, gt=0)
    speaking: SpeakingConfig = Field(default_factory=SpeakingConfig)

    def __post_init__(self) -> None:
        """Refuse tokens that cannot be added to phones."""
        if self.style == "gst" and self.combine == "add" and self.gst.width != self.encoder.hidden:
            raise ValueError(
                f"gst.width {self.gst.width} cannot be added to encoder.hidden {self.encoder.hidden}; "
                "make them equal, or set combine: concatenate"
            )


class _Decoded(NamedTuple):
    """Standardised mel [batch, steps * frames per step, mels], gate logits [batch, steps] and their alignment."""

    mel: Tensor
    gate: Tensor
    alignment: Tensor


@dataclass(frozen=True)
class _Followed:
    """What came of a batch: mels in log-mel units, the decoder's and the post-net's, and what led to them."""

    mels: list[Tensor]
    mask: Tensor
    decoded: _Decoded
    posterior: tuple[Tensor, Tensor] | None


class Tacotron2(nn.Module):
    """Phones to mel.

    Raises:
        ConfigError: the inventory lacks symbols, speakers, styles or statistics.
    """

    level: Literal["phone", "frame"] = "phone"

    def __init__(self, config: Config, inventory: Inventory) -> None:
        super().__init__()
        statistics = inventory.statistics
        if not inventory.symbols or not inventory.speakers or not inventory.styles or statistics is None:
            raise ConfigError(
                "tacotron2 needs symbols, speakers, styles and statistics; train it on a corpus with an index"
            )
        self._config = config
        n_mels, hidden = inventory.mel.n_mels, config.encoder.hidden
        self.symbols = nn.Embedding(len(inventory.symbols), hidden)
        self.speakers = name_table(inventory.speakers, hidden)
        self.style = _style(n_mels, config)
        self.styles = (
            StyleCentroids(len(inventory.styles), self.style.neutral)
            if self.style
            else name_table(inventory.styles, hidden)
        )
        self.encoder = _Encoder(config.encoder)
        self.decoder = _Decoder(n_mels, _memory_width(config), config.decoder)
        self.postnet = PostNet(n_mels, config.postnet) if config.postnet else None
        self.mel_mean, self.mel_std = statistics.mel_mean, statistics.mel_std

    def loss(self, batch: AcousticBatch) -> dict[str, Tensor]:
        """Named terms.

        mel and mel_postnet: squared error in log-mel units; gate: cross-entropy of the end; guided: attention far from
        the diagonal; diagonality: attention near it, to be logged; with `style: vae` kl, the divergence of a clip in
        nats, and active_units, the latent dimensions in use, to be logged.
        """
        followed = self._follow(batch)
        steps = self._steps(batch.mel_lengths)
        alignment, phones = followed.decoded.alignment, batch.phone_lengths
        named = zip(("mel", "mel_postnet"), followed.mels, strict=False)
        terms = {name: masked_mse(mel, batch.mel, followed.mask) for name, mel in named}
        terms["gate"] = _end_loss(followed.decoded.gate, steps, end_weight=self._config.end_weight)
        terms["guided"] = guided_attention_loss(alignment, steps, phones, sigma=self._config.guided_sigma)
        terms["diagonality"] = diagonality(alignment.detach(), steps, phones)
        if followed.posterior is not None:
            terms |= kl_terms(*followed.posterior, free_bits=self._config.vae.free_bits)
        return terms

    def teacher_forced(self, batch: AcousticBatch) -> Tensor:
        """Mel [batch, frames, mels], each step after the batch's own frames; zero beyond each length."""
        followed = self._follow(batch)
        return masked(followed.mels[-1], followed.mask)

    def pictures(self, batch: AcousticBatch) -> dict[str, Tensor]:
        """Attention [batch, phones, steps] that follows the recording."""
        return {"attention": self._follow(batch).decoded.alignment.transpose(1, 2)}

    def encode_style(self, mel: Tensor, mel_lengths: Tensor) -> Tensor:
        """Style of recordings.

        Args:
            mel: log-mel [batch, frames, mels].
            mel_lengths: [batch] frames.

        Returns:
            [batch, dims]: the latent means, or the weights of all tokens, head by head.

        Raises:
            ConfigError: the network learned no style from recordings.
        """
        return self._learned_style().encode(self._standard(mel, length_mask(mel_lengths, mel.shape[1])), mel_lengths)

    @torch.no_grad()
    def finish(self, batches: Iterable[AcousticBatch]) -> None:
        """Keep the mean style of each style's clips, and the spread of all; a style without clips stays neutral."""
        if self.style is None:
            return
        assert isinstance(self.styles, StyleCentroids)
        heard = ((batch.style_ids, self.encode_style(batch.mel, batch.mel_lengths)) for batch in batches)
        self.styles.keep(heard, neutral=self.style.neutral)

    @property
    def style_space(self) -> StyleSpace | None:
        """Its styles as vectors, as `speak` takes them; None where there is one style and no vector of it."""
        if not isinstance(self.styles, StyleCentroids):
            return None if self.styles is None else StyleSpace(self.styles.weight)
        heads = self.style.heads if isinstance(self.style, TokenStyle) else None
        return StyleSpace(self.styles.weight, self.encode_style, self.styles.deviation, heads)

    def speak(
        self,
        phones: Tensor,
        lengths: Tensor,
        *,
        speaker_ids: Tensor,
        style_ids: Tensor,
        controls: Controls,
        style: Tensor | None = None,
    ) -> AttendedSpeech:
        """Speak padded phones [batch, phones]; pitch and energy of what is said are not known.

        Args:
            phones: ids.
            lengths: [batch].
            speaker_ids: [batch].
            style_ids: [batch]; a learned style is the mean of its clips.
            controls: have no effect here and must be 1.
            style: [batch, dims] of `style_space`, in place of the style of the ids.

        Raises:
            ConfigError: a control is not 1, or `style` does not fit the network.
        """
        _refuse(controls)
        memory = self._memory(phones, lengths, speaker_ids, self._spoken_style(style_ids, style))
        decoded, steps, ended = self._speak_steps(memory, lengths)
        frames_per_step = self._config.decoder.frames_per_step
        frames = steps * frames_per_step
        mask = length_mask(frames, decoded.mel.shape[1])
        alignment = masked(decoded.alignment, length_mask(steps, decoded.alignment.shape[1]))
        return AttendedSpeech(
            mel=masked(self._finished(decoded.mel, mask)[-1], mask),
            mel_lengths=frames,
            durations=attended_durations(alignment, steps, frames_per_step),
            alignment=alignment,
            failures=failures(alignment, steps, lengths, ended=ended.tolist()),
        )

    def _follow(self, batch: AcousticBatch) -> _Followed:
        """Go through the network with the batch's own frames before each step."""
        mask = length_mask(batch.mel_lengths, batch.mel.shape[1])
        mel = self._standard(batch.mel, mask)
        posterior, style = self._heard_style(mel, batch.mel_lengths)
        embedded = self._embedded_ids(batch.style_ids) if style is None else self._learned_style().embed(style)
        memory = self._memory(batch.phones, batch.phone_lengths, batch.speaker_ids, embedded)
        decoded = self.decoder(memory, mel)
        return _Followed(self._finished(decoded.mel[:, : mel.shape[1]], mask), mask, decoded, posterior)

    def _speak_steps(self, memory: Memory, lengths: Tensor) -> tuple[_Decoded, Tensor, Tensor]:
        """Speak until every item has come to its end or its limit: steps of each, and whether it came to an end."""
        settings, state = self._config.speaking, self.decoder.start(memory)
        limits = self._steps(lengths * settings.max_frames_per_phone)
        threshold = math.log(settings.gate_threshold / (1 - settings.gate_threshold))
        steps, ended = limits.clone(), torch.zeros_like(limits, dtype=torch.bool)
        spoken: list[_Decoded] = []
        while len(spoken) < int(steps.max()):
            decoded, state = self.decoder.step(memory, state, settings.window)
            spoken.append(decoded)
            ending = (decoded.gate[:, 0] > threshold) & (len(spoken) <= steps) & ~ended
            steps = torch.where(ending, len(spoken), steps)
            ended |= ending
        return _Decoded(*(torch.cat(parts, dim=1) for parts in zip(*spoken, strict=True))), steps, ended

    def _memory(self, phones: Tensor, lengths: Tensor, speaker_ids: Tensor, style: Tensor | None) -> Memory:
        """Encode phones, with the speaker and the embedded style [batch, width] told to each."""
        mask = length_mask(lengths, phones.shape[1])
        hidden: Tensor = self.encoder(self.symbols(phones), mask, lengths)
        if self.speakers is not None:
            hidden = hidden + self.speakers(speaker_ids).unsqueeze(1)
        if style is not None:
            beside = style.unsqueeze(1).expand(-1, hidden.shape[1], -1)
            hidden = hidden + beside if _adds(self._config) else torch.cat((hidden, beside), dim=2)
        return self.decoder.attention.remember(masked(hidden, mask), mask)

    def _heard_style(self, mel: Tensor, lengths: Tensor) -> tuple[tuple[Tensor, Tensor] | None, Tensor | None]:
        """The posterior, where there is one, and the style [batch, dims] of a standardised mel; None = none learned."""
        if isinstance(self.style, VariationalStyle):
            mean, log_variance = self.style.posterior(mel, lengths)
            return (mean, log_variance), sampled(mean, log_variance) if self.training else mean
        return None, None if self.style is None else self.style.encode(mel, lengths)

    def _spoken_style(self, style_ids: Tensor, style: Tensor | None) -> Tensor | None:
        if style is None:
            return self._embedded_ids(style_ids)
        dims = 0 if self.styles is None else self.styles.weight.shape[1]
        if style.shape != (len(style_ids), dims):
            raise ConfigError(
                f"style has shape {tuple(style.shape)}, not ({len(style_ids)}, {dims}); "
                "give one vector of style_space for each sentence"
            )
        return style if self.style is None else self.style.embed(style)

    def _embedded_ids(self, style_ids: Tensor) -> Tensor | None:
        if self.styles is None:
            return None
        rows: Tensor = self.styles(style_ids)
        return rows if self.style is None else self.style.embed(rows)

    def _learned_style(self) -> VariationalStyle | TokenStyle:
        if self.style is None:
            raise ConfigError("the model learned no style from recordings; train one with style: vae or gst")
        return self.style

    def _finished(self, mel: Tensor, mask: Tensor) -> list[Tensor]:
        """Give the decoder's mel and, where there is a post-net, the better one after it, in log-mel units."""
        mels = [mel]
        if self.postnet is not None:
            mels.append(mel + self.postnet(mel, mask))
        return [each * self.mel_std + self.mel_mean for each in mels]

    def _standard(self, mel: Tensor, mask: Tensor) -> Tensor:
        return masked((mel - self.mel_mean) / self.mel_std, mask)

    def _steps(self, frames: Tensor) -> Tensor:
        """Steps that it takes to say so many frames."""
        size = self._config.decoder.frames_per_step
        return (frames + size - 1) // size


class _Encoder(nn.Module):
    """Convolutions and a recurrent layer in both directions, over [batch, phones, hidden]."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        hidden = config.hidden
        self.convolutions = nn.ModuleList(MaskedConv1d(hidden, hidden, config.kernel) for _ in range(config.layers))
        self.norms = nn.ModuleList(MaskedBatchNorm1d(hidden) for _ in range(config.layers))
        self.dropout = nn.Dropout(config.dropout)
        self.rnn = nn.LSTM(hidden, hidden // 2, batch_first=True, bidirectional=True)

    def forward(self, hidden: Tensor, mask: Tensor, lengths: Tensor) -> Tensor:
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            hidden = self.dropout(torch.relu(norm(convolution(hidden, mask), mask)))
        # Packed, so that the way back begins at each item's own end; lengths are wanted on the CPU.
        packed = pack_padded_sequence(hidden, lengths.cpu(), batch_first=True, enforce_sorted=False)
        states, _ = pad_packed_sequence(run_lstm(self.rnn, packed)[0], batch_first=True, total_length=hidden.shape[1])
        return states


class _State(NamedTuple):
    """What the decoder carries from step to step.

    Attributes:
        frame: [batch, mels], the last one.
        asking: hidden and cell [batch, attention_rnn].
        read: [batch, memory], what attention gave.
        attended: where attention was.
        answering: hidden and cell [1, batch, rnn]; None before the first step.
    """

    frame: Tensor
    asking: LstmState
    read: Tensor
    attended: Attended
    answering: LstmState | None


class _Decoder(nn.Module):
    """Frames from what attention reads; nothing of the second recurrent layer goes back but the frames."""

    def __init__(self, n_mels: int, memory: int, config: DecoderConfig) -> None:
        super().__init__()
        self._n_mels, self._frames_per_step = n_mels, config.frames_per_step
        self.prenet = _PreNet(n_mels, config.prenet, config.prenet_dropout)
        self.attention_rnn = nn.LSTMCell(config.prenet[-1] + memory, config.attention_rnn)
        self.attention = LocationSensitiveAttention(config.attention_rnn, memory, config.attention)
        self.rnn = nn.LSTM(config.attention_rnn + memory, config.rnn, batch_first=True)
        self.dropout = nn.Dropout(config.dropout)
        self.mel = nn.Linear(config.rnn + memory, n_mels * config.frames_per_step)
        self.gate = nn.Linear(config.rnn + memory, 1)

    def forward(self, memory: Memory, mel: Tensor) -> _Decoded:
        """Follow a standardised mel [batch, frames, mels]; its last step may be filled up."""
        prompts = self.prenet(self._before(mel))
        state = self.start(memory)
        asked, read, alignment = [], [], []
        for prompt in prompts.unbind(dim=1):
            state = self._attend(prompt, memory, state)
            asked.append(state.asking[0])
            read.append(state.read)
            alignment.append(state.attended.weights)
        decoded, _ = self._answer(torch.stack(asked, dim=1), torch.stack(read, dim=1), None)
        return _Decoded(*decoded, torch.stack(alignment, dim=1))

    def start(self, memory: Memory) -> _State:
        """Give the state before the first step: silence was said, nothing was read."""
        batch, values = memory.values.shape[0], memory.values
        zero = values.new_zeros(batch, self.attention_rnn.hidden_size)
        nothing = values.new_zeros(batch, values.shape[2])
        return _State(values.new_zeros(batch, self._n_mels), (zero, zero), nothing, self.attention.start(memory), None)

    def step(self, memory: Memory, state: _State, window: int | None) -> tuple[_Decoded, _State]:
        """Say the frames of one step."""
        state = self._attend(self.prenet(state.frame.unsqueeze(1)).squeeze(1), memory, state, window)
        (mel, gate), answering = self._answer(state.asking[0].unsqueeze(1), state.read.unsqueeze(1), state.answering)
        alignment = state.attended.weights.unsqueeze(1)
        return _Decoded(mel, gate, alignment), state._replace(frame=mel[:, -1], answering=answering)

    def _before(self, mel: Tensor) -> Tensor:
        """The frame before each step, [batch, steps, mels]; before the first there is a mean one."""
        steps = -(-mel.shape[1] // self._frames_per_step)
        last = mel[:, self._frames_per_step - 1 :: self._frames_per_step][:, : steps - 1]
        return F.pad(last, (0, 0, 1, 0))

    def _attend(self, prompt: Tensor, memory: Memory, state: _State, window: int | None = None) -> _State:
        asking = self.attention_rnn(torch.cat((prompt, state.read), dim=1), state.asking)
        read, attended = self.attention(self.dropout(asking[0]), memory, state.attended, window)
        return state._replace(asking=asking, read=read, attended=attended)

    def _answer(self, asked: Tensor, read: Tensor, state: LstmState | None) -> tuple[tuple[Tensor, Tensor], LstmState]:
        """Mel and gate of steps [batch, steps, ...]."""
        hidden, state = run_lstm(self.rnn, torch.cat((self.dropout(asked), read), dim=2), state)
        both = torch.cat((self.dropout(hidden), read), dim=2)
        mel = self.mel(both).view(len(both), -1, self._n_mels)
        return (mel, self.gate(both).squeeze(2)), state


class _PreNet(nn.Module):
    """A bottleneck for the frame before, whose dropout stays on: without it speech repeats itself or falls apart."""

    def __init__(self, n_mels: int, channels: tuple[int, ...], dropout: float) -> None:
        super().__init__()
        pairs = zip((n_mels, *channels), channels, strict=False)
        self.layers = nn.ModuleList(nn.Linear(a, b, bias=False) for a, b in pairs)
        self._dropout, self._channels = dropout, list(channels)

    def forward(self, frames: Tensor) -> Tensor:
        """Give [batch, steps, channels] for frames [batch, steps, mels]."""
        for layer, kept in zip(self.layers, self._kept(*frames.shape[:2]), strict=True):
            frames = torch.relu(layer(frames)) * kept
        return frames

    def _kept(self, batch: int, steps: int) -> list[Tensor]:
        """Factors on the outputs of each layer, [batch or 1, steps, channels]."""
        device = next(self.parameters()).device
        if self.training:
            draw = torch.rand(batch, steps, sum(self._channels), device=device)
        else:  # step by step, so that the draw of a step does not depend on how many come after it
            draw = torch.stack([torch.rand(sum(self._channels), device=device) for _ in range(steps)]).unsqueeze(0)
        kept = (draw >= self._dropout) / (1 - self._dropout)
        return list(torch.split(kept, self._channels, dim=2))


def _end_loss(logits: Tensor, steps: Tensor, *, end_weight: float) -> Tensor:
    """Cross-entropy of the end, of logits [batch, steps] against the last one of `steps` [batch]; padding is left out.

    The network must not only know the end but know it there: what follows is never said.
    """
    truth = F.one_hot(steps - 1, logits.shape[1]).to(logits.dtype)
    weight = logits.new_tensor(end_weight)
    entropy = F.binary_cross_entropy_with_logits(logits, truth, pos_weight=weight, reduction="none")
    return masked_mean(entropy, length_mask(steps, logits.shape[1]))


def _refuse(controls: Controls) -> None:
    for name, scale in controls.changed("pitch_scale", "energy_scale", "duration_scale").items():
        raise ConfigError(
            f"{name} {scale:g} has no effect on tacotron2, whose speech is not built from pitch, "
            "energy and durations; leave it at 1, or use a voice of fastspeech2"
        )


def _style(n_mels: int, config: Config) -> VariationalStyle | TokenStyle | None:
    if config.style == "vae":
        return VariationalStyle(n_mels, config.encoder.hidden, config.vae)
    return TokenStyle(n_mels, config.gst) if config.style == "gst" else None


def _memory_width(config: Config) -> int:
    """Channels of an encoded phone with the style that is put beside it."""
    if _adds(config):
        return config.encoder.hidden
    return config.encoder.hidden + (config.gst.width if config.style == "gst" else config.encoder.hidden)


def _adds(config: Config) -> bool:
    return config.combine == "add" or config.style == "none"


SYSTEM = System(
    kind="acoustic",
    config=Config,
    build=Tacotron2,
    task="supervised",
    configurations={
        "nvidia": Config(),
        "jinhan_vae": Config(style="vae"),
        "gst": Config(style="gst", combine="concatenate"),
    },
)
