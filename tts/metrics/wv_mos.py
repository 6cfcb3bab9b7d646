"""WV-MOS: the mean opinion that listeners would give, predicted by wav2vec 2.0 tuned on their votes.

Andreev et al. 2022, HiFi++, https://arxiv.org/abs/2203.13086, appendix; https://github.com/AndreevP/wvmos. At 16 kHz, 1
(bad) to 5 (excellent), and somewhat beyond. Its weights (https://zenodo.org/record/6201162, wav2vec2.ckpt) are not part
of this toolkit: the file is fetched by hand and named. It is read as tensors only; nothing in it is run.
"""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from tts.errors import CheckpointError
from tts.metrics.measurable import NotMeasurableError
from tts.metrics.wav2vec2 import LEAST_SAMPLES, Size, Wav2Vec2

SAMPLE_RATE = 16000

_HEAD = 128
_PREFIX = "model."
_UNUSED = ("encoder.masked_spec_embed",)  # stands for what is hidden from the network in training
_EPSILON = 1e-7  # of the variance; the published preprocessor's
_WEIGHT_NORM = {
    "conv.weight_g": "conv.parametrizations.weight.original0",
    "conv.weight_v": "conv.parametrizations.weight.original1",
}
"""Names in files of older releases of torch."""


class WvMos(nn.Module):
    """Waveforms [batch, samples] at 16 kHz to opinions [batch]."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        self.encoder = Wav2Vec2(size)
        # The third was dropout; the names of the weights count it.
        self.dense = nn.Sequential(nn.Linear(size.hidden, _HEAD), nn.ReLU(), nn.Identity(), nn.Linear(_HEAD, 1))

    def forward(self, waveform: Tensor) -> Tensor:
        """Give the mean of the frames' opinions."""
        deviation = (waveform.var(dim=-1, correction=0, keepdim=True) + _EPSILON).sqrt()
        normalized = (waveform - waveform.mean(dim=-1, keepdim=True)) / deviation
        opinions: Tensor = self.dense(self.encoder(normalized)).mean(dim=(1, 2))
        return opinions


def wv_mos(waveform: npt.NDArray[np.float32], sample_rate: int, weights: Path | None) -> float:
    """WV-MOS of a clip [samples].

    Raises:
        NotMeasurableError: no weights are named, or the clip is silent or shorter than 25 ms.
        CheckpointError: the weights cannot be read.
    """
    if weights is None:
        raise NotMeasurableError(
            "needs the weights of WV-MOS: evaluate.wv_mos in params.yaml, or --wv-mos, names the file"
        )
    import soxr

    resampled = soxr.resample(waveform, sample_rate, SAMPLE_RATE)
    if len(resampled) < LEAST_SAMPLES or not waveform.any():
        raise NotMeasurableError("the clip is silent or shorter than 25 ms")
    with torch.inference_mode():
        return float(load_wv_mos(weights)(torch.from_numpy(resampled)[None])[0])


@lru_cache(maxsize=1)
def load_wv_mos(path: Path, size: Size | None = None) -> WvMos:
    """Give the network with the weights of a file, loaded once in each process.

    Args:
        path: a checkpoint as published: tensors by name below `state_dict`.
        size: of the network; None = that of the published weights.

    Raises:
        CheckpointError: the file is missing, damaged, holds code, or has other tensors.
    """
    network = WvMos(size or Size())
    try:
        network.load_state_dict(_renamed(torch.load(path, map_location="cpu", weights_only=True)["state_dict"]))
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read ({error.strerror}); name the file of WV-MOS' weights") from error
    except (RuntimeError, KeyError, TypeError, EOFError, pickle.UnpicklingError) as error:
        said = " ".join(str(error).split())[:200]
        raise CheckpointError(f"{path}: does not hold the weights of WV-MOS ({said}); fetch it again") from error
    return network.eval().requires_grad_(requires_grad=False)


def _renamed(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Tensors of the network, by our names."""
    own = {name.removeprefix(_PREFIX): tensor for name, tensor in state.items() if name.startswith(_PREFIX)}
    for old, new in _WEIGHT_NORM.items():
        own = {name.replace(old, new): tensor for name, tensor in own.items()}
    return {name: tensor for name, tensor in own.items() if name not in _UNUSED}
