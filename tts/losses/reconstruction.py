"""Distances between a prediction and its target, as means over the real positions of a padded batch."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F


def masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """Mean of values [batch, positions, ...] where mask [batch, positions] is True; 0 where it never is."""
    per_position = values.flatten(2).mean(dim=2) if values.dim() > mask.dim() else values
    return per_position.masked_fill(~mask, 0).sum() / mask.sum().clamp(min=1)


def masked_l1(prediction: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    """Mean absolute error of [batch, positions, ...] where mask [batch, positions] is True."""
    return masked_mean((prediction - target).abs(), mask)


def masked_mse(prediction: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    """Mean squared error of [batch, positions, ...] where mask [batch, positions] is True."""
    return masked_mean((prediction - target).square(), mask)


def masked_cross_entropy(logits: Tensor, truth: Tensor, mask: Tensor) -> Tensor:
    """Mean binary cross-entropy of logits against truth, both [batch, positions], where mask is True."""
    entropy = F.binary_cross_entropy_with_logits(logits, truth.to(logits), reduction="none")
    return masked_mean(entropy, mask)
