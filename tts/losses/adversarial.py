"""What discriminators and generators minimise, given the discriminators' judgements.

A judgement is what one discriminator says of a batch: its score map and the feature maps that led to it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

Judgement = tuple[Tensor, list[Tensor]]
"""Score map and feature maps of one discriminator, batch first."""

Objective = Literal["lsgan", "hinge", "wgan_gp"]
"""Least squares (https://arxiv.org/abs/1611.04076), hinge (https://arxiv.org/abs/1705.02894), or Wasserstein distance
with a gradient penalty (https://arxiv.org/abs/1704.00028)."""

_SMALLEST = 1e-12  # keeps the gradient of the root finite where a slope is 0


def discriminator_loss(
    real: Sequence[Judgement], fake: Sequence[Judgement], *, objective: Objective = "lsgan"
) -> Tensor:
    """Price of not telling real from generated, summed over discriminators.

    Least squares wants 1 for real and 0 for generated; the hinge at least 1 and at most -1; Wasserstein's distance as
    great a difference as slopes of 1 allow, to which `gradient_penalty` holds them.
    """
    pairs = [(true, false) for (true, _), (false, _) in zip(real, fake, strict=True)]
    if objective == "hinge":
        terms = [F.relu(1 - true).mean() + F.relu(1 + false).mean() for true, false in pairs]
    elif objective == "wgan_gp":
        terms = [false.mean() - true.mean() for true, false in pairs]
    else:
        terms = [(1 - true).square().mean() + false.square().mean() for true, false in pairs]
    return torch.stack(terms).sum()


def generator_loss(fake: Sequence[Judgement], *, objective: Objective = "lsgan") -> Tensor:
    """Price of being found out, summed over discriminators."""
    scores = [score for score, _ in fake]
    terms = [(1 - each).square().mean() if objective == "lsgan" else -each.mean() for each in scores]
    return torch.stack(terms).sum()


def gradient_penalty(
    judge: Callable[[tuple[Tensor, ...]], Sequence[Judgement]],
    real: Sequence[Tensor],
    fake: Sequence[Tensor],
    *,
    shares: Tensor,
) -> Tensor:
    """Mean square by which slopes differ from 1 between real and generated waveforms, summed over discriminators.

    Gulrajani et al. 2017, https://arxiv.org/abs/1704.00028, equation 3, of each item's mean score.

    Args:
        judge: gives judgements of waveforms.
        real: waveforms [batch, samples]; several of an item, such as the same at other rates, are one point.
        fake: as many, generated.
        shares: [batch, 1] of the generated in the points where the slope is measured.
    """
    between = tuple(torch.lerp(ours, theirs.detach(), shares) for ours, theirs in zip(real, fake, strict=True))
    between = tuple(each.detach().requires_grad_() for each in between)
    terms = [
        (_slope(score.flatten(1).float().mean(1).sum(), between) - 1).square().mean() for score, _ in judge(between)
    ]
    return torch.stack(terms).sum()


def _slope(scores: Tensor, points: Sequence[Tensor]) -> Tensor:
    """Norm [batch] of the gradient of summed scores by each item's waveforms, with its own graph."""
    gradients = torch.autograd.grad(scores, list(points), create_graph=True)
    squares = torch.stack([each.square().sum(1) for each in gradients]).sum(0)
    return (squares + _SMALLEST).sqrt()


def feature_matching_loss(real: Sequence[Judgement], fake: Sequence[Judgement]) -> Tensor:
    """Mean absolute difference of feature maps, summed over layers and discriminators.

    MelGAN, https://arxiv.org/abs/1910.06711, equation 3. Real features are targets: they get no gradient.
    """
    terms = [
        F.l1_loss(ours, theirs.detach())
        for (_, true), (_, false) in zip(real, fake, strict=True)
        for theirs, ours in zip(true, false, strict=True)
    ]
    return torch.stack(terms).sum()
