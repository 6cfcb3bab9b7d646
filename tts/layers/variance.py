"""Durations, pitch and energy: their predictors, their embeddings, and the way from phones to frames.

Ren et al. 2020, FastSpeech 2, section 2.3, https://arxiv.org/abs/2006.04558.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from tts.config import config
from tts.layers.embedding import rows_of
from tts.layers.masking import MaskedConv1d, masked
from tts.losses.reconstruction import masked_cross_entropy, masked_mse

_BIN_RANGE = (-3.0, 3.0)
_EMBEDDING_KERNEL = 9

_LEAST_VALUE = 1e-5
"""Least value of what is present: it stands in for 0 under the logarithm, and for negative predictions."""

Target = Literal["zscore", "log", "log+zscore", "none"]


@config
class PredictorConfig:
    """Two convolutions that predict a quantity.

    Attributes:
        filter: channels.
        kernel: of each convolution.
        dropout: after each.
    """

    filter: int = Field(default=256, gt=0)
    kernel: int = Field(default=3, gt=0)
    dropout: float = Field(default=0.5, ge=0, lt=1)


class Predictor(nn.Module):
    """Two convolutions and a linear layer that give `num_outputs` values for each position."""

    def __init__(self, hidden: int, config: PredictorConfig, *, num_outputs: int = 1) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList(
            MaskedConv1d(channels, config.filter, config.kernel) for channels in (hidden, config.filter)
        )
        self.norms = nn.ModuleList(nn.LayerNorm(config.filter) for _ in self.convolutions)
        self.dropout = nn.Dropout(config.dropout)
        self.output = nn.Linear(config.filter, num_outputs)

    def forward(self, hidden: Tensor, mask: Tensor) -> Tensor:
        """Give [batch, positions, num_outputs], zero where mask [batch, positions] is False."""
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            hidden = self.dropout(norm(F.relu(convolution(hidden, mask))))
        return masked(self.output(hidden), mask)


class BinEmbedding(nn.Module):
    """Table over the bins of a standardised quantity, with one more row for where there is none."""

    edges: Tensor

    def __init__(self, hidden: int, num_bins: int, bin_range: tuple[float, float] = _BIN_RANGE) -> None:
        super().__init__()
        self.table = nn.Embedding(num_bins + 1, hidden)
        edges = torch.linspace(*bin_range, num_bins - 1)
        self.register_buffer("edges", edges, persistent=False)

    def forward(self, values: Tensor, present: Tensor, mask: Tensor) -> Tensor:
        """Give [batch, positions, hidden] for values, present and mask [batch, positions]."""
        absent = self.table.num_embeddings - 1
        embedded: Tensor = self.table(torch.bucketize(values, self.edges).masked_fill(~present, absent))
        return embedded


class ConvolutionEmbedding(nn.Module):
    """Convolution over a standardised quantity and over whether there is one; smooth where bins are steps."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.convolution = MaskedConv1d(2, hidden, _EMBEDDING_KERNEL)

    def forward(self, values: Tensor, present: Tensor, mask: Tensor) -> Tensor:
        """Give [batch, positions, hidden] for values, present and mask [batch, positions]."""
        channels = torch.stack((values.masked_fill(~present, 0), present.to(values)), dim=-1)
        embedded: Tensor = self.convolution(channels, mask)
        return embedded


