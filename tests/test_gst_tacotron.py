"""GST-Tacotron: its size, zoneout, frames of a step, and style beside the text."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from test_attentive import CONFIGS, TINY_TOKENS, changed, network_of, seeded, speak
from test_fastspeech2 import INVENTORY, batch_of
from test_tacotron2_parity import INVENTORY as KOREAN
from test_tacotron2_parity import count

from tts.acoustic.gst_tacotron import SYSTEM, Config, GstTacotron
from tts.config import build
from tts.errors import ConfigError
from tts.interfaces import Controls
from tts.layers.attentive import frames_before
from tts.layers.prenet import draws_apart
from tts.layers.recurrent import ZoneoutLstm

# Size


def cbhg(channels, *, kernels, projection, bank=128, hidden=128, highways=4):
    convolutions = sum(range(1, kernels + 1)) * channels * bank
    convolutions += 3 * projection * (kernels * bank + channels)
    norms = 2 * (kernels * bank + projection + channels)
    widened = 0 if channels == hidden else (channels + 1) * hidden
    return convolutions + norms + widened + highways * 2 * (hidden + 1) * hidden + 2 * 3 * hidden * (2 * hidden + 2)


def prenet(channels):
    return (channels + 1) * 256 + (256 + 1) * 128


REFERENCE = (
    9 * (1 * 32 + 32 * 32 + 32 * 64 + 64 * 64 + 64 * 128 + 128 * 128)
    + 3 * (2 * 32 + 2 * 64 + 2 * 128)  # biases and norms
    + 3 * 128 * (2 * 128 + 128 + 2)  # a GRU over 128 channels of the two bands that are left of 80
)
STYLES = {
    "gst": (REFERENCE + 10 * 64 + (128 + 64 + 64) * 256, 256),
    "prosody": (REFERENCE + (128 + 1) * 128, 128),
    "tacotron": (0, 0),
}


@pytest.mark.parametrize("name", STYLES)
def test_parameters_are_those_of_the_papers_sizes(name):
    style, width = STYLES[name]
    memory = 256 + width
    encoder = 80 * 256 + prenet(256) + cbhg(128, kernels=16, projection=128)
    attention = 3 * 256 * (128 + memory + 256 + 2) + (256 + memory + 1) * 256
    answer = (256 + memory + 1) * 256 + 2 * 4 * 256 * (256 + 256 + 2) + (256 + 1) * (2 * 80 + 1)
    postnet = cbhg(80, kernels=8, projection=256) + (256 + 1) * 80
    with torch.device("meta"):
        network = SYSTEM.build(SYSTEM.configurations[name], KOREAN)
    assert count(network) == encoder + prenet(80) + attention + answer + postnet + style


# Zoneout


def test_zoneout_takes_the_expectation_when_it_does_not_train():
    torch.manual_seed(0)
    layer, sequence = ZoneoutLstm(3, 5, 0.3).eval(), torch.randn(2, 1, 3)
    old = torch.randn(2, 5), torch.randn(2, 5)
    new = layer.cell(sequence[:, 0], old)
    outputs, state = layer(sequence, old)
    for before, after, kept in zip(old, new, state, strict=True):
        assert torch.allclose(kept, 0.3 * before + 0.7 * after)
    assert torch.equal(outputs[:, 0], state[0])


def test_zoneout_keeps_so_many_units_in_training():
    torch.manual_seed(0)
    layer, sequence = ZoneoutLstm(3, 4000, 0.3).train(), torch.randn(1, 1, 3)
    old = torch.randn(1, 4000), torch.randn(1, 4000)
    new = layer.cell(sequence[:, 0], old)
    _, state = layer(sequence, old)
    for before, after, kept in zip(old, new, state, strict=True):
        stays = kept == before
        assert torch.equal(kept, torch.where(stays, before, after))
        assert stays.float().mean() == pytest.approx(0.3, abs=0.03)


def test_without_zoneout_it_is_an_lstm():
    torch.manual_seed(0)
    layer, plain = ZoneoutLstm(3, 5, 0.0).train(), torch.nn.LSTM(3, 5, batch_first=True)
    plain.load_state_dict({f"{name}_l0": value for name, value in layer.cell.state_dict().items()})
    sequence = torch.randn(2, 7, 3)
    expected, (hidden, cell) = plain(sequence)
    outputs, state = layer(sequence)
    assert torch.allclose(outputs, expected, atol=1e-6)
    assert torch.allclose(torch.stack(state), torch.stack((hidden[0], cell[0])), atol=1e-6)


# Frames of a step


def test_the_frames_of_a_step_stand_behind_each_other():
    network, batch = network_of(changed(TINY_TOKENS, postnet=None, decoder={"frames_per_step": 3})), batch_of((4,))
    with torch.no_grad():
        network.decoder.mel.weight.zero_()
        network.decoder.mel.bias.copy_(torch.arange(60.0))
    standard = (speak(network, batch).mel[0] - network.mel_mean) / network.mel_std
    expected = torch.arange(60.0).view(3, 20).repeat(len(standard) // 3, 1)
    assert torch.allclose(standard, expected, atol=1e-4)


def test_each_step_is_told_the_last_frame_before_it():
    mel = torch.arange(1.0, 8).view(1, 7, 1)
    assert frames_before(mel, 1).flatten().tolist() == [0, 1, 2, 3, 4, 5, 6]
    assert frames_before(mel, 2).flatten().tolist() == [0, 2, 4, 6]
    assert frames_before(mel[:, :6], 2).flatten().tolist() == [0, 2, 4]


# Style


@pytest.mark.parametrize("name", ["tacotron-tokens", "tacotron-prosody-without-postnet"])
def test_style_stands_beside_the_text_and_neither_knows_of_the_other(name):
    network, batch = network_of(CONFIGS[name]), batch_of((7,))
    style = network.encode_style(batch.mel, batch.mel_lengths)

    def memory(phones, vector):
        ids = (batch.phone_lengths, batch.speaker_ids)
        return seeded(network._memory, phones, *ids, network.style.embed(vector)).values[0]

    said, other_style, other_text = (
        memory(batch.phones, style),
        memory(batch.phones, style + 0.5),
        memory(batch.phones.flip(1), style),
    )
    assert torch.equal(said[:, 24:], network.style.embed(style).expand(7, -1))
    assert torch.equal(said[:, 24:], other_text[:, 24:])
    assert torch.equal(said[:, :24], other_style[:, :24])
    assert not torch.allclose(said[:, :24], other_text[:, :24])
    assert not torch.allclose(said[:, 24:], other_style[:, 24:])


def test_tokens_and_prosody_are_bounded_by_tanh():
    network, batch = network_of(TINY_TOKENS), batch_of()
    with torch.no_grad():
        network.style.tokens.copy_(network.style.tokens.sign() * 1e4)
    loud = network.style.embed(torch.ones(1, network.style.dims) / 5)
    values = network.style.value(network.style.tokens.sign())
    assert torch.allclose(loud[0], values.mean(0), atol=1e-5)
    prosody = network_of(CONFIGS["tacotron-prosody-without-postnet"])
    with torch.no_grad():
        prosody.style.output.weight.mul_(1e4)
    assert prosody.encode_style(batch.mel, batch.mel_lengths).abs().max() == 1


def test_a_style_without_clips_is_even_weights_of_tokens():
    network = GstTacotron(TINY_TOKENS, INVENTORY)
    assert torch.allclose(network.styles.weight, torch.full((3, 10), 1 / 5))


# Draws


def test_draws_apart_leave_those_afterwards_alone():
    afterwards = []
    for number in (1, 1000):
        torch.manual_seed(3)
        with draws_apart(torch.device("cpu")):
            first = torch.rand(number)[0]
        afterwards.append((first, torch.rand(())))
    assert afterwards[0] == afterwards[1]
    torch.manual_seed(4)
    with draws_apart(torch.device("cpu")):
        assert torch.rand(1)[0] != afterwards[0][0], "the seed decides"


def test_the_encoder_drops_when_speaking_too_by_the_seed():
    network, batch = network_of(TINY_TOKENS), batch_of()

    def encode(seed):
        torch.manual_seed(seed)
        return network._memory(batch.phones, batch.phone_lengths, batch.speaker_ids, torch.zeros(3, 32)).values

    assert torch.equal(encode(1), encode(1))
    assert not torch.allclose(encode(1), encode(2))


# Errors


def test_controls_without_effect_are_refused_in_its_name():
    with pytest.raises(ConfigError, match=r"pitch_scale 1.2 has no effect on gst_tacotron"):
        speak(network_of(TINY_TOKENS), batch_of(), controls=Controls(pitch_scale=1.2))


def test_an_inventory_without_statistics_is_refused_in_its_name():
    with pytest.raises(ConfigError, match="gst_tacotron needs symbols, speakers, styles and statistics"):
        GstTacotron(TINY_TOKENS, dataclasses.replace(INVENTORY, statistics=None))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"style": "vae"}, "'none', 'gst' or 'prosody'"),
        ({"encoder": {"prenet": []}}, "prenet must be positive numbers, at least one, not \\[\\]"),
        ({"decoder": {"prenet": [8, 0]}}, "prenet must be positive numbers, at least one, not \\[8, 0\\]"),
        ({"gst": {"heads": 3}}, "width 256 is not a multiple of heads 3"),
        ({"decoder": {"zoneout": 1.0}}, "less than 1"),
        ({"decoder": {"attention": {"forward": "yes"}}}, "'off', 'plain' or 'agent'"),
        ({"prosody": {"dim": 4}}, "did you mean 'dims'"),
    ],
)
def test_settings_that_cannot_work_are_refused(values, message):
    with pytest.raises(ConfigError, match=message):
        build(Config, values, where="model")
