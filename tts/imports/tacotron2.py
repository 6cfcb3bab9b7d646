"""What the public Tacotron 2 checkpoints have in common: names, sizes, and the mel; see the modules of each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from torch import Tensor

from tts.errors import CheckpointError
from tts.imports.layout import Given, Weights
from tts.imports.mels import HPARAMS, tacotron2_mel
from tts.interfaces import Inventory, Statistics

_ATTENTION = "decoder.attention_layer"
ATTENTION = f"{_ATTENTION}.location_layer.location_conv.conv.weight"
_SECOND_RNN = "decoder.rnn."


def modules(state: Weights) -> Iterator[tuple[str, str]]:
    """Our name and theirs of every module but the table of symbols and what is told of style."""
    yield "encoder.rnn", "encoder.lstm"
    yield "decoder.attention_rnn", "decoder.attention_rnn"
    yield "decoder.rnn", "decoder.decoder_rnn"
    yield "decoder.mel", "decoder.linear_projection.linear_layer"
    yield "decoder.gate", "decoder.gate_layer.linear_layer"
    for ours, theirs in (
        ("query", "query_layer.linear_layer"),
        ("memory", "memory_layer.linear_layer"),
        ("energy", "v.linear_layer"),
        ("places", "location_layer.location_conv.conv"),
        ("location", "location_layer.location_dense.linear_layer"),
    ):
        yield f"decoder.attention.{ours}", f"{_ATTENTION}.{theirs}"
    for i in range(state.count("decoder.prenet.layers")):
        yield f"decoder.prenet.layers.{i}", f"decoder.prenet.layers.{i}.linear_layer"
    for part in ("encoder", "postnet"):
        for i in range(state.count(f"{part}.convolutions")):
            yield f"{part}.convolutions.{i}.convolution", f"{part}.convolutions.{i}.0.conv"
            yield f"{part}.norms.{i}", f"{part}.convolutions.{i}.1"


def without_layer_number(ours: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Name the second recurrent layer's tensors as those of a layer, of which theirs is one step's cell."""
    return {f"{name}_l0" if name.startswith(_SECOND_RNN) else name: each for name, each in ours.items()}


def model(state: Weights, given: Given) -> dict[str, Any]:
    """The Config as plain values."""
    prenet = [state[f"decoder.prenet.layers.{i}.linear_layer.weight"] for i in range(_prenet_layers(state))]
    places, query = state[ATTENTION], state[f"{_ATTENTION}.query_layer.linear_layer.weight"]
    n_mels = prenet[0].shape[1]
    return {
        "encoder": _convolutions(state, "encoder"),
        "decoder": {
            "prenet": [len(each) for each in prenet],
            "attention_rnn": state["decoder.attention_rnn.weight_hh"].shape[1],
            "rnn": state["decoder.decoder_rnn.weight_hh"].shape[1],
            "dropout": given.setting("p_decoder_dropout", default=0.1),
            "attention": {"hidden": len(query), "filters": len(places), "kernel": places.shape[2]},
            "frames_per_step": len(state["decoder.linear_projection.linear_layer.weight"]) // n_mels,
        },
        "postnet": _convolutions(state, "postnet"),
        "speaking": {"gate_threshold": given.setting("gate_threshold", default=0.5)},
    }


def inventory(state: Weights, given: Given, symbols: tuple[str, ...], *, sample_rate: int) -> Inventory:
    """One speaker, one style, and a mel that is predicted as it is."""
    speakers = given.speakers or ("speaker",)
    if len(speakers) != 1:
        raise CheckpointError(f"the checkpoint has one speaker, the file of speakers {len(speakers)}; give its own")
    # Pitch and energy play no part in this system.
    neutral = Statistics({speakers[0]: 0.0}, {speakers[0]: 1.0}, 0.0, 1.0, mel_mean=0.0, mel_std=1.0)
    mel = {"sample_rate": sample_rate, **given.settings(HPARAMS)}
    n_mels = state["decoder.prenet.layers.0.linear_layer.weight"].shape[1]
    return Inventory(
        mel=tacotron2_mel(n_mels, **mel), symbols=symbols, speakers=speakers, styles=("neutral",), statistics=neutral
    )


def _prenet_layers(state: Weights) -> int:
    return max(1, state.count("decoder.prenet.layers"))


def _convolutions(state: Weights, part: str) -> dict[str, Any]:
    first = state[f"{part}.convolutions.0.0.conv.weight"]
    return {"hidden": len(first), "layers": state.count(f"{part}.convolutions"), "kernel": first.shape[2]}
