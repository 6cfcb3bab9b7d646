"""VITS2 as a whole: sizes, padding, controls, gradients, what it refuses."""

import dataclasses

import pytest
import torch

from tts.audio.mel_definition import MelDefinition
from tts.audio.spectrogram import mel_spectrogram
from tts.config import build, to_plain
from tts.end_to_end.vits2 import SYSTEM, TINY, Config, Vits2, padded_mel
from tts.errors import ConfigError
from tts.interfaces import Controls, EndToEndBatch, Inventory
from tts.layers.relative_transformer import RelativeTransformerConfig
from tts.training.export import folded_state

MEL = MelDefinition(sample_rate=22050, n_fft=1024, hop_length=256, win_length=1024, n_mels=80, f_min=0.0, f_max=8000.0)
SYMBOLS = tuple(map(str, range(204)))
TWO = Inventory(mel=MEL, symbols=SYMBOLS[:9], speakers=("ann", "bob"))
WIDE = dataclasses.replace(TINY.trunk, upsample_rates=(8, 8))
VARIANTS = {
    "mb_istft": TINY,
    "ms_istft": dataclasses.replace(TINY, decoder="ms_istft", speaker_in_decoder=True),
    "istft": dataclasses.replace(TINY, decoder="istft", trunk=WIDE, durations="stochastic"),
    "hifigan": dataclasses.replace(
        TINY,
        decoder="hifigan",
        trunk=dataclasses.replace(WIDE, upsample_rates=(16, 16), upsample_kernels=(32, 32)),
        blanks=False,
    ),
}


def make(name="mb_istft", inventory=TWO):
    torch.manual_seed(0)
    return Vits2(VARIANTS[name], inventory)


def clips():
    draw = torch.Generator().manual_seed(1)
    frames = torch.tensor([60, 43])
    waveform = 0.1 * torch.randn(2, 60 * 256, generator=draw)
    waveform[1, 43 * 256 :] = 0
    phones = torch.tensor([[1, 2, 3, 4, 5, 6, 7, 8], [8, 7, 6, 5, 4, 0, 0, 0]])
    return EndToEndBatch(("a", "b"), phones, torch.tensor([8, 5]), waveform, frames, torch.tensor([0, 1]))


@pytest.mark.parametrize(
    ("configuration", "all_parameters", "to_speak"),
    [
        ("mb_istft", 36_725_905, 29_571_025),
        ("istft", 36_677_413, None),
        ("ms_istft", 36_726_158, None),
        ("mini_istft", 9_529_637, None),
        ("mini_mb_istft", 9_553_937, 7_736_561),
    ],
)
def test_sizes_are_those_published(configuration, all_parameters, to_speak):
    with torch.device("meta"):
        network = Vits2(SYSTEM.configurations[configuration], Inventory(mel=MEL, symbols=SYMBOLS))
    assert sum(each.numel() for each in network.parameters()) == all_parameters
    if to_speak:
        learning_only = sum(each.numel() for each in network.posterior.parameters())
        assert all_parameters - learning_only == to_speak


def test_the_size_for_103_speakers_is_the_published_one():
    speakers = tuple(f"p{number}" for number in range(103))
    with torch.device("meta"):
        network = Vits2(Config(), Inventory(mel=MEL, symbols=SYMBOLS, speakers=speakers))
    assert sum(each.numel() for each in network.parameters()) == 39_203_665


@pytest.mark.parametrize("name", VARIANTS)
def test_an_item_of_a_padded_batch_is_spoken_as_it_is_alone(name):
    network, batch = make(name).eval(), clips()
    with torch.no_grad():
        together = network.speak(
            batch.phones, batch.phone_lengths, speaker_ids=batch.speaker_ids, controls=Controls(), seed=4
        )
        alone = network.speak(
            batch.phones[1:, :5], torch.tensor([5]), speaker_ids=torch.tensor([1]), controls=Controls(), seed=4
        )
    samples = int(alone.num_samples)
    assert together.num_samples[1] == samples == alone.durations.sum() * 256
    assert torch.equal(together.durations[1, :5], alone.durations[0])
    torch.testing.assert_close(together.waveform[1, :samples], alone.waveform[0], atol=1e-5, rtol=1e-4)
    assert not together.waveform[1, samples:].any()


@pytest.mark.parametrize("name", VARIANTS)
def test_every_parameter_learns(name):
    network, batch = make(name), clips()
    for module in network.modules():  # what begins as zero passes no gradient on
        if isinstance(module, torch.nn.Linear) and not module.weight.any():
            module.weight.data.normal_(std=0.1)
    learned = network.learn(batch, segment_frames=12, alignment_noise=0.01)
    terms = network.loss(batch, learned)
    assert terms.keys() == {"mel", "kl", "duration"} | ({"subband"} if name == "mb_istft" else set())
    (sum(terms.values()) + learned.predicted.sum()).backward()
    for parameter, tensor in network.named_parameters():
        assert tensor.grad is not None, parameter
        assert tensor.grad.isfinite().all(), parameter


