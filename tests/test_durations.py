"""Seconds to frames: durations that add up."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tts.alignment.durations import frame_durations
from tts.audio.mel_definition import MelDefinition, num_frames

RATE = 22050
HIFIGAN = MelDefinition(
    sample_rate=RATE, n_fft=1024, hop_length=256, win_length=1024, n_mels=80, f_min=0.0, f_max=8000.0
)
CENTERED = dataclasses.replace(HIFIGAN, framing="centered")

ROUND = MelDefinition(sample_rate=1000, n_fft=8, hop_length=4, win_length=8, n_mels=2, f_min=0.0, f_max=500.0)


@pytest.mark.parametrize(("framing", "durations"), [("hifigan", [1, 2, 0, 2]), ("centered", [2, 1, 1, 2])])
def test_a_phone_has_the_frames_whose_centres_lie_within_it(framing, durations):
    """Centres are at 2, 6, 10, 14 and 18 ms, or at 0, 4, 8, 12, 16 and 20 ms."""
    found = frame_durations(np.array([0.005, 0.011, 0.013, 0.020]), 20, dataclasses.replace(ROUND, framing=framing))
    assert found.tolist() == durations
    assert found.dtype == np.int32


@pytest.mark.parametrize("definition", [HIFIGAN, CENTERED], ids=["hifigan", "centered"])
def test_a_frame_centred_on_a_boundary_is_the_next_phones_however_its_time_is_rounded(definition):
    frames = np.arange(1, 4000)
    samples = definition.first_center + definition.hop_length * frames
    over = frames[samples / RATE * RATE > samples]
    assert len(over) > 100
    for frame in over[::10]:
        ends = np.array([samples[frame - 1], samples[frame - 1] + 1000]) / RATE
        assert frame_durations(ends, int(samples[frame - 1]) + 1000, definition)[0] == frame


phone_seconds = st.lists(st.floats(0, 0.4), min_size=1, max_size=30)


@settings(max_examples=200, deadline=None)
@given(seconds=phone_seconds, beyond=st.integers(-4000, 4000), definition=st.sampled_from([HIFIGAN, CENTERED]))
def test_durations_add_up_and_no_boundary_is_half_a_hop_off(seconds, beyond, definition):
    ends = np.cumsum(seconds)
    num_samples = max(0, round(ends[-1] * RATE) + beyond)
    durations = frame_durations(ends, num_samples, definition)
    assert len(durations) == len(ends)
    assert durations.sum() == num_frames(num_samples, definition)
    assert (durations >= 0).all()
    middles = definition.first_center + definition.hop_length * (np.cumsum(durations)[:-1] - 0.5)  # between two frames
    samples = ends[:-1] * RATE
    inside = samples < num_samples - definition.hop_length
    # A millionth of a hop is what a time may be off by rounding; a boundary so near a frame's centre counts as on it.
    assert (np.abs(middles - samples)[inside] <= definition.hop_length * (0.5 + 1e-6) + 1e-6).all()


@settings(max_examples=200, deadline=None)
@given(seconds=phone_seconds, data=st.data())
def test_a_further_boundary_moves_no_other(seconds, data):
    ends = np.cumsum(seconds)
    place = data.draw(st.integers(0, len(ends) - 1))
    start = ends[place - 1] if place else 0.0
    between = start + data.draw(st.floats(0, 1)) * (ends[place] - start)
    num_samples = round(ends[-1] * RATE)
    whole = frame_durations(ends, num_samples, HIFIGAN)
    parted = frame_durations(np.insert(ends, place, min(between, ends[place])), num_samples, HIFIGAN)
    assert [*parted[:place], parted[place] + parted[place + 1], *parted[place + 2 :]] == whole.tolist()


@pytest.mark.parametrize("ends", [[], [0.2, 0.1], [-0.1, 0.2], [0.1, np.nan], [0.1, np.inf]])
def test_ends_that_are_no_times_are_refused(ends):
    with pytest.raises(ValueError, match="ends of phones must be finite"):
        frame_durations(np.array(ends, dtype=np.float64), 1000, HIFIGAN)
