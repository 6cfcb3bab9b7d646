"""What discriminators and generators minimise, given the discriminators' judgements.

A judgement is what one discriminator says of a batch: its score map and the feature maps that led to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

Judgement = tuple[Tensor, list[Tensor]]
"""Score map and feature maps of one discriminator, batch first."""

Objective = Literal["lsgan", "hinge"]
"""Least squares (https://arxiv.org/abs/1611.04076) or hinge (https://arxiv.org/abs/1705.02894)."""


def discriminator_loss(
    real: Sequence[Judgement], fake: Sequence[Judgement], *, objective: Objective = "lsgan"
) -> Tensor:
    """Price of not telling real from generated, summed over discriminators.

    Least squares wants 1 for real and 0 for generated; the hinge at least 1 and at most -1.
    """
    pairs = [(true, false) for (true, _), (false, _) in zip(real, fake, strict=True)]
    if objective == "hinge":
        terms = [F.relu(1 - true).mean() + F.relu(1 + false).mean() for true, false in pairs]
    else:
        terms = [(1 - true).square().mean() + false.square().mean() for true, false in pairs]
    return torch.stack(terms).sum()


def generator_loss(fake: Sequence[Judgement], *, objective: Objective = "lsgan") -> Tensor:
    """Price of being found out, summed over discriminators."""
    scores = [score for score, _ in fake]
    terms = [-each.mean() if objective == "hinge" else (1 - each).square().mean() for each in scores]
    return torch.stack(terms).sum()


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
