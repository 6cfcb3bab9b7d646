"""How discriminators are asked: with or without the mel, of one waveform or of several rates of it."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from tts.interfaces import MelDiscriminator
from tts.layers.decimation import decimated
from tts.losses.adversarial import Judgement

Waveforms = tuple[Tensor, ...]
"""Of the same items, [batch, samples] each: the one that counts, then the same at lower rates, if there are any."""


def judge(discriminator: nn.Module, waveforms: Waveforms, mel: Tensor) -> list[Judgement]:
    """Judgements of waveforms; a `MelDiscriminator` is shown all of them and the mel [batch, mels, frames]."""
    asked = (waveforms, mel) if isinstance(discriminator, MelDiscriminator) else waveforms
    judgements: list[Judgement] = discriminator(*asked)
    return judgements


def judge_together(
    discriminator: nn.Module, real: Waveforms, fake: Waveforms, mel: Tensor
) -> tuple[list[Judgement], list[Judgement]]:
    """Judgements of real and generated waveforms of the same mels in one pass, in which no item sees the others."""
    pairs = zip(real, fake, strict=True)
    both = judge(discriminator, tuple(torch.cat(pair) for pair in pairs), torch.cat((mel, mel)))
    return halves(both, len(mel))


def halves(judgements: Sequence[Judgement], size: int) -> tuple[list[Judgement], list[Judgement]]:
    """Judgements of the first `size` items, and of the others."""
    return [_rows(each, slice(size)) for each in judgements], [_rows(each, slice(size, None)) for each in judgements]


def at_rates_of(others: Sequence[Tensor], waveform: Tensor) -> Waveforms:
    """Give a waveform [batch, samples] at the rates of others of the same duration."""
    size = waveform.shape[1]
    return tuple(decimated(waveform, size // each.shape[1]) for each in others)


def _rows(judgement: Judgement, rows: slice) -> Judgement:
    score, features = judgement
    return score[rows], [feature[rows] for feature in features]
