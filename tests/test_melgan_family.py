"""MelGAN, Multi-band MelGAN and Parallel WaveGAN beyond what every vocoder is asked: public weights, bands, noise."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from tts.audio.mel_definition import MelDefinition
from tts.errors import CheckpointError, ConfigError
from tts.imports import melgan_descript, multiband_melgan, parallel_wavegan
from tts.imports.importing import import_checkpoint
from tts.imports.layout import Given
from tts.imports.layouts import find_layout
from tts.interfaces import Inventory, VocoderBatch
from tts.layers.melgan_discriminator import MelGanDiscriminatorConfig, MelGanDiscriminators
from tts.layers.pqmf import Pqmf
from tts.losses.adversarial import feature_matching_loss
from tts.vocoders import melgan
from tts.vocoders import multiband_melgan as multiband
from tts.vocoders import parallel_wavegan as pwg

GOLDEN = Path(__file__).parents[2] / "shared" / "golden"
MEL = MelDefinition(sample_rate=22050, n_fft=1024, hop_length=256, win_length=1024, n_mels=80, f_min=0.0, f_max=8000.0)
STATISTICS = {"mean": [0.0] * 80, "scale": [1.0] * 80}
TINY_PWG = pwg.Config(
    layers=4, stacks=2, residual_channels=8, gate_channels=8, skip_channels=8, discriminator_channels=4
)


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def golden(name):
    folder = GOLDEN / name
    if not folder.exists():
        pytest.skip(f"the golden fixture {name} is not beside this checkout")
    return load_file(folder / "state.safetensors"), np.load(folder / "io.npz")


def speaking(config, system):
    torch.manual_seed(0)
    return system.SYSTEM.build(config, Inventory(mel=MEL)).eval()


def count(network):
    return sum(each.numel() for each in network.parameters())


def test_melgan_equals_the_public_implementation():
    state, arrays = golden("melgan_small")
    imported = import_checkpoint(state, Given())
    assert imported.layout is melgan_descript.LAYOUT
    assert imported.understood.inventory.mel == dataclasses.replace(MEL, f_max=11025.0, magnitude_epsilon=0.0)
    for mel, waveform in (("mel", "wav"), ("mel_short", "wav_short")):
        with torch.inference_mode():
            ours = imported.network(math.log(10) * torch.from_numpy(arrays[mel]))
        np.testing.assert_allclose(ours, arrays[waveform][:, 0], atol=1e-5, rtol=0)


def test_parallel_wavegan_equals_the_public_implementation():
    state, arrays = golden("parallel_wavegan_small")
    given = Given(config={"generator_params": {"stacks": 2}}, statistics=STATISTICS)
    network = import_checkpoint(state, given).network
    with torch.inference_mode():
        neighbours = network.upsampling.conv_in(torch.from_numpy(arrays["c"]))
        conditions = network.upsampling.upsampled(neighbours)
        np.testing.assert_allclose(conditions, arrays["c_upsampled"], atol=1e-5, rtol=0)
        ours = network.shaped(torch.from_numpy(arrays["z"][:, 0]), conditions)
        np.testing.assert_allclose(ours, arrays["wav"][:, 0], atol=1e-5, rtol=0)
        mel = math.log(10) * torch.from_numpy(arrays["infer_c"].T.copy())[None]
        alone = network(mel, noise=torch.from_numpy(arrays["infer_z"].T.copy()))
    np.testing.assert_allclose(alone[0], arrays["infer_wav"][:, 0], atol=1e-5, rtol=0)


def test_the_statistics_of_public_weights_standardise_decimal_mels():
    state, _ = golden("parallel_wavegan_small")
    given = Given(statistics={"mean": [-2.0] * 80, "scale": [0.5] * 80}, config={"generator_params": {"stacks": 2}})
    network = import_checkpoint(state, given).network
    decimal = noise(1, 80, 3) - 2
    torch.testing.assert_close(network.standard(math.log(10) * decimal), (decimal + 2) / 0.5)


@pytest.mark.parametrize("statistics", [None, {"mean": [0.0] * 80}, {"mean": [0.0] * 79, "scale": [1.0] * 80}])
def test_public_weights_without_their_statistics_are_refused(statistics):
    state = _theirs(speaking(multiband.SMALL, multiband))
    with pytest.raises(CheckpointError, match=r"of 80 bins.*--statistics"):
        import_checkpoint(state, Given(statistics=statistics))


def test_multiband_melgan_comes_back_from_the_public_layout():
    network = speaking(multiband.SMALL, multiband)
    config = {"sampling_rate": 24000, "fmax": None, "win_length": None}
    imported = import_checkpoint(
        {"model": {"generator": _theirs(network)}}, Given(config=config, statistics=STATISTICS)
    )
    assert imported.layout is multiband_melgan.LAYOUT
    mel = imported.understood.inventory.mel
    assert (mel.sample_rate, mel.f_max, mel.win_length, mel.framing) == (24000, 12000.0, 1024, "centered")
    decimal = noise(1, 80, 9)
    with torch.inference_mode():
        expected = network(2 * decimal - 5)  # what our constants make zero mean and unit variance
        torch.testing.assert_close(imported.network(math.log(10) * decimal), expected, atol=1e-6, rtol=0)


def _theirs(network):
    """Tensors as kan-bayashi names them."""
    theirs, place = {}, 3
    state = network.state_dict()

    def take(ours, name):
        theirs.update(_named(state, ours, f"melgan.{name}"))

    take("conv_pre", "1")
    for stage, blocks in enumerate(network.stages):
        take(f"ups.{stage}", place)
        for block in range(len(blocks)):
            place += 1
            for ours, name in (("dilated", "stack.2"), ("pointwise", "stack.4"), ("shortcut", "skip_layer")):
                take(f"stages.{stage}.{block}.{ours}", f"{place}.{name}")
        place += 2
    take("conv_post", place + 1)
    return theirs


JUDGES = {
    "melgan_descript": (melgan, "model.disc_{}.model.layer_{}"),
    "multiband_melgan": (multiband, "discriminators.{}.layers.{}"),
}


@pytest.mark.parametrize("layout", JUDGES)
def test_judges_come_back_from_the_public_layouts(layout):
    system, layer = JUDGES[layout]
    judges = system.SYSTEM.build_discriminator(system.SMALL)
    theirs, state = {}, judges.state_dict()
    for member, judge in enumerate(judges.members):
        places = ["conv_pre", *(f"convs.{number}" for number in range(len(judge.convs))), "conv_post"]
        for number, ours in enumerate(places):
            inner = {0: ".1", len(places) - 1: ""}.get(number, ".0")
            theirs |= _named(state, f"members.{member}.{ours}", layer.format(member, number) + inner)
    content = theirs if layout == "melgan_descript" else {"model": {"discriminator": theirs}}
    again = find_layout(layout).discriminator(content)
    assert again.keys() == state.keys()
    assert all(torch.equal(again[name], state[name]) for name in state)


def test_the_judge_of_parallel_wavegan_comes_back_from_the_public_layout():
    judge = pwg.SYSTEM.build_discriminator(TINY_PWG)
    state, theirs = judge.state_dict(), {}
    for number in range(len(judge.convs)):
        theirs |= _named(state, f"convs.{number}", f"conv_layers.{2 * number}")
    theirs |= _named(state, "conv_post", f"conv_layers.{2 * len(judge.convs)}")
    again = parallel_wavegan.discriminator({"model": {"discriminator": theirs}})
    assert again.keys() == state.keys()
    assert all(torch.equal(again[name], state[name]) for name in state)


@pytest.mark.parametrize("content", [{}, {"model": {}}, {"model": {"discriminator": 1}}])
def test_files_without_a_judge_are_refused(content):
    for module in (multiband_melgan, parallel_wavegan):
        with pytest.raises(CheckpointError, match="holds no discriminator"):
            module.discriminator(content)
    with pytest.raises(CheckpointError, match="is missing"):
        melgan_descript.discriminator({})


def _named(state, ours, theirs):
    names = {"parametrizations.weight.original0": "weight_g", "parametrizations.weight.original1": "weight_v"}
    return {f"{theirs}.{new}": state[f"{ours}.{old}"] for old, new in {**names, "bias": "bias"}.items()}


@pytest.mark.parametrize("module", [melgan_descript, multiband_melgan, parallel_wavegan])
def test_weights_of_another_layout_are_refused(module):
    for state in ({"conv_pre.bias": noise(4)}, {"model.1.bias": noise(4)}):
        assert not module.recognises(state)
        with pytest.raises(CheckpointError, match="missing"):
            module.converted(state)


def test_a_tensor_too_many_is_refused():
    state, _ = golden("melgan_small")
    with pytest.raises(CheckpointError, match=r"model\.99\.bias is left over"):
        melgan_descript.converted({**state, "model.99.bias": noise(1)})


@pytest.mark.parametrize(
    ("system", "configuration", "generator", "discriminator"),
    [
        (melgan, "published", 4_266_050, 16_924_086),
        (multiband, "published", 2_539_448, 4_354_998),
        (multiband, "full_band", 4_707_586, 4_354_998),
        (pwg, "published", 1_346_042, 99_842),
    ],
)
def test_sizes_with_weight_norm_are_those_of_the_public_code(system, configuration, generator, discriminator):
    config = system.SYSTEM.configurations[configuration]
    with torch.device("meta"):
        assert count(system.SYSTEM.build(config, Inventory(mel=MEL))) == generator
        assert count(system.SYSTEM.build_discriminator(config)) == discriminator


def test_an_odd_rate_upsamples_exactly():
    definition = dataclasses.replace(MEL, hop_length=300, win_length=1200, n_fft=2048)
    config = dataclasses.replace(multiband.SMALL, channels=32, upsample_rates=(5, 5, 3))
    network = multiband.SYSTEM.build(config, Inventory(mel=definition)).eval()
    assert network(noise(1, 80, 7)).shape == (1, 2100)


def test_sub_bands_survive_the_way_through_the_waveform():
    bands, split = noise(2, 4, 500), Pqmf()
    again = split.analysis(split.synthesis(bands))
    inner = slice(32, -32)
    error = (again - bands)[..., inner].square().mean() / bands[..., inner].square().mean()
    assert 10 * math.log10(error) < -60


def test_the_sub_band_term_hears_a_band_that_the_full_band_hardly_does():
    network = speaking(multiband.SMALL, multiband)
    waveform = 0.1 * noise(1, 8192)
    bands = network.pqmf.analysis(waveform)
    bands[:, 3] *= 0.5
    batch = VocoderBatch(("a",), torch.zeros(1, 80, 32), waveform)
    same, changed = (network.loss(batch, each) for each in (waveform, network.pqmf.synthesis(bands)))
    assert same["subband_stft"] == 0
    # One band in four at half its magnitude: convergence √(¼ · ¼), and a quarter of ln 2.
    assert changed["subband_stft"].item() == pytest.approx(0.25 + math.log(2) / 4, abs=0.02)


def test_every_frame_has_its_own_normal_noise_wherever_a_mel_begins():
    network = speaking(TINY_PWG, pwg)
    drawn = network.noise(range(6))
    assert drawn.shape == (1, 6 * 256)
    assert torch.equal(network.noise(range(2, 5))[0], drawn[0, 2 * 256 : 5 * 256])
    assert drawn.mean().abs() < 0.1
    assert drawn.std().item() == pytest.approx(1, abs=0.05)
    torch.rand(1)  # the global generator plays no part
    assert torch.equal(network.noise(range(6)), drawn)
    other = speaking(dataclasses.replace(TINY_PWG, seed=1), pwg)
    assert not torch.equal(other.noise(range(6)), drawn)


def test_all_items_of_a_batch_speak_from_the_same_noise():
    network, mel = speaking(TINY_PWG, pwg), noise(1, 80, 6)
    both = network(mel.expand(2, -1, -1))
    assert torch.equal(both[0], both[1])
    assert torch.equal(both, network(mel.expand(2, -1, -1), noise=network.noise(range(6))))


def test_training_noise_differs_between_items_and_follows_the_seed():
    network, mel = speaking(TINY_PWG, pwg).train(), noise(2, 80, 6)
    torch.manual_seed(3)
    first = network(mel)
    torch.manual_seed(3)
    assert torch.equal(network(mel), first)
    assert not torch.equal(network(mel), first)
    assert not torch.equal(network(mel[:1].expand(2, -1, -1))[0], network(mel[:1].expand(2, -1, -1))[1])


def test_a_sample_depends_on_noise_within_the_receptive_field_and_not_beyond():
    network = speaking(TINY_PWG, pwg)
    mel, drawn = noise(1, 80, 4), noise(1, 1024).requires_grad_()
    network(mel, noise=drawn)[0, 500].backward()
    touched = drawn.grad[0].nonzero().flatten()
    reach = 2 * (1 + 2)  # dilations 1 and 2, twice; a kernel of 3 reaches one dilation to each side
    assert (touched.min(), touched.max()) == (500 - reach, 500 + reach)


def test_the_first_and_last_frame_stand_for_their_neighbours():
    network = speaking(TINY_PWG, pwg)
    mel, drawn = noise(1, 80, 5), noise(1, 5 * 256)
    longer = torch.cat((mel[..., :1], mel[..., :1], mel, mel[..., -1:], mel[..., -1:]), dim=2)
    neighbours = network.upsampling.conv_in(network.standard(longer))
    expected = network.shaped(drawn, network.upsampling.upsampled(neighbours))
    torch.testing.assert_close(network(mel, noise=drawn), expected.clamp(-1, 1))


def test_training_samples_are_not_clipped():
    network, mel = speaking(TINY_PWG, pwg), noise(1, 80, 4)
    with torch.no_grad():
        network.conv_post.bias.fill_(3.0)
    assert network(mel).max() == 1
    assert network.train()(mel).max() > 1


def test_melgan_discriminators_see_halved_rates_and_keep_scores_out_of_features():
    judges = MelGanDiscriminators(MelGanDiscriminatorConfig(scales=3, channels=4, strides=(4, 4), max_channels=16))
    waveform = noise(2, 4096)
    judgements = judges(waveform)
    assert [score.shape for score, _ in judgements] == [(2, 256), (2, 128), (2, 64)]
    assert all(len(features) == 4 for _, features in judgements)
    assert feature_matching_loss(judgements, judges(waveform)) == 0
    constant = judges.halved(torch.ones(1, 1, 64))
    assert torch.equal(constant, torch.ones(1, 1, 32))  # padding does not count


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: melgan.Config(channels=20), "halved 4 times, 20 cannot"),
        (lambda: melgan.Config(upsample_rates=(8, 0)), "must be positive"),
        (lambda: MelGanDiscriminatorConfig(channels=6), "multiples of 4"),
        (lambda: pwg.Config(layers=10, stacks=3), "10 is none of 3"),
        (lambda: pwg.Config(gate_channels=5), "must be even, 5 is not"),
        (lambda: pwg.MelStandard(scale=(0.0,)), "scales above 0"),
    ],
)
def test_impossible_sizes_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize("system", [melgan, multiband, pwg])
def test_rates_that_do_not_make_the_hop_are_refused(system):
    with pytest.raises(ConfigError, match="multiply to 256, but the mel's hop_length is 200"):
        system.SYSTEM.build(system.SMALL, Inventory(mel=dataclasses.replace(MEL, hop_length=200)))
