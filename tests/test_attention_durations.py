"""Durations from a teacher's attention: known values, sums, and what cannot be counted."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tts.alignment.attention import durations_of_attention, focus_rates
from tts.errors import AlignmentError


def looking_at(phones, num_phones, sharpness=0.9):
    """Attention [steps, phones] that puts so much weight on one phone of each step, and spreads the rest."""
    weights = np.full((len(phones), num_phones), (1 - sharpness) / (num_phones - 1))
    weights[np.arange(len(phones)), phones] = sharpness
    return weights


def test_a_diagonal_gives_its_steps_to_each_phone():
    assert durations_of_attention(looking_at([0, 0, 0, 1, 2, 2], 3)).tolist() == [3, 1, 2]


def test_a_phone_that_is_skipped_gets_no_frame():
    durations = durations_of_attention(looking_at([0, 0, 2, 3], 5))
    assert durations.tolist() == [2, 0, 1, 1, 0]
    assert durations.dtype == np.int32


def test_the_head_of_the_highest_focus_rate_decides():
    heads = np.stack([looking_at([0, 0, 0, 0], 3, 0.6), looking_at([0, 1, 1, 2], 3, 0.8), np.full((4, 3), 1 / 3)])
    assert focus_rates(heads) == pytest.approx([0.6, 0.8, 1 / 3])
    assert durations_of_attention(heads).tolist() == [1, 2, 1]


def test_the_focus_rate_is_a_mean_over_steps():
    sometimes_sharp = np.concatenate([looking_at([0], 2, 1.0), looking_at([1, 1, 1], 2, 0.5)])
    heads = np.stack([sometimes_sharp, looking_at([0, 0, 1, 1], 2, 0.7)])
    assert focus_rates(heads) == pytest.approx([0.625, 0.7])
    assert durations_of_attention(heads).tolist() == [2, 2]


def test_steps_of_several_frames_give_the_frames_that_the_mel_has():
    attention = looking_at([0, 1, 1, 2], 3)
    assert durations_of_attention(attention, frames_per_step=3).tolist() == [3, 6, 3]
    assert durations_of_attention(attention, frames_per_step=3, num_frames=10).tolist() == [3, 6, 1]


@settings(max_examples=50, deadline=None)
@given(
    attention=arrays(np.float32, st.tuples(*[st.integers(1, 6)] * 3), elements=st.floats(0, 1, width=32)),
    frames_per_step=st.integers(1, 4),
    data=st.data(),
)
def test_durations_sum_to_the_frames(attention, frames_per_step, data):
    whole = attention.shape[1] * frames_per_step
    num_frames = data.draw(st.integers(whole - frames_per_step + 1, whole))
    durations = durations_of_attention(attention, num_frames=num_frames, frames_per_step=frames_per_step)
    assert durations.sum() == num_frames
    assert durations.shape == (attention.shape[2],)
    assert (durations >= 0).all()


@pytest.mark.parametrize("num_frames", [9, 13])
def test_a_mel_of_another_utterance_is_refused(num_frames):
    with pytest.raises(AlignmentError, match=f"4 steps of 3 frames, but the mel has {num_frames} frames"):
        durations_of_attention(looking_at([0, 1, 1, 2], 3), frames_per_step=3, num_frames=num_frames)


@pytest.mark.parametrize("attention", [np.zeros((0, 3)), np.full((2, 3), np.nan), np.zeros(3), np.zeros((1, 2, 0))])
def test_attention_that_says_nothing_is_refused(attention):
    with pytest.raises(AlignmentError, match="finite and not empty"):
        durations_of_attention(attention)
