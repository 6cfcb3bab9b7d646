"""wav2vec 2.0: a waveform as hidden vectors of 20 ms, learned from speech without transcripts.

Baevski et al. 2020, https://arxiv.org/abs/2006.11477, in the layout "base": seven convolutions, a convolution that
tells places, twelve transformer layers with normalization behind each part. The names of its tensors are those of
`Wav2Vec2Model` in the package transformers, whose files it reads; dropout and masking, which only training has, are
left out.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import weight_norm

from tts.config import config

_KERNELS_AND_STRIDES = ((10, 5), (3, 2), (3, 2), (3, 2), (3, 2), (2, 2), (2, 2))
LEAST_SAMPLES = 400
"""At 16 kHz; a shorter clip has no hidden vector."""


@config
class Size:
    """Of the network; the defaults are those of "base", with 94 million parameters."""

    channels: int = 512
    hidden: int = 768
    heads: int = 12
    layers: int = 12
    feed_forward: int = 3072
    position_kernel: int = 128
    position_groups: int = 16


class Wav2Vec2(nn.Module):
    """Waveforms [batch, samples] at 16 kHz, of mean 0 and deviation 1, to hidden vectors [batch, frames, hidden]."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        self.feature_extractor = _FeatureExtractor(size)
        self.feature_projection = _FeatureProjection(size)
        self.encoder = _Encoder(size)

    def forward(self, waveform: Tensor) -> Tensor:
        """Give the last layer's vectors."""
        features = self.feature_extractor(waveform[:, None]).transpose(1, 2)
        hidden: Tensor = self.encoder(self.feature_projection(features))
        return hidden


class _FeatureExtractor(nn.Module):
    def __init__(self, size: Size) -> None:
        super().__init__()
        ins = (1, *[size.channels] * (len(_KERNELS_AND_STRIDES) - 1))
        self.conv_layers = nn.ModuleList(
            _Convolution(num_ins, size.channels, kernel, stride, is_first=number == 0)
            for number, (num_ins, (kernel, stride)) in enumerate(zip(ins, _KERNELS_AND_STRIDES, strict=True))
        )

    def forward(self, hidden: Tensor) -> Tensor:
        for layer in self.conv_layers:
            hidden = layer(hidden)
        return hidden


class _Convolution(nn.Module):
    """The first is normalized, each channel over time."""

    def __init__(self, ins: int, outs: int, kernel: int, stride: int, *, is_first: bool) -> None:
        super().__init__()
        self.conv = nn.Conv1d(ins, outs, kernel, stride, bias=False)
        self.layer_norm = nn.GroupNorm(outs, outs) if is_first else None

    def forward(self, hidden: Tensor) -> Tensor:
        hidden = self.conv(hidden)
        return F.gelu(hidden if self.layer_norm is None else self.layer_norm(hidden))


class _FeatureProjection(nn.Module):
    def __init__(self, size: Size) -> None:
        super().__init__()
        self.layer_norm = nn.LayerNorm(size.channels)
        self.projection = nn.Linear(size.channels, size.hidden)

    def forward(self, features: Tensor) -> Tensor:
        projected: Tensor = self.projection(self.layer_norm(features))
        return projected


class _Encoder(nn.Module):
    def __init__(self, size: Size) -> None:
        super().__init__()
        self.pos_conv_embed = _Positions(size)
        self.layer_norm = nn.LayerNorm(size.hidden)
        self.layers = nn.ModuleList(_Layer(size) for _ in range(size.layers))

    def forward(self, hidden: Tensor) -> Tensor:
        hidden = self.layer_norm(hidden + self.pos_conv_embed(hidden))
        for layer in self.layers:
            hidden = layer(hidden)
        return hidden


class _Positions(nn.Module):
    def __init__(self, size: Size) -> None:
        super().__init__()
        kernel = size.position_kernel
        convolution = nn.Conv1d(size.hidden, size.hidden, kernel, padding=kernel // 2, groups=size.position_groups)
        self.conv = weight_norm(convolution, dim=2)

    def forward(self, hidden: Tensor) -> Tensor:
        num_frames = hidden.shape[1]
        convolved = self.conv(hidden.transpose(1, 2))[..., :num_frames]  # an even kernel gives one frame too many
        return F.gelu(convolved).transpose(1, 2)


class _Layer(nn.Module):
    def __init__(self, size: Size) -> None:
        super().__init__()
        self.attention = _Attention(size)
        self.layer_norm = nn.LayerNorm(size.hidden)
        self.feed_forward = _FeedForward(size)
        self.final_layer_norm = nn.LayerNorm(size.hidden)

    def forward(self, hidden: Tensor) -> Tensor:
        hidden = self.layer_norm(hidden + self.attention(hidden))
        changed: Tensor = self.final_layer_norm(hidden + self.feed_forward(hidden))
        return changed


class _Attention(nn.Module):
    def __init__(self, size: Size) -> None:
        super().__init__()
        self.k_proj, self.v_proj, self.q_proj, self.out_proj = (nn.Linear(size.hidden, size.hidden) for _ in range(4))
        self._heads = size.heads

    def forward(self, hidden: Tensor) -> Tensor:
        query, key, value = (self._split(each(hidden)) for each in (self.q_proj, self.k_proj, self.v_proj))
        heard = F.scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2)
        projected: Tensor = self.out_proj(heard)
        return projected

    def _split(self, hidden: Tensor) -> Tensor:
        """Heads apart: [batch, heads, frames, hidden / heads]."""
        return hidden.reshape(*hidden.shape[:2], self._heads, -1).transpose(1, 2)


class _FeedForward(nn.Module):
    def __init__(self, size: Size) -> None:
        super().__init__()
        self.intermediate_dense = nn.Linear(size.hidden, size.feed_forward)
        self.output_dense = nn.Linear(size.feed_forward, size.hidden)

    def forward(self, hidden: Tensor) -> Tensor:
        changed: Tensor = self.output_dense(F.gelu(self.intermediate_dense(hidden)))
        return changed
