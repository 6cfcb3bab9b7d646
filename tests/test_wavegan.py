"""WaveGAN as published and from mels, phase shuffle, and the gradient penalty."""

import dataclasses

import pytest
import torch
from test_vocoders import FROM_MEL, MEL, noise, voice
from torch import nn
from toys import adversarial_settings

from tts.audio.spectrogram import mel_spectrogram
from tts.errors import ConfigError
from tts.interfaces import Generating, Inventory, MelDiscriminator, Unconditional, VocoderBatch
from tts.losses.adversarial import discriminator_loss, generator_loss, gradient_penalty
from tts.models import LoadedModel
from tts.synthesis import Voice
from tts.training.judging import judge
from tts.training.samples import VocoderSamples, render
from tts.training.tasks import AdversarialTask
from tts.vocoders.wavegan import SYSTEM, Config, MelWaveGan, WaveGan, phase_shuffled

TINY = Config(latent=8, channels=4, rates=(4, 4, 4))  # 1024 samples
FAST = {"name": "adam", "lr": 1e-2, "betas": [0.5, 0.9]}


def make(settings=TINY):
    torch.manual_seed(0)
    return SYSTEM.build(settings, Inventory(mel=MEL)), SYSTEM.build_discriminator(settings)


def segments(num_samples=1024, size=2, frames=4):
    return VocoderBatch(tuple("abcdef"[:size]), noise(size, 80, frames) - 4, voice(num_samples).repeat(size, 1))


@pytest.mark.parametrize(
    ("configuration", "num_samples", "sizes"),
    [
        ("published", 16_384, (19_065_345, 17_427_969)),
        # Twice the channels, and one more pair of convolutions of 25: 2048 to 1024 positions' features and back.
        ("published_32768", 32_768, (73_149_953, 69_875_201)),
        ("published_65536", 65_536, (73_149_953, 69_875_201)),
    ],
)
def test_published_lengths_and_sizes(configuration, num_samples, sizes):
    settings = SYSTEM.configurations[configuration]
    with torch.device("meta"):
        networks = SYSTEM.build(settings, Inventory(mel=MEL)), SYSTEM.build_discriminator(settings)
    narrow, panel = make(dataclasses.replace(settings, channels=1))
    waveforms = narrow.sample(2)
    ((score, features),) = panel(waveforms)
    assert waveforms.shape == (2, num_samples)
    assert score.shape == (2, 1)
    assert features[-1].shape[2] == 16
    assert tuple(sum(each.numel() for each in network.parameters()) for network in networks) == sizes