@config
class QuantityConfig:
    """Prediction and embedding of pitch or energy.

    Attributes:
        target: what is predicted: the value in Hz or linear energy ("none") or its logarithm, as it is or, speaker by
            speaker, as standard deviations from the mean. Losses are squared in these units: those of "none" are large.
        embedding: a table over bins of the value, or a convolution over the values, both of the value or logarithm
            that the target is of, always standardised.
        moments: by which values are standardised, of each speaker or of all together; those of a speaker are unknown
            where a speaker vector describes someone whom the model does not know by name. Energy has those of all.
        bins: of the table; the convolution has none.
        bin_range: standard deviations from the mean between which the bins lie; those at both ends are open.
        predictor: of the value.
    """

    target: Target = "log+zscore"
    embedding: Literal["bins", "convolution"] = "bins"
    moments: Literal["speaker", "all"] = "speaker"
    bins: int = Field(default=256, gt=2)
    bin_range: tuple[float, float] = _BIN_RANGE
    predictor: PredictorConfig = Field(default_factory=PredictorConfig)

    def __post_init__(self) -> None:
        """Refuse bins that have no width."""
        if self.bin_range[0] >= self.bin_range[1]:
            raise ValueError(f"bin_range must be a lower and an upper end, not {list(self.bin_range)}")


@dataclass(frozen=True)
class Quantity:
    """Pitch or energy [batch, positions]: as used, and what was predicted of it.

    Attributes:
        values: Hz or linear energy, 0 = absent.
        predicted: in units of the target.
        presence_logits: prediction of whether there is any; None = always.
    """

    values: Tensor
    predicted: Tensor
    presence_logits: Tensor | None


class TargetScale(nn.Module):
    """From values in Hz or linear energy to what a predictor learns of them, and back."""

    moments: Tensor

    def __init__(self, target: Target, moments: Tensor) -> None:
        """Take moments [speakers, 2]: mean and standard deviation of values or, for targets of it, their logarithm."""
        super().__init__()
        self.of_logarithm, self.standardized = target.startswith("log"), target.endswith("zscore")
        # Not in the state: a run that starts from another run's weights has the moments of its own new speakers.
        self.register_buffer("moments", moments, persistent=False)

    def to_standard(self, values: Tensor, speaker_ids: Tensor) -> Tensor:
        """Standard deviations [batch, positions] from the mean of each speaker [batch], whatever the target."""
        mean, std = rows_of(self.moments, speaker_ids).unsqueeze(1).unbind(-1)
        return (self._curved(values) - mean) / std

    def to_target(self, values: Tensor, speaker_ids: Tensor) -> Tensor:
        """What is to be predicted [batch, positions] of positive values."""
        return self.to_standard(values, speaker_ids) if self.standardized else self._curved(values)

    def to_values(self, predicted: Tensor, speaker_ids: Tensor) -> Tensor:
        """Positive values [batch, positions] in Hz or linear energy of what was predicted: undoes `to_target`."""
        if self.standardized:
            mean, std = rows_of(self.moments, speaker_ids).unsqueeze(1).unbind(-1)
            predicted = predicted * std + mean
        return predicted.exp() if self.of_logarithm else predicted.clamp(min=_LEAST_VALUE)

    def _curved(self, values: Tensor) -> Tensor:
        return values.clamp(min=_LEAST_VALUE).log() if self.of_logarithm else values


class QuantityAdaptor(nn.Module):
    """Predicts and embeds a positive quantity, standardised speaker by speaker."""

    def __init__(self, hidden: int, config: QuantityConfig, moments: Tensor, *, can_be_absent: bool) -> None:
        """Take moments [speakers, 2] as `TargetScale` does."""
        super().__init__()
        self.predictor = Predictor(hidden, config.predictor, num_outputs=2 if can_be_absent else 1)
        bins = config.embedding == "bins"
        self.embedding = BinEmbedding(hidden, config.bins, config.bin_range) if bins else ConvolutionEmbedding(hidden)
        self.scale = TargetScale(config.target, moments)

    def forward(
        self,
        hidden: Tensor,
        mask: Tensor,
        *,
        speaker_ids: Tensor,
        heard: Tensor,
        given: Tensor | None,
        scale: float | Tensor,
    ) -> tuple[Quantity, Tensor]:
        """Give the quantity, and hidden [batch, positions, hidden] with its embedding added.

        Args:
            hidden: [batch, positions, hidden].
            mask: [batch, positions], True where there is a position.
            speaker_ids: [batch].
            heard: [batch, positions], True where the position has frames; elsewhere the quantity is absent.
            given: [batch, positions], used instead of the prediction.
            scale: factor on the prediction in Hz or linear energy, one or [batch, positions].
        """
        predicted, *presence = self.predictor(hidden, mask).unbind(-1)
        values = given
        if values is None:
            present = heard & (presence[0] > 0) if presence else heard
            values = (self.scale.to_values(predicted, speaker_ids) * scale).masked_fill(~present, 0)
        embedded = self.embedding(self.scale.to_standard(values, speaker_ids), values > 0, mask)
        return Quantity(values, predicted, presence[0] if presence else None), hidden + embedded

    def value_loss(self, quantity: Quantity, speaker_ids: Tensor, heard: Tensor) -> Tensor:
        """Squared error of the prediction, in units of the target, where the quantity is heard and present."""
        target = self.scale.to_target(quantity.values, speaker_ids)
        return masked_mse(quantity.predicted, target, heard & (quantity.values > 0))


