"""The pieces that VITS2 is made of."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tts.audio.mel_definition import MelDefinition
from tts.layers.coupling_flow import Coupling, Flow, FlowConfig
from tts.layers.duration_discriminators import DurationDiscriminator
from tts.layers.gated_stack import GatedStack
from tts.layers.masking import length_mask
from tts.layers.relative_transformer import RelativeAttention, RelativeTransformer, RelativeTransformerConfig
from tts.layers.residual_stacks import TrunkConfig
from tts.layers.segments import cut_segments, draw_starts
from tts.layers.splines import inverse_spline, knots, spline
from tts.layers.stochastic_durations import StochasticDurationPredictor
from tts.layers.waveform_decoders import FixedJoin, IstftDecoder, LearnedJoin, SampleDecoder
from tts.losses.latent import latent_divergence, latent_likelihood

LENGTHS = torch.tensor([11, 6])
MASK = length_mask(LENGTHS, 11)
SPEAKER = torch.randn(2, 5, generator=torch.Generator().manual_seed(9))
TRUNK = TrunkConfig(
    channels=16, upsample_rates=(4, 4), upsample_kernels=(16, 16), resblock_kernels=(3,), resblock_dilations=((1, 3),)
)
MEL = MelDefinition(sample_rate=22050, n_fft=1024, hop_length=256, win_length=1024, n_mels=80, f_min=0.0, f_max=8000.0)


def awake(module):
    """Evaluation mode, and random values where training begins with zeros."""
    draw = torch.Generator().manual_seed(0)
    for parameter in module.parameters():
        parameter.data += 0.1 * torch.randn(parameter.shape, generator=draw)
    return module.eval()


def states(channels, seed=1):
    return torch.randn(2, 11, channels, generator=torch.Generator().manual_seed(seed))


def decoder(kind, *, speaker=None):
    if kind == "hifigan":
        return SampleDecoder(TRUNK, 8, speaker=speaker)
    join = {"istft": None, "mb_istft": FixedJoin(4), "ms_istft": LearnedJoin(4)}[kind]
    return IstftDecoder(TRUNK, 8, speaker=speaker, definition=MEL, n_fft=16, hop_length=4, join=join)


DECODERS = pytest.mark.parametrize(
    ("kind", "rate"), [("hifigan", 16), ("istft", 64), ("mb_istft", 256), ("ms_istft", 256)]
)


@pytest.mark.parametrize("transformer", [True, False])
def test_a_flow_is_undone_by_its_inverse(transformer):
    flow = awake(Flow(8, 12, FlowConfig(couplings=3, layers=2, transformer=transformer), speaker=5))
    latent = states(8).masked_fill(~MASK.unsqueeze(2), 0)
    moved = flow(latent, MASK, SPEAKER)
    assert (moved - latent).abs().max() > 0.1
    torch.testing.assert_close(flow.inverse(moved, MASK, SPEAKER), latent, atol=1e-5, rtol=0)


def test_a_coupling_keeps_the_volume():
    coupling = awake(Coupling(4, 12, FlowConfig(layers=1))).double()
    latent, mask = states(4)[:1, :3].double(), torch.ones(1, 3, dtype=torch.bool)
    jacobian = torch.autograd.functional.jacobian(lambda each: coupling(each, mask), latent).reshape(12, 12)
    assert torch.linalg.det(jacobian).item() == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize(
    "build",
    [
        lambda: RelativeTransformer(8, RelativeTransformerConfig(layers=3, filter=16), speaker=5),
        lambda: GatedStack(8, 5, 3, speaker=5),
        lambda: Flow(8, 12, FlowConfig(couplings=2, layers=2), speaker=5),
    ],
    ids=["transformer", "stack", "flow"],
)
def test_padding_changes_nothing(build):
    module = awake(build())
    hidden = states(8)
    hidden[1, 6:] = 1e3
    if not isinstance(module, RelativeTransformer):  # their inputs are masked, as what comes before them is
        hidden = hidden.masked_fill(~MASK.unsqueeze(2), 0)
    together = module(hidden, MASK, SPEAKER)
    alone = module(hidden[1:, :6], MASK[1:, :6], SPEAKER[1:])
    torch.testing.assert_close(together[1:, :6], alone, atol=1e-5, rtol=1e-5)
    assert not together[1, 6:].any()


def test_relative_attention_is_that_of_its_definition():
    attention = awake(RelativeAttention(6, 1, 0.0))
    hidden = states(6)[:1]
    query, key, value = (each(hidden)[0] for each in (attention.query, attention.key, attention.value))
    rows = []
    for i in range(11):
        near = [j - i + 4 if abs(j - i) <= 4 else None for j in range(11)]
        keys = torch.stack([key[j] + (0 if n is None else attention.near_keys[n]) for j, n in enumerate(near)])
        values = torch.stack([value[j] + (0 if n is None else attention.near_values[n]) for j, n in enumerate(near)])
        rows.append(torch.softmax(keys @ query[i] / math.sqrt(6), dim=0) @ values)
    expected = attention.output(torch.stack(rows))
    torch.testing.assert_close(attention(hidden, MASK[:1])[0], expected, atol=1e-5, rtol=0)


def test_the_speaker_is_heard_from_the_third_block_on():
    transformer = awake(RelativeTransformer(8, RelativeTransformerConfig(layers=4, filter=16), speaker=5))
    seen = []
    for norm in transformer.convolution_norms:
        norm.register_forward_hook(lambda _module, _inputs, output: seen.append(output))
    transformer(states(8), MASK, SPEAKER)
    transformer(states(8), MASK, -SPEAKER)
    assert [torch.equal(*pair) for pair in zip(seen[:4], seen[4:], strict=True)] == [True, True, False, False]


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**30))
def test_splines_rise_and_are_undone_by_their_inverse(seed):
    draw = torch.Generator().manual_seed(seed)
    at = knots(*(torch.randn(50, size, generator=draw, dtype=torch.float64) for size in (10, 10, 9)), bound=5.0)
    values = 4 * torch.randn(50, generator=draw, dtype=torch.float64)
    bent, slope = spline(values, at)
    torch.testing.assert_close(inverse_spline(bent, at), values, atol=1e-8, rtol=0)
    step = 1e-6
    rise = (spline(values + step, at)[0] - spline(values - step, at)[0]) / (2 * step)
    away = (values.unsqueeze(1) - at.places).abs().min(dim=1).values > 1e-5
    torch.testing.assert_close(rise.log()[away], slope[away], atol=1e-3, rtol=1e-3)
    outside = values.abs() > 5
    assert torch.equal(bent[outside], values[outside])


def test_random_durations_learn_what_they_are_told():
    torch.manual_seed(3)
    predictor = StochasticDurationPredictor(16, dropout=0.0)
    hidden = torch.randn(1, 2, 16).repeat(1, 20, 1)  # two kinds of phones, of 2 and of 8 frames
    mask, durations = torch.ones(1, 40, dtype=torch.bool), torch.tensor([[2, 8] * 20])
    optimizer = torch.optim.Adam(predictor.parameters(), lr=5e-3)
    losses = []
    for _ in range(60):
        loss = predictor.loss(hidden, mask, durations).sum() / mask.sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] - 0.5
    frames = predictor.eval()(hidden, mask, noise=0.3 * torch.randn(1, 40, 2)).exp().ceil()
    assert frames[0, 0::2].median() < frames[0, 1::2].median()


def test_random_durations_of_a_padded_item_are_those_of_the_item_alone():
    predictor = awake(StochasticDurationPredictor(8, speaker=5))
    noise, hidden = states(2, seed=4), states(8)
    together = predictor(hidden, MASK, SPEAKER, noise=noise)
    alone = predictor(hidden[1:, :6], MASK[1:, :6], SPEAKER[1:], noise=noise[1:, :6])
    torch.testing.assert_close(together[1:, :6], alone, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("form", ["plain", "normed"])
def test_a_duration_discriminator_judges_each_phone_blind_to_padding(form):
    judge = awake(DurationDiscriminator(8, form))
    hidden, durations = states(8).requires_grad_(), states(1)[..., 0].requires_grad_()
    scores, features = judge(hidden, MASK, durations)
    alone, _ = judge(hidden[1:, :6], MASK[1:, :6], durations[1:, :6])
    torch.testing.assert_close(scores[1:, :6], alone, atol=1e-5, rtol=1e-5)
    assert features == []
    scores.sum().backward()
    assert hidden.grad is None
    assert durations.grad[MASK].all()


@DECODERS
def test_a_decoder_makes_whole_frames_and_does_not_hear_padding(kind, rate):
    module = awake(decoder(kind))
    latent = states(8)
    latent[1, 6:] = 1e3
    decoded = module(latent, MASK, None)
    assert decoded.waveform.shape == (2, 11 * rate)
    alone = module(latent[1:, :6], None, None)
    torch.testing.assert_close(decoded.waveform[1:, : 6 * rate], alone.waveform, atol=1e-5, rtol=1e-4)
    assert not decoded.waveform[1, 6 * rate :].any()
    if decoded.subbands is not None:
        assert decoded.subbands.shape == (2, 4, 11 * rate // 4)
        torch.testing.assert_close(decoded.subbands[1:, :, : 6 * rate // 4], alone.subbands, atol=1e-5, rtol=1e-4)


@DECODERS
def test_a_decoder_that_is_told_of_speakers_begins_as_one_that_is_not(kind, rate):
    module = decoder(kind, speaker=5)
    latent = states(8)
    torch.testing.assert_close(module(latent, None, SPEAKER).waveform, module(latent, None, 0 * SPEAKER).waveform)
    module.film.weight.data.normal_()
    assert (module(latent, None, SPEAKER).waveform - module(latent, None, 0 * SPEAKER).waveform).abs().max() > 1e-4


def test_magnitudes_stay_finite_however_loud_they_are_to_be():
    module = decoder("mb_istft")
    module.conv_post.bias.data.fill_(1e4)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert module(states(8), None, None).waveform.isfinite().all()


def test_segments_begin_within_their_clips_and_hold_what_is_there():
    torch.manual_seed(0)
    lengths, hidden = torch.tensor([11, 4]), states(3)
    drawn = torch.stack([draw_starts(lengths, 4) for _ in range(200)])
    assert drawn.min(0).values.tolist() == [0, 0]
    assert drawn.max(0).values.tolist() == [7, 0]
    cut = cut_segments(hidden, torch.tensor([7, 2]), 4)
    assert torch.equal(cut[0], hidden[0, 7:11])
    assert torch.equal(cut[1], hidden[1, 2:6])


def test_likelihoods_are_those_of_normal_distributions():
    moved, mean, log_std = states(4)[:, :7], states(4, seed=2)[:, :5], 0.3 * states(4, seed=3)[:, :5]
    expected = torch.distributions.Normal(mean.unsqueeze(1), log_std.exp().unsqueeze(1)).log_prob(moved.unsqueeze(2))
    torch.testing.assert_close(latent_likelihood(moved, (mean, log_std)), expected.sum(3), atol=1e-4, rtol=1e-4)


def test_the_divergence_is_the_known_one_of_two_normal_distributions_on_average():
    draw = torch.Generator().manual_seed(5)
    mean, log_std, prior_mean, prior_log_std = 0.5, -0.4, -0.2, 0.3
    shape = (1, 50_000, 1)
    moved = mean + math.exp(log_std) * torch.randn(shape, generator=draw)
    full = [torch.full(shape, each) for each in (log_std, prior_mean, prior_log_std)]
    mask = torch.ones(1, 50_000, dtype=torch.bool)
    found = latent_divergence(moved, full[0], (full[1], full[2]), mask)
    pair = [torch.distributions.Normal(a, math.exp(b)) for a, b in ((mean, log_std), (prior_mean, prior_log_std))]
    assert found.item() == pytest.approx(torch.distributions.kl_divergence(*pair).item(), abs=0.02)


def test_the_divergence_does_not_hear_padding():
    parts = [states(3, seed=seed) for seed in range(4)]
    clean = latent_divergence(parts[0], parts[1], (parts[2], parts[3]), MASK)
    for part in parts:
        part[1, 6:] = torch.nan
    assert torch.equal(latent_divergence(parts[0], parts[1], (parts[2], parts[3]), MASK), clean)
