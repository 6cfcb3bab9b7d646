"""Style from a reference mel: a variational autoencoder's latent vector, weights of learned tokens, or plain prosody.

A style is one vector per clip: the VAE's latent, the weights of all tokens, head by head, or the vector of the
reference encoder itself. Any can be kept, averaged, mixed and given back, so all modules have the same two ways:
`encode` a mel, `embed` a style.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from tts.config import config
from tts.layers.reference_encoder import ReferenceEncoder, ReferenceEncoderConfig

_ACTIVE = 0.01
"""Variance over clips of a latent dimension's posterior mean, from which on it is said to be in use.

Burda et al. 2016, https://arxiv.org/abs/1509.00519, section 5.2.
"""

_APART = 0.1
"""Standard deviation of the centres of labels before training: equal ones would pull at no clip."""


@config
class VaeConfig:
    """Zhang et al. 2018, https://arxiv.org/abs/1812.04342.

    Attributes:
        reference: encoder of the mel.
        dims: of the latent vector.
        free_bits: nats of each dimension that cost nothing: Kingma et al. 2016, https://arxiv.org/abs/1606.04934.
    """

    reference: ReferenceEncoderConfig = Field(
        default_factory=lambda: ReferenceEncoderConfig(hidden=256, coordinates=True)
    )
    dims: int = Field(default=32, gt=0)
    free_bits: float = Field(default=0.0, ge=0)


@config
class GstConfig:
    """Wang et al. 2018, https://arxiv.org/abs/1803.09017.

    Attributes:
        reference: encoder of the mel.
        tokens: how many are learned.
        heads: of attention over them.
        width: of the style embedding; a multiple of heads.
    """

    reference: ReferenceEncoderConfig = Field(default_factory=ReferenceEncoderConfig)
    tokens: int = Field(default=10, gt=0)
    heads: int = Field(default=8, gt=0)
    width: int = Field(default=256, gt=0)

    def __post_init__(self) -> None:
        """Refuse heads that do not divide the width."""
        if self.width % self.heads:
            raise ValueError(f"width {self.width} is not a multiple of heads {self.heads}")


@config
class ProsodyConfig:
    """Skerry-Ryan et al. 2018, https://arxiv.org/abs/1803.09047.

    Attributes:
        reference: encoder of the mel.
        dims: of the embedding of prosody.
    """

    reference: ReferenceEncoderConfig = Field(default_factory=ReferenceEncoderConfig)
    dims: int = Field(default=128, gt=0)


class VariationalStyle(nn.Module):
    """Style as a latent vector with a standard normal prior.

    Attributes:
        dims: of a style.
        neutral: the style [dims] that says nothing.
    """

    neutral: Tensor

    def __init__(self, n_mels: int, width: int, config: VaeConfig) -> None:
        super().__init__()
        self.dims = config.dims
        self.reference = ReferenceEncoder(n_mels, config.reference)
        self.mean = nn.Linear(config.reference.hidden, config.dims)
        self.log_variance = nn.Linear(config.reference.hidden, config.dims)
        self.output = nn.Linear(config.dims, width)
        self.register_buffer("neutral", torch.zeros(config.dims), persistent=False)

    def posterior(self, mel: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log-variance, both [batch, dims], for mel [batch, frames, mels]."""
        vector = self.reference(mel, lengths)
        return self.mean(vector), self.log_variance(vector)

    def encode(self, mel: Tensor, lengths: Tensor) -> Tensor:
        """Style [batch, dims] of mel [batch, frames, mels]: the posterior's mean."""
        return self.posterior(mel, lengths)[0]

    def embed(self, style: Tensor) -> Tensor:
        """Give [batch, width] for styles [batch, dims]."""
        embedded: Tensor = self.output(style)
        return embedded


class TokenStyle(nn.Module):
    """Style as weights of tokens that all heads share.

    Attributes:
        dims: of a style, heads * tokens.
        neutral: the style [dims] that says nothing: even weights.
    """

    neutral: Tensor

    def __init__(self, n_mels: int, config: GstConfig) -> None:
        super().__init__()
        self.heads, self.dims = config.heads, config.heads * config.tokens
        each = config.width // config.heads
        self.reference = ReferenceEncoder(n_mels, config.reference)
        self.tokens = nn.Parameter(torch.randn(config.tokens, each) * 0.5)
        self.query = nn.Linear(config.reference.hidden, config.width, bias=False)
        self.key = nn.Linear(each, config.width, bias=False)
        self.value = nn.Linear(each, config.width, bias=False)
        self.register_buffer("neutral", torch.full((self.dims,), 1 / config.tokens), persistent=False)

    def encode(self, mel: Tensor, lengths: Tensor) -> Tensor:
        """Style [batch, heads * tokens] of mel [batch, frames, mels]: the weights of each head sum to 1."""
        queries = self.query(self.reference(mel, lengths)).view(len(mel), self.heads, -1)
        keys = self._by_head(self.key)
        scores = torch.einsum("bhc,thc->bht", queries, keys) / keys.shape[-1] ** 0.5
        return torch.softmax(scores, dim=-1).flatten(1)

    def embed(self, style: Tensor) -> Tensor:
        """Give [batch, width] for weights [batch, heads * tokens], which need not sum to 1."""
        weights = style.view(len(style), self.heads, -1)
        return torch.einsum("bht,thc->bhc", weights, self._by_head(self.value)).flatten(1)

    def _by_head(self, projection: nn.Linear) -> Tensor:
        """Keys or values [tokens, heads, channels]; tanh keeps tokens apart and within the range of the queries."""
        projected: Tensor = projection(torch.tanh(self.tokens))
        return projected.view(len(self.tokens), self.heads, -1)


