"""Models that speak by attention: shapes, padding, gradients, styles, attention, ends and errors."""

from __future__ import annotations

import dataclasses
import math

import pytest
import torch
from acoustic_checks import require_gradients
from test_fastspeech2 import INVENTORY, batch_of, single
from torch.nn import functional as F
from toys import settings

from pipeline.training import Run
from tts.acoustic import gst_tacotron
from tts.acoustic.gst_tacotron import GstTacotron
from tts.acoustic.tacotron2 import SYSTEM, Config, DecoderConfig, EncoderConfig, Tacotron2
from tts.config import build, to_plain
from tts.errors import ConfigError
from tts.interfaces import AttendedSpeech, Controls, Finishing, Illustrated, Inventory, Summarizing
from tts.layers.alignments import (
    aligned_attention_loss,
    attended_durations,
    diagonality,
    failures,
    guided_attention_loss,
)
from tts.layers.attention import AdditiveAttention, AttentionConfig
from tts.layers.attentive import SpeakingConfig
from tts.layers.cbhg import CbhgConfig
from tts.layers.masking import length_mask
from tts.layers.postnet import PostNetConfig
from tts.layers.reference_encoder import ReferenceEncoder, ReferenceEncoderConfig, excerpts
from tts.layers.style import (
    GstConfig,
    ProsodyConfig,
    StyleCentroids,
    VaeConfig,
    kl_by_dimension,
    kl_terms,
    latent_summary,
    sampled,
)
from tts.models import LoadedModel
from tts.registry import load_system
from tts.synthesis import Line, Voice
from tts.training.batching import AcousticBatches
from tts.training.export import export_model, read_model, restore
from tts.training.starting import start_from

REFERENCE = ReferenceEncoderConfig(filters=(4, 6), hidden=12)
TINY = Config(
    encoder=EncoderConfig(hidden=32, layers=2, dropout=0.0),
    decoder=DecoderConfig(
        prenet=(24, 16),
        attention_rnn=40,
        rnn=40,
        dropout=0.0,
        attention=AttentionConfig(hidden=16, filters=4, kernel=7),
    ),
    postnet=PostNetConfig(layers=2, hidden=24, dropout=0.0),
    vae=VaeConfig(reference=dataclasses.replace(REFERENCE, coordinates=True), dims=6),
    gst=GstConfig(reference=REFERENCE, tokens=5, heads=2, width=32),
    speaking=SpeakingConfig(max_frames_per_phone=4),
)

TINY_CBHG = CbhgConfig(kernels=3, bank=6, projection=10, highways=2, hidden=12)
TINY_TOKENS = gst_tacotron.Config(
    encoder=gst_tacotron.EncoderConfig(symbols=16, prenet=(20, 12), prenet_dropout=0.3, cbhg=TINY_CBHG),
    decoder=gst_tacotron.DecoderConfig(
        prenet=(24, 16), attention_rnn=40, rnn=32, attention=AttentionConfig(hidden=16, filters=0), zoneout=0.2
    ),
    postnet=dataclasses.replace(TINY_CBHG, kernels=2),
    gst=GstConfig(reference=REFERENCE, tokens=5, heads=2, width=32),
    prosody=ProsodyConfig(reference=REFERENCE, dims=6),
    speaking=SpeakingConfig(max_frames_per_phone=4),
)


def changed(config=TINY, *, decoder=None, speaking=None, **values):
    config = dataclasses.replace(config, **values)
    config = dataclasses.replace(config, decoder=dataclasses.replace(config.decoder, **(decoder or {})))
    return dataclasses.replace(config, speaking=dataclasses.replace(config.speaking, **(speaking or {})))


CONFIGS = {
    "plain": TINY,
    "vae": changed(style="vae"),
    "gst": changed(style="gst"),
    "vae-beside-three-frames": changed(style="vae", combine="concatenate", decoder={"frames_per_step": 3}),
    "vae-taught": changed(style="vae", teach_labels=True, guided_by="aligner", guided_sigma=0.1),
    "gst-beside-without-postnet": changed(style="gst", combine="concatenate", postnet=None),
    "two-frames-window": changed(decoder={"frames_per_step": 2}, speaking={"window": 2}),
    "forward": changed(decoder={"attention": dataclasses.replace(TINY.decoder.attention, forward="plain")}),
    "tacotron-tokens": TINY_TOKENS,
    "tacotron-tokens-taught": changed(TINY_TOKENS, teach_labels=True),
    "tacotron-prosody-without-postnet": changed(
        TINY_TOKENS, style="prosody", postnet=None, decoder={"frames_per_step": 3}
    ),
    "tacotron-agent": changed(
        TINY_TOKENS, style="none", decoder={"attention": AttentionConfig(hidden=16, filters=0, forward="agent")}
    ),
}
over_configs = pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS.keys())