def test_durations_of_an_alignment_fill_the_recording():
    network, batch = make(), clips()
    learned = network.learn(batch, segment_frames=12, alignment_noise=0.0)
    assert torch.equal(learned.durations.sum(1), batch.frames)
    assert torch.equal(learned.durations > 0, learned.mask)


def test_decoded_segments_stand_where_they_are_compared():
    network, batch = make(), clips()
    learned = network.learn(batch, segment_frames=12, alignment_noise=0.0)
    recorded = network.segment(batch, learned)
    assert recorded.shape == learned.waveform.shape == (2, 12 * 256)
    start = int(learned.starts[1]) * 256
    assert torch.equal(recorded[1], batch.waveform[1, start : start + 12 * 256])


def test_the_mel_of_a_padded_recording_is_that_of_the_recording_alone():
    batch, definition = clips(), dataclasses.replace(MEL, f_max=11025.0)
    mel = padded_mel(batch.waveform, batch.frames, definition)
    alone = mel_spectrogram(batch.waveform[1:, : 43 * 256], definition).transpose(1, 2)
    torch.testing.assert_close(mel[1:, :43], alone, atol=1e-5, rtol=0)
    assert not mel[1, 43:].any()
    whole = mel_spectrogram(batch.waveform[:1], definition).transpose(1, 2)
    torch.testing.assert_close(mel[:1], whole, atol=1e-5, rtol=0)


def spoken(controls, seed=0):
    batch = clips()
    with torch.no_grad():
        network = make().eval()
        return network.speak(
            batch.phones, batch.phone_lengths, speaker_ids=batch.speaker_ids, controls=controls, seed=seed
        )


def test_twice_the_duration_is_twice_the_frames_but_for_rounding():
    once, twice = spoken(Controls()).durations, spoken(Controls(duration_scale=2.0)).durations
    assert ((2 * once - twice) >= 0).all()
    assert ((2 * once - twice) <= 4).all()  # each of a phone and its blank, the first having two, is rounded up


def test_a_scale_for_each_phone_is_that_phone_s_alone():
    scale = torch.ones(2, 8)
    scale[0, 3] = 3.0
    plain, changed = spoken(Controls()).durations, spoken(Controls(duration_scale=scale)).durations
    assert (changed[0] - plain[0]).nonzero().flatten().tolist() == [3]
    assert torch.equal(changed[1], plain[1])


def test_the_seed_decides_what_is_left_to_chance_and_no_noise_leaves_nothing():
    assert torch.equal(spoken(Controls(), seed=1).waveform, spoken(Controls(), seed=1).waveform)
    assert not torch.equal(spoken(Controls(), seed=1).waveform, spoken(Controls(), seed=2).waveform)
    still = Controls(noise_scale=0.0)
    assert torch.equal(spoken(still, seed=1).waveform, spoken(still, seed=2).waveform)


def test_weights_survive_folding_and_a_round_trip():
    network, batch = make().eval(), clips()
    other = make().eval()
    other.fold_weight_norm()
    other.load_state_dict(folded_state(network))
    arguments = {"speaker_ids": batch.speaker_ids, "controls": Controls()}
    with torch.no_grad():
        pair = [each.speak(batch.phones, batch.phone_lengths, **arguments).waveform for each in (network, other)]
    torch.testing.assert_close(*pair, atol=1e-5, rtol=0)


def test_settings_survive_as_plain_values():
    assert build(Config, to_plain(TINY), where="model") == TINY


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"text": RelativeTransformerConfig(heads=3)}, "hidden 16 is not a multiple of text.heads 3"),
        ({"istft_hop": 9}, "istft_size of at least twice istft_hop"),
        ({"decoder": "istft", "pqmf": "legacy"}, "pqmf has no effect on decoder istft; remove it"),
    ],
)
def test_settings_that_do_not_fit_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(TINY, **change)


def test_a_decoder_of_another_rate_than_the_mel_s_is_refused():
    with pytest.raises(ConfigError, match=r"decoder mb_istft makes 256 samples of a frame .* hop_length is 300"):
        Vits2(TINY, dataclasses.replace(TWO, mel=dataclasses.replace(MEL, hop_length=300)))


def test_segments_too_short_for_their_sub_bands_are_refused():
    with pytest.raises(ConfigError, match="segment_frames 5 is too short for the loss of sub-bands; raise it to 6"):
        make().learn(clips(), segment_frames=5, alignment_noise=0.0)
    learned = make().learn(clips(), segment_frames=6, alignment_noise=0.0)
    assert make().loss(clips(), learned)["subband"].isfinite()


@pytest.mark.parametrize("control", ["pitch_scale", "energy_scale"])
def test_controls_that_it_does_not_have_are_refused(control):
    with pytest.raises(ConfigError, match=f"{control} must be 1, not 1.2; only duration_scale and noise_scale act"):
        spoken(Controls(**{control: 1.2}))


def test_noise_below_nothing_is_refused():
    with pytest.raises(ConfigError, match="noise_scale must be 0 or a positive number, not -1"):
        Controls(noise_scale=-1.0)
