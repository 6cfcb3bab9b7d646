"""GST-Tacotron: phones to mel by attention, in the style of a recording, by global style tokens or by its prosody.

Wang et al. 2018, "Style Tokens: Unsupervised Style Modeling, Control and Transfer in End-to-End Speech Synthesis",
https://arxiv.org/abs/1803.09017 (`style: gst`); Skerry-Ryan et al. 2018, "Towards End-to-End Prosody Transfer for
Expressive Speech Synthesis with Tacotron", https://arxiv.org/abs/1803.09047 (`prosody`); both on Wang et al. 2017,
"Tacotron: Towards End-to-End Speech Synthesis", https://arxiv.org/abs/1703.10135 (`none`).

Notable choices:

- The style is put beside every encoded phone. Tokens go through tanh before attention, which keeps them apart.
- Without a reference, the mean style of the named style's clips is spoken, kept once training has ended, never a
  random one.
- The pre-nets' dropout stays on when the network speaks, as published; torch's seed decides the draw.
- The decoder predicts the mel standardised; its losses, absolute errors as published, are in units of the log-mel.
- Padding is masked everywhere, frames that fill the last step too: an item of a batch gives what it gives alone.
- A sentence that runs to its limit, leaves out phones or goes back to earlier ones is told.

Differs from the papers: the post-net gives a better mel, not linear magnitudes. A voice is an acoustic model and a
vocoder that share one definition of the mel, and batches hold no linear spectrogram; what the published post-net and
Griffin-Lim do, vocoders/neural_griffin_lim does in its place, and vocoders/griffin_lim without a network. A gate
tells the end, where Tacotron says silence until it is cut. Sizes that the papers leave open are those of
github.com/syang1993/gst-tacotron; attention over tokens is of scaled products with projected values, as in
github.com/KinglittleQ/GST-Tacotron. Diagonal attention may be asked for by the weight of the term `guided`. With 80
symbols it has 7,831,025 parameters with tokens, 7,617,521 with prosody, and 7,001,617 without either.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
from pydantic import Field
from torch import Tensor, nn

from tts.config import config
from tts.interfaces import AcousticBatch, Inventory, System
from tts.layers.attention import AdditiveAttention, Attended, AttentionConfig, Memory
from tts.layers.attentive import AttentiveConfig, AttentiveModel, Decoded, frames_before
from tts.layers.cbhg import Cbhg, CbhgConfig, CbhgPostNet
from tts.layers.prenet import PreNet, draws_apart, require_prenet
from tts.layers.recurrent import LstmState, ZoneoutLstm
from tts.layers.style import GstConfig, ProsodyConfig, ProsodyStyle, TokenStyle
from tts.losses.reconstruction import masked_l1


@config
class EncoderConfig:
    """Of phones.

    Attributes:
        symbols: channels of a phone.
        prenet: channels of each layer before the CBHG.
        prenet_dropout: after each of them, in training and when speaking.
        cbhg: of what the pre-net gives; an encoded phone has twice its hidden channels.
    """

    symbols: int = Field(default=256, gt=0)
    prenet: tuple[int, ...] = (256, 128)
    prenet_dropout: float = Field(default=0.5, ge=0, lt=1)
    cbhg: CbhgConfig = Field(default_factory=lambda: CbhgConfig(kernels=16, projection=128))

    def __post_init__(self) -> None:
        """Refuse an encoder without a pre-net."""
        require_prenet("prenet", self.prenet)


@config
class DecoderConfig:
    """Of frames.

    Attributes:
        prenet: channels of each of its layers.
        prenet_dropout: after each of them, in training and when speaking.
        attention_rnn: channels of the recurrent layer that asks.
        attention: on the phones.
        rnn: channels of the recurrent layers that answer.
        layers: of these.
        zoneout: of the same.
        frames_per_step: predicted at once.
    """

    prenet: tuple[int, ...] = (256, 128)
    prenet_dropout: float = Field(default=0.5, ge=0, lt=1)
    attention_rnn: int = Field(default=256, gt=0)
    attention: AttentionConfig = Field(default_factory=lambda: AttentionConfig(hidden=256, filters=0))
    rnn: int = Field(default=256, gt=0)
    layers: int = Field(default=2, gt=0)
    zoneout: float = Field(default=0.1, ge=0, lt=1)
    frames_per_step: int = Field(default=2, gt=0)

    def __post_init__(self) -> None:
        """Refuse a decoder without a pre-net."""
        require_prenet("prenet", self.prenet)


@config
class Config(AttentiveConfig):
    """The style tokens paper's network by default.

    Attributes:
        encoder: of phones.
        decoder: of frames.
        postnet: a CBHG that predicts what the decoder missed, None = off.
        style: none (a table, where there are several), gst or prosody.
        gst, prosody: how these learn it.
        guided_by, guided_sigma, end_weight, teach_labels, speaking: as `AttentiveConfig` says.
    """

    encoder: EncoderConfig = Field(default_factory=EncoderConfig)
    decoder: DecoderConfig = Field(default_factory=DecoderConfig)
    postnet: CbhgConfig | None = Field(default_factory=CbhgConfig)
    style: Literal["none", "gst", "prosody"] = "gst"
    gst: GstConfig = Field(default_factory=lambda: GstConfig(heads=4))
    prosody: ProsodyConfig = Field(default_factory=ProsodyConfig)


class GstTacotron(AttentiveModel):
    """Phones to mel.

    Raises:
        ConfigError: the inventory lacks symbols, speakers, styles or statistics.
    """

    name = "gst_tacotron"

    def __init__(self, config: Config, inventory: Inventory) -> None:
        n_mels, hidden = inventory.mel.n_mels, 2 * config.encoder.cbhg.hidden
        style, width = _style(n_mels, config)
        super().__init__(config, inventory, hidden=hidden, symbols=config.encoder.symbols, style=style)
        self.adds_style = style is None
        self.encoder = _Encoder(config.encoder)
        self.decoder = _Decoder(n_mels, hidden + width, config.decoder)
        self.postnet = CbhgPostNet(n_mels, config.postnet) if config.postnet else None

    def loss(self, batch: AcousticBatch) -> dict[str, Tensor]:
        """Named terms.

        mel and mel_postnet: absolute error in log-mel units; gate: cross-entropy of the end; guided: attention far from
        its way; diagonality: attention near it, to be logged; with `teach_labels` label, the cross-entropy of the
        labels of styles.
        """
        followed = self._follow(batch)
        named = zip(("mel", "mel_postnet"), followed.mels, strict=False)
        terms = {name: masked_l1(mel, batch.mel, followed.mask) for name, mel in named}
        return terms | self._attention_terms(followed.decoded, batch) | self._label_terms(followed, batch)


class _Encoder(nn.Module):
    """Pre-net and CBHG, over [batch, phones, channels]."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.prenet = PreNet(config.symbols, config.prenet, config.prenet_dropout, bias=True)
        self.cbhg = Cbhg(config.prenet[-1], config.cbhg)

    def forward(self, symbols: Tensor, mask: Tensor, lengths: Tensor) -> Tensor:
        with draws_apart(symbols.device):  # else the decoder's would depend on the longest item
            hidden = self.prenet(symbols)
        encoded: Tensor = self.cbhg(hidden, mask)
        return encoded