def network_of(config=TINY, inventory=INVENTORY, seed=0):
    torch.manual_seed(seed)
    network = (Tacotron2 if isinstance(config, Config) else GstTacotron)(config, inventory)
    with torch.no_grad():  # batch statistics unlike the initial ones, styles that differ, and ends of all kinds
        for name, buffer in network.named_buffers():
            if name.endswith("running_mean"):
                buffer.normal_(std=0.3)
        if network.style is not None:
            network.styles.weight.normal_()
        network.decoder.gate.weight.mul_(20)
        network.decoder.gate.bias.fill_(-0.5)
    return network.eval()


@torch.no_grad()
def speak(network, batch, seed=7, controls=Controls(), **values):  # noqa: B008
    torch.manual_seed(seed)
    return network.speak(
        batch.phones,
        batch.phone_lengths,
        speaker_ids=batch.speaker_ids,
        style_ids=batch.style_ids,
        controls=controls,
        **values,
    )


@torch.no_grad()
def seeded(function, *arguments):
    torch.manual_seed(7)
    return function(*arguments)


# Padding


@over_configs
def test_a_padded_batch_speaks_as_each_item_alone(config):
    network, batch = network_of(config), batch_of()
    together = speak(network, batch)
    assert together.mel.shape == (3, int(together.mel_lengths.max()), 20)
    for i in range(3):
        alone = speak(network, single(batch, i))
        assert together.failures[i] == alone.failures[0]
        for name in ("mel", "mel_lengths", "durations"):
            expected, full = getattr(alone, name)[0], getattr(together, name)[i]
            if full.dim():
                assert not full[len(expected) :].any(), f"{name} is not zero beyond its length"
                full = full[: len(expected)]
            assert torch.allclose(full.float(), expected.float(), rtol=1e-5, atol=1e-5), name
        steps, phones = alone.alignment.shape[1:]
        assert torch.allclose(together.alignment[i, :steps, :phones], alone.alignment[0], atol=1e-5)
        assert not together.alignment[i, steps:].any()
        assert not together.alignment[i, :, phones:].any()