def test_samples_are_a_function_of_the_generator_of_noise():
    network, _ = make()
    first, again, other = (network.sample(3, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    assert first.shape == (3, 1024)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert first.abs().max() <= 1


def test_what_is_told_nothing_is_known_as_such():
    (free, judges_free), (told, judges_told) = make(), make(FROM_MEL)
    assert isinstance(free, WaveGan)
    assert isinstance(free, Unconditional)
    assert isinstance(free, Generating)
    assert not isinstance(judges_free, MelDiscriminator)
    assert isinstance(told, MelWaveGan)
    assert not isinstance(told, Unconditional)
    assert isinstance(judges_told, MelDiscriminator)


def test_no_voice_speaks_through_an_unconditional_vocoder():
    network, _ = make()
    inventory = Inventory(mel=MEL)
    vocoder = LoadedModel("vocoders/wavegan", "vocoder", TINY, inventory, network)
    acoustic = LoadedModel("acoustic/any", "acoustic", None, inventory, nn.Identity())
    with pytest.raises(ConfigError, match="vocoders/wavegan: was trained without a mel"):
        Voice(acoustic, vocoder)
    with pytest.raises(ConfigError, match="speaks no mel; train one with condition 'mel'"):
        network(noise(1, 80, 4))


def test_segments_of_another_length_are_refused_with_the_right_one():
    network, _ = make()
    with pytest.raises(
        ConfigError, match=r"makes 1024 samples, but segments have 2048; set batch.segment_frames to 4,"
    ):
        network.generate(segments(num_samples=2048, frames=8))


def test_validation_hears_samples_in_place_of_copies():
    network, _ = make()
    sampler = VocoderSamples({"clip": noise(80, 4).numpy(), "other": noise(80, 4).numpy()}, MEL)
    found = render(sampler, network, seed=1)
    assert [each.utterance_id for each in found] == ["sample 1", "sample 2"]
    assert all(each.waveform.shape == (1024,) for each in found)


def test_phase_shuffle_shifts_each_item_within_bounds_and_mirrors_the_ends():
    torch.manual_seed(0)
    size, most = 12, 2
    ramp = torch.arange(float(size)).expand(400, 3, size)
    before = ramp.clone()
    shifted = phase_shuffled(ramp, most)
    assert torch.equal(ramp, before)
    found = (shifted[:, 0, 5] - 5).long()
    assert set(found.tolist()) == {-2, -1, 0, 1, 2}
    for shift in range(-most, most + 1):
        positions = [abs(place) if place < size else 2 * (size - 1) - place for place in range(shift, size + shift)]
        assert (shifted[found == shift] == torch.tensor(positions, dtype=torch.float32)).all()
    assert phase_shuffled(ramp, 0) is ramp


def linear(weights):
    """A discriminator whose slope is the norm of its weights, everywhere."""
    return lambda waveforms: [((waveforms[0] @ weights)[:, None], [])]


@pytest.mark.parametrize(("slope", "penalty"), [(1.0, 0.0), (3.0, 4.0), (0.25, 0.5625)])
def test_the_penalty_is_the_square_by_which_slopes_are_not_1(slope, penalty):
    weights = noise(50)
    weights = slope * weights / weights.norm()
    found = gradient_penalty(linear(weights), (noise(4, 50),), (noise(4, 50, seed=1),), shares=torch.rand(4, 1))
    assert found.item() == pytest.approx(penalty, abs=1e-5)


def test_slopes_are_measured_between_real_and_generated():
    real, fake, shares = noise(3, 8), noise(3, 8, seed=1), torch.tensor([[0.0], [1.0], [0.25]])
    heard = []

    def judge(waveforms):
        heard.extend(waveforms)
        return [(waveforms[0].square().sum(1, keepdim=True) / 2, [])]

    penalty = gradient_penalty(judge, (real,), (fake,), shares=shares)
    expected = torch.stack((real[0], fake[1], 0.75 * real[2] + 0.25 * fake[2]))
    torch.testing.assert_close(heard[0], expected)
    assert penalty.item() == pytest.approx((expected.norm(dim=1) - 1).square().mean().item(), rel=1e-5)


@pytest.mark.parametrize("settings", [TINY, FROM_MEL])
def test_the_penalty_has_the_gradient_that_differences_show(settings):
    torch.manual_seed(0)
    settings = dataclasses.replace(settings, phase_shuffle=0)
    panel = SYSTEM.build_discriminator(settings).double()
    size = 1024 if settings.condition == "none" else 256 * 4
    real, fake, mel = noise(2, size).double(), noise(2, size, seed=1).double(), noise(2, 80, 4).double()
    shares = torch.tensor([[0.3], [0.8]], dtype=torch.float64)

    def penalty():
        return gradient_penalty(lambda between: judge(panel, between, mel), (real,), (fake,), shares=shares)

    penalty().backward()
    for name, parameter in panel.named_parameters():
        if name == "score.bias" or name.endswith("downs.0.bias"):
            continue  # slopes of piecewise linear functions change with these at corners only
        direction = torch.sign(parameter.grad) if parameter.grad.any() else torch.zeros_like(parameter)
        with torch.no_grad():
            values = []
            for step in (1e-7, -1e-7):
                parameter += step * direction
                with torch.enable_grad():
                    values.append(penalty().item())
                parameter -= step * direction
        slope = (parameter.grad * direction).sum().item()
        assert (values[0] - values[1]) / 2e-7 == pytest.approx(slope, rel=1e-3, abs=1e-6), name


@pytest.mark.parametrize("settings", [TINY, FROM_MEL])
def test_scores_reach_every_parameter_of_both(settings):
    network, panel = make(settings)
    segment = segments()
    fake = network.generate(segment) if isinstance(network, Generating) else (network(segment.mel),)
    judged = judge(panel, fake, segment.mel)
    generator_loss(judged, objective="wgan_gp").backward()
    for name, parameter in [*network.named_parameters(), *panel.named_parameters()]:
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.any(), name


def test_wasserstein_losses_have_their_known_values():
    real, fake = [(torch.tensor([[3.0], [1.0]]), [])], [(torch.tensor([[-1.0], [2.0]]), [])]
    assert discriminator_loss(real, fake, objective="wgan_gp").item() == 0.5 - 2.0
    assert generator_loss(fake, objective="wgan_gp").item() == -0.5


def test_bfloat16_autocast_is_near():
    for settings in (TINY, FROM_MEL):
        network, panel = make(settings)
        segment = segments()
        speak = network.decode if settings.condition == "none" else network
        given = noise(2, 8) if settings.condition == "none" else segment.mel
        with torch.autocast("cpu", torch.bfloat16):
            rough = speak(given)
            ((score, _),) = judge(panel, (rough,), segment.mel)
        assert (rough.float() - speak(given)).abs().max() < 0.05
        assert score.isfinite().all()


def test_discriminators_leave_what_they_hear_as_it_was():
    for settings in (TINY, FROM_MEL):
        _, panel = make(settings)
        segment = segments()
        before = segment.waveform.clone(), segment.mel.clone()
        judge(panel, (segment.waveform,), segment.mel)
        assert torch.equal(segment.waveform, before[0])
        assert torch.equal(segment.mel, before[1])


def test_a_sine_is_learned_by_heart():
    network, _ = make(dataclasses.replace(TINY, channels=8, post_filter=32))
    sine = 0.5 * torch.sin(2 * torch.pi * 220 * torch.arange(1024) / 22050)[None]
    code = noise(1, 8)
    optimizer = torch.optim.Adam(network.parameters(), 3e-3, betas=(0.5, 0.9))
    for _ in range(150):
        error = (network.decode(code) - sine).square().mean()
        optimizer.zero_grad()
        error.backward()
        optimizer.step()
    assert error < 0.02 * sine.square().mean()


def test_one_segment_is_learned_from_its_mel():
    network, _ = make(FROM_MEL)
    waveform = voice(256 * 16)
    batch = VocoderBatch(("a",), mel_spectrogram(waveform, MEL), waveform)
    optimizer = torch.optim.Adam(network.parameters(), 3e-3, betas=(0.5, 0.9))
    history = []
    for _ in range(80):
        loss = network.loss(batch, network(batch.mel))["mel"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        history.append(loss.item())
    assert min(history[-5:]) < 0.5 * history[0]


def test_the_adversary_alone_teaches_how_loud_and_bright_recordings_are():
    settings = adversarial_settings(
        loss_weights={"spectrum": 0.0, "adversarial": 1.0},
        optimizer=FAST,
        schedule={},
        adversary={"optimizer": FAST, "objective": "wgan_gp", "penalty": 10.0, "updates": 2},
        steps=80,
        clip_norm=None,
        ema_decay=None,
        best_by="spectrum",
    )
    task = AdversarialTask(*make(), settings)
    batch = segments(size=4)
    before = task.validate([batch])
    for step in range(80):
        terms = task.update([batch], step).terms
    after = task.validate([batch])
    assert after["spectrum"] < 0.7 * before["spectrum"]
    assert after["loss"] == 0  # no term of the network itself has a weight
    assert {"discriminator", "gradient_penalty"} <= terms.keys()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rates": ()}, "rates must be numbers from 2 to 25"),
        ({"rates": (4, 30)}, "rates must be numbers from 2 to 25"),
        ({"post_filter": 0}, "must be 1 or more"),
        ({"phase_shuffle": -1}, "phase_shuffle 0 or more"),
    ],
)
def test_impossible_sizes_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(TINY, **changes)


def test_rates_that_do_not_make_the_hop_are_refused():
    with pytest.raises(ConfigError, match=r"multiply to 64, but with condition 'mel' they make .* which is 256"):
        make(dataclasses.replace(TINY, condition="mel"))
    with pytest.raises(ConfigError, match=r"mels is 40, but audio.n_mels 80"):
        make(dataclasses.replace(FROM_MEL, mels=40))
