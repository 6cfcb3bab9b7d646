"""FastSpeech 2 against the public implementation: parameter counts, and outputs from its weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from tts.acoustic.fastspeech2 import SYSTEM, Prosody
from tts.audio.mel_definition import MelDefinition
from tts.imports.importing import import_checkpoint
from tts.imports.layout import Given
from tts.interfaces import Controls, Inventory, Statistics

GOLDEN = Path(__file__).parents[2] / "shared" / "golden" / "fastspeech2_ming024"
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


def test_outputs_equal_those_of_ming024():
    if not GOLDEN.exists():
        pytest.skip(f"parity fixture {GOLDEN.name} is not beside the repository")
    from safetensors.torch import load_file

    io = {key: torch.from_numpy(value) for key, value in np.load(GOLDEN / "io.npz").items()}
    statistics = {"pitch": [-2.5, 8.0, 200.0, 50.0], "energy": [-1.5, 6.0, 40.0, 10.0]}
    state = load_file(GOLDEN / "state.safetensors")
    network = import_checkpoint({"model": state}, Given(statistics=statistics)).network
    zero = torch.zeros(1, dtype=torch.int64)
    for i in range(2):
        length = int(io["src_lens"][i])
        phones, lengths = io["texts"][i : i + 1, :length], io["src_lens"][i : i + 1]
        teacher = Prosody(
            durations=io["d_targets"][i : i + 1, :length],
            pitch=(io["p_targets"][i : i + 1, :length].double() * 50 + 200).float(),
            energy=(io["e_targets"][i : i + 1, :length].double() * 10 + 40).float(),
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
