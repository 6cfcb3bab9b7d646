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

from collections.abc import Iterable
from typing import Literal, NamedTuple

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from tts.config import config
from tts.interfaces import AcousticBatch, Inventory, System
from tts.layers.attention import AdditiveAttention, Attended, AttentionConfig, Memory
from tts.layers.attentive import AttentiveConfig, AttentiveModel, Decoded, frames_before
from tts.layers.masking import MaskedBatchNorm1d, MaskedConv1d, length_mask
from tts.layers.postnet import PostNet, PostNetConfig
from tts.layers.prenet import PreNet, require_prenet
from tts.layers.recurrent import LstmState, run_lstm
from tts.layers.style import (
    GstConfig,
    TokenStyle,
    VaeConfig,
    VariationalStyle,
    kl_terms,
    latent_names,
    latent_summary,
)
from tts.losses.reconstruction import masked_mse


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
        require_prenet("prenet", self.prenet)


@config
class Config(AttentiveConfig):
    """The paper's network by default.

    Attributes:
        encoder: of phones.
        decoder: of frames.
        postnet: None = off.
        style: none (a table, where there are several), vae or gst.
        vae, gst: how these learn it.
        combine: whether a learned style is added to every encoded phone, or put beside it.
        guided_by, guided_sigma, end_weight, teach_labels, speaking: as `AttentiveConfig` says.
    """

    encoder: EncoderConfig = Field(default_factory=EncoderConfig)
    decoder: DecoderConfig = Field(default_factory=DecoderConfig)
    postnet: PostNetConfig | None = Field(default_factory=PostNetConfig)
    style: Literal["none", "vae", "gst"] = "none"
    vae: VaeConfig = Field(default_factory=VaeConfig)
    gst: GstConfig = Field(default_factory=GstConfig)
    combine: Literal["add", "concatenate"] = "add"

    def __post_init__(self) -> None:
        """Refuse tokens that cannot be added to phones."""
        if self.style == "gst" and self.combine == "add" and self.gst.width != self.encoder.hidden:
            raise ValueError(
                f"gst.width {self.gst.width} cannot be added to encoder.hidden {self.encoder.hidden}; "
                "make them equal, or set combine: concatenate"
            )


class Tacotron2(AttentiveModel):
    """Phones to mel.

    Raises:
        ConfigError: the inventory lacks symbols, speakers, styles or statistics.
    """

    name = "tacotron2"

    def __init__(self, config: Config, inventory: Inventory) -> None:
        n_mels, hidden = inventory.mel.n_mels, config.encoder.hidden
        super().__init__(config, inventory, hidden=hidden, symbols=hidden, style=_style(n_mels, config))
        self._free_bits = config.vae.free_bits
        self.adds_style = _adds(config)
        self.encoder = _Encoder(config.encoder)
        self.decoder = _Decoder(n_mels, _memory_width(config), config.decoder)
        self.postnet = PostNet(n_mels, config.postnet) if config.postnet else None

    def loss(self, batch: AcousticBatch) -> dict[str, Tensor]:
        """Named terms.

        mel and mel_postnet: squared error in log-mel units; gate: cross-entropy of the end; guided: attention far from
        its way; diagonality: attention near it, to be logged; with `style: vae` kl, the divergence of a clip in
        nats, and active_units, the latent dimensions in use, to be logged; validation logs those of all clips together,
        and the divergence of each dimension; with `teach_labels` label, the cross-entropy of the labels of styles.
        """
        followed = self._follow(batch)
        named = zip(("mel", "mel_postnet"), followed.mels, strict=False)
        terms = {name: masked_mse(mel, batch.mel, followed.mask) for name, mel in named}
        terms |= self._attention_terms(followed.decoded, batch) | self._label_terms(followed, batch)
        if followed.posterior is not None:
            terms |= kl_terms(*followed.posterior, free_bits=self._free_bits)
        return terms

    @property
    def summary_names(self) -> tuple[str, ...]:
        """Names of what `summary` gives; none without latent styles."""
        return latent_names(self.style.dims) if isinstance(self.style, VariationalStyle) else ()

    @torch.no_grad()
    def summary(self, batches: Iterable[AcousticBatch]) -> dict[str, float]:
        """Give active_units, the latent dimensions whose mean differs from clip to clip, and kl_00 on, nats of each."""
        if not isinstance(self.style, VariationalStyle):
            return {}
        heard = [
            self.style.posterior(
                self._standard(batch.mel, length_mask(batch.mel_lengths, batch.mel.shape[1])), batch.mel_lengths
            )
            for batch in batches
        ]
        means, log_variances = (torch.cat(each) for each in zip(*heard, strict=True))
        return latent_summary(means, log_variances)


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
        self._n_mels, self.frames_per_step = n_mels, config.frames_per_step
        self.prenet = PreNet(n_mels, config.prenet, config.prenet_dropout, bias=False)
        self.attention_rnn = nn.LSTMCell(config.prenet[-1] + memory, config.attention_rnn)
        self.attention = AdditiveAttention(config.attention_rnn, memory, config.attention)
        self.rnn = nn.LSTM(config.attention_rnn + memory, config.rnn, batch_first=True)
        self.dropout = nn.Dropout(config.dropout)
        self.mel = nn.Linear(config.rnn + memory, n_mels * config.frames_per_step)
        self.gate = nn.Linear(config.rnn + memory, 1)

    def forward(self, memory: Memory, mel: Tensor) -> Decoded:
        """Follow a standardised mel [batch, frames, mels]; its last step may be filled up."""
        prompts = self.prenet(frames_before(mel, self.frames_per_step))
        state = self.start(memory)
        asked, read, alignment = [], [], []
        for prompt in prompts.unbind(dim=1):
            state = self._attend(prompt, memory, state)
            asked.append(state.asking[0])
            read.append(state.read)
            alignment.append(state.attended.weights)
        decoded, _ = self._answer(torch.stack(asked, dim=1), torch.stack(read, dim=1), None)
        return Decoded(*decoded, torch.stack(alignment, dim=1))

    def start(self, memory: Memory) -> _State:
        """Give the state before the first step: silence was said, nothing was read."""
        batch, values = memory.values.shape[0], memory.values
        zero = values.new_zeros(batch, self.attention_rnn.hidden_size)
        nothing = values.new_zeros(batch, values.shape[2])
        return _State(values.new_zeros(batch, self._n_mels), (zero, zero), nothing, self.attention.start(memory), None)

    def step(self, memory: Memory, state: _State, window: int | None) -> tuple[Decoded, _State]:
        """Say the frames of one step."""
        state = self._attend(self.prenet(state.frame.unsqueeze(1)).squeeze(1), memory, state, window)
        (mel, gate), answering = self._answer(state.asking[0].unsqueeze(1), state.read.unsqueeze(1), state.answering)
        alignment = state.attended.weights.unsqueeze(1)
        return Decoded(mel, gate, alignment), state._replace(frame=mel[:, -1], answering=answering)

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
    freeze_sets={
        "embedding": ("speakers.*",),
        "embedding_and_encoder": ("speakers.*", "symbols.*", "encoder.*"),
        "decoder": ("decoder.*", "postnet.*"),
    },
    configurations={
        "nvidia": Config(),
        "jinhan_vae": Config(style="vae"),
        "gst": Config(style="gst", combine="concatenate"),
    },
)
