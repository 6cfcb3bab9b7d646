"""FastSpeech 2 against the public implementation: parameter counts, and outputs from its weights."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from tts.acoustic.fastspeech2 import SYSTEM, Config, FastSpeech2, Prosody, VarianceConfig
from tts.audio.mel_definition import MelDefinition
from tts.interfaces import Controls, Inventory, Statistics
from tts.layers.postnet import PostNetConfig
from tts.layers.transformer import TransformerConfig
from tts.layers.variance import PredictorConfig, QuantityConfig

GOLDEN = Path(__file__).parents[2] / "shared" / "golden" / "fastspeech2_ming024"
# Standardised logarithms in the fixture: moments that keep exp() of them in range.
INVENTORY = Inventory(
    mel=MelDefinition(
        sample_rate=22050, n_fft=1024, hop_length=256, win_length=1024, n_mels=80, f_min=0.0, f_max=8000.0
    ),
    symbols=tuple(map(str, range(361))),
    speakers=("-",),
    styles=("-",),
    statistics=Statistics(
        pitch_mean={"-": 5.0}, pitch_std={"-": 0.2}, energy_mean=0.0, energy_std=0.2, mel_mean=0.0, mel_std=1.0
    ),
)


def test_parameters_are_the_published_ones_and_those_of_voicing():
    absent_rows, voicing_output = 2 * 256, 256 + 1
    for name, published in (("ming024_ljspeech", 34_646_339), ("ming024_ljspeech_paper", 28_872_515)):
        with torch.device("meta"):
            network = SYSTEM.build(SYSTEM.configurations[name], INVENTORY)
        assert sum(p.numel() for p in network.parameters()) == published + absent_rows + voicing_output


def _golden_network(state: dict[str, Tensor]) -> FastSpeech2:
    stack = TransformerConfig(layers=2, heads=2, filter=128, kernels=(9, 1))
    predictor = PredictorConfig(filter=64)
    quantity = QuantityConfig(bins=64, predictor=predictor)
    config = Config(
        hidden=64,
        encoder=stack,
        decoder=stack,
        variance=VarianceConfig(duration=predictor, pitch=quantity, energy=quantity),
        postnet=PostNetConfig(),
    )
    network = FastSpeech2(config, INVENTORY).eval()
    network.load_state_dict(_from_ming024(state))
    network.variance.pitch.embedding.edges.copy_(state["variance_adaptor.pitch_bins"])
    network.variance.energy.embedding.edges.copy_(state["variance_adaptor.energy_bins"])
    return network


def _from_ming024(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Rename ming024's tensors, join its projections, and add what only we have: rows of absence, voicing."""
    ours = {"symbols.weight": state["encoder.src_word_emb.weight"]}
    for new, old in _renamed_modules():
        ours |= {f"{new}.{key[len(old) + 1 :]}": value for key, value in state.items() if key.startswith(f"{old}.")}
    for block, kind in itertools.product(_BLOCKS, ("weight", "bias")):
        projections = [state[f"{_BLOCKS[block]}.slf_attn.w_{p}s.{kind}"] for p in "qkv"]
        ours[f"{block}.sublayers.0.projections.{kind}"] = torch.cat(projections)
    for quantity in ("pitch", "energy"):
        table = state[f"variance_adaptor.{quantity}_embedding.weight"]
        ours[f"variance.{quantity}.embedding.table.weight"] = torch.cat([table, torch.zeros_like(table[:1])])
    output = "variance.pitch.predictor.output."
    ours[output + "weight"] = torch.cat([ours[output + "weight"], torch.zeros(1, 64)])
    ours[output + "bias"] = torch.cat([ours[output + "bias"], torch.ones(1)])  # always voiced
    return ours


_BLOCKS = {f"{stack}.blocks.{i}": f"{stack}.layer_stack.{i}" for stack in ("encoder", "decoder") for i in (0, 1)}


def _renamed_modules() -> Iterator[tuple[str, str]]:
    yield "mel", "mel_linear"
    for block, theirs in _BLOCKS.items():
        yield f"{block}.sublayers.0.output", f"{theirs}.slf_attn.fc"
        yield f"{block}.norms.0", f"{theirs}.slf_attn.layer_norm"
        yield f"{block}.sublayers.1.expand.convolution", f"{theirs}.pos_ffn.w_1"
        yield f"{block}.sublayers.1.contract.convolution", f"{theirs}.pos_ffn.w_2"
        yield f"{block}.norms.1", f"{theirs}.pos_ffn.layer_norm"
    for name, quantity in (
        ("durations", "duration"),
        ("pitch.predictor", "pitch"),
        ("energy.predictor", "energy"),
    ):
        ours, theirs = f"variance.{name}", f"variance_adaptor.{quantity}_predictor"
        yield f"{ours}.output", f"{theirs}.linear_layer"
        for i in (0, 1):
            yield f"{ours}.convolutions.{i}.convolution", f"{theirs}.conv_layer.conv1d_{i + 1}.conv"
            yield f"{ours}.norms.{i}", f"{theirs}.conv_layer.layer_norm_{i + 1}"
    for i in range(5):
        yield f"postnet.convolutions.{i}.convolution", f"postnet.convolutions.{i}.0.conv"
        yield f"postnet.norms.{i}", f"postnet.convolutions.{i}.1"


def test_outputs_equal_those_of_ming024():
    if not GOLDEN.exists():
        pytest.skip(f"parity fixture {GOLDEN.name} is not beside the repository")
    from safetensors.torch import load_file

    io = {key: torch.from_numpy(value) for key, value in np.load(GOLDEN / "io.npz").items()}
    network = _golden_network(load_file(GOLDEN / "state.safetensors"))
    zero = torch.zeros(1, dtype=torch.int64)
    for i in range(2):
        length = int(io["src_lens"][i])
        phones, lengths = io["texts"][i : i + 1, :length], io["src_lens"][i : i + 1]
        teacher = Prosody(
            durations=io["d_targets"][i : i + 1, :length],
            pitch=torch.exp(io["p_targets"][i : i + 1, :length].double() * 0.2 + 5).float(),
            energy=torch.exp(io["e_targets"][i : i + 1, :length].double() * 0.2).float(),
        )
        free = Prosody(durations=io[f"infer{i}_duration_rounded"].long())
        for run, prosody in (("single", teacher), ("infer", free)):
            with torch.no_grad():
                hidden, mask = network._encode(phones, lengths, network._manner(zero, zero, None))
                varied = network.variance(
                    hidden, mask, speaker_ids=zero, minimum=mask, given=prosody, controls=Controls()
                )
                mel, mel_post = network._decode(varied)
            for name, value in (
                ("log_duration", varied.log_durations),
                ("pitch", varied.pitch.predicted),
                ("energy", varied.energy.predicted),
                ("mel", mel),
                ("mel_post", mel_post),
            ):
                assert torch.allclose(value, io[f"{run}{i}_{name}"], rtol=0, atol=1e-5), (run, i, name)
