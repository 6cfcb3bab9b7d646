"""FastSpeech: parameter counts, padding, gradients, learning, controls and errors."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from acoustic_checks import require_gradients, require_like_loss_in_bfloat16
from test_fastspeech2 import INVENTORY, MEL, PRE_STACK, PREDICTOR, STACK, batch_of, single

from tts.acoustic.fastspeech import SYSTEM, Config, FastSpeech
from tts.config import to_plain
from tts.errors import ConfigError
from tts.interfaces import AcousticBatch, Controls
from tts.layers.cbhg import CbhgConfig
from tts.models import load_model
from tts.phones import SILENCE
from tts.training.export import export_model

POSTNET = CbhgConfig(kernels=3, bank=12, projection=10, highways=2, hidden=MEL.n_mels)
PLAIN = Config(hidden=32, encoder=STACK, decoder=STACK, duration=PREDICTOR)
CONFIGS = {
    "plain": PLAIN,
    "pre": dataclasses.replace(PLAIN, encoder=PRE_STACK, decoder=PRE_STACK),
    "cbhg": dataclasses.replace(PLAIN, postnet=POSTNET),
}
over_configs = pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS.keys())


def network_of(config: Config = PLAIN, seed: int = 0) -> FastSpeech:
    torch.manual_seed(seed)
    network = FastSpeech(config, INVENTORY)
    with torch.no_grad():  # batch statistics unlike the initial ones, and durations of about 5 frames
        for name, buffer in network.named_buffers():
            if name.endswith("running_mean"):
                buffer.normal_()
        network.durations.output.weight.mul_(0.3)
        network.durations.output.bias.fill_(1.8)
    return network.eval()


@torch.no_grad()
def speak(network: FastSpeech, batch: AcousticBatch, **controls):
    return network.speak(
        batch.phones,
        batch.phone_lengths,
        speaker_ids=batch.speaker_ids,
        style_ids=batch.style_ids,
        controls=Controls(**controls),
    )


def count(configuration: str, num_symbols: int) -> int:
    names = {"symbols": tuple(map(str, range(num_symbols))), "speakers": ("-",), "styles": ("-",)}
    mel = dataclasses.replace(MEL, n_mels=80)
    with torch.device("meta"):
        network = SYSTEM.build(SYSTEM.configurations[configuration], dataclasses.replace(INVENTORY, mel=mel, **names))
    return sum(parameter.numel() for parameter in network.parameters())


def test_parameters_of_the_public_set_up_but_for_its_frozen_and_unused_ones():
    frozen_positions, never_called = (301 + 3001) * 256, 80 * 80
    assert count("xcmyz", 300) == 25_367_169 - frozen_positions - never_called


def test_parameters_of_the_papers_set_up():
    attention, convolutions = 4 * (384 * 384 + 384), 2 * 3 * 384 * 1536 + 1536 + 384
    blocks = 12 * (attention + convolutions + 2 * 2 * 384)
    predictor = 2 * (3 * 384 * 384 + 384 + 2 * 384) + 384 + 1
    assert count("paper", 51) == 51 * 384 + blocks + predictor + 384 * 80 + 80 == 50_542_929


# Padding


@over_configs
def test_a_padded_batch_speaks_as_each_item_alone(config):
    network, batch = network_of(config), batch_of()
    together = speak(network, batch)
    assert together.pitch is None
    assert together.energy is None
    for i in range(3):
        alone, length = speak(network, single(batch, i)), int(batch.phone_lengths[i])
        frames = int(alone.mel_lengths[0])
        assert together.mel_lengths[i] == frames
        assert torch.equal(together.durations[i, :length], alone.durations[0])
        torch.testing.assert_close(together.mel[i, :frames], alone.mel[0], rtol=1e-5, atol=1e-5)
        assert not together.mel[i, frames:].any()
        assert not together.durations[i, length:].any()


@over_configs
def test_a_padded_batch_is_teacher_forced_and_judged_as_each_item_alone(config):
    network, batch = network_of(config), batch_of()
    items = [single(batch, i) for i in range(3)]
    with torch.no_grad():
        together, loss = network.teacher_forced(batch), network.loss(batch)
        for i, item in enumerate(items):
            mel = network.teacher_forced(item)[0]
            torch.testing.assert_close(together[i, : len(mel)], mel, rtol=1e-5, atol=1e-5)
            assert not together[i, len(mel) :].any()
        losses = [network.loss(item) for item in items]
    for name, value in loss.items():
        lengths = batch.phone_lengths if name == "duration" else batch.mel_lengths
        expected = torch.stack([each[name] for each in losses]) @ (lengths / lengths.sum())
        assert torch.allclose(value, expected, rtol=1e-4), name


# Training


@over_configs
def test_every_parameter_has_a_finite_gradient(config):
    network = network_of(config).train()
    terms = network.loss(batch_of())
    assert set(terms) == {"mel", "duration"} | ({"mel_postnet"} if config.postnet else set())
    sum(terms.values()).backward()
    require_gradients(network)


@over_configs
def test_bfloat16_autocast_gives_almost_the_same_loss(config):
    require_like_loss_in_bfloat16(network_of(config), batch_of())


def test_four_utterances_are_learned_by_heart():
    network, batch = network_of(dataclasses.replace(CONFIGS["pre"], postnet=POSTNET)).train(), batch_of((5, 9, 7, 6))
    optimizer = torch.optim.Adam(network.parameters(), lr=8e-3, fused=True)
    for step in range(120):
        terms = network.loss(batch)
        first = terms if step == 0 else first
        optimizer.zero_grad()
        sum(terms.values()).backward()
        optimizer.step()
    assert first["mel"] > 4, "noise of standard deviation 2"
    assert terms["mel_postnet"] < 0.4, terms
    assert terms["duration"] < 0.01
    spoken = speak(network.eval(), batch)
    assert (spoken.durations - batch.durations).abs().float().mean() < 0.1


def test_a_model_folder_speaks_as_the_network_did(tmp_path):
    network, batch = network_of(CONFIGS["cbhg"]), batch_of()
    model = to_plain(CONFIGS["cbhg"])
    export_model(tmp_path, network, system="acoustic/fastspeech", model=model, inventory=INVENTORY, training={})
    loaded = load_model(tmp_path)
    assert loaded.config == CONFIGS["cbhg"]
    assert torch.equal(speak(loaded.network, batch).mel, speak(network, batch).mel)


# Controls


def test_duration_scale_changes_the_length_by_that_factor_and_keeps_every_phone():
    network, batch = network_of(), batch_of((60, 60))
    plain = speak(network, batch).mel_lengths
    for scale in (0.8, 1.25, 2.0):
        spoken = speak(network, batch, duration_scale=scale)
        assert torch.allclose(spoken.mel_lengths / plain, torch.tensor(scale), atol=0.02)
        assert (spoken.durations[batch.phones != INVENTORY.symbols.index(SILENCE)] > 0).all()


def test_each_phone_can_have_its_own_time():
    network, batch = network_of(), batch_of()
    plain = speak(network, batch)
    scales = torch.ones(batch.phones.shape)
    scales[:, 3] = 3.0
    slowed = speak(network, batch, duration_scale=scales)
    ratio = slowed.durations[:, 3] / plain.durations[:, 3]
    assert ((ratio > 2) & (ratio < 4)).all()
    others = torch.arange(batch.phones.shape[1]) != 3
    assert ((slowed.durations - plain.durations).abs()[:, others] <= 1).all(), "only ends move, by rounding"
    same = speak(network, batch, duration_scale=torch.full(batch.phones.shape, 1.25))
    assert torch.equal(same.mel, speak(network, batch, duration_scale=1.25).mel)


def test_silence_may_vanish_and_other_phones_may_not():
    network = network_of()
    with torch.no_grad():
        network.durations.output.weight.zero_()
        network.durations.output.bias.fill_(-9)
    assert speak(network, batch_of((6,))).durations.tolist() == [[1, 1, 0, 1, 1, 1]]


@pytest.mark.parametrize("name", ["speaker_ids", "style_ids"])
def test_speakers_and_styles_change_durations_and_mel(name):
    network, batch = network_of(), batch_of()
    other = speak(network, dataclasses.replace(batch, **{name: (getattr(batch, name) + 1) % 2}))
    assert not torch.equal(other.durations, speak(network, batch).durations)


# Errors


@pytest.mark.parametrize("scale", [0, -1.0, float("nan"), torch.tensor([[1.0, 0.0]]), torch.tensor([[float("inf")]])])
def test_factors_are_positive(scale):
    with pytest.raises(ConfigError, match="duration_scale must be a positive number"):
        Controls(duration_scale=scale)


def test_semitones_and_decibels_are_factors_on_hertz_and_energy():
    assert Controls.of(pitch_semitones=12, energy_db=20) == Controls(pitch_scale=2.0, energy_scale=10.0)
    both = Controls.of(pitch_scale=1.5, pitch_semitones=-12, energy_scale=0.1, energy_db=6.0206, duration_scale=0.8)
    assert (both.pitch_scale, both.energy_scale, both.duration_scale) == pytest.approx((0.75, 0.2, 0.8))
    with pytest.raises(ConfigError, match="energy_scale must be a positive number, not nan"):
        Controls.of(energy_db=float("nan"))


def test_sentences_have_no_greatest_length():
    network, batch = network_of(), batch_of((3000,))
    assert speak(network, batch).mel_lengths.item() >= 3000


@pytest.mark.parametrize("name", ["pitch", "energy"])
def test_what_it_does_not_have_cannot_be_scaled(name):
    expected = rf"no {name} to control: {name}_scale must be 1, not 1\.2; .*train acoustic/fastspeech2"
    with pytest.raises(ConfigError, match=expected):
        speak(network_of(), batch_of(), **{f"{name}_scale": 1.2})


def test_an_inventory_without_statistics_is_refused():
    with pytest.raises(ConfigError, match="statistics"):
        FastSpeech(PLAIN, dataclasses.replace(INVENTORY, statistics=None))


def test_heads_must_divide_the_hidden_size():
    with pytest.raises(ValueError, match=r"hidden 32 is not a multiple of decoder\.heads 3"):
        dataclasses.replace(PLAIN, decoder=dataclasses.replace(STACK, heads=3))