class _State(NamedTuple):
    """What the decoder carries from step to step.

    Attributes:
        frame: [batch, mels], the last one.
        asking: [batch, attention_rnn].
        read: [batch, memory], what attention gave.
        attended: where attention was.
        answering: of each layer that answers; empty before the first step.
    """

    frame: Tensor
    asking: Tensor
    read: Tensor
    attended: Attended
    answering: tuple[LstmState, ...]


class _Decoder(nn.Module):
    """A layer that asks, and layers that answer, each added to what it is given."""

    def __init__(self, n_mels: int, memory: int, config: DecoderConfig) -> None:
        super().__init__()
        self._n_mels, self.frames_per_step = n_mels, config.frames_per_step
        self.prenet = PreNet(n_mels, config.prenet, config.prenet_dropout, bias=True)
        self.attention_rnn = nn.GRUCell(config.prenet[-1] + memory, config.attention_rnn)
        self.attention = AdditiveAttention(config.attention_rnn, memory, config.attention)
        self.projection = nn.Linear(config.attention_rnn + memory, config.rnn)
        self.rnns = nn.ModuleList(ZoneoutLstm(config.rnn, config.rnn, config.zoneout) for _ in range(config.layers))
        self.mel = nn.Linear(config.rnn, n_mels * config.frames_per_step)
        self.gate = nn.Linear(config.rnn, 1)

    def forward(self, memory: Memory, mel: Tensor) -> Decoded:
        """Follow a standardised mel [batch, frames, mels]; its last step may be filled up."""
        state, states = self.start(memory), []
        for prompt in self.prenet(frames_before(mel, self.frames_per_step)).unbind(dim=1):
            state = self._attend(prompt, memory, state)
            states.append(state)
        asked, read = (torch.stack([getattr(each, name) for each in states], dim=1) for name in ("asking", "read"))
        (mels, gate), _ = self._answer(asked, read, ())
        return Decoded(mels, gate, torch.stack([each.attended.weights for each in states], dim=1))

    def start(self, memory: Memory) -> _State:
        """Give the state before the first step: a mean frame was said, nothing was read."""
        values = memory.values
        batch, _, channels = values.shape
        asking = values.new_zeros(batch, self.attention_rnn.hidden_size)
        nothing = values.new_zeros(batch, channels)
        return _State(values.new_zeros(batch, self._n_mels), asking, nothing, self.attention.start(memory), ())

    def step(self, memory: Memory, state: _State, window: int | None) -> tuple[Decoded, _State]:
        """Say the frames of one step."""
        state = self._attend(self.prenet(state.frame.unsqueeze(1)).squeeze(1), memory, state, window)
        (mel, gate), answering = self._answer(state.asking.unsqueeze(1), state.read.unsqueeze(1), state.answering)
        alignment = state.attended.weights.unsqueeze(1)
        return Decoded(mel, gate, alignment), state._replace(frame=mel[:, -1], answering=answering)

    def _attend(self, prompt: Tensor, memory: Memory, state: _State, window: int | None = None) -> _State:
        asking = self.attention_rnn(torch.cat((prompt, state.read), dim=1), state.asking)
        read, attended = self.attention(asking, memory, state.attended, window)
        return state._replace(asking=asking, read=read, attended=attended)

    def _answer(
        self, asked: Tensor, read: Tensor, states: tuple[LstmState, ...]
    ) -> tuple[tuple[Tensor, Tensor], tuple[LstmState, ...]]:
        """Mel and gate of steps [batch, steps, ...]."""
        hidden, after = self.projection(torch.cat((asked, read), dim=2)), []
        for rnn, state in zip(self.rnns, states or [None] * len(self.rnns), strict=True):
            answer, last = rnn(hidden, state)
            hidden = hidden + answer
            after.append(last)
        mel = self.mel(hidden).view(len(hidden), -1, self._n_mels)
        return (mel, self.gate(hidden).squeeze(2)), tuple(after)


def _style(n_mels: int, config: Config) -> tuple[TokenStyle | ProsodyStyle | None, int]:
    """What learns styles, and how many channels it puts beside a phone."""
    if config.style == "gst":
        return TokenStyle(n_mels, config.gst), config.gst.width
    if config.style == "prosody":
        return ProsodyStyle(n_mels, config.prosody), config.prosody.dims
    return None, 0


SYSTEM = System(
    kind="acoustic",
    config=Config,
    build=GstTacotron,
    task="supervised",
    freeze_sets={
        "embedding": ("speakers.*",),
        "embedding_and_encoder": ("speakers.*", "symbols.*", "encoder.*"),
        "decoder": ("decoder.*", "postnet.*"),
    },
    configurations={
        "gst": Config(),
        "prosody": Config(style="prosody"),
        "tacotron": Config(style="none"),
    },
)
