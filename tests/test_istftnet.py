"""iSTFTNet: its inverse STFT, its bounds, and what it refuses."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch.nn import functional as F

from tts.audio.mel_definition import MelDefinition
from tts.errors import ConfigError
from tts.interfaces import Inventory
from tts.vocoders.istftnet import SYSTEM, Config, IstftNet

GOLDEN = Path(__file__).parents[2] / "shared" / "golden" / "istftnet_small"
MEL = MelDefinition(sample_rate=22050, n_fft=1024, hop_length=256, win_length=1024, n_mels=80, f_min=0.0, f_max=8000.0)
TINY = Config(channels=32, resblock_kernels=(3,), resblock_dilations=((1, 3),))


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def make(mel=MEL, **changes):
    torch.manual_seed(0)
    return IstftNet(dataclasses.replace(TINY, **changes), Inventory(mel=mel)).eval()


@torch.inference_mode()
def test_samples_are_torchs_inverse_stft_of_the_spectrum():
    network, mel = make(), noise(2, 80, 9)
    hidden, _ = network.upsample(mel, None)
    spectrum = network._spectrum(network.conv_post(F.pad(hidden, (1, 0), mode="reflect")))
    assert spectrum.shape == (2, 9 * 64 + 1, 9)
    expected = torch.istft(spectrum.transpose(1, 2), 16, 4, window=torch.hann_window(16))
    torch.testing.assert_close(network(mel), expected, atol=1e-6, rtol=0)


@torch.inference_mode()
def test_the_end_of_a_shorter_item_is_as_if_it_were_alone():
    network, mel = make(), noise(2, 80, 12)
    alone = network(mel[:1, :, :5])
    padded = network(mel, torch.tensor([5, 12]))
    torch.testing.assert_close(padded[:1, 5 * 256 - 16 : 5 * 256], alone[:, -16:], atol=1e-6, rtol=0)
    assert not padded[0, 5 * 256 :].any()


def test_no_magnitude_overflows():
    network = make().train()
    with torch.no_grad():
        network.conv_post.bias.fill_(200.0)  # e^200 is not a float32
    waveform = network(noise(1, 80, 6))
    assert waveform.isfinite().all()
    waveform.sum().backward()
    assert all(each.grad.isfinite().all() for each in network.parameters())


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@torch.inference_mode()
def test_the_inverse_stft_is_in_float32_whatever_the_features(dtype):
    network = make()
    features = noise(1, 18, 20).to(dtype)
    spectrum = network._spectrum(features)
    assert spectrum.dtype == torch.complex64
    assert torch.equal(spectrum, network._spectrum(features.float()))
    with torch.autocast("cpu", torch.bfloat16):
        assert network(noise(1, 80, 6)).dtype == torch.float32


def test_phases_reach_all_angles_unless_told_otherwise():
    features = torch.full((1, 18, 1), torch.pi / 2)
    assert make()._spectrum(features)[0, 0, 0].angle().abs().item() == pytest.approx(torch.pi, abs=1e-5)
    assert make(max_phase=1.0)._spectrum(features)[0, 0, 0].angle().item() == pytest.approx(1.0)


@pytest.mark.parametrize("configuration", SYSTEM.configurations)
def test_every_configuration_makes_the_hop(configuration):
    settings = dataclasses.replace(SYSTEM.configurations[configuration], channels=16)
    with torch.inference_mode():
        assert IstftNet(settings, Inventory(mel=MEL))(noise(1, 80, 3)).shape == (1, 3 * 256)


def test_rates_that_do_not_make_the_hop_are_refused():
    with pytest.raises(ConfigError, match=r"\(8, 8\) and istft_hop 4 multiply to 256, but the mel's hop_length is 200"):
        make(dataclasses.replace(MEL, hop_length=200))
    rates = {"upsample_rates": (10, 5), "upsample_kernels": (20, 11)}
    assert make(dataclasses.replace(MEL, hop_length=200), **rates)(noise(1, 80, 3)).shape == (1, 600)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"istft_size": 15}, "even istft_size"),
        ({"istft_size": 4}, "at least twice istft_hop"),
        ({"upsample_kernels": (16,)}, "same length"),
        ({"upsample_rates": (1,), "upsample_kernels": (3,)}, "multiply to 2 or more"),
    ],
)
def test_impossible_sizes_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(TINY, **changes)


@torch.inference_mode()
def test_outputs_equal_the_public_implementation():
    if not GOLDEN.exists():
        pytest.skip("the golden fixture istftnet_small is not beside this checkout")
    arrays = {name: torch.from_numpy(array) for name, array in np.load(GOLDEN / "io.npz").items()}
    settings = Config(channels=32, resblock_kernels=(3, 7), resblock_dilations=((1, 3, 5), (1, 3, 5)), max_phase=1.0)
    network = IstftNet(settings, Inventory(mel=MEL)).eval()
    network.load_state_dict(load_file(GOLDEN / "state.safetensors"))
    torch.testing.assert_close(network(arrays["mel"]), arrays["wav"][:, 0], atol=1e-5, rtol=0)
