"""Tacotron 2 against public implementations: parameter counts, and outputs from the weights of one."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from tts.acoustic.tacotron2 import SYSTEM
from tts.audio.mel_definition import MelDefinition
from tts.imports.importing import import_checkpoint
from tts.imports.layout import Given
from tts.interfaces import Inventory, Statistics
from tts.layers.masking import length_mask
from tts.layers.style import GstConfig, TokenStyle

GOLDEN = Path(__file__).parents[2] / "shared" / "golden" / "tacotron2_vae_small"
INVENTORY = Inventory(
    mel=MelDefinition(
        sample_rate=16000, n_fft=1024, hop_length=256, win_length=1024, n_mels=80, f_min=0.0, f_max=8000.0
    ),
    symbols=tuple(map(str, range(80))),
    speakers=("-",),
    styles=("-",),
    statistics=Statistics(
        pitch_mean={"-": 5.0}, pitch_std={"-": 0.2}, energy_mean=0.0, energy_std=1.0, mel_mean=0.0, mel_std=1.0
    ),
)


def count(module: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def test_parameters_are_the_published_ones():
    unused_convolution, unused_tables = 32 * 9 + 32, (16 + 16) + (4 * 16 + 16)
    english = dataclasses.replace(INVENTORY, symbols=tuple(map(str, range(148))))
    with torch.device("meta"):
        assert count(SYSTEM.build(SYSTEM.configurations["nvidia"], english)) == 28_193_153
        jinhan = count(SYSTEM.build(SYSTEM.configurations["jinhan_vae"], INVENTORY))
        assert jinhan == 28_875_057 - unused_convolution - unused_tables
        assert count(TokenStyle(80, GstConfig())) == 485_024, "github.com/KinglittleQ/GST-Tacotron"


@pytest.mark.parametrize("run", ["single0", "single1", "masked0"])
def test_outputs_equal_those_of_jinhan(run, monkeypatch):
    if not GOLDEN.exists():
        pytest.skip(f"parity fixture {GOLDEN.name} is not beside the repository")
    from safetensors.torch import load_file

    io = {key: torch.from_numpy(value) for key, value in np.load(GOLDEN / "io.npz").items()}
    network = import_checkpoint({"state_dict": load_file(GOLDEN / "state.safetensors")}, Given()).network
    masks = [io[f"prenet_mask_{i}"].transpose(0, 1) for i in (0, 1)]

    def kept(_: int, steps: int) -> list[Tensor]:
        return [mask[:, :steps] if run == "masked0" else torch.ones(1, 1, 1) for mask in masks]

    monkeypatch.setattr(network.decoder.prenet, "_kept", kept)
    i = int(run[-1])
    phone_lengths, mel_lengths = io["text_lengths"][i : i + 1], io["mel_lengths"][i : i + 1]
    phones = io["text"][i : i + 1, : int(phone_lengths)]
    theirs = io["mel_target"][i : i + 1, :, : int(mel_lengths)]
    with torch.no_grad():
        mean, log_variance = network.style.posterior(theirs.transpose(1, 2), mel_lengths)
        style = network.style.embed(mean)
        memory = network._memory(phones, phone_lengths, torch.zeros(1, dtype=torch.int64), style)
        decoded = network.decoder(memory, theirs.transpose(1, 2))
        mels = network._finished(decoded.mel, length_mask(mel_lengths, int(mel_lengths)))
    if i == 0:
        assert torch.allclose(style, io["style_embed0"], rtol=0, atol=1e-5)
    for name, value in (
        ("mu", mean),
        ("logvar", log_variance),
        ("mel", mels[0].transpose(1, 2)),
        ("mel_post", mels[1].transpose(1, 2)),
        ("gate", decoded.gate),
        ("alignment", decoded.alignment),
    ):
        assert torch.allclose(value, io[f"{run}_{name}"], rtol=0, atol=1e-5), (
            name,
            (value - io[f"{run}_{name}"]).abs().max(),
        )
