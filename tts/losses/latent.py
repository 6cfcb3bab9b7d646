"""How far latent frames of a recording are from those that its text foretells."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def latent_divergence(moved: Tensor, log_std: Tensor, prior: tuple[Tensor, Tensor], mask: Tensor) -> Tensor:
    """Kullback-Leibler divergence of posterior and prior, estimated by one sample, per real frame.

    VITS, equations 3 and 4, https://arxiv.org/abs/2106.06103: the posterior's entropy is known, only the rest is
    sampled. Summed over channels.

    Args:
        moved: the posterior's sample after the flow, [batch, frames, channels].
        log_std: of the posterior, the same shape.
        prior: mean and log-deviation, each of the same shape.
        mask: [batch, frames].
    """
    mean, prior_log_std = (each.float() for each in prior)
    distance = 0.5 * (moved.float() - mean).square() * torch.exp(-2 * prior_log_std)
    divergence = prior_log_std - log_std.float() - 0.5 + distance
    return divergence.masked_fill(~mask.unsqueeze(2), 0).sum() / mask.sum()


def latent_likelihood(moved: Tensor, prior: tuple[Tensor, Tensor]) -> Tensor:
    """Log-likelihood [batch, frames, phones] of each frame, given each phone's normal distribution.

    Args:
        moved: [batch, frames, channels].
        prior: mean and log-deviation, each [batch, phones, channels].
    """
    mean, log_std = (each.float() for each in prior)
    precision, moved = torch.exp(-2 * log_std), moved.float()
    alone = (-0.5 * math.log(2 * math.pi) - log_std - 0.5 * mean.square() * precision).sum(2)
    together = moved @ (mean * precision).transpose(1, 2) - 0.5 * moved.square() @ precision.transpose(1, 2)
    return alone.unsqueeze(1) + together
