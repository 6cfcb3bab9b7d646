"""Alignments that attention makes: how diagonal they are, the durations they imply, and what went wrong.

An alignment here is [batch, steps, phones]: each step of the decoder spreads a weight of 1 over the phones.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from tts.layers.masking import length_mask
from tts.losses.reconstruction import masked_mean

_BAND = 0.2
"""Half the width of the band around the diagonal, as a share of the sentence: even weights have 0.36 inside."""

_HEARD = 0.1
"""A phone that got less weight than this, summed over all steps, was skipped."""

_SLIP = 1
"""Attention may go back by so many phones before it is said to repeat: neighbours share frames."""


def guided_attention_loss(alignment: Tensor, steps: Tensor, phones: Tensor, *, sigma: float) -> Tensor:
    """Mean weight far from the diagonal, by Tachibana et al. 2017, section 4, https://arxiv.org/abs/1710.08969.

    Args:
        alignment: [batch, steps, phones].
        steps: [batch] of each item.
        phones: [batch] of each item.
        sigma: width of what counts as near, as a share of the sentence.
    """
    return _weight_away(alignment, _distance(alignment, steps, phones), steps, sigma)


def aligned_attention_loss(
    alignment: Tensor, steps: Tensor, phones: Tensor, *, durations: Tensor, frames_per_step: int, sigma: float
) -> Tensor:
    """Mean weight far from the phone that an aligner hears, as near is for `guided_attention_loss`.

    After Zhu et al. 2019, "Pre-Alignment Guided Attention", https://doi.org/10.1109/ACCESS.2019.2914149, who ask for
    the aligner's weights themselves.

    Args:
        alignment: [batch, steps, phones].
        steps: [batch] of each item.
        phones: [batch] of each item.
        durations: [batch, phones] frames.
        frames_per_step: that each step says; its phone is the one in their middle.
        sigma: width of what counts as near, as a share of the sentence.
    """
    ends = durations.cumsum(dim=1)
    middles = torch.arange(alignment.shape[1], device=alignment.device) * frames_per_step + frames_per_step // 2
    middles = torch.minimum(middles, ends[:, -1:] - 1)
    heard = torch.searchsorted(ends, middles, right=True)
    places = torch.arange(alignment.shape[2], device=alignment.device)
    away = (places - heard.unsqueeze(2)) / phones.view(-1, 1, 1)
    return _weight_away(alignment, away, steps, sigma)


def diagonality(alignment: Tensor, steps: Tensor, phones: Tensor) -> Tensor:
    """Share of the weight that is within a fifth of the sentence from the diagonal, a mean over real steps.

    It tells attention that has gone astray from attention that has not, but not whether it follows the sounds: a
    straight line has 1.

    Args: as for `guided_attention_loss`.
    """
    inside = (alignment * (_distance(alignment, steps, phones).abs() < _BAND)).sum(dim=2)
    return masked_mean(inside, length_mask(steps, alignment.shape[1]))


def attended_durations(alignment: Tensor, steps: Tensor, frames_per_step: int) -> Tensor:
    """Frames [batch, phones] int64 of the steps that attend to each phone most; they sum to those of all steps."""
    attended = alignment.argmax(dim=2)
    frames = length_mask(steps, alignment.shape[1]).long() * frames_per_step
    return frames.new_zeros(alignment.shape[0], alignment.shape[2]).scatter_add(1, attended, frames)


def failures(alignment: Tensor, steps: Tensor, phones: Tensor, *, ended: Sequence[bool]) -> tuple[str, ...]:
    """What went wrong in each item, as one line; empty where nothing did.

    Args:
        alignment: [batch, steps, phones].
        steps: [batch] of each item.
        phones: [batch] of each item.
        ended: whether each item came to an end by itself.
    """
    items = zip(alignment, steps.tolist(), phones.tolist(), ended, strict=True)
    return tuple("; ".join(_problems(each[:s, :p], ended=end)) for each, s, p, end in items)


def _problems(alignment: Tensor, *, ended: bool) -> list[str]:
    """What went wrong in one item of [steps, phones]."""
    found = [] if ended else [f"ran to its limit of {len(alignment)} steps without an end"]
    skipped = (alignment.sum(dim=0) < _HEARD).nonzero().flatten().tolist()
    if skipped:
        found.append(f"skipped {len(skipped)} of {alignment.shape[1]} phones, the first at position {skipped[0]}")
    path = alignment.argmax(dim=1)
    back = (path.cummax(dim=0).values - path).max().item()
    if back > _SLIP:
        found.append(f"went back by {back} phones and may have repeated them")
    return found


def _weight_away(alignment: Tensor, distance: Tensor, steps: Tensor, sigma: float) -> Tensor:
    """Mean over real steps of the weight at a distance [batch, steps, phones], as a share of the sentence."""
    away = (alignment * (1 - torch.exp(-distance.square() / (2 * sigma**2)))).sum(dim=2)
    return masked_mean(away, length_mask(steps, alignment.shape[1]))


def _distance(alignment: Tensor, steps: Tensor, phones: Tensor) -> Tensor:
    """Place in the phones minus place in the steps, both from 0 to 1, as [batch, steps, phones]."""
    _, num_steps, num_phones = alignment.shape
    along = [
        torch.arange(number, device=alignment.device) / lengths.unsqueeze(1)
        for number, lengths in ((num_steps, steps), (num_phones, phones))
    ]
    return along[1].unsqueeze(1) - along[0].unsqueeze(2)
