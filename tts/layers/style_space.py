"""The styles of an acoustic model as vectors, so that they can be averaged, mixed, moved and drawn.

Whatever a model makes of its styles (rows of a table, a variational autoencoder's latent vectors, weights of tokens),
one style is one vector. A model of several styles says where they lie by its `style_space`, and its `speak` takes
`style` [batch, dims], which goes before `style_ids`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class StyleSpace:
    """Where the styles of a model lie.

    Attributes:
        named: [styles, dims], of those with names.
        hear: style [batch, dims] of log-mel [batch, frames, mels] and its lengths [batch]; None = styles are known by
            name only.
        deviation: [dims], standard deviation of training clips; None likewise.
        heads: of attention, where a style is the weights of tokens, head by head; None = it is not.
    """

    named: Tensor
    hear: Callable[[Tensor, Tensor], Tensor] | None = None
    deviation: Tensor | None = None
    heads: int | None = None
