"""VocGAN: five rates, skips, joint discriminators, and the public implementation."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from test_vocoders import LIGHT, MEL, NESTED, noise, voice

from tts.errors import CheckpointError, ConfigError
from tts.imports.vocgan import converted, recognises
from tts.interfaces import Inventory, VocoderBatch
from tts.layers.decimation import decimated
from tts.losses.adversarial import feature_matching_loss, generator_loss
from tts.training.judging import at_rates_of, judge
from tts.vocoders.vocgan import SYSTEM, Config, VocGan

GOLDEN = Path(__file__).parents[2] / "shared" / "golden"


def make(settings=NESTED):
    torch.manual_seed(0)
    return VocGan(settings, Inventory(mel=MEL)), SYSTEM.build_discriminator(settings)


def batch(frames=16, size=2):
    waveform = torch.cat([voice(256 * frames, f0=100.0 + 40 * number) for number in range(size)])
    return VocoderBatch(tuple("abcdef"[:size]), noise(size, 80, frames) - 4, waveform)


def public(branch):
    folder = GOLDEN / f"vocgan_{branch}_small"
    if not folder.exists():
        pytest.skip(f"the golden fixture vocgan_{branch}_small is not beside this checkout")
    return load_file(folder / "state.safetensors"), np.load(folder / "io.npz")


PUBLIC = {
    "baseline": (Config(channels=64, blocks=3), ["out5", "out4", "out3", "out2", "out1"]),
    "master": (Config(channels=64, blocks=4, nested=False), ["out"]),
}


@pytest.mark.parametrize("branch", PUBLIC)
def test_generators_equal_the_public_ones(branch):
    settings, names = PUBLIC[branch]
    state, arrays = public(branch)
    assert recognises(state)
    # In double precision, so that all that differs is the rounding of the public output, up to 9e-6 in master's.
    network = VocGan(settings, Inventory(mel=MEL)).eval().double()
    network.load_state_dict(converted(state))
    mel, short = (torch.from_numpy(arrays[name]).double() for name in ("mel", "mel_short"))
    appended = torch.full((1, 80, 10), -11.5129, dtype=torch.float64)  # what the public `inference` speaks too
    with torch.inference_mode():
        spoken = network.generate(VocoderBatch(("a", "b"), mel, mel))
        for ours, name in zip(spoken, names, strict=True):
            np.testing.assert_allclose(ours.numpy(), arrays[name][:, 0], atol=1e-5, rtol=0)
        longer = network(torch.cat((short, appended), dim=2))
    np.testing.assert_allclose(longer.numpy(), arrays["inference_wav"][:, 0], atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda state: state.pop("res_stack_4.1.shortcut.bias"), None),
        (lambda state: [state.pop(name) for name in list(state) if name.startswith("sub_out_2.")], "sub_out_2.2"),
        (lambda state: state.update({"out.3.bias": torch.zeros(1)}), "out.3.bias is left over"),
    ],
)
def test_checkpoints_that_are_not_whole_are_refused(change, message):
    state = named_as_theirs()
    converted(state)
    change(state)
    if message is None:  # one tensor of a module: the network itself tells, which knows its tensors
        with pytest.raises(RuntimeError, match=r"stages.3.blocks.1.shortcut.bias"):
            make()[0].load_state_dict(converted(state))
    else:
        with pytest.raises(CheckpointError, match=message):
            converted(state)


def named_as_theirs():
    """The tensors of our small generator by the public names."""
    blocks = {"dilated": "block.2", "mixed": "block.4", "shortcut": "shortcut"}
    found = {}
    for name, tensor in make()[0].state_dict().items():
        part, *rest = name.split(".")
        number = int(rest[0]) if rest[0].isdigit() else 0
        if part in ("start", "out"):
            theirs = [part, "1" if part == "start" else "2", *rest[1:]]
        elif part == "heads":
            theirs = [f"sub_out_{number + 1}", "2", *rest[2:]]
        elif rest[1] == "upsample":
            theirs = [f"upsample_{number + 1}", "1", *rest[2:]]
        elif rest[1] == "skip":
            theirs = [f"skip_upsample_{number - 1}", *rest[2:]]
        else:
            theirs = [f"res_stack_{number + 1}", rest[2], blocks[rest[3]], *rest[4:]]
        found[".".join(theirs)] = tensor
    return found


def test_public_sizes_with_weight_norm():
    def size(network):
        return sum(each.numel() for each in network.parameters())

    with torch.device("meta"):
        published, light = (VocGan(SYSTEM.configurations[name], Inventory(mel=MEL)) for name in ("published", "light"))
        discriminators = {name: SYSTEM.build_discriminator(each) for name, each in SYSTEM.configurations.items()}
    assert (size(published), size(light)) == (4_715_698, 4_714_010)
    assert size(discriminators["light"]) == 4_354_998
    joint = [*discriminators["published"].full, *discriminators["published"].lower]
    # The public 207,636, with kernels of 7 for 2 and 15 for 7, and a joined layer that reads twice the channels.
    assert [size(each) for each in joint] == [207_636 + 80 * 128 * 5 + 16 * 8 + 128 * 128 * 5] * 7


def test_five_rates_are_spoken_and_the_highest_is_the_vocoders():
    network, _ = make()
    segment = batch(frames=9)
    spoken = network.generate(segment)
    assert [each.shape for each in spoken] == [(2, 9 * rate) for rate in (256, 128, 64, 32, 16)]
    assert all(each.abs().max() <= 1 for each in spoken)
    assert torch.equal(spoken[0], network(segment.mel))
    assert [each.shape for each in make(LIGHT)[0].generate(segment)] == [(2, 9 * 256)]


def test_skips_bring_each_frame_to_the_samples_about_its_middle():
    network, _ = make()
    frame = torch.zeros(1, 80, 9)
    frame[..., 4] = 1.0
    skips = [stage.skip for stage in network.stages if stage.skip is not None]
    assert [skip.stride[0] for skip in skips] == [32, 64, 128, 256]
    for skip in skips:
        reached = (skip(frame) - skip(torch.zeros_like(frame)))[0].abs().sum(0).nonzero().flatten()
        rate = skip.stride[0]
        assert (reached[0], reached[-1] + 1) == (4.5 * rate - rate, 4.5 * rate + rate)


def test_a_joint_discriminator_scores_the_waveform_alone_and_with_the_mel():
    _, panel = make()
    segment = batch(frames=16)
    changed = segment.mel.clone()
    changed[..., 12] += 1.0
    for rate, each in ((256, panel.full[0]), (16, panel.lower[-1])):
        waveform = decimated(segment.waveform, 256 // rate)
        (alone, _), (joined, _) = each(waveform, segment.mel)
        (still_alone, _), (otherwise, _) = each(waveform, changed)
        assert alone.shape == joined.shape == (2, 16 * rate // 8)
        assert torch.equal(alone, still_alone)
        moved = (joined != otherwise).any(0).nonzero().flatten() * 8 / rate  # in frames
        assert moved[0] >= 12 - 3 - 3 * 8 / rate  # by kernels of 7, then 5 and 3
        assert moved[-1] <= 13 + 3 + 3 * 8 / rate


def test_every_rate_has_two_scores_and_inputs_stay_as_they_were():
    network, panel = make()
    segment = batch()
    spoken = network.generate(segment)
    before = [each.detach().clone() for each in spoken]
    mel = segment.mel.clone()
    judgements = judge(panel, spoken, segment.mel)
    assert len(judgements) == 2 * (NESTED.scales + 4)
    assert all(torch.equal(ours, theirs) for ours, theirs in zip(spoken, before, strict=True))
    assert torch.equal(segment.mel, mel)


def test_nested_discriminators_move_every_parameter_of_both():
    network, panel = make()
    segment = batch()
    spoken = network.generate(segment)
    judged = judge(panel, spoken, segment.mel)
    real = judge(panel, at_rates_of(spoken, segment.waveform), segment.mel)
    loss = network.loss(segment, spoken[0])["stft"] + generator_loss(judged) + feature_matching_loss(real, judged)
    loss.backward()
    for name, parameter in [*network.named_parameters(), *panel.named_parameters()]:
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.any(), name


@pytest.mark.parametrize("settings", [NESTED, LIGHT])
def test_bfloat16_autocast_is_near(settings):
    network, panel = make(settings)
    segment = batch()
    with torch.autocast("cpu", torch.bfloat16):
        rough = network.generate(segment)
        scores = judge(panel, rough, segment.mel)
    for ours, theirs in zip(rough, network.generate(segment), strict=True):
        assert (ours.float() - theirs).abs().max() < 0.1
    assert all(score.isfinite().all() for score, _ in scores)


def test_one_segment_is_learned():
    network, _ = make(LIGHT)
    segment = batch(size=1)
    optimizer = torch.optim.Adam(network.parameters(), 3e-3, betas=(0.5, 0.9))
    history = []
    for _ in range(60):
        loss = network.loss(segment, network(segment.mel))["stft"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        history.append(loss.item())
    assert min(history[-5:]) < 0.5 * history[0]


@pytest.mark.parametrize("factor", [2, 4, 16])
def test_a_lower_rate_keeps_what_it_can_hold_in_place_and_nothing_else(factor):
    time = torch.arange(4096.0)[None]
    half = torch.pi / factor  # the highest pulsation that the lower rate holds
    later = torch.arange(4096 // factor) * factor + (factor - 1) / 2
    inner = slice(64, -64) if factor < 16 else slice(40, -40)
    kept, gone = (decimated(torch.sin(share * half * time), factor)[0] for share in (0.6, 1.2))
    torch.testing.assert_close(kept[inner], torch.sin(0.6 * half * later)[inner], atol=1e-3, rtol=0)
    assert gone[inner].abs().max() < 1e-3
    assert torch.equal(decimated(time, 1), time)


def test_a_hop_or_mel_that_does_not_fit_is_refused():
    with pytest.raises(ConfigError, match="multiply to 256, but the mel's hop_length is 200"):
        VocGan(NESTED, Inventory(mel=dataclasses.replace(MEL, hop_length=200)))
    with pytest.raises(ConfigError, match=r"mels is 80, but audio.n_mels 40"):
        VocGan(NESTED, Inventory(mel=dataclasses.replace(MEL, n_mels=40)))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"upsample_rates": (4, 4, 3, 2)}, "even numbers"),
        ({"upsample_rates": (16, 16)}, "three even numbers"),
        ({"channels": 48}, "halved 5 times"),
        ({"discriminator_channels": 6}, "multiple of 4"),
        ({"upsample_rates": (2, 2, 4, 4)}, "slowest waveform judged has 4 samples"),
        ({"scales": 8}, "slowest waveform judged has 2 samples"),
    ],
)
def test_impossible_sizes_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(NESTED, **changes)