@over_configs
def test_a_padded_batch_is_teacher_forced_and_judged_as_each_item_alone(config):
    network, batch = network_of(config), batch_of()
    together, loss = seeded(network.teacher_forced, batch), seeded(network.loss, batch)
    alone = [single(batch, i) for i in range(3)]
    for i, item in enumerate(alone):
        mel = seeded(network.teacher_forced, item)[0]
        assert torch.allclose(together[i, : len(mel)], mel, rtol=1e-5, atol=1e-5)
        assert not together[i, len(mel) :].any()
    losses = [seeded(network.loss, item) for item in alone]
    steps = -(-batch.mel_lengths // config.decoder.frames_per_step)
    by_frame, by_step = ("mel", "mel_postnet"), ("gate", "guided", "diagonality")
    weights = (
        dict.fromkeys(by_frame, batch.mel_lengths)
        | dict.fromkeys(by_step, steps)
        | dict.fromkeys(("kl", "label"), torch.ones(3))
    )
    for name in loss.keys() - {"active_units"}:
        expected = torch.stack([each[name] for each in losses]) @ (weights[name] / weights[name].sum())
        assert torch.allclose(loss[name], expected, rtol=1e-4), name


@pytest.mark.parametrize("coordinates", [False, True])
def test_a_reference_is_heard_alike_alone_and_in_a_padded_batch(coordinates):
    torch.manual_seed(0)
    encoder = ReferenceEncoder(20, dataclasses.replace(REFERENCE, coordinates=coordinates))
    mel, lengths = torch.randn(3, 41, 20), torch.tensor([41, 8, 23])
    for mode in (encoder.eval(), encoder.train()):
        if mode.training:  # statistics are those of real frames: what stands in the padding changes nothing
            loud = mel.masked_fill(~length_mask(lengths, 41).unsqueeze(-1), 99.0)
            assert torch.allclose(mode(mel, lengths), mode(loud, lengths), atol=1e-6)
            continue
        together = mode(mel, lengths)
        for i, length in enumerate(lengths.tolist()):
            alone = mode(mel[i : i + 1, :length], lengths[i : i + 1])
            assert torch.allclose(together[i], alone[0], atol=1e-5)
    assert encoder(mel[:, :1], torch.ones(3, dtype=torch.int64)).shape == (3, 12), "one frame is enough"


def test_training_hears_excerpts_and_speaking_hears_all():
    torch.manual_seed(0)
    mel, lengths = torch.arange(40.0).view(1, 40, 1).repeat(200, 1, 20), torch.tensor([40, 11] * 100)
    parts, sizes = excerpts(mel, lengths, 0.5)
    assert parts.shape == (200, int(sizes.max()), 20)
    ends = [part[size - 1, 0] for part, size in zip(parts, sizes, strict=True)]
    assert all(
        torch.equal(part[:size, 0].diff(), torch.ones(size - 1)) for part, size in zip(parts, sizes, strict=True)
    )
    assert all(end < length for end, length in zip(ends, lengths, strict=True)), "none of the padding"
    for which, length in enumerate((40, 11)):
        own = slice(which, None, 2)
        assert parts[own, 0, 0].min() == 0
        assert max(ends[own]) == length - 1
        assert sizes[own].min() >= length / 2
        assert sizes[own].max() > 0.9 * length
    encoder = ReferenceEncoder(20, dataclasses.replace(REFERENCE, least_heard=0.5))
    whole = ReferenceEncoder(20, REFERENCE).eval()
    whole.load_state_dict(encoder.state_dict())
    noise = torch.randn(2, 40, 20)
    assert torch.equal(encoder.eval()(noise, lengths[:2]), whole(noise, lengths[:2]))
    assert not torch.allclose(encoder.train()(noise, lengths[:2]), whole.train()(noise, lengths[:2]))


def test_attention_masks_padding_and_its_rows_sum_to_one():
    torch.manual_seed(0)
    attention = AdditiveAttention(8, 12, AttentionConfig(hidden=16, filters=4, kernel=5))
    mask = length_mask(torch.tensor([3, 6]), 6)
    memory = attention.remember(torch.randn(2, 6, 12), mask)
    state = attention.start(memory)
    for step in range(1, 5):
        read, state = attention(torch.randn(2, 8), memory, state)
        assert torch.allclose(state.weights.sum(1), torch.ones(2))
        assert not state.weights[~mask].any()
        assert torch.allclose(state.total.sum(1), torch.full((2,), float(step)))
        assert torch.allclose(read[0], state.weights[0, :3] @ memory.values[0, :3], atol=1e-6)


def test_a_window_keeps_attention_from_going_back_and_from_jumping():
    torch.manual_seed(0)
    attention = AdditiveAttention(8, 12, AttentionConfig(hidden=16, filters=4, kernel=5))
    memory = attention.remember(torch.randn(4, 30, 12) * 5, torch.ones(4, 30, dtype=torch.bool))
    state, path = attention.start(memory), []
    for _ in range(20):
        _, state = attention(torch.randn(4, 8) * 20, memory, state, window=2)
        path.append(state.weights.argmax(1))
    moves = torch.stack(path).diff(dim=0)
    assert (moves >= 0).all()
    assert (moves <= 2).all()
    assert moves.any()


def flat_attention(forward, mask):
    """Attention to which all positions fit alike, and a function that takes a step."""
    torch.manual_seed(0)
    attention = AdditiveAttention(8, 12, AttentionConfig(hidden=16, filters=0, forward=forward))
    torch.nn.init.zeros_(attention.energy.weight)
    memory = attention.remember(torch.randn(*mask.shape, 12), mask)
    return attention, memory


def test_forward_attention_stays_or_moves_on_by_one():
    attention, memory = flat_attention("plain", torch.ones(1, 9, dtype=torch.bool))
    state = attention.start(memory)
    for step in range(1, 7):
        _, state = attention(torch.randn(1, 8), memory, state)
        ways = [math.comb(step, moves) / 2**step for moves in range(9)]
        assert torch.allclose(state.weights[0], torch.tensor(ways), atol=1e-6)


def test_forward_attention_weighs_what_fits_as_published():
    torch.manual_seed(0)
    attention = AdditiveAttention(8, 12, AttentionConfig(hidden=16, filters=0, forward="plain"))
    free = AdditiveAttention(8, 12, AttentionConfig(hidden=16, filters=0))
    free.load_state_dict(attention.state_dict())
    memory = attention.remember(torch.randn(2, 6, 12) * 5, torch.ones(2, 6, dtype=torch.bool))
    state, expected = attention.start(memory), torch.eye(6)[:1].expand(2, 6)
    for _ in range(8):
        query = torch.randn(2, 8) * 5
        _, state = attention(query, memory, state)
        fits = free(query, memory, free.start(memory))[1].weights
        expected = (expected + torch.nn.functional.pad(expected, (1, -1))) * fits
        expected = expected / expected.sum(1, keepdim=True)
        assert torch.allclose(state.weights, expected, atol=1e-5)


@pytest.mark.parametrize(("bias", "moved"), [(50.0, 4), (-50.0, 0)])
def test_the_transition_agent_says_how_much_moves_on(bias, moved):
    attention, memory = flat_attention("agent", torch.ones(1, 9, dtype=torch.bool))
    torch.nn.init.constant_(attention.agent[-2].bias, bias)
    state = attention.start(memory)
    for _ in range(5):  # of which the first goes half of the way, as published
        _, state = attention(torch.randn(1, 8), memory, state)
    assert state.weights[0, moved : moved + 2].sum() > 0.999


@pytest.mark.parametrize("window", [None, 1])
@pytest.mark.parametrize("forward", ["plain", "agent"])
def test_forward_attention_stays_at_the_end_of_each_item(forward, window):
    mask = length_mask(torch.tensor([3, 6]), 6)
    attention, memory = flat_attention(forward, mask)
    if attention.agent is not None:
        torch.nn.init.constant_(attention.agent[-2].bias, 50.0)
    queries, state = torch.randn(40, 2, 8, requires_grad=True), attention.start(memory)
    for query in queries:
        read, state = attention(query, memory, state, window)
        assert torch.allclose(state.weights.sum(1), torch.ones(2))
        assert not state.weights[~mask].any()
    assert state.weights[0, 2] > 0.9
    read.sum().backward()
    assert all(torch.isfinite(each.grad).all() for each in attention.parameters() if each.grad is not None)


# Training


@over_configs
def test_every_parameter_has_a_finite_gradient(config):
    network = network_of(config).train()
    terms = network.loss(batch_of())
    expected = {"mel", "gate", "guided", "diagonality"} | ({"mel_postnet"} if config.postnet else set())
    expected |= {"label"} if config.teach_labels else set()
    assert set(terms) == expected | ({"kl", "active_units"} if config.style == "vae" else set())
    sum(terms.values()).backward()
    require_gradients(network)


@over_configs
def test_bfloat16_autocast_gives_almost_the_same_loss(config):
    network, batch = network_of(config), batch_of()
    exact = seeded(network.loss, batch)
    torch.manual_seed(7)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rough = network.loss(batch)
    sum(rough.values()).backward()
    for name, value in exact.items():
        assert torch.allclose(rough[name].float(), value, rtol=0.05, atol=0.01), name


@pytest.mark.parametrize("config", [TINY, TINY_TOKENS], ids=["tacotron2", "gst_tacotron"])
def test_one_batch_is_learned_by_heart_and_spoken_to_its_end(config):
    without_noise = {"prenet_dropout": 0.0} | ({} if config is TINY else {"zoneout": 0.0})
    config = changed(config, decoder={"frames_per_step": 2, **without_noise})
    if config.style == "gst":
        config = changed(config, encoder=dataclasses.replace(config.encoder, prenet_dropout=0.0))
    network = network_of(config).train()
    batch = batch_of((3, 3))
    assert batch.mel_lengths.tolist() == [4, 7], "ends that differ by more than a step"
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01, fused=True)
    for _ in range(100):
        terms = network.loss(batch)
        optimizer.zero_grad()
        (terms["mel"] + terms["mel_postnet"] + terms["gate"] + terms["guided"]).backward()
        optimizer.step()
    assert terms["mel_postnet"] < 0.4, "noise of variance 4"
    assert terms["gate"] < 0.05
    style = network.eval().encode_style(batch.mel, batch.mel_lengths) if network.style else None
    spoken = speak(network, batch, style=style)
    assert not any("limit" in each for each in spoken.failures)
    assert torch.equal(spoken.mel_lengths, (batch.mel_lengths + 1) // 2 * 2)


def test_attention_is_guided_to_the_phones_that_an_aligner_hears():
    durations = torch.tensor([[2, 4, 2, 4], [3, 3, 0, 0]])  # four frames a step: the middles are frames 2, 6 and 10
    steps, phones = torch.tensor([3, 2]), torch.tensor([4, 2])
    on_its_way = F.one_hot(torch.tensor([[1, 2, 3], [0, 1, 1]]), 4).float()
    on_its_way[0, 0] = torch.tensor([0.0, 0.0, 1.0, 0.0])
    options = {"durations": durations, "frames_per_step": 4, "sigma": 0.25}
    loss = aligned_attention_loss(on_its_way, steps, phones, **options)
    assert loss.item() == pytest.approx((1 - math.exp(-0.5)) / 5), "one of five steps is a phone, or sigma, away"


def test_labels_are_told_by_the_distance_to_their_centres():
    centres = StyleCentroids(2, torch.zeros(2), taught=True)
    centres.weight.data = torch.tensor([[0.0, 0.0], [2.0, 0.0]])
    styles = torch.tensor([[1.0, 5.0], [0.0, 0.0]])
    even, near = (centres.label_loss(styles[[i]], torch.tensor([0])).item() for i in range(2))
    assert even == pytest.approx(math.log(2))
    assert near == pytest.approx(math.log(1 + math.exp(-2)))


@pytest.mark.parametrize("config", [CONFIGS["vae-taught"], CONFIGS["tacotron-tokens-taught"]])
def test_taught_labels_part_the_styles_and_their_centres_become_means_of_clips(config):
    network, batch = network_of(config).train(), batch_of((5, 7, 4, 6))
    optimizer = torch.optim.Adam([*network.style.parameters(), *network.styles.parameters()], lr=0.02, fused=True)
    for _ in range(30):  # the term label, and nothing else
        loss = network.styles.label_loss(network.encode_style(batch.mel, batch.mel_lengths), batch.style_ids)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss < 0.7 * math.log(len(INVENTORY.styles))
    network.eval().finish([batch])
    styles = network.encode_style(batch.mel, batch.mel_lengths)
    for style in batch.style_ids.unique():
        assert torch.allclose(network.styles.weight[style], styles[batch.style_ids == style].mean(0), atol=1e-6)


@pytest.mark.parametrize(
    ("values", "styles", "words"),
    [({"style": "none"}, INVENTORY.styles, "no learned style"), ({}, ("calm",), "one label")],
)
def test_labels_are_taught_only_where_there_are_any(values, styles, words):
    config = changed(CONFIGS["vae-taught"], **values)
    with pytest.raises(ConfigError, match=f"teach_labels needs .* this run has {words}: remove it"):
        Tacotron2(config, dataclasses.replace(INVENTORY, styles=styles))


def test_frames_that_fill_the_last_step_cost_nothing():
    network, batch = network_of(changed(decoder={"frames_per_step": 4})), single(batch_of(), 0)
    frames = int(batch.mel_lengths)
    assert frames % 4, "the last step is not full"
    loss = seeded(network.loss, batch)
    more = torch.nn.functional.pad(batch.mel, (0, 0, 0, 3), value=5.0)
    padded = seeded(network.loss, dataclasses.replace(batch, mel=more))
    for name, value in loss.items():
        assert torch.allclose(padded[name], value, rtol=1e-5), name


@pytest.mark.parametrize("config", [CONFIGS["vae"], TINY_TOKENS, CONFIGS["tacotron-prosody-without-postnet"]])
def test_a_model_folder_gives_the_same_speech(tmp_path, config):
    network, batch = network_of(config), batch_of()
    system = f"acoustic/{network.name}"
    export_model(tmp_path, network, system=system, model=to_plain(config), inventory=INVENTORY, training={})
    restored, again = restore(read_model(tmp_path), load_system(system))
    assert again == config
    assert torch.equal(speak(restored.eval(), batch).mel, speak(network, batch).mel)
    assert torch.equal(restored.styles.weight, network.styles.weight)


@pytest.mark.parametrize("config", [TINY, changed(TINY_TOKENS, style="none")], ids=["tacotron2", "gst_tacotron"])
def test_teacher_forcing_and_speaking_are_the_same_steps(config):
    """What was spoken, followed as if it had been recorded, is spoken again."""
    network = network_of(changed(config, postnet=None, decoder={"frames_per_step": 2}))
    batch = batch_of((6,))
    spoken = speak(network, batch)
    recorded = dataclasses.replace(batch, mel=spoken.mel, mel_lengths=spoken.mel_lengths)
    assert torch.allclose(seeded(network.teacher_forced, recorded), spoken.mel, atol=1e-4)


@pytest.mark.parametrize("config", [TINY, TINY_TOKENS], ids=["tacotron2", "gst_tacotron"])
def test_the_prenet_drops_when_speaking_too_by_the_seed(config):
    network, batch = network_of(config), batch_of()
    first, again, other = (speak(network, batch, seed=seed).mel for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert first.shape != other.shape or not torch.allclose(first, other)
    kept = torch.stack([each.mean() for each in network.decoder.prenet.train()._kept(50, 200)])
    assert torch.allclose(kept, torch.ones(2), atol=0.05), "what is kept makes up for what is dropped"


@over_configs
def test_pictures_show_attention(config):
    network, batch = network_of(config), batch_of()
    assert isinstance(network, Illustrated)
    picture = seeded(network.pictures, batch)["attention"]
    steps = -(-batch.mel.shape[1] // config.decoder.frames_per_step)
    assert picture.shape == (3, batch.phones.shape[1], steps)
    assert torch.allclose(picture.sum(1), torch.ones(3, steps))


# Ends and failures


@pytest.mark.parametrize("config", [TINY, TINY_TOKENS], ids=["tacotron2", "gst_tacotron"])
@pytest.mark.parametrize("frames_per_step", [1, 3])
def test_the_gate_ends_a_sentence_and_the_limit_one_without_end(config, frames_per_step):
    network, batch = network_of(changed(config, decoder={"frames_per_step": frames_per_step})), batch_of((4, 6))
    with torch.no_grad():
        network.decoder.gate.weight.zero_()
        network.decoder.gate.bias.fill_(9.0)
    soon = speak(network, batch)
    assert soon.mel_lengths.tolist() == [frames_per_step] * 2
    assert not any("limit" in each for each in soon.failures)
    with torch.no_grad():
        network.decoder.gate.bias.fill_(-9.0)
    late = speak(network, batch)
    limits = [-(-4 * phones // frames_per_step) for phones in (4, 6)]
    assert late.mel_lengths.tolist() == [limit * frames_per_step for limit in limits]
    assert [f"limit of {limit} steps" in each for limit, each in zip(limits, late.failures, strict=True)] == [True] * 2
    assert isinstance(late, AttendedSpeech)
    for spoken in (soon, late):
        assert torch.equal(spoken.durations.sum(1), spoken.mel_lengths)
        assert torch.equal(spoken.durations > 0, (spoken.durations > 0) & length_mask(batch.phone_lengths, 6))


def test_the_threshold_is_a_probability():
    config = changed(speaking={"gate_threshold": 0.8})
    network, batch = network_of(config), batch_of((4,))
    with torch.no_grad():
        network.decoder.gate.weight.zero_()
        for probability, frames in ((0.79, 16), (0.81, 1)):
            network.decoder.gate.bias.fill_(torch.tensor(probability).logit())
            assert speak(network, batch).mel_lengths.tolist() == [frames]


def test_a_voice_speaks_and_warns_of_what_attention_missed(caplog):
    network = network_of()
    griffin_lim = load_system("vocoders/griffin_lim")
    vocoder = griffin_lim.build(griffin_lim.config(iterations=2), Inventory(mel=INVENTORY.mel))
    voice = Voice(
        LoadedModel("acoustic/tacotron2", "acoustic", TINY, INVENTORY, network),
        LoadedModel("vocoders/griffin_lim", "vocoder", None, Inventory(mel=INVENTORY.mel), vocoder),
    )
    with torch.no_grad():
        network.decoder.gate.weight.zero_()
        network.decoder.gate.bias.fill_(-9.0)
    speech = voice.speak([Line(("a", "b", "c"), "anna", "calm")])[0]
    assert speech.durations.sum() == 3 * TINY.speaking.max_frames_per_phone
    assert len(speech.waveform) == speech.durations.sum() * INVENTORY.mel.hop_length
    assert "attention failed in 'a b c': ran to its limit of 12 steps without an end" in caplog.text


def path(*phones, count=None):
    """An alignment [1, steps, phones] that attends to one phone in each step."""
    return torch.nn.functional.one_hot(torch.tensor([phones]), count or max(phones) + 1).float()


@pytest.mark.parametrize(
    ("alignment", "ended", "expected"),
    [
        (path(0, 0, 1, 2, 2, 3), True, ""),
        (path(0, 1, 0, 1, 2), True, ""),
        (path(0, 1, 2, 3, 1, 2, 3), True, "went back by 2 phones and may have repeated them"),
        (path(0, 1, 4, count=6), True, "skipped 3 of 6 phones, the first at position 2"),
        (path(0, 1, 1, 1), False, "ran to its limit of 4 steps without an end"),
        (
            path(0, 3, 0),
            False,
            "ran to its limit of 3 steps without an end; skipped 2 of 4 phones, the first at position 1; "
            "went back by 3 phones and may have repeated them",
        ),
    ],
)
def test_failures_of_attention_are_told(alignment, ended, expected):
    lengths = [torch.tensor([size]) for size in alignment.shape[1:]]
    assert failures(alignment, *lengths, ended=[ended]) == (expected,)


def test_durations_are_the_steps_that_attend_to_a_phone_most():
    both = torch.cat((path(0, 0, 2, 2, 2, count=4), path(0, 1, 1, 1, 1, count=4)))
    durations = attended_durations(both, torch.tensor([5, 3]), 2)
    assert durations.tolist() == [[4, 0, 6, 0], [2, 4, 0, 0]]


def test_diagonality_and_guidance_have_known_values():
    steps = torch.tensor([100])
    diagonal, flat = torch.eye(100)[None], torch.full((1, 100, 100), 0.01)
    assert diagonality(diagonal, steps, steps) == 1
    assert guided_attention_loss(diagonal, steps, steps, sigma=0.4) == 0
    assert diagonality(flat, steps, steps) == pytest.approx(1 - 0.8**2, abs=0.01)
    place = torch.arange(100) / 100
    expected = (1 - torch.exp(-((place[:, None] - place) ** 2) / (2 * 0.16))).mean()
    assert guided_attention_loss(flat, steps, steps, sigma=0.4) == pytest.approx(expected.item(), rel=1e-5)
    assert diagonality(diagonal.flip(1), steps, steps) < 0.21


# Styles


def test_divergence_equals_that_of_a_monte_carlo_estimate():
    torch.manual_seed(0)
    mean, log_variance = torch.tensor([[0.5, -1.0, 0.0]]), torch.tensor([[0.4, -0.7, 0.0]])
    draws = sampled(mean.expand(200_000, 3), log_variance.expand(200_000, 3))
    posterior = torch.distributions.Normal(mean, (0.5 * log_variance).exp())
    estimate = (posterior.log_prob(draws) - torch.distributions.Normal(0, 1).log_prob(draws)).mean(0)
    assert torch.allclose(kl_by_dimension(mean, log_variance), estimate, atol=0.01)
    assert kl_by_dimension(mean, log_variance)[2] == 0


def test_free_bits_cost_nothing_and_active_dimensions_are_counted():
    mean, log_variance = torch.tensor([[2.0, 0.2, 0.0], [2.0, -0.2, 0.0]]), torch.zeros(2, 3)
    terms = kl_terms(mean, log_variance, free_bits=0.0)
    assert terms["kl"] == pytest.approx(2.02)
    assert terms["active_units"] == 1, "the first dimension is the same for all clips: it tells nothing of them"
    assert kl_terms(mean, log_variance, free_bits=0.5)["kl"] == pytest.approx(2 + 0.5 + 0.5)
    summary = latent_summary(mean, log_variance)
    assert summary == pytest.approx({"active_units": 1, "kl_00": 2.0, "kl_01": 0.02, "kl_02": 0})


def test_validation_tells_of_latent_styles_over_all_clips_and_of_others_nothing():
    network, batch = network_of(CONFIGS["vae"]), batch_of()
    assert isinstance(network, Summarizing)
    together, apart = network.summary([batch]), network.summary([single(batch, row) for row in range(3)])
    assert tuple(together) == network.summary_names
    assert apart == pytest.approx(together, abs=1e-5)
    divergence = sum(value for name, value in together.items() if name.startswith("kl_"))
    assert divergence == pytest.approx(network.loss(batch)["kl"].item(), abs=1e-5)
    tokens = network_of(CONFIGS["gst"])
    assert tokens.summary([batch]) == {} == dict.fromkeys(tokens.summary_names)


def test_the_style_is_drawn_in_training_and_the_mean_otherwise():
    network, batch = network_of(CONFIGS["vae"]), batch_of()
    mean = network.encode_style(batch.mel, batch.mel_lengths)
    mel = network._standard(batch.mel, length_mask(batch.mel_lengths, batch.mel.shape[1]))
    assert torch.equal(network._heard_style(mel, batch.mel_lengths)[1], mean)
    network.train()
    draws = [network._heard_style(mel, batch.mel_lengths)[1] for _ in range(2)]
    assert not torch.equal(*draws)


@pytest.mark.parametrize("name", ["vae", "gst", "tacotron-tokens", "tacotron-prosody-without-postnet"])
def test_finishing_keeps_the_mean_style_of_each_name(name):
    network = network_of(CONFIGS[name])
    assert isinstance(network, Finishing)
    batch = dataclasses.replace(batch_of(), style_ids=torch.tensor([0, 2, 0]))
    network.finish([batch, single(batch, 1)])
    heard = network.encode_style(batch.mel, batch.mel_lengths)
    assert torch.allclose(network.styles.weight[0], (heard[0] + heard[2]) / 2, atol=1e-6)
    assert torch.allclose(network.styles.weight[2], heard[1], atol=1e-5)
    assert torch.equal(network.styles.weight[1], network.style.neutral)
    everyone = torch.cat((heard, heard[1:2]))
    assert torch.allclose(network.styles.deviation, everyone.std(dim=0, correction=0), atol=1e-5)
    given = speak(network, batch, style=network.styles.weight[batch.style_ids])
    assert torch.equal(given.mel, speak(network, batch).mel)


@pytest.mark.parametrize("name", ["gst", "tacotron-tokens"])
def test_tokens_are_weighted_by_heads_and_a_token_alone_is_looked_up(name):
    network = network_of(CONFIGS[name])
    batch = batch_of()
    weights = network.encode_style(batch.mel, batch.mel_lengths).view(3, 2, 5)
    assert torch.allclose(weights.sum(2), torch.ones(3, 2))
    one_hot = torch.zeros(2, 5)
    one_hot[:, 3] = 1
    values = network.style.value(torch.tanh(network.style.tokens))
    assert torch.allclose(network.style.embed(one_hot.view(1, 10))[0], values[3])
    assert not network.style.embed(torch.zeros(1, 10)).any()


@pytest.mark.parametrize("name", ["vae", "gst", "tacotron-tokens", "tacotron-prosody-without-postnet"])
def test_mixtures_of_styles_are_embedded_in_between(name):
    style = network_of(CONFIGS[name]).style
    first, second = torch.rand(2, 1, style.dims)
    mixed = style.embed(0.3 * first + 0.7 * second)
    assert torch.allclose(mixed, 0.3 * style.embed(first) + 0.7 * style.embed(second), atol=1e-6)


@over_configs
@pytest.mark.parametrize("name", ["speaker_ids", "style_ids"])
def test_speakers_and_styles_change_what_is_said(config, name):
    network, batch = network_of(config), batch_of()
    other = speak(network, dataclasses.replace(batch, **{name: (getattr(batch, name) + 1) % 2})).mel
    plain = speak(network, batch).mel
    assert other.shape != plain.shape or not torch.allclose(other, plain)


@pytest.mark.parametrize("config", [TINY, CONFIGS["tacotron-agent"]], ids=["tacotron2", "gst_tacotron"])
def test_one_speaker_and_one_style_need_no_table(config):
    network = network_of(config, inventory=dataclasses.replace(INVENTORY, speakers=("anna",), styles=("calm",)))
    assert network.speakers is None
    assert network.styles is None


def test_a_run_that_ends_keeps_the_styles_of_its_training_clips(acoustic, inventory):
    config = changed(style="gst")
    network = Tacotron2(config, inventory)
    run = Run(settings(styles=["calm"]), SYSTEM, config, acoustic, inventory, None)
    run.finish(network)
    reader = AcousticBatches(acoustic, inventory, "phone")
    clips = [reader.read([name]) for name in acoustic.select("train", styles=("calm",))]
    with torch.no_grad():
        styles = torch.cat([network.encode_style(clip.mel, clip.mel_lengths) for clip in clips])
    assert torch.allclose(network.styles.weight[0], styles.mean(0), atol=1e-5)
    assert torch.equal(network.styles.weight[1], network.style.neutral), "loud was not asked for"


def test_a_run_takes_over_styles_by_their_names(tmp_path):
    network = network_of(CONFIGS["vae"])
    export_model(tmp_path, network, system="acoustic/tacotron2", model=to_plain(TINY), inventory=INVENTORY, training={})
    changed_names = dataclasses.replace(INVENTORY, styles=("sad", "new"))
    new = network_of(CONFIGS["vae"], changed_names, seed=3)
    start_from(new, read_model(tmp_path), system="acoustic/tacotron2", inventory=changed_names)
    assert torch.equal(new.styles.weight[0], network.styles.weight[2])
    assert torch.allclose(new.styles.weight[1], network.styles.weight.mean(0))


# Errors


@pytest.mark.parametrize("name", ["pitch_scale", "energy_scale", "duration_scale"])
def test_controls_without_effect_are_refused(name):
    with pytest.raises(ConfigError, match=rf"{name} 1.2 has no effect on tacotron2"):
        speak(network_of(), batch_of(), controls=Controls(**{name: 1.2}))


def test_a_style_that_does_not_fit_is_refused():
    batch = batch_of()
    with pytest.raises(ConfigError, match=r"style has shape \(3, 5\), not \(3, 6\)"):
        speak(network_of(CONFIGS["vae"]), batch, style=torch.zeros(3, 5))
    with pytest.raises(ConfigError, match=r"style has shape \(3, 6\), not \(3, 32\)"):
        speak(network_of(), batch, style=torch.zeros(3, 6))
    with pytest.raises(ConfigError, match="learned no style from recordings"):
        network_of().encode_style(batch.mel, batch.mel_lengths)


def test_a_row_of_the_table_is_a_style_that_can_be_given():
    network, batch = network_of(), batch_of()
    given = speak(network, batch, style=network.style_space.named[batch.style_ids])
    assert torch.equal(given.mel, speak(network, batch).mel)


def test_an_inventory_without_styles_is_refused():
    with pytest.raises(ConfigError, match="needs symbols, speakers, styles and statistics"):
        Tacotron2(TINY, dataclasses.replace(INVENTORY, styles=()))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"style": "gst"}, r"gst.width 256 cannot be added to encoder.hidden 512"),
        ({"gst": {"heads": 3}}, r"width 256 is not a multiple of heads 3"),
        ({"decoder": {"attention": {"kernel": 4}}}, "kernel must be odd, not 4"),
        ({"decoder": {"prenet": []}}, "prenet must be positive numbers, at least one"),
        ({"encoder": {"hidden": 33}}, "multiple of 2"),
        ({"vae": {"reference": {"filters": []}}}, "filters must be positive numbers, at least one"),
        ({"speaking": {"gate_threshold": 1.0}}, "less than 1"),
    ],
)
def test_settings_that_cannot_work_are_refused(values, message):
    with pytest.raises(ConfigError, match=message):
        build(Config, values, where="model")
