"""F0 coincides with mel frames; phone means survive phones without frames."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tts.audio.prosody import PitchSettings, f0, phone_energy, phone_pitch
from tts.audio.spectrogram import MelDefinition, num_frames
from tts.config import build
from tts.errors import ConfigError

HIFIGAN = MelDefinition(
    sample_rate=22050, n_fft=1024, hop_length=256, win_length=1024, n_mels=80, f_min=0.0, f_max=8000.0
)
CENTERED = dataclasses.replace(HIFIGAN, framing="centered")
PITCH = PitchSettings()


def voice(hz: np.ndarray, sample_rate: int = 22050) -> np.ndarray:
    """A buzz of ten harmonics that follows F0 sample by sample."""
    phase = 2 * np.pi * np.cumsum(hz) / sample_rate
    return (0.1 * sum(np.sin(k * phase) / k for k in range(1, 11))).astype(np.float32)


@pytest.mark.parametrize("definition", [HIFIGAN, CENTERED])
@pytest.mark.parametrize("hz", [90.0, 150.0, 220.0, 400.0])
def test_f0_of_a_tone_is_within_one_percent(definition, hz):
    found = f0(voice(np.full(22050, hz)), definition, PITCH)
    assert len(found) == num_frames(22050, definition)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found[5:-5], hz, rtol=0.01)


@pytest.mark.parametrize("definition", [HIFIGAN, CENTERED])
def test_f0_frames_lie_on_the_centres_of_mel_frames(definition):
    hz = np.linspace(100, 400, 22050)
    found = f0(voice(hz), definition, PITCH)
    centres = definition.first_center + definition.hop_length * np.arange(len(found))
    inner = slice(6, -6)
    lag_hz = np.mean(found[inner] - np.interp(centres, np.arange(22050), hz)[inner])
    assert abs(lag_hz) < 0.5  # half a hop would be 1.7 Hz


@pytest.mark.parametrize("definition", [HIFIGAN, CENTERED])
@pytest.mark.parametrize("num_samples", [0, 1, 100, 255, 256, 383, 384, 5000, 22050, 22143])
def test_f0_has_num_frames_frames_whatever_the_length(definition, num_samples):
    waveform = np.random.default_rng(0).normal(0, 0.1, num_samples).astype(np.float32)
    found = f0(waveform, definition, PITCH)
    assert len(found) == num_frames(num_samples, definition)
    assert np.isfinite(found).all()


def test_f0_of_silence_is_unvoiced_and_the_waveform_is_left_alone():
    waveform = np.zeros(22050, np.float32)
    waveform.setflags(write=False)
    assert not f0(waveform, HIFIGAN, PITCH).any()


def test_an_empty_search_range_is_refused():
    with pytest.raises(ConfigError, match="f_min < f_max"):
        build(PitchSettings, {"f_min": 500.0, "f_max": 100.0}, where="pitch")


def test_phone_pitch_is_the_mean_of_voiced_frames_and_needs_half_of_them():
    frames = np.array([100, 200, 0, 0, 0, 120, 0, 300], np.float32)
    durations = np.array([3, 0, 3, 0, 2, 0], np.int32)
    np.testing.assert_allclose(phone_pitch(frames, durations), [150, 0, 0, 0, 300, 0])


def test_phone_energy_of_phones_without_frames_is_zero():
    durations = np.array([0, 2, 0, 1, 0], np.int32)
    np.testing.assert_allclose(phone_energy(np.array([1, 3, 5], np.float32), durations), [0, 2, 0, 5, 0])


def test_durations_that_do_not_sum_to_the_frames_are_refused():
    with pytest.raises(ValueError, match="sum to 3, but there are 4 frames"):
        phone_energy(np.ones(4, np.float32), np.array([1, 2]))


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_phone_means_equal_the_means_of_slices(data):
    durations = np.array(data.draw(st.lists(st.integers(0, 6), max_size=12)), np.int32)
    values = st.floats(50, 500, width=32) | st.just(0.0)
    count = int(durations.sum())
    frames = np.array(data.draw(st.lists(values, min_size=count, max_size=count)), np.float32)
    slices = np.split(frames, np.cumsum(durations)[:-1]) if len(durations) else []
    energy = [part.mean(dtype=np.float64) if len(part) else 0 for part in slices]
    pitch = [
        part[part > 0].mean(dtype=np.float64) if len(part) and 2 * (part > 0).sum() >= len(part) else 0
        for part in slices
    ]
    np.testing.assert_allclose(phone_energy(frames, durations), energy, rtol=1e-5)
    np.testing.assert_allclose(phone_pitch(frames, durations), pitch, rtol=1e-5)
