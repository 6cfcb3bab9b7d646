"""FastSpeech: phones to mel in parallel, with explicit durations.

Ren et al. 2019, "FastSpeech: Fast, Robust and Controllable Text to Speech", https://arxiv.org/abs/1905.09263.

Notable choices:

- Durations are those of the corpus' alignment, or a Tacotron 2's (`tts.alignment.attention`).
- The mel is predicted standardised; its loss, a squared error as published, is in units of the log-mel.
- Padding is masked before every convolution: an item of a batch gives what it gives alone.
- The ends of phones are rounded to frames, not the phones: scaled durations keep short phones and the total.
- Time is all that can be controlled, of the whole or phone by phone; other controls are refused.

Differs from the paper: no teacher's mels take the place of the recorded ones (sequence-level distillation); several
speakers and styles are tables added to the encoder's output; optionally pre-LN and a post-net.
The configuration `paper` is what the paper's section 4 describes. With its 51 symbols it has 50,542,929 parameters,
and not the 30.1 million that are stated: 12 blocks of 384 channels with two convolutions of 3 x 384 x 1536 alone make
49.6 million.

Differs from github.com/xcmyz/FastSpeech, whose set-up is the configuration `xcmyz`: there as everywhere the logarithm
of durations is learned by squared error, not frames by absolute error; padding counts in no loss; the predictor
normalises after its ReLU, not before. Of the 25,367,169 parameters there 845,312 are frozen codes of positions and
6,400 those of a layer that is never called: with the same 300 symbols there are 24,515,457 here.
"""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import Field
from torch import Tensor, nn

from tts.config import config
from tts.errors import ConfigError
from tts.interfaces import AcousticBatch, Controls, Inventory, Spoken, System
from tts.layers.cbhg import CbhgConfig, CbhgPostNet
from tts.layers.embedding import name_table, rows_of
from tts.layers.masking import length_mask, masked
from tts.layers.style_space import StyleSpace
from tts.layers.transformer import Transformer, TransformerConfig, require_divided
from tts.layers.variance import Predictor, PredictorConfig, repeat_to_frames, whole_frames
from tts.losses.reconstruction import masked_mse
from tts.phones import SILENCE

_STACK = TransformerConfig(layers=6, filter=1536, kernels=(3, 3))
_DURATION = PredictorConfig(filter=384, dropout=0.1)


@config
class Config:
    """The paper's network by default.

    Attributes:
        hidden: channels of encoder and decoder.
        encoder: of phones.
        duration: predictor of ln(frames + 1).
        decoder: of frames.
        postnet: a CBHG that predicts what the decoder missed, None = off.
    """

    hidden: int = Field(default=384, gt=0)
    encoder: TransformerConfig = Field(default_factory=lambda: _STACK)
    duration: PredictorConfig = Field(default_factory=lambda: _DURATION)
    decoder: TransformerConfig = Field(default_factory=lambda: _STACK)
    postnet: CbhgConfig | None = None

    def __post_init__(self) -> None:
        """Refuse heads that do not divide the hidden size."""
        require_divided(self.hidden, encoder=self.encoder, decoder=self.decoder)


@dataclass(frozen=True)
class _Timed:
    """Frames [batch, frames, hidden] with their mask, and the durations [batch, phones] that made them."""

    frames: Tensor
    mask: Tensor
    log_durations: Tensor
    durations: Tensor


