"""FastSpeech 2 checkpoints ``######.pth.tar`` of github.com/ming024/FastSpeech2: ``{"model": tensors, …}``.

Its mel is Tacotron 2's: 22,050 Hz, windows of 1,024 every 256 samples, centred, 80 bands from 0 to 8,000 Hz, natural
logarithm. Pitch (Hz) and energy are standardised over all speakers by the moments in stats.json, without which no Hz
can be told from the network's numbers. Its position codes and bin edges are tensors, here they are computed; what only
ours has, a row for the absent and the prediction of voicing, is set so that every phone is voiced, as there.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from tts.acoustic.fastspeech2 import Config
from tts.config import build
from tts.errors import CheckpointError
from tts.imports import symbols
from tts.imports.layout import Given, Layout, Understood, Weights, renamed
from tts.imports.mels import tacotron2_mel
from tts.imports.speakers import named
from tts.interfaces import Inventory, Statistics

_NAME = "fastspeech2_ming024"
_ADAPTOR = "variance_adaptor"
_COMPUTED = ("encoder.position_enc", "decoder.position_enc", f"{_ADAPTOR}.pitch_bins", f"{_ADAPTOR}.energy_bins")
_PROJECTIONS = ("w_qs", "w_ks", "w_vs")


def recognises(state: Mapping[str, Tensor]) -> bool:
    """By its table of symbols and the edges of its bins."""
    return {"encoder.src_word_emb.weight", f"{_ADAPTOR}.pitch_bins", "mel_linear.weight"} <= state.keys()


def understand(state: Weights, given: Given) -> Understood:
    """Config and Inventory from shapes, stats.json, and where they are given model.yaml and preprocess.yaml."""
    notes = []
    if given.setting("transformer", default=None) is None:
        notes.append("2 heads and dropouts of 0.2 and 0.5 as published, since no model.yaml says otherwise")
    rows = len(state["encoder.src_word_emb.weight"])
    names = symbols.named(rows, given.symbols, symbols.ming024(), layout=_NAME)
    config = build(Config, _model(state, given), where=_NAME)
    speakers = named(state.get("speaker_emb.weight"), given.speakers, layout=_NAME)
    inventory = Inventory(
        mel=tacotron2_mel(len(state["mel_linear.weight"]), **given.settings(_MEL, "preprocessing")),
        symbols=names,
        speakers=speakers,
        styles=("neutral",),
        statistics=_statistics(given.statistics, speakers),
    )
    return Understood(config, inventory, tuple(notes))


def converted(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename tensors, join projections, and add what only ours has.

    Raises:
        CheckpointError: tensors are missing or left over.
    """
    state = Weights(_joined(state))
    ours = renamed(state, _modules(state), unused=_COMPUTED)
    for quantity in ("pitch", "energy"):
        name = f"variance.{quantity}.embedding.table.weight"
        ours[name] = torch.cat([ours[name], torch.zeros_like(ours[name][:1])])  # of the absent
    output = "variance.pitch.predictor.output"
    weight, bias = ours[f"{output}.weight"], ours[f"{output}.bias"]
    ours[f"{output}.weight"] = torch.cat([weight, torch.zeros_like(weight)])
    ours[f"{output}.bias"] = torch.cat([bias, torch.ones_like(bias)])  # always voiced
    return ours


