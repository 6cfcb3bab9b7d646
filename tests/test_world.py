"""Our DIO and StoneMask find what WORLD's own find."""

import io
import tarfile
import warnings

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from plain_sounds import sound_of

from tts.audio.dio import dio
from tts.audio.stonemask import stonemask

with warnings.catch_warnings():  # its __init__ reads its own version through the deprecated pkg_resources
    warnings.simplefilter("ignore")
    import pyworld

RANGES = [(71.0, 800.0), (60.0, 500.0), (40.0, 1100.0)]
RATES = [8000, 16000, 22050, 24000, 44100, 48000]


def ours(waveform, rate, *, hz=(71.0, 800.0), period_ms=5.0):
    raw = dio(waveform, rate, frame_period_ms=period_ms, f_min=hz[0], f_max=hz[1])
    return raw, stonemask(waveform, raw, rate, frame_period_ms=period_ms)


def theirs(waveform, rate, *, hz=(71.0, 800.0), period_ms=5.0):
    raw, times = pyworld.dio(waveform, rate, f0_floor=hz[0], f0_ceil=hz[1], frame_period=period_ms)
    return raw, pyworld.stonemask(waveform, raw, times, rate)


def assert_equal(waveform, rate, **how):
    for found, expected in zip(ours(waveform, rate, **how), theirs(waveform, rate, **how), strict=True):
        np.testing.assert_array_equal(found > 0, expected > 0)
        np.testing.assert_allclose(found, expected, rtol=1e-6)


def voice(hz, rate, *, seed=0):
    """Ten harmonics that follow F0 sample by sample, in a little noise."""
    phase = 2 * np.pi * np.cumsum(hz) / rate
    noise = np.random.default_rng(seed).normal(0, 1e-4, len(phase))
    return 0.1 * sum(np.sin(k * phase) / k for k in range(1, 11)) + noise


@pytest.mark.parametrize("hz", RANGES)
@pytest.mark.parametrize("rate", RATES)
def test_a_voice_that_rises_has_the_f0_of_world(rate, hz):
    waveform = voice(np.linspace(50, 900, 2 * rate), rate)
    assert_equal(waveform, rate, hz=hz)
    assert_equal(waveform, rate, hz=hz, period_ms=1000 * 256 / rate)
    assert (ours(waveform, rate, hz=hz)[1] > 0).mean() > 0.4


@pytest.mark.parametrize("text", ["aa ss ii", "sasasasa", " a is as a "])
def test_plain_sounds_have_the_f0_of_world(text):
    waveform, _ = sound_of(text, seed=len(text))
    assert_equal(waveform.astype(np.float64), 22050)


@settings(max_examples=60, deadline=None)
@given(
    num_samples=st.integers(1, 30000),
    rate=st.sampled_from(RATES),
    hz=st.sampled_from(RANGES),
    period_ms=st.floats(1, 20),
    loudness=st.floats(1e-3, 1),
    seed=st.integers(0, 2**32 - 1),
)
def test_noise_and_wavering_voices_of_any_length_have_the_f0_of_world(num_samples, rate, hz, period_ms, loudness, seed):
    draw = np.random.default_rng(seed)
    wavering = draw.uniform(80, 500) * (1 + 0.3 * np.sin(np.arange(num_samples) / rate * draw.uniform(1, 30)))
    mix = draw.uniform()
    waveform = loudness * (mix * voice(wavering, rate, seed=seed) + (1 - mix) * draw.normal(0, 0.1, num_samples))
    assert_equal(waveform, rate, hz=hz, period_ms=period_ms)


@pytest.mark.parametrize("num_samples", [1, 2, 255, 256, 257, 6867, 6868, 6869, 13736, 54945, 54946])
def test_clips_that_end_beside_the_end_of_a_block_have_the_f0_of_world(num_samples):
    assert_equal(voice(np.full(num_samples, 130.0), 22050), 22050)