class FastSpeech(nn.Module):
    """Phones to mel.

    Attributes:
        level: of the pitch and energy in its batches, which it does not read.

    Raises:
        ConfigError: the inventory lacks symbols or statistics.
    """

    level = "phone"

    def __init__(self, config: Config, inventory: Inventory) -> None:
        super().__init__()
        statistics, n_mels = inventory.statistics, inventory.mel.n_mels
        if not inventory.symbols or statistics is None:
            raise ConfigError("fastspeech needs symbols and statistics; train it on a corpus with an index")
        self.symbols = nn.Embedding(len(inventory.symbols), config.hidden)
        self.speakers = name_table(inventory.speakers, config.hidden)
        self.styles = name_table(inventory.styles, config.hidden)
        self.encoder = Transformer(config.hidden, config.encoder)
        self.durations = Predictor(config.hidden, config.duration)
        self.decoder = Transformer(config.hidden, config.decoder)
        self.mel = nn.Linear(config.hidden, n_mels)
        self.postnet = CbhgPostNet(n_mels, config.postnet) if config.postnet else None
        self.mel_mean, self.mel_std = statistics.mel_mean, statistics.mel_std
        self.silence_id = inventory.symbols.index(SILENCE) if SILENCE in inventory.symbols else None

    def loss(self, batch: AcousticBatch) -> dict[str, Tensor]:
        """Named terms: mel (and mel_postnet) in squared log-mel units, duration in squared ln(frames + 1)."""
        timed = self._follow(batch)
        mels = zip(("mel", "mel_postnet"), self._decode(timed), strict=False)
        terms = {name: masked_mse(mel, batch.mel, timed.mask) for name, mel in mels}
        phones = length_mask(batch.phone_lengths, batch.phones.shape[1])
        terms["duration"] = masked_mse(timed.log_durations, batch.durations.float().log1p(), phones)
        return terms

    def teacher_forced(self, batch: AcousticBatch) -> Tensor:
        """Mel [batch, frames, mels] for the batch's own durations; zero beyond each length."""
        timed = self._follow(batch)
        return masked(self._decode(timed)[-1], timed.mask)

    @property
    def style_space(self) -> StyleSpace | None:
        """Its styles as vectors, as `speak` takes them; None where there is only one."""
        return None if self.styles is None else StyleSpace(self.styles.weight)

    def speak(
        self,
        phones: Tensor,
        lengths: Tensor,
        *,
        speaker_ids: Tensor,
        style_ids: Tensor,
        controls: Controls,
        style: Tensor | None = None,
    ) -> Spoken:
        """Speak padded phones [batch, phones]; a style [batch, hidden] goes before its id.

        Raises:
            ConfigError: pitch or energy are to be scaled.
        """
        _refuse_prosody(controls)
        hidden, mask = self._encode(phones, lengths, speaker_ids=speaker_ids, style_ids=style_ids, style=style)
        minimum = mask if self.silence_id is None else mask & (phones != self.silence_id)
        log_durations = self.durations(hidden, mask).squeeze(-1)
        durations = whole_frames(log_durations.expm1() * controls.duration_scale, minimum)
        mel_lengths = durations.sum(dim=1)
        timed = _in_time(hidden, log_durations, durations, int(mel_lengths.max()))
        return Spoken(masked(self._decode(timed)[-1], timed.mask), mel_lengths, durations)

    def _follow(self, batch: AcousticBatch) -> _Timed:
        """Go through the encoder, and through time as the batch did."""
        hidden, mask = self._encode(
            batch.phones, batch.phone_lengths, speaker_ids=batch.speaker_ids, style_ids=batch.style_ids
        )
        return _in_time(hidden, self.durations(hidden, mask).squeeze(-1), batch.durations, batch.mel.shape[1])

    def _encode(
        self, phones: Tensor, lengths: Tensor, *, speaker_ids: Tensor, style_ids: Tensor, style: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        mask = length_mask(lengths, phones.shape[1])
        hidden: Tensor = self.encoder(self.symbols(phones), mask)
        if self.speakers is not None:
            hidden = hidden + rows_of(self.speakers, speaker_ids).unsqueeze(1)
        if self.styles is not None:
            hidden = hidden + (self.styles(style_ids) if style is None else style).unsqueeze(1)
        return hidden, mask

    def _decode(self, timed: _Timed) -> list[Tensor]:
        """Give the decoder's mel and, where there is a post-net, the better one after it."""
        mels = [self.mel(self.decoder(timed.frames, timed.mask))]
        if self.postnet is not None:
            mels.append(mels[0] + self.postnet(mels[0], timed.mask))
        return [mel * self.mel_std + self.mel_mean for mel in mels]


def _in_time(hidden: Tensor, log_durations: Tensor, durations: Tensor, num_frames: int) -> _Timed:
    """Stretch phones [batch, phones, hidden] to `num_frames`, those of the longest item."""
    frames = repeat_to_frames(hidden, durations, num_frames)
    return _Timed(frames, length_mask(durations.sum(dim=1), num_frames), log_durations, durations)


def _refuse_prosody(controls: Controls) -> None:
    for name, scale in controls.changed("pitch_scale", "energy_scale").items():
        raise ConfigError(
            f"fastspeech has no {name.removesuffix('_scale')} to control: {name} must be 1, not {scale:g}; "
            "only duration_scale acts, or train acoustic/fastspeech2"
        )


SYSTEM = System(
    kind="acoustic",
    config=Config,
    build=FastSpeech,
    task="supervised",
    freeze_sets={
        "embedding": ("speakers.*",),
        "embedding_and_encoder": ("speakers.*", "symbols.*", "encoder.*"),
        "durations": ("durations.*",),
        "decoder": ("decoder.*", "mel.*", "postnet.*"),
    },
    configurations={
        "paper": Config(),
        "xcmyz": Config(
            hidden=256,
            encoder=TransformerConfig(),
            duration=PredictorConfig(dropout=0.1),
            decoder=TransformerConfig(),
            postnet=CbhgConfig(bank=80, hidden=80),
        ),
    },
)