def _joined(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Queries, keys and values of each attention as one projection, of which ours is made."""
    state = Weights(state)
    joined = dict(state)
    for name in [each for each in state if f".{_PROJECTIONS[0]}." in each]:
        parts = [name.replace(_PROJECTIONS[0], part) for part in _PROJECTIONS]
        joined[name.replace(_PROJECTIONS[0], "w_qkv")] = torch.cat([state[part] for part in parts])
        for part in parts:
            del joined[part]
    return joined


def _modules(state: Weights) -> Iterator[tuple[str, str]]:
    yield "symbols", "encoder.src_word_emb"
    yield "mel", "mel_linear"
    if "speaker_emb.weight" in state:
        yield "speakers", "speaker_emb"
    for stack in ("encoder", "decoder"):
        for i in range(state.count(f"{stack}.layer_stack")):
            yield from _block(f"{stack}.blocks.{i}", f"{stack}.layer_stack.{i}")
    for ours, quantity in (("durations", "duration"), ("pitch.predictor", "pitch"), ("energy.predictor", "energy")):
        yield from _predictor(f"variance.{ours}", f"{_ADAPTOR}.{quantity}_predictor")
    for quantity in ("pitch", "energy"):
        yield f"variance.{quantity}.embedding.table", f"{_ADAPTOR}.{quantity}_embedding"
    for i in range(state.count("postnet.convolutions")):
        yield f"postnet.convolutions.{i}.convolution", f"postnet.convolutions.{i}.0.conv"
        yield f"postnet.norms.{i}", f"postnet.convolutions.{i}.1"


def _block(ours: str, theirs: str) -> Iterator[tuple[str, str]]:
    yield f"{ours}.sublayers.0.projections", f"{theirs}.slf_attn.w_qkv"
    yield f"{ours}.sublayers.0.output", f"{theirs}.slf_attn.fc"
    yield f"{ours}.norms.0", f"{theirs}.slf_attn.layer_norm"
    yield f"{ours}.sublayers.1.expand.convolution", f"{theirs}.pos_ffn.w_1"
    yield f"{ours}.sublayers.1.contract.convolution", f"{theirs}.pos_ffn.w_2"
    yield f"{ours}.norms.1", f"{theirs}.pos_ffn.layer_norm"


def _predictor(ours: str, theirs: str) -> Iterator[tuple[str, str]]:
    yield f"{ours}.output", f"{theirs}.linear_layer"
    for i in (0, 1):
        yield f"{ours}.convolutions.{i}.convolution", f"{theirs}.conv_layer.conv1d_{i + 1}.conv"
        yield f"{ours}.norms.{i}", f"{theirs}.conv_layer.layer_norm_{i + 1}"


def _model(state: Weights, given: Given) -> dict[str, Any]:
    """The Config as plain values."""
    predictor = _predictor_size(state, given)
    hidden = state["mel_linear.weight"].shape[1]
    if state["encoder.src_word_emb.weight"].shape[1] != hidden:
        raise CheckpointError(f"{_NAME}: encoder and decoder are of different widths, which ours cannot be")
    return {
        "hidden": hidden,
        "encoder": _stack(state, "encoder", given),
        "decoder": _stack(state, "decoder", given),
        "variance": {
            "duration": predictor,
            "pitch": _quantity(state, "pitch", given) | {"predictor": predictor},
            "energy": _quantity(state, "energy", given) | {"predictor": predictor},
        },
        "postnet": {
            "layers": state.count("postnet.convolutions"),
            "hidden": len(state["postnet.convolutions.0.0.conv.weight"]),
            "kernel": state["postnet.convolutions.0.0.conv.weight"].shape[2],
        },
    }


def _stack(state: Weights, name: str, given: Given) -> dict[str, Any]:
    first = f"{name}.layer_stack.0.pos_ffn"
    return {
        "layers": state.count(f"{name}.layer_stack"),
        "heads": given.setting("transformer", f"{name}_head", default=2),
        "filter": len(state[f"{first}.w_1.weight"]),
        "kernels": [state[f"{first}.{part}.weight"].shape[2] for part in ("w_1", "w_2")],
        "dropout": given.setting("transformer", f"{name}_dropout", default=0.2),
    }


def _predictor_size(state: Weights, given: Given) -> dict[str, Any]:
    weight = state[f"{_ADAPTOR}.duration_predictor.conv_layer.conv1d_1.conv.weight"]
    dropout = given.setting("variance_predictor", "dropout", default=0.5)
    return {"filter": len(weight), "kernel": weight.shape[2], "dropout": dropout}


def _quantity(state: Weights, name: str, given: Given) -> dict[str, Any]:
    """Pitch or energy: what is predicted, and the bins."""
    level = given.setting("preprocessing", name, "feature", default="phoneme_level")
    if level != "phoneme_level":
        raise CheckpointError(
            f"{_NAME}: {name} of {level!r} cannot be imported, since frames are told their place in the phone here; "
            "only phoneme_level can"
        )
    edges = state[f"{_ADAPTOR}.{name}_bins"]
    low, high = float(edges[0]), float(edges[-1])
    if not torch.allclose(edges, torch.linspace(low, high, len(edges)), rtol=0, atol=1e-4 * abs(high - low)):
        raise CheckpointError(f"{_NAME}: the bins of {name} are not evenly spaced (quantization log), ours are")
    return {"target": "zscore", "bins": len(edges) + 1, "bin_range": [low, high]}


def _statistics(stats: Mapping[str, Any] | None, speakers: tuple[str, ...]) -> Statistics:
    """Moments of pitch and energy, which have those of their logarithms if they are spread log-normally."""
    if stats is None:
        raise CheckpointError(
            f"{_NAME} predicts pitch and energy in deviations from a mean; give the stats.json that it was trained "
            "with (--statistics)"
        )
    (hz_mean, hz_std), (energy_mean, energy_std) = _moments(stats, "pitch"), _moments(stats, "energy")
    (log_hz_mean, log_hz_std), (log_mean, log_std) = (
        _of_logarithm(hz_mean, hz_std),
        _of_logarithm(energy_mean, energy_std),
    )
    return Statistics(
        pitch_mean=dict.fromkeys(speakers, log_hz_mean),
        pitch_std=dict.fromkeys(speakers, log_hz_std),
        energy_mean=log_mean,
        energy_std=log_std,
        mel_mean=0.0,
        mel_std=1.0,
        pitch_hz_mean=dict.fromkeys(speakers, hz_mean),
        pitch_hz_std=dict.fromkeys(speakers, hz_std),
        energy_linear_mean=energy_mean,
        energy_linear_std=energy_std,
    )


def _moments(stats: Mapping[str, Any], name: str) -> tuple[float, float]:
    values: Any = stats.get(name)
    plain = isinstance(values, list) and len(values) == 4 and all(isinstance(each, int | float) for each in values)
    if not plain or not (values[3] > 0 and all(map(math.isfinite, values))):
        raise CheckpointError(f"statistics: {name} must be [min, max, mean, std] with std above 0, not {values!r}")
    return float(values[2]), float(values[3])


def _of_logarithm(mean: float, std: float) -> tuple[float, float]:
    """Mean and standard deviation of the logarithm of a log-normal quantity; raw values have a mean of 0 and none."""
    if mean <= 0:
        return 0.0, 1.0
    variance = math.log1p((std / mean) ** 2)
    return math.log(mean) - variance / 2, math.sqrt(variance)


_MEL = {
    "sample_rate": ("audio", "sampling_rate"),
    "n_fft": ("stft", "filter_length"),
    "hop_length": ("stft", "hop_length"),
    "win_length": ("stft", "win_length"),
    "f_min": ("mel", "mel_fmin"),
    "f_max": ("mel", "mel_fmax"),
}
"""Where preprocess.yaml says it."""


LAYOUT = Layout(_NAME, "acoustic/fastspeech2", recognises, understand, converted)