@pytest.mark.parametrize("start", [3000, 20000, 40000])
def test_digital_silence_in_a_clip_is_unvoiced_as_in_world(start):
    waveform = voice(np.full(66150, 170.0), 22050)
    waveform[start : start + 20000] = 0
    for found, expected in zip(ours(waveform, 22050), theirs(waveform, 22050), strict=True):
        np.testing.assert_array_equal(found > 0, expected > 0)
        np.testing.assert_allclose(found, expected, rtol=1e-3)  # rounding decides where the last period ends
        off = np.abs(found - expected) > 1e-6 * expected
        assert off.sum() <= 4


@pytest.mark.parametrize("level", [0.0, 0.3, -1.0])
@pytest.mark.parametrize("num_samples", [0, 1, 100, 22050, 60000])
def test_silence_and_a_steady_level_are_unvoiced(level, num_samples):
    raw, refined = ours(np.full(num_samples, level), 22050)
    assert len(raw) == len(refined) == int(1000 * num_samples / 22050 / 5) + 1
    assert not raw.any()
    assert not refined.any()


@pytest.mark.parametrize("gain", [2.0**-12, 4.0])
def test_loudness_does_not_change_f0(gain):
    waveform = voice(np.linspace(90, 300, 22050), 22050)
    for quiet, loud in zip(ours(waveform, 22050), ours(gain * waveform, 22050), strict=True):
        np.testing.assert_allclose(loud, quiet, rtol=1e-9)


def test_f0_is_the_same_each_time_and_the_waveform_is_left_alone():
    waveform = voice(np.linspace(90, 300, 22050), 22050).astype(np.float32)
    waveform.setflags(write=False)
    once, again = ours(waveform, 22050), ours(waveform, 22050)
    assert [part.tobytes() for part in once] == [part.tobytes() for part in again]


def test_stonemask_of_any_f0_is_that_of_world():
    waveform = voice(np.full(22050, 140.0), 22050)
    f0 = np.random.default_rng(0).uniform(30, 2500, 201)
    expected = pyworld.stonemask(waveform, f0, np.arange(201) * 5.0 / 1000, 22050)
    np.testing.assert_allclose(stonemask(waveform, f0, 22050), expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("waveform", "hz", "said"),
    [
        (np.zeros((2, 100)), (71.0, 800.0), r"shape \[2, 100\]"),
        (np.array([0.0, np.nan]), (71.0, 800.0), "sample 1 is nan"),
        (np.zeros(100), (800.0, 71.0), "f_min < f_max, not 800 and 71 Hz"),
        (np.zeros(100), (0.0, 71.0), "0 < f_min"),
    ],
)
def test_what_cannot_be_measured_is_refused(waveform, hz, said):
    with pytest.raises(ValueError, match=said):
        ours(waveform, 22050, hz=hz)


@pytest.mark.parametrize(("rate", "period_ms"), [(0, 5.0), (22050, 0.0), (22050, -5.0)])
def test_frames_that_do_not_advance_are_refused(rate, period_ms):
    with pytest.raises(ValueError, match="above 0"):
        dio(np.zeros(100), rate, frame_period_ms=period_ms)


def test_f0_without_a_waveform_is_refused():
    with pytest.raises(ValueError, match="0 samples"):
        stonemask(np.zeros(0), np.full(3, 100.0), 22050)


@pytest.mark.parametrize("hz", RANGES)
def test_ljspeech_has_the_f0_of_world(shared, hz):
    with tarfile.open(shared / "corpora" / "LJSpeech-1.1.tar.bz2") as archive:
        clips = [archive.extractfile(each).read() for each in archive if each.name.endswith(".wav")][:4]
    assert clips
    for clip in clips:
        waveform, rate = soundfile.read(io.BytesIO(clip))
        assert_equal(waveform, rate, hz=hz, period_ms=1000 * 256 / rate)


def test_prompts_have_the_f0_of_world(shared):
    clips = sorted((shared / "corpora" / "asterisk-en").rglob("*.flac"))[::40]
    assert clips
    for clip in clips:
        assert_equal(*soundfile.read(clip))
