"""Every metric has known values, and none is 0 for want of a value."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tts.audio.mel_definition import MelDefinition
from tts.audio.prosody import PitchSettings
from tts.audio.spectrogram import mel_spectrogram
from tts.config import build
from tts.errors import ConfigError
from tts.metrics.cepstral import mel_cepstra, mel_cepstral_distortion
from tts.metrics.duration import TimedPhones, duration_mae_ms
from tts.metrics.energy import energy_mae_db
from tts.metrics.intervals import Interval, interval
from tts.metrics.measurable import NotMeasurableError
from tts.metrics.naturalness import dnsmos
from tts.metrics.pitch import log_f0_rmse, voicing_error
from tts.metrics.scoring import Take, score
from tts.metrics.settings import METRICS, EvaluateSettings
from tts.metrics.spectral import mel_l1, multi_resolution_stft
from tts.metrics.speed import real_time_factor
from tts.metrics.warping import warping_path

MEL = MelDefinition(sample_rate=22050, n_fft=1024, hop_length=256, win_length=1024, n_mels=80, f_min=0.0, f_max=8000.0)
PITCH = PitchSettings()
WINDOW = 1.15  # seconds; repeated three times it fills DNSMOS's window of 9.01 s just so
OPINIONS = ("dnsmos_ovrl", "dnsmos_sig", "dnsmos_bak", "dnsmos_p808")


def buzz(seconds: float, *, seed: int = 0, hz: float = 150.0) -> np.ndarray:
    """Harmonics with a moving melody, loudness and timbre, a pause in the middle, and a little noise."""
    rng = np.random.default_rng(seed)
    time = np.arange(int(seconds * 22050)) / 22050
    phase = 2 * np.pi * np.cumsum(hz * (1 + 0.2 * np.sin(2 * np.pi * time))) / 22050
    tilt = 1.5 + np.sin(2 * np.pi * 2.3 * time)
    voice = sum(np.sin(k * phase) / k**tilt for k in range(1, 20)) * (np.sin(2 * np.pi * 3 * time) > -0.7)
    return (0.1 * voice + 0.003 * rng.normal(size=len(time))).astype(np.float32)


def random_walk(frames: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(frames, 5)).cumsum(axis=0)


def cheapest_cost(distances: np.ndarray) -> float:
    """Dynamic time warping as the textbook has it."""
    total = np.full(np.add(distances.shape, 1), np.inf)
    total[0, 0] = 0
    for i, j in np.ndindex(distances.shape):
        total[i + 1, j + 1] = distances[i, j] + min(total[i, j], total[i, j + 1], total[i + 1, j])
    return total[-1, -1]


class TestWarping:
    @pytest.mark.parametrize(("n", "m"), [(1, 1), (1, 7), (9, 1), (2, 2), (40, 57), (63, 31)])
    def test_path_is_the_cheapest(self, n, m):
        ours, theirs = random_walk(n, 1), random_walk(m, 2)
        rows, columns = warping_path(ours, theirs)
        cost = np.linalg.norm(ours[rows] - theirs[columns], axis=1).sum()
        distances = np.linalg.norm(ours[:, None] - theirs[None], axis=2)
        assert cost == pytest.approx(cheapest_cost(distances))

    @settings(max_examples=40, deadline=None)
    @given(st.integers(1, 30), st.integers(1, 30), st.integers(0, 99))
    def test_path_is_monotonic_and_leaves_no_frame_out(self, n, m, seed):
        rows, columns = warping_path(random_walk(n, seed), random_walk(m, seed + 1))
        assert (rows[0], columns[0], rows[-1], columns[-1]) == (0, 0, n - 1, m - 1)
        steps = np.stack([np.diff(rows), np.diff(columns)])
        assert ((steps == 0) | (steps == 1)).all()
        assert (steps.sum(axis=0) > 0).all()

    def test_path_undoes_a_stretch(self):
        ours = random_walk(30, 3)
        slow = np.repeat(ours, 2, axis=0)
        rows, columns = warping_path(ours, slow)
        np.testing.assert_array_equal(ours[rows], slow[columns])


class TestCepstral:
    @pytest.mark.parametrize("k", [1, 5, 13])
    def test_distortion_is_the_rms_difference_in_db_of_the_spectra(self, k):
        # 6 dB peak at the k-th cosine over the bands is 6 / sqrt(2) dB RMS.
        bands = np.cos(np.pi * k * (np.arange(80) + 0.5) / 80)
        difference = np.tile(6 / (20 / math.log(10)) * bands, (3, 1))
        rms_db = 20 / math.log(10) * math.sqrt(np.square(difference).mean())
        distortion = mel_cepstral_distortion(mel_cepstra(difference), mel_cepstra(np.zeros((3, 80))))
        assert distortion == pytest.approx(rms_db) == pytest.approx(6 / math.sqrt(2))

    def test_one_cepstrum_off_by_one_is_6_14_db(self):
        ours = np.zeros((4, 13))
        ours[:, 2] = 1
        assert mel_cepstral_distortion(ours, np.zeros((4, 13))) == pytest.approx(6.1419, abs=1e-4)

    def test_loudness_and_detail_beyond_13_cepstra_do_not_count(self):
        mel = np.random.default_rng(0).normal(size=(5, 80))
        fine = mel + 3.0 + np.cos(np.pi * 20 * (np.arange(80) + 0.5) / 80)
        assert mel_cepstral_distortion(mel_cepstra(mel), mel_cepstra(fine)) == pytest.approx(0, abs=1e-9)


class TestPitchEnergyDuration:
    def test_log_f0_rmse_of_a_semitone(self):
        hz = np.array([100, 200, 0, 150], np.float32)
        assert log_f0_rmse(hz * 2 ** (1 / 12), hz) == pytest.approx(math.log(2) / 12, rel=1e-5)

    def test_log_f0_rmse_looks_at_frames_voiced_in_both(self):
        assert log_f0_rmse(np.array([0, 100, 200.0]), np.array([300, 100, 0.0])) == 0

    def test_log_f0_rmse_without_common_voicing_is_not_measurable(self):
        with pytest.raises(NotMeasurableError, match="voiced in both"):
            log_f0_rmse(np.array([0, 100.0]), np.array([100, 0.0]))

    def test_voicing_error_is_a_share(self):
        assert voicing_error(np.array([0, 1, 1, 0.0]), np.array([0, 9, 0, 0.0])) == 0.25

    def test_half_the_amplitude_is_6_db(self):
        energy = np.array([1.0, 2.0, 4.0])
        assert energy_mae_db(energy / 2, energy) == pytest.approx(6.0206, abs=1e-4)

    def test_energy_below_60_db_does_not_count(self):
        assert energy_mae_db(np.array([1.0, 0.0]), np.array([1.0, 1e-4])) == 0

    def test_duration_error_in_ms_without_silences(self):
        predicted = TimedPhones(["sil", "a", "b", "sil"], [50, 10, 20, 9])
        aligned = TimedPhones(["sil", "a", "sil", "b", "sil"], [1, 12, 7, 24, 30])
        assert duration_mae_ms(predicted, aligned, frames_per_second=100) == pytest.approx(30)

    def test_duration_error_matches_phones_that_both_have(self):
        predicted = TimedPhones(["a", "x", "c"], [10, 99, 30])
        aligned = TimedPhones(["a", "b", "c"], [11, 1, 33])
        assert duration_mae_ms(predicted, aligned, frames_per_second=100) == pytest.approx(20)

    def test_duration_error_of_other_words_is_not_measurable(self):
        with pytest.raises(NotMeasurableError, match="0 of the recording's 2 phones"):
            duration_mae_ms(TimedPhones(["x"], [1]), TimedPhones(["a", "b"], [1, 1]), frames_per_second=100)


class TestSpectral:
    def test_mel_l1_of_a_gain_is_its_logarithm(self):
        mels = [
            mel_spectrogram(torch.from_numpy(gain * buzz(1.0))[None], dataclasses.replace(MEL, floor=1e-9))
            for gain in (1.0, 0.5)
        ]
        ours, theirs = (mel[0].T.numpy() for mel in mels)
        assert mel_l1(ours, theirs) == pytest.approx(math.log(2), rel=0.02)

    def test_multi_resolution_stft_of_a_gain(self):
        # Of loud noise, so that no bin lies at the floor: |1 - g| + |ln g|.
        noise = np.random.default_rng(0).normal(0, 0.3, 22050).astype(np.float32)
        assert multi_resolution_stft(0.5 * noise, noise) == pytest.approx(0.5 + math.log(2), rel=1e-3)

    def test_multi_resolution_stft_beside_silence_is_not_measurable(self):
        with pytest.raises(NotMeasurableError, match="silent"):
            multi_resolution_stft(buzz(0.5), np.zeros(11025, np.float32))


class TestNaturalness:
    def test_dnsmos_is_that_of_the_wheel_and_falls_with_noise(self):
        import soxr
        from speechmos import dnsmos as wheel

        clean = buzz(WINDOW)
        found = dnsmos(clean, 22050)
        assert set(found) == set(OPINIONS)
        expected = wheel.run(np.clip(soxr.resample(clean, 22050, 16000), -1, 1), 16000)
        assert found["dnsmos_ovrl"] == pytest.approx(float(expected["ovrl_mos"]), abs=1e-4)
        assert found["dnsmos_p808"] == pytest.approx(float(expected["p808_mos"]), abs=1e-4)
        noisy = clean + np.random.default_rng(0).normal(0, 0.1, len(clean)).astype(np.float32)
        assert dnsmos(noisy, 22050)["dnsmos_bak"] < found["dnsmos_bak"]

    @pytest.mark.parametrize("value", [0.0, np.nan])
    def test_dnsmos_of_no_signal_is_not_measurable(self, value):
        with pytest.raises(NotMeasurableError):
            dnsmos(np.full(16000, value, np.float32), 16000)


class TestScore:
    def test_a_recording_beside_itself_is_perfect(self):
        clip = buzz(WINDOW)
        phones = TimedPhones(["a"], [99])
        scores = score(Take(clip, clip, True, phones, phones), MEL, PITCH, METRICS)
        zero = set(METRICS) - set(OPINIONS) - {"real_time_factor"}
        assert {name: scores.values[name] for name in zero} == dict.fromkeys(zero, 0.0)
        assert all(1 <= scores.values[name] <= 5 for name in OPINIONS)
        assert not scores.reasons

    def test_a_slower_higher_voice_keeps_its_spectrum_but_not_its_melody(self):
        near = score(Take(buzz(1.0, seed=1), buzz(1.0), True), MEL, PITCH, METRICS[:3]).values
        far = score(Take(buzz(1.3, hz=220), buzz(1.0), True), MEL, PITCH, METRICS[:3]).values
        assert near["mcd_db"] < far["mcd_db"]
        assert near["log_f0_rmse"] < 0.05 < far["log_f0_rmse"]

    def test_what_cannot_be_measured_is_absent_with_a_reason(self):
        scores = score(Take(np.zeros(22050, np.float32), buzz(1.0), False), MEL, PITCH, METRICS)
        absent = {"log_f0_rmse", "mr_stft", "duration_mae_ms", *OPINIONS}
        assert set(scores.reasons) == absent
        assert set(scores.values) == set(METRICS) - absent - {"real_time_factor"}

    def test_a_clip_shorter_than_a_frame_has_reasons_only(self):
        scores = score(Take(buzz(0.01), buzz(1.0), False), MEL, PITCH, METRICS[:3])
        assert scores.values == {}
        assert set(scores.reasons) == set(METRICS[:3])

    def test_only_what_is_asked_for_is_computed(self):
        clip = buzz(1.0)
        assert set(score(Take(clip, clip, True), MEL, PITCH, ["mr_stft"]).values) == {"mr_stft"}


class TestIntervals:
    def test_one_clip_has_no_width(self):
        assert interval([2.5]) == Interval(2.5, 2.5, 2.5, 1)

    def test_interval_is_close_to_the_normal_one_and_repeats_itself(self):
        values = np.random.default_rng(0).normal(10, 2, 200)
        found = interval(list(values))
        half = 1.96 * values.std() / math.sqrt(200)
        assert found.low == pytest.approx(values.mean() - half, abs=0.05)
        assert found.high == pytest.approx(values.mean() + half, abs=0.05)
        assert found == interval(list(values))

    @pytest.mark.parametrize("values", [[], [1.0, math.nan]])
    def test_values_that_have_no_mean_are_refused(self, values):
        with pytest.raises(ValueError, match="finite"):
            interval(values)


def test_real_time_factor_is_time_over_length(monkeypatch):
    clock = iter([10.0, 10.5])
    monkeypatch.setattr("tts.metrics.speed.time.perf_counter", lambda: next(clock))
    assert real_time_factor(lambda: np.zeros(44100), sample_rate=22050) == 0.25


def test_an_unknown_metric_is_refused_by_name():
    assert build(EvaluateSettings, {}, where="evaluate").metrics == METRICS
    with pytest.raises(ConfigError, match=r"evaluate.metrics.*pesq"):
        build(EvaluateSettings, {"metrics": ["pesq"]}, where="evaluate")