class ProsodyStyle(nn.Module):
    """Style as a vector without a prior, which carries what one recording's prosody is.

    Attributes:
        dims: of a style.
        neutral: the style [dims] that says nothing.
    """

    neutral: Tensor

    def __init__(self, n_mels: int, config: ProsodyConfig) -> None:
        super().__init__()
        self.dims = config.dims
        self.reference = ReferenceEncoder(n_mels, config.reference)
        self.output = nn.Linear(config.reference.hidden, config.dims)
        self.register_buffer("neutral", torch.zeros(config.dims), persistent=False)

    def encode(self, mel: Tensor, lengths: Tensor) -> Tensor:
        """Style [batch, dims] from -1 to 1 of mel [batch, frames, mels]."""
        return torch.tanh(self.output(self.reference(mel, lengths)))

    def embed(self, style: Tensor) -> Tensor:
        """Give styles [batch, dims] as they are."""
        return style


class StyleCentroids(nn.Module):
    """The mean style of each name, and how far clips stray from the mean of all, found once training has ended.

    The buffer has an embedding's name, so that runs that start from this model take its rows over by their names.

    Attributes:
        weight: [styles, dims], the mean of each name's training clips.
        deviation: [dims], the standard deviation of all training clips; 1 where there were none.
    """

    weight: Tensor
    deviation: Tensor

    def __init__(self, num_styles: int, neutral: Tensor, *, taught: bool = False) -> None:
        """Start from neutral styles; taught = training moves them by `label_loss`, as it moves the clips' styles."""
        super().__init__()
        weight = neutral.repeat(num_styles, 1)
        if taught:
            self.weight = nn.Parameter(weight + _APART * torch.randn_like(weight))
        else:
            self.register_buffer("weight", weight)
        self.register_buffer("deviation", torch.ones_like(neutral))

    def forward(self, style_ids: Tensor) -> Tensor:
        """Give [batch, dims] for style ids [batch]."""
        return self.weight[style_ids]

    def label_loss(self, styles: Tensor, style_ids: Tensor) -> Tensor:
        """Cross-entropy of the labels [batch] of styles [batch, dims], in nats.

        A label's styles are distributed normally around its centre, with variance 1, and all labels are equally likely:
        the labelled mixture of Hsu et al. 2019, https://arxiv.org/abs/1810.07217, told apart as by Kingma et al. 2014,
        section 3.1.2, https://arxiv.org/abs/1406.5298. Wu et al. 2019, https://arxiv.org/abs/1906.10859, teach labels
        to weights of tokens.
        """
        distances = (styles.float().unsqueeze(1) - self.weight).square().sum(dim=2)
        return F.cross_entropy(-distances / 2, style_ids)

    @torch.no_grad()
    def keep(self, heard: Iterable[tuple[Tensor, Tensor]], *, neutral: Tensor) -> None:
        """Find them.

        Args:
            heard: style ids [batch] and styles [batch, dims] of training clips.
            neutral: [dims], what a name without clips becomes.
        """
        totals = torch.zeros_like(self.weight, dtype=torch.float64)
        squares, counts = torch.zeros_like(totals[0]), totals.new_zeros(len(totals), 1)
        for style_ids, styles in heard:
            totals.index_add_(0, style_ids, styles.double())
            counts.index_add_(0, style_ids, counts.new_ones(len(style_ids), 1))
            squares += styles.double().square().sum(dim=0)
        means = (totals / counts.clamp(min=1)).to(self.weight.dtype)
        self.weight.copy_(torch.where(counts > 0, means, neutral))
        if count := float(counts.sum()):
            variance = squares / count - (totals.sum(dim=0) / count).square()
            self.deviation.copy_(variance.clamp(min=0).sqrt())


def sampled(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Draw from normal distributions [batch, dims]."""
    return mean + torch.randn_like(mean) * torch.exp(0.5 * log_variance)


def kl_by_dimension(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Divergence [dims] from a standard normal prior in nats, a mean over the batch, in closed form."""
    return 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).mean(dim=0)


def active_units(mean: Tensor) -> Tensor:
    """Number of latent dimensions in use, of posterior means [clips, dims]; few clips tell it roughly."""
    return (mean.detach().float().var(dim=0, correction=0) > _ACTIVE).float().sum()


def kl_terms(mean: Tensor, log_variance: Tensor, *, free_bits: float) -> dict[str, Tensor]:
    """Terms kl, the divergence of a clip in nats, no dimension's below what is free, and active_units in the batch."""
    divergence = kl_by_dimension(mean.float(), log_variance.float())
    return {"kl": divergence.clamp(min=free_bits).sum(), "active_units": active_units(mean)}


def latent_names(dims: int) -> tuple[str, ...]:
    """Names of what `latent_summary` gives."""
    return ("active_units", *(f"kl_{dimension:02d}" for dimension in range(dims)))


def latent_summary(mean: Tensor, log_variance: Tensor) -> dict[str, float]:
    """Dimensions in use, and the divergence of each in nats, of the posteriors [clips, dims] of all clips together."""
    values = torch.cat((active_units(mean).view(1), kl_by_dimension(mean.float(), log_variance.float())))
    return dict(zip(latent_names(mean.shape[1]), values.tolist(), strict=True))
