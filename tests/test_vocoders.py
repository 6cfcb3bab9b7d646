"""Every vocoder: lengths, padding, gradients, learning, weights; and what is particular to each."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from tts.audio.mel_definition import MelDefinition
from tts.audio.spectrogram import magnitude, mel_from_magnitude, mel_spectrogram, stft
from tts.config import build, to_plain
from tts.errors import ConfigError
from tts.interfaces import Inventory, VocoderBatch
from tts.layers.istft import InverseStft
from tts.layers.phases import PhaseConfig, PhaseSearch, magnitude_from_mel
from tts.losses.adversarial import feature_matching_loss, generator_loss
from tts.vocoders import (
    griffin_lim,
    hifigan,
    istftnet,
    melgan,
    multiband_melgan,
    neural_griffin_lim,
    parallel_wavegan,
    vocgan,
    vocos,
    wavegan,
    waveglow,
)

GOLDEN = Path(__file__).parents[2] / "shared" / "golden"
MEL = MelDefinition(sample_rate=22050, n_fft=1024, hop_length=256, win_length=1024, n_mels=80, f_min=0.0, f_max=8000.0)
CENTERED = dataclasses.replace(MEL, framing="centered")
TINY_PANEL = hifigan.DiscriminatorConfig(
    periods=(2, 3), period_channels=(4, 4, 4, 4, 4), scales=0, resolutions=((256, 64, 256),), resolution_channels=4
)
TYPE_1 = hifigan.Config(
    channels=32,
    upsample_rates=(8, 8, 4),
    upsample_kernels=(16, 16, 8),
    resblock_kernels=(3, 5),
    resblock_dilations=((1, 3), (1, 3)),
    discriminator=TINY_PANEL,
)
TYPE_2 = dataclasses.replace(TYPE_1, resblock="2")
FRAMES = vocos.Config(channels=64, intermediate=128, layers=2, discriminator=TINY_PANEL)

SHORT_STFT = istftnet.Config(
    channels=32, resblock_kernels=(3, 5), resblock_dilations=((1, 3), (1, 3)), discriminator=TINY_PANEL
)
SHORTER_STFT = dataclasses.replace(
    SHORT_STFT, resblock="2", upsample_rates=(8, 8, 2), upsample_kernels=(16, 16, 4), istft_size=8, istft_hop=2
)
FLOW = waveglow.Config(steps=4, early_every=2, layers=4, channels=32, upsample_kernel=512)
TINY_JUDGES = melgan.MelGanDiscriminatorConfig(scales=2, channels=4, strides=(4, 4), max_channels=16)
DILATED = melgan.Config(channels=64, blocks=2, discriminator=TINY_JUDGES)
BANDS = multiband_melgan.Config(channels=32, blocks=2, discriminator=TINY_JUDGES)
FULL_BAND = dataclasses.replace(BANDS, bands=1, upsample_rates=(8, 8, 4))
NOISE = parallel_wavegan.Config(
    layers=6,
    stacks=2,
    residual_channels=16,
    gate_channels=32,
    skip_channels=16,
    discriminator_layers=4,
    discriminator_channels=4,
)

MAGNITUDES = neural_griffin_lim.Config(channels=64, intermediate=128, layers=2, phases=PhaseConfig(iterations=3))

NESTED = vocgan.Config(channels=32, blocks=3, scales=2, discriminator_channels=4)
LIGHT = dataclasses.replace(NESTED, nested=False)
FROM_MEL = wavegan.Config(condition="mel", channels=8, rates=(4, 4, 4, 4), post_filter=32)

GENERATORS = {
    "hifigan type 1": (hifigan.SYSTEM, TYPE_1, MEL),
    "hifigan type 2": (hifigan.SYSTEM, TYPE_2, MEL),
    "istftnet c8c8i": (istftnet.SYSTEM, SHORT_STFT, MEL),
    "istftnet c8c8c2i": (istftnet.SYSTEM, SHORTER_STFT, MEL),
    "melgan": (melgan.SYSTEM, DILATED, MEL),
    "multiband_melgan": (multiband_melgan.SYSTEM, BANDS, MEL),
    "multiband_melgan full band": (multiband_melgan.SYSTEM, FULL_BAND, MEL),
    "parallel_wavegan": (parallel_wavegan.SYSTEM, NOISE, MEL),
    "vocos": (vocos.SYSTEM, FRAMES, MEL),
    "vocos centered": (vocos.SYSTEM, FRAMES, CENTERED),
    "vocgan light": (vocgan.SYSTEM, LIGHT, MEL),
}
TRAINED = GENERATORS | {
    "vocgan": (vocgan.SYSTEM, NESTED, MEL),
    "wavegan from mel": (wavegan.SYSTEM, FROM_MEL, MEL),
    "neural_griffin_lim": (neural_griffin_lim.SYSTEM, MAGNITUDES, MEL),
    "neural_griffin_lim centered": (neural_griffin_lim.SYSTEM, MAGNITUDES, CENTERED),
    "waveglow": (waveglow.SYSTEM, FLOW, MEL),
    "waveglow centered": (waveglow.SYSTEM, FLOW, CENTERED),
}
ALL = TRAINED | {
    "griffin_lim": (griffin_lim.SYSTEM, griffin_lim.Config(iterations=3), MEL),
    "griffin_lim centered": (griffin_lim.SYSTEM, griffin_lim.Config(iterations=3), CENTERED),
}


def make(name):
    system, settings, mel = ALL[name]
    torch.manual_seed(0)
    return system.build(settings, Inventory(mel=mel)).eval()


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def voice(num_samples, *, f0=150.0):
    """A harmonic tone whose pitch and loudness move, with a little noise: [1, samples]."""
    time = torch.arange(num_samples) / 22050
    phase = 2 * torch.pi * torch.cumsum(f0 * (1 + 0.1 * torch.sin(12 * time)) / 22050, 0)
    tone = sum(torch.sin(k * phase) / k for k in range(1, 30))
    return (0.1 * tone * (1.2 + torch.sin(9 * time)) + 0.002 * noise(num_samples))[None]


@pytest.mark.parametrize("name", ALL)
def test_frames_become_exactly_hop_length_samples_each(name):
    network = make(name)
    for batch, frames in ((2, 17), (1, 4)):
        waveform = network(noise(batch, 80, frames) - 4)
        assert waveform.shape == (batch, 256 * frames)
        assert waveform.abs().max() <= 1


@pytest.mark.parametrize("name", ALL)
def test_an_item_of_a_padded_batch_equals_the_item_alone(name):
    network = make(name)
    mel = noise(3, 80, 40) - 4
    lengths = torch.tensor([40, 23, 5])
    mel[1, :, 23:], mel[2, :, 5:] = 1e4, torch.nan  # padding may hold anything
    with torch.inference_mode():
        padded = network(mel, lengths)
        for row, length in enumerate(lengths.tolist()):
            alone = network(mel[row : row + 1, :, :length])[0]
            assert alone.abs().max() > 1e-4
            torch.testing.assert_close(padded[row, : 256 * length], alone, atol=1e-5, rtol=0)
            assert not padded[row, 256 * length :].any()


@pytest.mark.parametrize("name", ALL)
def test_inputs_are_left_as_they_were(name):
    mel, lengths = noise(2, 80, 12), torch.tensor([12, 7])
    before = mel.clone()
    make(name)(mel, lengths)
    assert torch.equal(mel, before)


@pytest.mark.parametrize("name", GENERATORS)
def test_every_parameter_gets_a_finite_gradient(name):
    system, settings, _ = TRAINED[name]
    network, panel = make(name).train(), system.build_discriminator(settings)
    truth = 0.1 * noise(2, 256 * 16)
    fake = network(noise(2, 80, 16) - 4)
    terms = network.loss(VocoderBatch(("a", "b"), torch.zeros(2, 80, 16), truth), fake)
    judged = panel(fake)
    loss = sum(terms.values()) + generator_loss(judged) + feature_matching_loss(panel(truth), judged)
    loss.backward()
    for name_, parameter in network.named_parameters():
        if name == "parallel_wavegan" and name_.startswith("blocks.5.conv1x1_out."):
            continue  # the last block's leads nowhere; it stays for the sake of published weights
        assert parameter.grad is not None, name_
        assert parameter.grad.isfinite().all(), name_
        assert parameter.grad.any(), name_
    assert all(each.dim() == 0 for each in terms.values())


@pytest.mark.parametrize(
    ("name", "steps", "lr", "goal"),
    [
        ("hifigan type 2", 60, 3e-3, 0.6),
        ("istftnet c8c8i", 60, 3e-3, 0.6),
        ("vocos", 80, 4e-3, 0.5),
        ("melgan", 60, 3e-3, 0.6),
        ("multiband_melgan", 80, 4e-3, 0.6),
        ("parallel_wavegan", 80, 4e-3, 0.8),
    ],
)
def test_one_segment_is_learned(name, steps, lr, goal):
    network = make(name).train()
    waveform = voice(256 * 16)
    batch = VocoderBatch(("a",), mel_spectrogram(waveform, MEL), waveform)
    optimizer = torch.optim.AdamW(network.parameters(), lr)
    history = []
    for _ in range(steps):
        terms = network.loss(batch, network(batch.mel))
        optimizer.zero_grad()
        sum(terms.values()).backward()
        optimizer.step()
        history.append(terms["mel"].item())
    assert min(history[-5:]) < goal < 0.5 * history[0]


@pytest.mark.parametrize("name", TRAINED)
def test_silence_is_a_segment_like_any_other(name):
    system, settings, definition = TRAINED[name]
    exactly_silent = dataclasses.replace(definition, magnitude_epsilon=0.0)
    torch.manual_seed(0)
    network = system.build(settings, Inventory(mel=exactly_silent)).train()
    waveform, mel = torch.zeros(1, 256 * 16), torch.full((1, 80, 16), math.log(1e-5))
    batch = VocoderBatch(("silence",), mel, waveform)
    terms = network.loss(batch) if system.task == "supervised" else network.loss(batch, network(mel))
    sum(terms.values()).backward()
    assert all(term.isfinite() for term in terms.values())
    assert all(each.grad.isfinite().all() for each in network.parameters() if each.grad is not None)


@pytest.mark.parametrize("name", GENERATORS)
def test_half_precision_speaks_and_learns_nearly_alike(name):
    network, mel = make(name), noise(2, 80, 16) - 4
    with torch.inference_mode():
        expected = network(mel)
        with torch.autocast("cpu", torch.bfloat16):
            assert (network(mel).float() - expected).abs().mean() < 0.1 * expected.abs().mean()
    with torch.autocast("cpu", torch.bfloat16):
        waveform = network.train()(mel).float()
    terms = network.loss(VocoderBatch(("a", "b"), mel, 0.1 * noise(2, 256 * 16)), waveform)
    sum(terms.values()).backward()
    assert all(each.grad.isfinite().all() for each in network.parameters() if each.grad is not None)


@pytest.mark.parametrize("name", GENERATORS)
def test_discriminators_leave_waveforms_and_features_as_they_were(name):
    system, settings, _ = TRAINED[name]
    waveform = 0.1 * noise(2, 256 * 16)
    before = waveform.clone()
    for score, features in system.build_discriminator(settings)(waveform):
        (score.sum() + sum(each.square().sum() for each in features)).backward()  # torch refuses if one was changed
    assert torch.equal(waveform, before)


@pytest.mark.parametrize("name", TRAINED)
def test_weights_and_config_round_trip(name, tmp_path):
    system, settings, mel = TRAINED[name]
    network = make(name)
    torch.save(network.state_dict(), tmp_path / "weights.pt")
    again = system.build(build(system.config, to_plain(settings), where="model"), Inventory(mel=mel)).eval()
    again.load_state_dict(torch.load(tmp_path / "weights.pt", weights_only=True))
    frames = noise(1, 80, 9)
    assert torch.equal(again(frames), network(frames))


@pytest.mark.parametrize("name", sorted(TRAINED.keys() - GENERATORS.keys()))
def test_bfloat16_autocast_speaks_almost_alike(name):
    network, mel = make(name), noise(2, 80, 16) - 4
    with torch.inference_mode():
        exact = network(mel)
        with torch.autocast("cpu", torch.bfloat16):
            rough = network(mel).float()
    assert (rough - exact).norm() < 0.1 * exact.norm()


@pytest.mark.parametrize(
    "name",
    [
        "hifigan type 1",
        "hifigan type 2",
        "istftnet c8c8i",
        "istftnet c8c8c2i",
        "melgan",
        "multiband_melgan",
        "parallel_wavegan",
        "vocgan",
        "waveglow",
    ],
)
def test_folding_weight_norm_keeps_the_output(name):
    network, frames = make(name), noise(1, 80, 9)
    before = network(frames)
    network.fold_weight_norm()
    torch.testing.assert_close(network(frames), before, atol=1e-6, rtol=0)
    assert not any("parametrizations" in key for key in network.state_dict())


@pytest.mark.parametrize(
    ("system", "configuration", "size"),
    [
        (hifigan, "v1", 13_926_017),
        (hifigan, "v2", 925_985),
        (hifigan, "v3", 1_462_273),
        (istftnet, "published", 13_254_034),
        (istftnet, "c8c8c2i", 13_792_458),
        (melgan, "published", 4_260_257),
        (multiband_melgan, "published", 2_534_356),
        (multiband_melgan, "full_band", 4_700_801),
        (parallel_wavegan, "published", 1_334_309),
        (vocos, "published", 13_459_970),
        (vocgan, "published", 4_707_805),
        (vocgan, "light", 4_706_121),
        (wavegan, "published", 19_065_345),
    ],
)
def test_published_sizes(system, configuration, size):
    with torch.device("meta"):
        network = system.SYSTEM.build(system.SYSTEM.configurations[configuration], Inventory(mel=MEL))
        if hasattr(network, "fold_weight_norm"):
            network.fold_weight_norm()
    assert sum(each.numel() for each in network.parameters()) == size


@pytest.mark.parametrize("version", ["v2", "v3"])
def test_hifigan_equals_the_public_implementation(version):
    folder = GOLDEN / f"hifigan_{version}"
    if not folder.exists():
        pytest.skip(f"the golden fixture hifigan_{version} is not beside this checkout")
    arrays = np.load(folder / "io.npz")
    network = hifigan.SYSTEM.build(hifigan.SYSTEM.configurations[version], Inventory(mel=MEL)).eval()
    network.load_state_dict(load_file(folder / "state.safetensors"))
    for mel, waveform in (("mel", "wav"), ("mel_short", "wav_short")):
        with torch.inference_mode():
            ours = network(torch.from_numpy(arrays[mel])).numpy()
        np.testing.assert_allclose(ours, arrays[waveform][:, 0], atol=1e-5, rtol=0)


def test_hifigan_refuses_rates_that_do_not_make_the_hop():
    with pytest.raises(ConfigError, match="multiply to 256, but the mel's hop_length is 200"):
        hifigan.SYSTEM.build(TYPE_1, Inventory(mel=dataclasses.replace(MEL, hop_length=200)))


@pytest.mark.parametrize(
    ("configuration", "sample_rate", "hop_length"),
    [("v1_16khz", 16_000, 200), ("v1_24khz", 24_000, 300), ("v1_44khz", 44_100, 512), ("v1_48khz", 48_000, 512)],
)
def test_hifigan_speaks_at_every_sample_rate(configuration, sample_rate, hop_length):
    definition = hifigan.SYSTEM.mels[configuration]
    assert (definition.sample_rate, definition.hop_length) == (sample_rate, hop_length)
    narrow = dataclasses.replace(hifigan.SYSTEM.configurations[configuration], channels=32)
    torch.manual_seed(0)
    network = hifigan.SYSTEM.build(narrow, Inventory(mel=definition)).eval()
    clip = 0.1 * noise(1, 11 * hop_length)
    mel = mel_spectrogram(clip, definition)
    with torch.inference_mode():
        waveform = network(mel)
        assert waveform.shape == clip.shape
        mel[..., 6:] = torch.nan
        shorter = network(mel, torch.tensor([6]))
        torch.testing.assert_close(shorter[:, : 6 * hop_length], network(mel[..., :6]), atol=1e-5, rtol=0)
    with pytest.raises(ConfigError, match=f"multiply to {hop_length}, but the mel's hop_length is 256"):
        hifigan.SYSTEM.build(narrow, Inventory(mel=MEL))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"upsample_kernels": (16, 16)}, "same length"),
        ({"upsample_kernels": (16, 16, 7)}, "plus an even number"),
        ({"resblock_kernels": (3,)}, "same length"),
        ({"channels": 36}, "halved 3 times"),
    ],
)
def test_impossible_hifigans_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(TYPE_1, **changes)


@pytest.mark.parametrize("framing", ["hifigan", "centered"])
@pytest.mark.parametrize(("n_fft", "hop_length", "win_length"), [(1024, 256, 1024), (400, 80, 320), (16, 4, 16)])
def test_inverse_stft_undoes_the_stft(framing, n_fft, hop_length, win_length):
    definition = dataclasses.replace(
        MEL, framing=framing, n_fft=n_fft, hop_length=hop_length, win_length=win_length, n_mels=4
    )
    waveform = noise(2, hop_length * 30)
    spectrum = stft(waveform, definition).transpose(1, 2)[:, :30]
    torch.testing.assert_close(InverseStft(definition)(spectrum), waveform, atol=1e-5, rtol=0)


def test_griffin_lim_finds_a_phase():
    waveform = voice(256 * 60)
    target = magnitude(waveform, MEL)

    def convergence(iterations, momentum):
        settings = griffin_lim.Config(iterations=iterations, momentum=momentum)
        found = PhaseSearch(settings, MEL)(target)
        return ((magnitude(found, MEL) - target).norm() / target.norm()).item()

    plain = [convergence(iterations, 0.0) for iterations in (1, 4, 16, 32)]
    assert plain == sorted(plain, reverse=True)
    assert convergence(32, 0.99) < min(0.1, plain[-1])


def test_griffin_lim_keeps_the_mel():
    waveform = voice(256 * 60)
    mel = mel_spectrogram(waveform, MEL)
    spoken = griffin_lim.GriffinLim(griffin_lim.Config(), Inventory(mel=MEL))(mel)
    assert (mel_spectrogram(spoken, MEL) - mel).abs().mean() < 0.2


def test_griffin_lim_is_a_function_of_mel_and_seed():
    mel = noise(2, 80, 20) - 4

    def speak(seed):
        settings = griffin_lim.Config(iterations=4, seed=seed)
        return griffin_lim.GriffinLim(settings, Inventory(mel=MEL))(mel)

    first = speak(0)
    torch.rand(1)  # the global generator plays no part
    assert torch.equal(speak(0), first)
    assert not torch.equal(speak(1), first)


def test_griffin_lim_inverts_the_mel_basis():
    network = make("griffin_lim")
    mel = mel_spectrogram(voice(256 * 20), MEL)
    magnitudes = magnitude_from_mel(mel, network.basis)
    assert (magnitudes >= 0).all()
    assert ((network.basis @ magnitudes).log() - mel).abs().mean() < 0.02


@pytest.mark.parametrize("framing", ["hifigan", "centered"])
def test_neural_griffin_lim_starts_from_the_mel_and_learns_every_weight(framing):
    definition = dataclasses.replace(MEL, framing=framing)
    torch.manual_seed(0)
    network = neural_griffin_lim.NeuralGriffinLim(MAGNITUDES, Inventory(mel=definition))
    waveform = voice(256 * 24)
    mel = mel_spectrogram(waveform, definition)
    assert (mel_from_magnitude(network.log_magnitudes(mel).exp(), definition) - mel).abs().mean() < 0.05
    batch = VocoderBatch(("a",), mel[..., :24], waveform)
    optimizer = torch.optim.AdamW(network.parameters(), 4e-3)
    history = []
    for _ in range(60):
        terms = network.loss(batch)
        optimizer.zero_grad()
        sum(terms.values()).backward()
        history.append({term: value.item() for term, value in terms.items()})
        optimizer.step()
    assert history[-1]["magnitude"] < 0.5 * history[0]["magnitude"]
    assert history[-1]["convergence"] < 0.6 * history[0]["convergence"]
    assert history[-1]["mel"] < 0.05
    for name, parameter in network.named_parameters():
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.any(), name