def presence_loss(quantity: Quantity, heard: Tensor) -> Tensor:
    """Cross-entropy of the predicted presence, where heard [batch, positions]."""
    assert quantity.presence_logits is not None, "this quantity is never absent"
    return masked_cross_entropy(quantity.presence_logits, quantity.values > 0, heard)


def whole_frames(durations: Tensor, minimum: Tensor) -> Tensor:
    """Round durations to whole frames without losing time.

    The ends of phones are rounded, not the phones: the fraction that a phone loses goes to the next one, and
    the total is right to half a frame.

    Args:
        durations: [batch, phones] frames, fractional; zero beyond each length.
        minimum: [batch, phones] whole frames that a phone has at least.

    Returns:
        [batch, phones] int64.
    """
    ends = torch.maximum(durations, minimum.to(durations)).double().cumsum(dim=1)
    rounded = torch.floor(ends + 0.5).long()
    return rounded.diff(dim=1, prepend=torch.zeros_like(rounded[:, :1]))


def repeat_to_frames(hidden: Tensor, durations: Tensor, num_frames: int) -> Tensor:
    """Repeat each phone for its duration (FastSpeech's length regulator).

    Args:
        hidden: [batch, phones, hidden].
        durations: [batch, phones] int64 frames; each row sums to `num_frames` at most.
        num_frames: of the result.

    Returns:
        [batch, num_frames, hidden], zero beyond each row's sum.
    """
    # A phone of zeros at the end of each row stands for the padding, so that all rows are equally long.
    padding = num_frames - durations.sum(dim=1, keepdim=True)
    repeats = torch.cat((durations, padding), dim=1).flatten()
    phones = F.pad(hidden, (0, 0, 0, 1)).flatten(0, 1)
    frames = phones.repeat_interleave(repeats, dim=0, output_size=hidden.shape[0] * num_frames)
    return frames.view(hidden.shape[0], num_frames, hidden.shape[2])


NUM_PLACES = 3
"""Values that say where in its phone a frame is."""


def places_in_phones(durations: Tensor, num_frames: int) -> Tensor:
    """Say where in its phone each frame is: how much of it is past, and the frames since its start and to its end.

    Args:
        durations: [batch, phones] int64 frames; each row sums to `num_frames` at most.
        num_frames: of the result.

    Returns:
        [batch, num_frames, NUM_PLACES]: a share, and two logarithms; zero beyond each row's sum.
    """
    ends = durations.cumsum(dim=1)
    spans = torch.stack((ends - durations, ends), dim=-1).float()
    starts, stops = repeat_to_frames(spans, durations, num_frames).unbind(-1)
    frames = torch.arange(num_frames, device=durations.device) + 0.5
    past, left = frames - starts, stops - frames
    places = torch.stack((past / (past + left), past.clamp(min=0).log1p(), left.clamp(min=0).log1p()), dim=-1)
    return masked(places, frames < ends[:, -1:])
