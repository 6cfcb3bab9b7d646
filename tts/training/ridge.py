"""A linear map from few examples: least squares with a ridge as wide as serves examples best that are left out.

Hoerl and Kennard 1970, Ridge Regression, Technometrics 12(1); its width by Allen's PRESS, whose residuals of examples
left out follow from one fit (Golub, Heath and Wahba 1979, Technometrics 21(2), section 2).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

_WIDTHS = (1e-3, 1e-2, 1e-1, 1.0, 1e1, 1e2)
"""Of the ridges that are tried, as shares of the mean eigenvalue of the examples' products."""


@dataclass(frozen=True)
class RidgeMap:
    """A map from inputs to outputs.

    Attributes:
        centre: [inputs] mean input.
        mean: [outputs] mean output, of the centre.
        weights: [inputs, outputs].
        ridge: its width, as a share of the mean eigenvalue.
        explained: share of the outputs' variance that it explains of an example left out, negative where the mean
            would do better.
    """

    centre: Tensor
    mean: Tensor
    weights: Tensor
    ridge: float
    explained: float

    def __call__(self, inputs: Tensor) -> Tensor:
        """Outputs [..., outputs] of inputs [..., inputs]."""
        mapped = self.mean + (inputs.double() - self.centre) @ self.weights
        return mapped.float()


def fit_map(inputs: Tensor, outputs: Tensor) -> RidgeMap:
    """Fit a map to examples [examples, inputs] and [examples, outputs], of which there may be fewer than inputs."""
    centre, mean = inputs.double().mean(0), outputs.double().mean(0)
    centred, targets = inputs.double() - centre, outputs.double() - mean
    products = centred @ centred.T
    unit = products.trace() / len(products)
    fits = [_fit(products, targets, width * unit) for width in _WIDTHS]
    best = min(range(len(fits)), key=lambda each: float(fits[each][1]))
    duals, left_out = fits[best]
    alone = len(targets) / (len(targets) - 1)  # of the mean, for an example that it does not hold
    explained = 1 - float(left_out / (alone * targets).square().sum().clamp(min=torch.finfo(torch.float64).tiny))
    return RidgeMap(centre, mean, centred.T @ duals, _WIDTHS[best], explained)


def _fit(products: Tensor, targets: Tensor, ridge: Tensor) -> tuple[Tensor, Tensor]:
    """Dual weights [examples, outputs], and the sum of squares of what is left of examples left out."""
    number = len(products)
    # A ridge of nothing, where all inputs are the same, would leave nothing to solve.
    inverse = torch.linalg.pinv(products + ridge * torch.eye(number, dtype=products.dtype), hermitian=True)
    duals = inverse @ targets
    leverage = (products @ inverse).diagonal() + 1 / number
    residuals = (targets - products @ duals) / (1 - leverage).unsqueeze(1)
    return duals, residuals.square().sum()
