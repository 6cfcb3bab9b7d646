"""Layers and losses of acoustic models: from phones to frames, whole frames, masked means."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tts.layers.variance import BinEmbedding, TargetScale, places_in_phones, repeat_to_frames, whole_frames
from tts.losses.reconstruction import masked_cross_entropy, masked_l1, masked_mse


def test_frames_repeat_phones_as_numpy_does():
    hidden = torch.randn(2, 4, 3)
    durations = torch.tensor([[2, 0, 3, 1], [1, 1, 0, 0]])
    frames = repeat_to_frames(hidden, durations, 7)
    for i in range(2):
        expected = np.repeat(hidden[i].numpy(), durations[i].numpy(), axis=0)
        assert np.array_equal(frames[i, : len(expected)].numpy(), expected)
        assert not frames[i, len(expected) :].any()


def test_frames_know_their_place_in_their_phone():
    places = places_in_phones(torch.tensor([[2, 0, 3], [1, 1, 0]]), 6)
    share, past, left = places.unbind(-1)
    torch.testing.assert_close(share[0], torch.tensor([1 / 4, 3 / 4, 1 / 6, 3 / 6, 5 / 6, 0]))
    torch.testing.assert_close(past[0].expm1(), torch.tensor([0.5, 1.5, 0.5, 1.5, 2.5, 0]))
    torch.testing.assert_close(left[0].expm1(), torch.tensor([1.5, 0.5, 2.5, 1.5, 0.5, 0]))
    assert not places[1, 2:].any()


@settings(max_examples=100, deadline=None)
@given(
    durations=st.lists(st.floats(0, 30, width=32), min_size=1, max_size=50),
    scale=st.floats(0.1, 4),
    data=st.data(),
)
def test_whole_frames_keep_the_minimum_and_the_total(durations, scale, data):
    minimum = data.draw(st.lists(st.booleans(), min_size=len(durations), max_size=len(durations)))
    scaled, least = torch.tensor([durations]) * scale, torch.tensor([minimum])
    whole = whole_frames(scaled, least)
    assert (whole >= least.long()).all()
    assert abs(int(whole.sum()) - float(torch.maximum(scaled, least.float()).double().sum())) <= 0.5


MOMENTS = {"linear": torch.tensor([[200.0, 40.0], [110.0, 20.0]]), "log": torch.tensor([[5.3, 0.2], [4.7, 0.15]])}
KNOWN_TARGETS = {  # of 240 Hz and 90 Hz of the two speakers
    "none": [240.0, 90.0],
    "log": [np.log(240), np.log(90)],
    "zscore": [1.0, -1.0],
    "log+zscore": [(np.log(240) - 5.3) / 0.2, (np.log(90) - 4.7) / 0.15],
}
over_targets = pytest.mark.parametrize("target", KNOWN_TARGETS)


def scale_of(target):
    return TargetScale(target, MOMENTS["log" if target.startswith("log") else "linear"])


@over_targets
def test_targets_have_their_units(target):
    found = scale_of(target).to_target(torch.tensor([[240.0], [90.0]]), torch.tensor([0, 1]))
    torch.testing.assert_close(
        found.flatten().double(), torch.tensor(KNOWN_TARGETS[target]).double(), rtol=1e-5, atol=0
    )


@over_targets
@settings(max_examples=30, deadline=None)
@given(values=st.lists(st.floats(2**-10, 2000, width=32), min_size=1, max_size=8), speaker=st.integers(0, 1))
def test_values_survive_the_way_to_the_target_and_back(target, values, speaker):
    scale, values, speakers = scale_of(target), torch.tensor([values]), torch.tensor([speaker])
    back = scale.to_values(scale.to_target(values, speakers), speakers)
    torch.testing.assert_close(back, values, rtol=2e-5, atol=2e-5)


@over_targets
def test_what_is_predicted_is_a_positive_value(target):
    values = scale_of(target).to_values(torch.tensor([[-9.0, 0.0, 5.0]]), torch.tensor([1]))
    assert (values > 0).all()


@over_targets
def test_bins_cover_three_standard_deviations_whatever_the_target(target):
    scale, embedding = scale_of(target), BinEmbedding(4, 16)
    with torch.no_grad():
        embedding.table.weight.copy_(torch.arange(17.0)[:, None].expand(17, 4))
    mean, std = scale.moments[0].tolist()
    values = torch.linspace(mean - 3.4 * std, mean + 3.4 * std, 200)[None]
    values = values.exp() if scale.of_logarithm else values
    present = torch.ones_like(values, dtype=torch.bool)
    bins = embedding(scale.to_standard(values, torch.tensor([0])), present, present)[0, :, 0]
    assert bins.unique().tolist() == list(range(16))


def test_losses_are_means_over_real_positions():
    mask = torch.tensor([[True, True, False]])
    prediction = torch.tensor([[[1.0, 2.0], [3.0, 5.0], [99.0, 99.0]]])
    target = torch.zeros_like(prediction)
    assert masked_l1(prediction, target, mask) == pytest.approx(11 / 4)
    assert masked_mse(prediction, target, mask) == pytest.approx((1 + 4 + 9 + 25) / 4)
    truth = torch.tensor([[True, False, False]])
    logits = torch.tensor([[0.0, 0.0, 50.0]])
    assert masked_cross_entropy(logits, truth, mask) == pytest.approx(np.log(2))
    assert masked_l1(prediction, target, mask & False) == 0
