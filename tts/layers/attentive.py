"""What models that speak by attention share: style and speaker told to each phone, the loop of steps, ends, failures.

An encoder makes a memory of phones; a decoder reads of it, step by step, and says some frames in each, until its gate
says that the sentence is over. A system gives the encoder, the decoder and what improves the mel afterwards.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, NamedTuple, Protocol

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from tts.config import config
from tts.errors import ConfigError
from tts.interfaces import AcousticBatch, AttendedSpeech, Controls, Inventory
from tts.layers.alignments import (
    aligned_attention_loss,
    attended_durations,
    diagonality,
    failures,
    guided_attention_loss,
)
from tts.layers.attention import AdditiveAttention, Memory
from tts.layers.embedding import name_table, rows_of
from tts.layers.masking import length_mask, masked
from tts.layers.style import ProsodyStyle, StyleCentroids, TokenStyle, VariationalStyle, sampled
from tts.layers.style_space import StyleSpace
from tts.losses.reconstruction import masked_mean

LearnedStyle = VariationalStyle | TokenStyle | ProsodyStyle


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
class AttentiveConfig:
    """What the settings of all models that speak by attention have.

    Attributes:
        guided_by: where the term `guided` wants attention: near the diagonal, or near the phone that an aligner hears.
        guided_sigma: how near, as a share of the sentence.
        end_weight: of the last step of a sentence in the term `gate`; other steps have 1.
        teach_labels: whether learned styles are also told apart by the labels of their clips, in the term `label`.
        speaking: when to stop.
    """

    guided_by: Literal["diagonal", "aligner"] = "diagonal"
    guided_sigma: float = Field(default=0.4, gt=0)
    end_weight: float = Field(default=1.0, gt=0)
    teach_labels: bool = False
    speaking: SpeakingConfig = Field(default_factory=SpeakingConfig)


class Decoded(NamedTuple):
    """Standardised mel [batch, steps * frames per step, mels], gate logits [batch, steps] and their alignment."""

    mel: Tensor
    gate: Tensor
    alignment: Tensor


class Decoder(Protocol):
    """Frames from what attention reads; an nn.Module too."""

    attention: AdditiveAttention
    frames_per_step: int

    def __call__(self, memory: Memory, mel: Tensor) -> Decoded:
        """Follow a standardised mel [batch, frames, mels]; its last step may be filled up."""
        ...

    def start(self, memory: Memory) -> Any:  # noqa: ANN401 - a state of its own
        """Give the state before the first step."""
        ...

    def step(self, memory: Memory, state: Any, window: int | None) -> tuple[Decoded, Any]:  # noqa: ANN401
        """Say the frames of one step."""
        ...


@dataclass(frozen=True)
class Followed:
    """What came of a batch: mels in log-mel units, the decoder's and the post-net's, and what led to them."""

    mels: list[Tensor]
    mask: Tensor
    decoded: Decoded
    posterior: tuple[Tensor, Tensor] | None
    style: Tensor | None


class AttentiveModel(nn.Module):
    """Phones to mel, step by step.

    A system sets `encoder`, which gives [batch, phones, hidden] for symbols [batch, phones, channels], a mask and
    lengths; `decoder`; and, if it has one, `postnet`, which gives the residual of a mel under a mask.

    Attributes:
        name: of the system, for messages.
        level: of the pitch and energy in its batches, which it does not read.
        style: what it learns styles by; None = they are a table, where there are several.
        adds_style: to every encoded phone; otherwise it is put beside it.

    Raises:
        ConfigError: the inventory lacks symbols, speakers, styles or statistics, or there are no labels to teach.
    """

    name: ClassVar[str]
    level: Literal["phone", "frame"] = "phone"
    adds_style: bool
    encoder: nn.Module
    decoder: Decoder
    postnet: nn.Module | None

    def __init__(
        self, config: AttentiveConfig, inventory: Inventory, *, hidden: int, symbols: int, style: LearnedStyle | None
    ) -> None:
        """Make what comes before the encoder.

        Args:
            config: of the system.
            inventory: of the data.
            hidden: channels of an encoded phone.
            symbols: channels of a phone before the encoder.
            style: what learns styles from recordings.
        """
        super().__init__()
        statistics = inventory.statistics
        if not inventory.symbols or not inventory.speakers or not inventory.styles or statistics is None:
            raise ConfigError(
                f"{self.name} needs symbols, speakers, styles and statistics; train it on a corpus with an index"
            )
        count = len(inventory.styles)
        if config.teach_labels and (style is None or count == 1):
            raise ConfigError(
                f"model.teach_labels needs styles that {self.name} learns and labels to teach; this run has "
                f"{'no learned style' if style is None else 'one label'}: remove it"
            )
        self._settings: AttentiveConfig = config
        self.symbols = nn.Embedding(len(inventory.symbols), symbols)
        self.speakers = name_table(inventory.speakers, hidden)
        self.style = style
        taught = config.teach_labels
        self.styles = (
            StyleCentroids(count, style.neutral, taught=taught) if style else name_table(inventory.styles, hidden)
        )
        self.mel_mean, self.mel_std = statistics.mel_mean, statistics.mel_std

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
            [batch, dims]: the latent means, the weights of all tokens, head by head, or the embedding of prosody.

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
        self._refuse(controls)
        memory = self._memory(phones, lengths, speaker_ids, self._spoken_style(style_ids, style))
        decoded, steps, ended = self._speak_steps(memory, lengths)
        frames_per_step = self.decoder.frames_per_step
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

    def _label_terms(self, followed: Followed, batch: AcousticBatch) -> dict[str, Tensor]:
        """The term label, how hard labels are to tell from learned styles, where they are taught."""
        if not self._settings.teach_labels:
            return {}
        assert isinstance(self.styles, StyleCentroids)
        style = followed.style if followed.posterior is None else followed.posterior[0]
        assert style is not None
        return {"label": self.styles.label_loss(style, batch.style_ids)}

    def _attention_terms(self, decoded: Decoded, batch: AcousticBatch) -> dict[str, Tensor]:
        """Terms gate, the cross-entropy of the end, guided, attention far from its way, and diagonality."""
        steps, phones = self._steps(batch.mel_lengths), batch.phone_lengths
        return {
            "gate": _end_loss(decoded.gate, steps, end_weight=self._settings.end_weight),
            "guided": self._guided(decoded.alignment, batch),
            "diagonality": diagonality(decoded.alignment.detach(), steps, phones),
        }

    def _guided(self, alignment: Tensor, batch: AcousticBatch) -> Tensor:
        """Attention [batch, steps, phones] away from where it is wanted."""
        steps, phones, sigma = self._steps(batch.mel_lengths), batch.phone_lengths, self._settings.guided_sigma
        if self._settings.guided_by == "diagonal":
            return guided_attention_loss(alignment, steps, phones, sigma=sigma)
        size = self.decoder.frames_per_step
        return aligned_attention_loss(
            alignment, steps, phones, durations=batch.durations, frames_per_step=size, sigma=sigma
        )

    def _follow(self, batch: AcousticBatch) -> Followed:
        """Go through the network with the batch's own frames before each step."""
        mask = length_mask(batch.mel_lengths, batch.mel.shape[1])
        mel = self._standard(batch.mel, mask)
        posterior, style = self._heard_style(mel, batch.mel_lengths)
        embedded = self._embedded_ids(batch.style_ids) if style is None else self._learned_style().embed(style)
        memory = self._memory(batch.phones, batch.phone_lengths, batch.speaker_ids, embedded)
        decoded = self.decoder(memory, mel)
        return Followed(self._finished(decoded.mel[:, : mel.shape[1]], mask), mask, decoded, posterior, style)

    def _speak_steps(self, memory: Memory, lengths: Tensor) -> tuple[Decoded, Tensor, Tensor]:
        """Speak until every item has come to its end or its limit: steps of each, and whether it came to an end."""
        settings, state = self._settings.speaking, self.decoder.start(memory)
        limits = self._steps(lengths * settings.max_frames_per_phone)
        threshold = math.log(settings.gate_threshold / (1 - settings.gate_threshold))
        steps, ended = limits.clone(), torch.zeros_like(limits, dtype=torch.bool)
        spoken: list[Decoded] = []
        while len(spoken) < int(steps.max()):
            decoded, state = self.decoder.step(memory, state, settings.window)
            spoken.append(decoded)
            ending = (decoded.gate[:, 0] > threshold) & (len(spoken) <= steps) & ~ended
            steps = torch.where(ending, len(spoken), steps)
            ended |= ending
        return Decoded(*(torch.cat(parts, dim=1) for parts in zip(*spoken, strict=True))), steps, ended

    def _memory(self, phones: Tensor, lengths: Tensor, speaker_ids: Tensor, style: Tensor | None) -> Memory:
        """Encode phones, with the speaker and the embedded style [batch, width] told to each."""
        mask = length_mask(lengths, phones.shape[1])
        hidden: Tensor = self.encoder(self.symbols(phones), mask, lengths)
        if self.speakers is not None:
            hidden = hidden + rows_of(self.speakers, speaker_ids).unsqueeze(1)
        if style is not None:
            beside = style.unsqueeze(1).expand(-1, hidden.shape[1], -1)
            hidden = hidden + beside if self.adds_style else torch.cat((hidden, beside), dim=2)
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

    def _learned_style(self) -> LearnedStyle:
        if self.style is None:
            raise ConfigError(
                f"the model learned no style from recordings; train {self.name} with another `style` than none"
            )
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
        size = self.decoder.frames_per_step
        return (frames + size - 1) // size

    def _refuse(self, controls: Controls) -> None:
        for name, scale in controls.changed("pitch_scale", "energy_scale", "duration_scale").items():
            raise ConfigError(
                f"{name} {scale:g} has no effect on {self.name}, whose speech is not built from pitch, "
                "energy and durations; leave it at 1, or use a voice of fastspeech2"
            )


def frames_before(mel: Tensor, frames_per_step: int) -> Tensor:
    """The frame before each step, [batch, steps, mels]; before the first there is one of zeros.

    Args:
        mel: [batch, frames, mels].
        frames_per_step: of which the last one is fed back.
    """
    steps = -(-mel.shape[1] // frames_per_step)
    last = mel[:, frames_per_step - 1 :: frames_per_step][:, : steps - 1]
    return F.pad(last, (0, 0, 1, 0))


def _end_loss(logits: Tensor, steps: Tensor, *, end_weight: float) -> Tensor:
    """Cross-entropy of the end, of logits [batch, steps] against the last one of `steps` [batch]; padding is left out.

    The network must not only know the end but know it there: what follows is never said.
    """
    truth = F.one_hot(steps - 1, logits.shape[1]).to(logits.dtype)
    weight = logits.new_tensor(end_weight)
    entropy = F.binary_cross_entropy_with_logits(logits, truth, pos_weight=weight, reduction="none")
    return masked_mean(entropy, length_mask(steps, logits.shape[1]))
