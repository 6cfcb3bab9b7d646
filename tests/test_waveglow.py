"""WaveGlow: its inverse, its likelihood, silence, what it speaks, and public weights."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from tts.audio.mel_definition import MelDefinition
from tts.audio.spectrogram import mel_spectrogram
from tts.errors import CheckpointError, ConfigError
from tts.imports import waveglow as nvidia
from tts.interfaces import Inventory, VocoderBatch
from tts.vocoders.waveglow import SYSTEM, Config, Mixing, WaveGlow, negative_log_likelihood

GOLDEN = Path(__file__).parents[2] / "shared" / "golden" / "waveglow_small"
MEL = MelDefinition(sample_rate=22050, n_fft=1024, hop_length=256, win_length=1024, n_mels=16, f_min=0.0, f_max=8000.0)
TINY = Config(steps=6, early_every=2, layers=3, channels=16, upsample_kernel=512)


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def disturbed(network):
    """The network as training might leave it: fresh, its couplings change nothing and its mixings only turn."""
    torch.manual_seed(1)
    for coupling in network.couplings:
        torch.nn.init.normal_(coupling.end.weight, std=0.1)
        torch.nn.init.normal_(coupling.end.bias, std=0.1)
    for mixing in network.mixings:
        mixing.weight.data += 0.05 * torch.randn(mixing.weight.shape)
    return network


def make(mel=MEL, **changes):
    torch.manual_seed(0)
    return WaveGlow(dataclasses.replace(TINY, **changes), Inventory(mel=mel)).eval()


def silent(batch, frames):
    return VocoderBatch(
        ("silence",) * batch, torch.full((batch, 16, frames), math.log(1e-5)), torch.zeros(batch, 256 * frames)
    )


@pytest.mark.parametrize(
    ("config", "trained", "folded"),
    [
        (SYSTEM.configurations["published"], 87_879_272, 87_731_816),
        (Config(channels=512), 268_294_760, 267_999_848),
    ],
)
def test_published_sizes(config, trained, folded):
    with torch.device("meta"):
        network = SYSTEM.build(config, Inventory(mel=dataclasses.replace(MEL, n_mels=80)))
    assert sum(each.numel() for each in network.parameters()) == trained
    with torch.device("meta"):
        network.fold_weight_norm()
    assert sum(each.numel() for each in network.parameters()) == folded


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-4), (torch.float64, 1e-10)])
@torch.inference_mode()
def test_speaking_inverts_training_and_training_speaking(dtype, tolerance):
    network = disturbed(make()).to(dtype)
    mel, waveform, latent = noise(2, 16, 6).to(dtype), 0.3 * noise(2, 256 * 6).to(dtype), noise(2, 8, 192).to(dtype)
    encoded = network.encode(waveform, mel)
    assert (encoded.latent - network._grouped(waveform)).abs().max() > 0.1
    assert (network.decode(encoded.latent, mel) - waveform).abs().max() < tolerance
    assert (network.encode(network.decode(latent, mel), mel).latent - latent).abs().max() < tolerance


def test_the_log_determinant_is_that_of_the_jacobian():
    mel_definition = dataclasses.replace(MEL, n_mels=3, n_fft=32, hop_length=8, win_length=32)
    sizes = {
        "steps": 3,
        "group": 4,
        "early_every": 1,
        "early_size": 0,
        "layers": 2,
        "channels": 4,
        "upsample_kernel": 16,
    }
    for early_size, steps in ((0, 3), (2, 2)):
        network = disturbed(make(mel_definition, **sizes | {"early_size": early_size, "steps": steps})).double()
        mel, waveform = noise(1, 3, 3).double(), noise(1, 24, seed=1).double()
        jacobian = torch.autograd.functional.jacobian(
            lambda samples, network=network, mel=mel: network.encode(samples[None], mel).latent.flatten(), waveform[0]
        )
        expected = torch.linalg.slogdet(jacobian).logabsdet
        assert expected.abs() > 0.1
        torch.testing.assert_close(network.encode(waveform, mel).log_determinant, expected)


@torch.inference_mode()
def test_a_fresh_network_only_turns_the_samples_of_a_position():
    network, waveform, mel = make(), noise(2, 256 * 4), noise(2, 16, 4)
    encoded = network.encode(waveform, mel)
    assert not any(scale.any() for scale in encoded.log_scales)
    assert encoded.log_determinant.abs() < 1e-2
    torch.testing.assert_close(encoded.latent.norm(dim=1), network._grouped(waveform).norm(dim=1))
    for coupling in network.couplings:
        width = coupling.end.out_channels
        shift, log_scale = coupling(noise(2, width // 2, 128), network._condition(mel), None)
        assert not shift.any()
        assert not log_scale.any()


@pytest.mark.parametrize("sigma", [1.0, 0.5])
def test_the_loss_of_a_fresh_network_is_the_energy_of_the_waveform(sigma):
    network, waveform = make(training_sigma=sigma, dither=0.0), noise(4, 256 * 32)
    loss = network.loss(VocoderBatch(("a",) * 4, noise(4, 16, 32), waveform))["negative_log_likelihood"].item()
    assert loss == pytest.approx((waveform.square().mean() / (2 * sigma**2)).item(), abs=1e-4)
    assert loss == pytest.approx(1 / (2 * sigma**2), rel=0.03)  # as of N(0, 1)


def test_scales_raise_the_likelihood_by_their_logarithm():
    network, batch = make(dither=0.0), VocoderBatch(("a",), noise(1, 16, 8), noise(1, 256 * 8))
    before = network.loss(batch)["negative_log_likelihood"]
    for mixing in network.mixings[:1]:
        mixing.weight.data *= 2
    energy = batch.waveform.square().mean() / 2
    torch.testing.assert_close(network.loss(batch)["negative_log_likelihood"], before + 3 * energy - math.log(2))


def test_a_determinant_below_zero_is_as_good():
    mixing = Mixing(4)
    with torch.no_grad():
        mixing.weight[0] *= -torch.linalg.det(mixing.weight).sign()
    assert torch.linalg.det(mixing.weight) < 0
    assert mixing.log_determinant().abs() < 1e-5
    mixing.log_determinant().backward()
    assert mixing.weight.grad.isfinite().all()


def test_the_inverse_follows_the_weight():
    network, mel, waveform = disturbed(make()), noise(1, 16, 4), noise(1, 256 * 4)
    with torch.inference_mode():
        network.decode(noise(1, 8, 128), mel)  # spoken before training goes on
    optimizer = torch.optim.SGD(network.parameters(), 0.05)
    network.loss(VocoderBatch(("a",), mel, waveform))["negative_log_likelihood"].backward()
    optimizer.step()
    with torch.inference_mode():
        assert (network.decode(network.encode(waveform, mel).latent, mel) - waveform).abs().max() < 1e-4


def test_every_parameter_gets_a_finite_gradient():
    network = disturbed(make()).train()
    network.loss(VocoderBatch(("a", "b"), noise(2, 16, 8), 0.1 * noise(2, 256 * 8)))[
        "negative_log_likelihood"
    ].backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.any(), name


def losses_of_silence(network, steps):
    """Loss of each step of learning nothing but silence, up to the first that is not finite."""
    optimizer = torch.optim.Adam(network.train().parameters(), 0.05)
    history = []
    for _ in range(steps):
        loss = network.loss(silent(1, 1))["negative_log_likelihood"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        history.append(loss.item())
        if not math.isfinite(history[-1]):
            break
    return history


def test_silence_has_a_finite_likelihood_however_long_it_is_learned():
    sizes = {"early_size": 0, "steps": 2, "layers": 1, "channels": 4, "upsample_kernel": 256}
    history = losses_of_silence(make(**sizes), 150)
    assert all(map(math.isfinite, history))
    # The density of uniform noise that is 2^-15 wide bounds it, and training comes near.
    bound = -math.log(2**15) - math.log(2 * math.pi) / 2
    assert bound - 0.1 < min(history) < bound + 6
    assert not math.isfinite(losses_of_silence(make(**sizes, dither=0.0), 150)[-1])


def test_one_segment_is_learned():
    network = make().train()
    time = torch.arange(256 * 16) / 22050
    waveform = (0.2 * sum(torch.sin(2 * torch.pi * 150 * k * time) / k for k in range(1, 20)))[None]
    batch = VocoderBatch(("a",), mel_spectrogram(waveform, MEL), waveform)
    optimizer = torch.optim.Adam(network.parameters(), 2e-3)
    history = []
    for _ in range(60):
        loss = network.loss(batch)["negative_log_likelihood"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        history.append(loss.item())
    assert history[0] == pytest.approx(waveform.square().mean().item() / 2, abs=1e-3)
    assert history[-1] < history[0] - 2


def test_bfloat16_autocast_gives_almost_the_same_loss_and_still_inverts():
    network, mel, waveform = disturbed(make()), noise(2, 16, 8), 0.1 * noise(2, 256 * 8)
    with torch.inference_mode():
        exact = network.encode(waveform, mel)
        with torch.autocast("cpu", torch.bfloat16):
            rough = network.encode(waveform, mel)
            again = network.decode(rough.latent, mel)
    assert rough.latent.dtype == torch.float32
    # The couplings compute alike both ways, roughly; what they scale and mix is exact.
    assert (again - waveform).abs().max() < 0.02
    ours, theirs = (negative_log_likelihood(each, 1.0) for each in (rough, exact))
    assert ours.item() == pytest.approx(theirs.item(), abs=0.02)


@torch.inference_mode()
def test_an_item_of_a_padded_batch_equals_the_item_alone():
    network = disturbed(make())
    mel, lengths = noise(3, 16, 40) - 4, torch.tensor([40, 23, 5])
    mel[1, :, 23:], mel[2, :, 5:] = 1e4, torch.nan
    padded = network(mel, lengths)
    assert padded.shape == (3, 256 * 40)
    for row, length in enumerate(lengths.tolist()):
        alone = network(mel[row : row + 1, :, :length])[0]
        torch.testing.assert_close(padded[row, : 256 * length], alone, atol=1e-5, rtol=0)
        assert not padded[row, 256 * length :].any()


@torch.inference_mode()
def test_speech_is_a_function_of_mel_sigma_and_seed():
    mel = noise(1, 16, 12) - 4

    def speak(**changes):
        return disturbed(make(**changes))(mel)

    first = speak()
    torch.rand(1)  # the global generator plays no part
    assert torch.equal(speak(), first)
    assert not torch.allclose(speak(seed=1), first, atol=0.01)
    assert not torch.allclose(speak(sigma=0.3), first, atol=0.01)


def test_every_frame_has_its_own_normal_noise_wherever_a_mel_begins():
    network = make()
    drawn = network.noise(range(200))
    assert drawn.shape == (8, 200 * 32)
    assert torch.equal(network.noise(range(7, 30)), drawn[:, 7 * 32 : 30 * 32])
    assert drawn.mean().abs() < 0.02
    assert drawn.std().item() == pytest.approx(1, abs=0.02)
    assert not torch.equal(drawn[:, :32], drawn[:, 32:64])


@torch.inference_mode()
def test_the_denoiser_takes_the_hum_off():
    mel, zeros = torch.zeros(1, 16, 16), torch.zeros(1, 16, 16)

    def loudness(strength, sigma=0.0):
        return disturbed(make(denoiser_strength=strength, sigma=sigma))(mel).std().item()

    network = disturbed(make())
    hum = network.decode(torch.zeros(1, 8, 16 * 32), zeros)
    torch.testing.assert_close(network.hum(hum, torch.zeros(()), None), hum, atol=1e-5, rtol=0)  # strength 0 is nothing
    assert loudness(0.0) > 0.01
    assert loudness(1.0) < 0.5 * loudness(0.1) < 0.5 * loudness(0.0)
    assert loudness(0.1, sigma=0.6) == pytest.approx(loudness(0.0, sigma=0.6), rel=0.1)


def test_hops_and_groups_must_fit():
    for hop_length, message in ((200, None), (300, "group 8 does not divide the mel's hop_length 300")):
        definition = dataclasses.replace(MEL, hop_length=hop_length)
        if message is None:
            assert make(definition)(noise(1, 16, 5)).shape == (1, 1000)
        else:
            with pytest.raises(ConfigError, match=message):
                make(definition)
    with pytest.raises(ConfigError, match="upsample_kernel 128 is below the mel's hop_length 256"):
        make(upsample_kernel=128)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"group": 7}, "must be even"),
        ({"early_size": 1}, "must be even"),
        ({"early_size": 4, "early_every": 1}, "leaves no channels"),
        ({"kernel": 2}, "must be odd"),
        ({"steps": 0}, "must be positive"),
        ({"sigma": -0.1}, "not negative"),
    ],
)
def test_impossible_sizes_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(TINY, **changes)


@pytest.fixture
def golden():
    if not GOLDEN.exists():
        pytest.skip("the golden fixture waveglow_small is not beside this checkout")
    arrays = {name: torch.from_numpy(array) for name, array in np.load(GOLDEN / "io.npz").items()}
    return load_file(GOLDEN / "state.safetensors"), arrays


@torch.inference_mode()
def test_outputs_equal_the_public_implementation(golden):
    state, arrays = golden
    config = nvidia.configuration(state)
    assert config == Config(steps=4, early_every=2, layers=4, channels=32)
    network = WaveGlow(config, Inventory(mel=MEL)).eval()
    network.load_state_dict(nvidia.converted(state))
    encoded = network.encode(arrays["audio"], arrays["mel"])
    close = {"atol": 1e-5, "rtol": 0}
    torch.testing.assert_close(encoded.latent, arrays["z"], **close)
    for step, log_scale in enumerate(encoded.log_scales):
        torch.testing.assert_close(log_scale, arrays[f"log_s_{step}"], **close)
    positions = 2 * arrays["z"].shape[2]
    determinants = torch.stack(encoded.log_determinants) * positions
    torch.testing.assert_close(determinants, arrays["logdet"], atol=0, rtol=1e-5)
    torch.testing.assert_close(negative_log_likelihood(encoded, 1.0), arrays["loss"], atol=0, rtol=1e-5)
    latent = 0.6 * torch.cat((arrays["infer_noise_1"], arrays["infer_noise_0"]), dim=1)
    torch.testing.assert_close(network.decode(latent, arrays["mel"]), arrays["infer_audio"], **close)


def public(network):
    """A network's tensors by NVIDIA's names."""
    names = {"mixings": "convinv", "couplings": "WN", "condition": "cond_layer", "dilated": "in_layers"}
    names |= {"residual": "res_skip_layers"}
    state = {}
    for name, tensor in network.state_dict().items():
        parts = [names.get(part, part) for part in name.split(".")]
        if parts[0] == "convinv":
            parts, tensor = ["convinv", parts[1], "conv", "weight"], tensor.unsqueeze(2)
        state[".".join(parts)] = tensor
    return state


@pytest.mark.parametrize("folded", [False, True])
def test_public_tensors_are_recognised_whether_normed_or_folded(folded):
    network = disturbed(make(early_size=2))
    if folded:
        network.fold_weight_norm()
    state = public(network)
    assert nvidia.recognises(state)
    assert not nvidia.recognises(network.state_dict())
    assert nvidia.configuration(state) == TINY
    ours = nvidia.converted(state)
    assert ours.keys() == network.state_dict().keys()
    assert all(torch.equal(ours[name], tensor) for name, tensor in network.state_dict().items())


def test_tensors_missing_or_left_over_are_refused():
    state = public(make())
    with pytest.raises(CheckpointError, match=r"WN\.1\.end\.\* is missing; "):
        nvidia.converted({name: each for name, each in state.items() if not name.startswith(("WN.1.end", "WN.2.end"))})
    with pytest.raises(CheckpointError, match=r"WN\.0\.cond_layers\.0\.weight is left over$"):
        nvidia.converted(state | {"WN.0.cond_layers.0.weight": torch.zeros(1)})
