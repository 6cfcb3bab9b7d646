"""F0 coincides with mel frames; phone means survive phones without frames."""

from __future__ import annotations

import dataclasses
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tts.audio.mel_definition import MelDefinition, num_frames
from tts.audio.prosody import PitchSettings, f0, phone_energy, phone_pitch
from tts.config import build
from tts.errors import ConfigError

with warnings.catch_warnings():  # its __init__ reads its own version through the deprecated pkg_resources
    warnings.simplefilter("ignore")
    import pyworld

HIFIGAN = MelDefinition(
    sample_rate=22050, n_fft=1024, hop_length=256, win_length=1024, n_mels=80, f_min=0.0, f_max=8000.0
)
CENTERED = dataclasses.replace(HIFIGAN, framing="centered")
PITCH = PitchSettings()


def voice(hz: np.ndarray, sample_rate: int = 22050) -> np.ndarray:
    """A buzz of ten harmonics that follows F0 sample by sample."""
    phase = 2 * np.pi * np.cumsum(hz) / sample_rate
    return (0.1 * sum(np.sin(k * phase) / k for k in range(1, 11))).astype(np.float32)


METHODS = {
    "dio": PITCH,
    "harvest": PitchSettings(method="harvest"),
    "pyin": PitchSettings(method="pyin"),
}
methods = pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
framings = pytest.mark.parametrize("definition", [HIFIGAN, CENTERED], ids=["hifigan", "centered"])


@methods
@framings
@pytest.mark.parametrize("hz", [90.0, 150.0, 220.0, 400.0])
def test_f0_of_a_tone_is_its_frequency(definition, method, hz):
    found = f0(voice(np.full(11025, hz)), definition, method)
    assert len(found) == num_frames(11025, definition)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found[5:-5], hz, rtol=0.015 if method.method == "pyin" else 0.01)  # a grid of 10 cents


@methods
@framings
def test_f0_frames_lie_on_the_centres_of_mel_frames(definition, method):
    rising = np.linspace(100, 400, 22050)
    errors_hz = []
    for hz in (rising, rising[::-1]):
        found = f0(voice(hz), definition, method)
        centres = definition.first_center + definition.hop_length * np.arange(len(found))
        errors_hz.append((found - np.interp(centres, np.arange(22050), hz))[6:-6])
    assert np.abs(errors_hz).max() < 4
    # A shift in time errs one way where pitch rises and the other way where it falls; a bias in Hz does not.
    shift_seconds = (errors_hz[0].mean() - errors_hz[1].mean()) / 2 / 300
    assert abs(shift_seconds) < 0.5e-3  # half a hop is 5.8 ms


@methods
@framings
@pytest.mark.parametrize("num_samples", [0, 1, 100, 255, 256, 383, 384, 5001])
def test_f0_has_num_frames_frames_whatever_the_length(definition, method, num_samples):
    waveform = np.random.default_rng(0).normal(0, 0.1, num_samples).astype(np.float32)
    found = f0(waveform, definition, method)
    assert len(found) == num_frames(num_samples, definition)
    assert np.isfinite(found).all()
    assert found.tobytes() == f0(waveform, definition, method).tobytes()


@framings
@pytest.mark.parametrize("num_samples", [5000, 5119, 5121, 5247, 5249])
def test_f0_is_that_of_world_up_to_the_last_frame(definition, num_samples):
    """A voice that is cut off: silence behind it would be heard in the last frames."""
    waveform = voice(np.full(num_samples, 90.0))
    shifted = waveform[int(definition.first_center) :].astype(np.float64)
    raw, seconds = pyworld.dio(shifted, 22050, f0_floor=71, f0_ceil=800, frame_period=256 / 22050 * 1000)
    expected = pyworld.stonemask(shifted, raw, seconds, 22050)[: num_frames(num_samples, definition)]
    assert expected[-1] > 0
    np.testing.assert_allclose(f0(waveform, definition, PITCH), expected, rtol=1e-6)


@methods
def test_f0_of_silence_is_unvoiced_and_the_waveform_is_left_alone(method):
    waveform = np.zeros(5000, np.float32)
    waveform.setflags(write=False)
    assert not f0(waveform, HIFIGAN, method).any()


@methods
def test_f0_keeps_to_the_search_range(method):
    hz = np.repeat([100.0, 250.0], 11025)
    found = f0(voice(hz), HIFIGAN, dataclasses.replace(method, f_min=180.0, f_max=450.0))
    np.testing.assert_allclose(found[48:-5], 250, rtol=0.01)


def test_a_method_that_does_not_exist_is_refused():
    with pytest.raises(ConfigError, match=r"pitch.method"):
        build(PitchSettings, {"method": "crepe"}, where="pitch")


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
