"""Weight norm in the layouts that torch has had, folded into plain weights.

Salimans and Kingma 2016, https://arxiv.org/abs/1602.07868: a weight is a direction ``v`` times a norm ``g`` for each
of its first dimension's slices.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

_LAYOUTS = (("weight_g", "weight_v"), ("parametrizations.weight.original0", "parametrizations.weight.original1"))


def folded(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Replace every pair of norm and direction by the weight that they are; other tensors stay."""
    plain = dict(state)
    for norm, direction in _LAYOUTS:
        for name in [each for each in state if each.endswith(f".{norm}")]:
            owner = name[: -len(norm)]
            if owner + direction in plain:
                scale, vector = plain.pop(name), plain.pop(owner + direction)
                plain[f"{owner}weight"] = vector * (scale / _norms(vector))
    return plain


def _norms(direction: Tensor) -> Tensor:
    """Norm of each slice along the first dimension, [slices, 1, ...]."""
    norms: Tensor = torch.linalg.vector_norm(direction, dim=tuple(range(1, direction.dim())), keepdim=True)
    return norms
