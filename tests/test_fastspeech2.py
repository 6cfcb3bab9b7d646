"""FastSpeech 2: shapes, padding, gradients, controls and errors."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from acoustic_checks import require_gradients, require_like_loss_in_bfloat16

from tts.acoustic.fastspeech2 import Config, FastSpeech2, Prosody, VarianceConfig
from tts.audio.mel_definition import MelDefinition
from tts.errors import ConfigError, DataError
from tts.interfaces import SPEAKER_VECTOR_SIZE, AcousticBatch, Controls, Inventory, Statistics
from tts.layers.masking import length_mask
from tts.layers.postnet import PostNetConfig
from tts.layers.transformer import TransformerConfig
from tts.layers.variance import PredictorConfig, QuantityConfig, repeat_to_frames
from tts.phones import SILENCE


def vectors_of(count: int, seed: int = 3) -> torch.Tensor:
    """Vectors [count, SPEAKER_VECTOR_SIZE] of unit length, none of their components negative."""
    drawn = torch.rand(count, SPEAKER_VECTOR_SIZE, generator=torch.Generator().manual_seed(seed))
    return torch.nn.functional.normalize(drawn.square(), dim=-1)


MEL = MelDefinition(sample_rate=22050, n_fft=1024, hop_length=256, win_length=1024, n_mels=20, f_min=0.0, f_max=8000.0)
INVENTORY = Inventory(
    mel=MEL,
    symbols=("a", "b", "c", "d", "e", "f", SILENCE),
    speakers=("anna", "bert"),
    styles=("calm", "glad", "sad"),
    statistics=Statistics(
        pitch_mean={"anna": 5.3, "bert": 4.7},
        pitch_std={"anna": 0.2, "bert": 0.15},
        energy_mean=3.0,
        energy_std=0.7,
        mel_mean=-5.0,
        mel_std=2.0,
        pitch_hz_mean={"anna": 204.0, "bert": 111.0},
        pitch_hz_std={"anna": 41.0, "bert": 17.0},
        energy_linear_mean=25.0,
        energy_linear_std=20.0,
    ),
    speaker_vectors=dict(zip(("anna", "bert"), vectors_of(2).numpy(), strict=True)),
)
STACK = TransformerConfig(layers=2, heads=2, filter=48, kernels=(3, 3), dropout=0.0)
PRE_STACK = dataclasses.replace(STACK, norm="pre")
PREDICTOR = PredictorConfig(filter=24, dropout=0.0)


def tiny(
    *, level="phone", embedding="bins", stack=STACK, postnet=True, harmonics=False, target="log+zscore", speaker="table"
) -> Config:
    quantity = QuantityConfig(target=target, embedding=embedding, bins=16, predictor=PREDICTOR)
    return Config(
        hidden=32,
        encoder=stack,
        decoder=stack,
        variance=VarianceConfig(level=level, duration=PREDICTOR, pitch=quantity, energy=quantity),
        postnet=PostNetConfig(layers=3, hidden=24, dropout=0.0) if postnet else None,
        harmonics=harmonics,
        speaker=speaker,
    )


CONFIGS = {
    "phone-bins": tiny(),
    "phone-convolution-pre": tiny(embedding="convolution", stack=PRE_STACK, postnet=False),
    "frame-bins-pre": tiny(level="frame", stack=PRE_STACK),
    "frame-convolution": tiny(level="frame", embedding="convolution"),
    "phone-harmonics": tiny(harmonics=True),
    "frame-harmonics-pre": tiny(level="frame", stack=PRE_STACK, postnet=False, harmonics=True),
    "separable-without-attention": tiny(stack=dataclasses.replace(PRE_STACK, heads=None, separable=True)),
    "speaker-vector": tiny(stack=PRE_STACK, speaker="vector"),
    "speaker-table-and-vector-frame": tiny(level="frame", embedding="convolution", speaker="both"),
}
CONFIGS |= {target: tiny(target=target, postnet=False) for target in ("zscore", "log", "none")}
over_configs = pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS.keys())


def network_of(config: Config, inventory: Inventory = INVENTORY, seed: int = 0) -> FastSpeech2:
    torch.manual_seed(seed)
    network = FastSpeech2(config, inventory)
    with torch.no_grad():  # batch statistics unlike the initial ones, and durations of about 5 frames
        for name, buffer in network.named_buffers():
            if name.endswith("running_mean"):
                buffer.normal_()
        network.variance.durations.output.weight.mul_(0.3)
        network.variance.durations.output.bias.fill_(1.8)
        for quantity, usual in ((network.variance.pitch, 150.0), (network.variance.energy, 20.0)):
            if not quantity.scale.standardized:  # as a trained network: near what is usual
                quantity.predictor.output.weight.mul_(0.01)
                quantity.predictor.output.bias[0] = quantity.scale.to_target(torch.tensor([[usual]]), [0]).item()
        if network.speaker_vectors is not None:  # which begins by hearing nothing
            network.speaker_vectors.projection.weight.normal_(std=0.05)
    return network.eval()


def batch_of(lengths: tuple[int, ...] = (5, 9, 7), level: str = "phone", seed: int = 1) -> AcousticBatch:
    generator = torch.Generator().manual_seed(seed)
    count, longest = len(lengths), max(lengths)
    mask = length_mask(torch.tensor(lengths), longest)
    phones = torch.randint(0, 6, (count, longest), generator=generator) * mask
    durations = torch.randint(1, 6, (count, longest), generator=generator) * mask
    phones[:, 2], durations[:, 2] = INVENTORY.symbols.index(SILENCE), 0
    mel_lengths = durations.sum(1)
    frame_mask = length_mask(mel_lengths, int(mel_lengths.max()))
    positions = durations > 0 if level == "phone" else frame_mask
    noise = torch.randn(2, *positions.shape, generator=generator)
    voiced = torch.rand(positions.shape, generator=generator) < 0.7
    mel = torch.randn(*frame_mask.shape, MEL.n_mels, generator=generator) * 2 - 5
    return AcousticBatch(
        utterance_ids=tuple(f"clip-{i}" for i in range(count)),
        phones=phones,
        phone_lengths=torch.tensor(lengths),
        mel=mel * frame_mask.unsqueeze(-1),
        mel_lengths=mel_lengths,
        durations=durations,
        pitch=torch.exp(5 + 0.2 * noise[0]) * positions * voiced,
        energy=torch.exp(3 + 0.7 * noise[1]) * positions,
        speaker_ids=torch.arange(count) % 2,
        style_ids=torch.arange(count) % 3,
        speaker_vectors=vectors_of(count, seed),
    )


def single(batch: AcousticBatch, i: int, level: str = "phone") -> AcousticBatch:
    phones, frames = int(batch.phone_lengths[i]), int(batch.mel_lengths[i])
    positions = phones if level == "phone" else frames
    cut = {"phones": phones, "durations": phones, "mel": frames, "pitch": positions, "energy": positions}
    fields = {
        f.name: getattr(batch, f.name)[i : i + 1, : cut.get(f.name)]
        if f.name in cut
        else getattr(batch, f.name)[i : i + 1]
        for f in dataclasses.fields(batch)
    }
    return AcousticBatch(**fields)


@torch.no_grad()
def speak(network: FastSpeech2, batch: AcousticBatch, given: Prosody = Prosody(), **controls: float):  # noqa: B008
    return network.speak(
        batch.phones,
        batch.phone_lengths,
        speaker_ids=batch.speaker_ids,
        style_ids=batch.style_ids,
        controls=Controls(**controls),
        given=given,
    )


# Padding


@over_configs
def test_a_padded_batch_speaks_as_each_item_alone(config):
    network, batch = network_of(config), batch_of(level=config.variance.level)
    together = speak(network, batch)
    for i in range(3):
        alone = speak(network, single(batch, i, config.variance.level))
        for field in dataclasses.fields(alone):
            expected = getattr(alone, field.name)[0]
            full = getattr(together, field.name)[i]
            if full.dim():
                assert not full[len(expected) :].any(), f"{field.name} is not zero beyond its length"
                full = full[: len(expected)]
            assert torch.allclose(full.float(), expected.float(), rtol=1e-5, atol=1e-5), field.name


@over_configs
def test_a_padded_batch_is_teacher_forced_and_judged_as_each_item_alone(config):
    level = config.variance.level
    network, batch = network_of(config), batch_of(level=level)
    with torch.no_grad():
        together = network.teacher_forced(batch)
        loss = network.loss(batch)
        alone = [single(batch, i, level) for i in range(3)]
        for i, item in enumerate(alone):
            mel = network.teacher_forced(item)[0]
            assert torch.allclose(together[i, : len(mel)], mel, rtol=1e-5, atol=1e-5)
            assert not together[i, len(mel) :].any()
        losses = [network.loss(item) for item in alone]
    weights = {"duration": batch.phone_lengths} | dict.fromkeys(("mel", "mel_postnet"), batch.mel_lengths)
    heard = batch.durations > 0 if level == "phone" else length_mask(batch.mel_lengths, batch.mel.shape[1])
    weights |= {"voicing": heard.sum(1), "energy": heard.sum(1), "pitch": (heard & (batch.pitch > 0)).sum(1)}
    for name, value in loss.items():
        expected = torch.stack([each[name] for each in losses]) @ (weights[name] / weights[name].sum())
        assert torch.allclose(value, expected, rtol=1e-4), name


# Training


@over_configs
def test_every_parameter_has_a_finite_gradient(config):
    network = network_of(config).train()
    terms = network.loss(batch_of(level=config.variance.level))
    expected = {"mel", "duration", "pitch", "voicing", "energy"} | ({"mel_postnet"} if config.postnet else set())
    assert set(terms) == expected
    sum(terms.values()).backward()
    require_gradients(network, may_be_zero="embedding.table.weight")


@over_configs
def test_bfloat16_autocast_gives_almost_the_same_loss(config):
    require_like_loss_in_bfloat16(network_of(config), batch_of(level=config.variance.level))


def test_one_batch_is_learned_by_heart():
    network = network_of(tiny(embedding="convolution", stack=PRE_STACK)).train()
    batch = batch_of()
    optimizer = torch.optim.Adam(network.parameters(), lr=8e-3, fused=True)
    for _ in range(150):
        terms = network.loss(batch)
        optimizer.zero_grad()
        sum(terms.values()).backward()
        optimizer.step()
    assert terms["mel_postnet"] < 0.3, "noise of standard deviation 2"
    assert max(terms[name] for name in ("duration", "pitch", "voicing", "energy")) < 0.02
    spoken = speak(network.eval(), batch)
    assert (spoken.durations - batch.durations).abs().float().mean() < 0.1
    assert torch.equal(spoken.pitch > 0, batch.pitch > 0)


def test_a_batch_without_a_voiced_phone_has_a_finite_loss():
    batch = batch_of()
    terms = network_of(tiny()).loss(dataclasses.replace(batch, pitch=torch.zeros_like(batch.pitch)))
    assert terms["pitch"] == 0
    assert all(torch.isfinite(term) for term in terms.values())


def test_weights_survive_a_round_trip_and_do_not_hold_the_statistics():
    network, batch = network_of(tiny()), batch_of()
    again = network_of(tiny(), seed=5)
    again.load_state_dict(network.state_dict())
    assert torch.equal(speak(network, batch).mel, speak(again, batch).mel)
    assert not [name for name in network.state_dict() if "moments" in name or "edges" in name]


# Controls


@over_configs
def test_pitch_scale_moves_hertz_by_exactly_that_factor(config):
    network, batch = network_of(config), batch_of(level=config.variance.level)
    plain, higher = speak(network, batch), speak(network, batch, pitch_scale=1.2)
    assert (plain.pitch > 0).any()
    assert torch.allclose(higher.pitch, plain.pitch * 1.2, rtol=1e-6)
    assert torch.equal(higher.durations, plain.durations)
    assert not torch.allclose(higher.mel, plain.mel)


@over_configs
def test_energy_scale_leaves_pitch_and_durations_alone(config):
    network, batch = network_of(config), batch_of(level=config.variance.level)
    plain, louder = speak(network, batch), speak(network, batch, energy_scale=2.0)
    assert torch.equal(louder.pitch, plain.pitch)
    assert torch.equal(louder.durations, plain.durations)
    assert torch.allclose(louder.energy, plain.energy * 2, rtol=1e-6)
    assert not torch.allclose(louder.mel, plain.mel)
    heard = length_mask(plain.mel_lengths, plain.mel.shape[1])
    ratio = (louder.mel.exp().norm(dim=-1) / plain.mel.exp().norm(dim=-1))[heard]
    torch.testing.assert_close(ratio, torch.full_like(ratio, 2.0), rtol=1e-4, atol=0)


@pytest.mark.parametrize("level", ["phone", "frame"])
@pytest.mark.parametrize("name", ["pitch", "energy"])
def test_each_phone_can_have_its_own_pitch_and_energy(name, level):
    network, batch = network_of(tiny(level=level)), batch_of(level=level)
    scales = torch.ones(batch.phones.shape)
    scales[:, 4] = 1.5
    plain, changed = speak(network, batch), speak(network, batch, **{f"{name}_scale": scales})
    assert torch.equal(changed.durations, plain.durations)
    expected = scales
    if level == "frame":
        expected = repeat_to_frames(scales[..., None], plain.durations, plain.mel.shape[1])[..., 0]
    torch.testing.assert_close(getattr(changed, name), getattr(plain, name) * expected, rtol=1e-6, atol=0)
    assert name == "pitch" or torch.equal(changed.pitch, plain.pitch), (
        "energy is predicted from pitch, not pitch from it"
    )


def test_duration_scale_changes_the_length_by_that_factor_and_keeps_every_phone():
    network, batch = network_of(tiny()), batch_of((60, 60))
    plain = speak(network, batch).mel_lengths
    for scale in (0.8, 1.25, 2.0):
        spoken = speak(network, batch, duration_scale=scale)
        assert torch.allclose(spoken.mel_lengths / plain, torch.tensor(scale), atol=0.02)
        assert (spoken.durations[batch.phones != INVENTORY.symbols.index(SILENCE)] > 0).all()


def test_silence_may_vanish_and_other_phones_may_not():
    network, batch = network_of(tiny()), batch_of((6,))
    with torch.no_grad():
        network.variance.durations.output.weight.zero_()
        network.variance.durations.output.bias.fill_(-9)
    assert speak(network, batch).durations.tolist() == [[1, 1, 0, 1, 1, 1]]


def test_given_prosody_replaces_what_is_predicted():
    network, batch = network_of(tiny()), batch_of()
    spoken = speak(network, batch, Prosody(batch.durations, batch.pitch, batch.energy))
    with torch.no_grad():
        assert torch.allclose(spoken.mel, network.teacher_forced(batch), atol=1e-6)
    lengthened = speak(network, batch, Prosody(durations=batch.durations * 2))
    assert torch.equal(lengthened.mel_lengths, batch.mel_lengths * 2)
    assert not torch.equal(lengthened.pitch, batch.pitch)


@pytest.mark.parametrize("name", ["speaker_ids", "style_ids"])
def test_speakers_and_styles_change_every_output(name):
    network, batch = network_of(tiny()), batch_of()
    other = speak(network, dataclasses.replace(batch, **{name: (getattr(batch, name) + 1) % 2}))
    plain = speak(network, batch)
    for field in ("durations", "pitch", "energy"):
        assert not torch.equal(getattr(other, field), getattr(plain, field)), field


def test_one_speaker_and_one_style_need_no_table():
    inventory = dataclasses.replace(INVENTORY, speakers=("anna",), styles=("calm",))
    network = network_of(tiny(), inventory)
    assert network.speakers is None
    assert network.styles is None


# Speaker vectors


def by_vector(network: FastSpeech2, batch: AcousticBatch, vectors: torch.Tensor | None):
    with torch.no_grad():
        return network.speak(
            batch.phones,
            batch.phone_lengths,
            speaker_ids=batch.speaker_ids,
            style_ids=batch.style_ids,
            controls=Controls(),
            speaker_vectors=vectors,
        ).mel


@pytest.mark.parametrize("speaker", ["vector", "both"])
def test_a_speaker_known_by_name_speaks_with_the_mean_of_their_vectors(speaker):
    network, batch = network_of(tiny(speaker=speaker)), batch_of()
    means = torch.stack([torch.from_numpy(each) for each in INVENTORY.speaker_vectors.values()])
    named = by_vector(network, batch, None)
    assert torch.equal(named, by_vector(network, batch, means[batch.speaker_ids]))
    assert not torch.equal(named, by_vector(network, batch, vectors_of(3, seed=9))[:, : named.shape[1]])


def test_only_the_direction_of_a_vector_counts():
    network, batch, vectors = network_of(tiny(speaker="vector")), batch_of(), vectors_of(3, seed=9)
    assert torch.allclose(by_vector(network, batch, vectors), by_vector(network, batch, vectors * 7), atol=1e-5)


def test_the_nearest_speaker_is_the_one_at_the_smallest_angle():
    space = network_of(tiny(speaker="vector")).speaker_vectors
    assert space.nearest(space.means.flip(0)).tolist() == [1, 0]
    assert space.nearest(0.7 * space.means[:1] + 0.3 * space.means[1:]).tolist() == [0]


def test_directions_that_no_training_speaker_has_stay_silent():
    network = FastSpeech2(tiny(speaker="vector"), INVENTORY)
    batch = dataclasses.replace(batch_of(), speaker_vectors=torch.eye(SPEAKER_VECTOR_SIZE)[:3])
    network.loss(batch)["mel"].backward()
    moved = network.speaker_vectors.projection.weight.grad.abs().sum(dim=0) > 0
    assert moved.tolist() == [True] * 3 + [False] * (SPEAKER_VECTOR_SIZE - 3)
    assert not network.speaker_vectors.projection.weight.any()


def test_moments_of_all_are_those_of_every_speaker_alike():
    moments = network_of(tiny()).variance.pitch.scale.moments
    quantity = dataclasses.replace(tiny().variance.pitch, moments="all")
    config = dataclasses.replace(tiny(), variance=dataclasses.replace(tiny().variance, pitch=quantity))
    together = network_of(config).variance.pitch.scale.moments
    draws = torch.distributions.Normal(*moments.unbind(-1)).sample((200_000,))
    assert torch.equal(together[0], together[1])
    torch.testing.assert_close(together[0], torch.stack((draws.mean(), draws.std())), atol=0.01, rtol=0)


def test_in_training_each_clip_brings_its_own_vector():
    network, batch = network_of(tiny(speaker="vector")), batch_of()
    other = dataclasses.replace(batch, speaker_vectors=vectors_of(3, seed=9))
    assert network.loss(batch)["mel"] != network.loss(other)["mel"]


def test_the_means_of_speakers_are_kept_with_the_weights():
    network, batch = network_of(tiny(speaker="both")), batch_of()
    again = network_of(tiny(speaker="both"), dataclasses.replace(INVENTORY, speaker_vectors=None), seed=5)
    again.load_state_dict(network.state_dict())
    assert torch.equal(speak(network, batch).mel, speak(again, batch).mel)


def test_a_vector_takes_the_place_of_the_table_or_stands_beside_it():
    assert network_of(tiny(speaker="vector")).speakers is None
    assert network_of(tiny(speaker="both")).speakers is not None
    assert network_of(tiny()).speaker_vectors is None


def test_a_batch_without_vectors_is_refused_where_they_are_needed():
    batch = dataclasses.replace(batch_of(), speaker_vectors=None)
    with pytest.raises(DataError, match=r"clip-0 has no speaker vectors.*tts vectors.*'table'"):
        network_of(tiny(speaker="vector")).loss(batch)


# Errors


def test_pitch_of_the_wrong_level_is_refused():
    with pytest.raises(DataError, match=r"clip-0.*variance.level is 'frame'"):
        network_of(tiny(level="frame")).loss(batch_of())


@pytest.mark.parametrize("name", CONFIGS)
def test_every_buffer_owns_its_memory_so_that_a_moving_average_can_write_it(name):
    assert all(0 not in buffer.stride() for buffer in network_of(CONFIGS[name]).buffers() if buffer.numel() > 1)


def test_an_inventory_without_statistics_is_refused():
    with pytest.raises(ConfigError, match="statistics"):
        FastSpeech2(tiny(), dataclasses.replace(INVENTORY, statistics=None))


@pytest.mark.parametrize("target", ["zscore", "none"])
@pytest.mark.parametrize("name", ["pitch", "energy"])
def test_statistics_of_an_older_release_suffice_for_targets_of_the_logarithm_alone(name, target):
    new = INVENTORY.statistics
    changes = {"pitch_hz_mean": {}} if name == "pitch" else {"energy_linear_mean": None}
    inventory = dataclasses.replace(INVENTORY, statistics=dataclasses.replace(new, **changes))
    network_of(tiny(), inventory)
    network_of(tiny(target="log"), inventory)
    with pytest.raises(ConfigError, match=rf"variance\.{name}\.target is '{target}'.*run `tts index` again"):
        network_of(tiny(target=target), inventory)


def test_heads_must_divide_the_hidden_size():
    with pytest.raises(ValueError, match=r"hidden 32 is not a multiple of encoder\.heads 3"):
        dataclasses.replace(tiny(), encoder=dataclasses.replace(STACK, heads=3))
