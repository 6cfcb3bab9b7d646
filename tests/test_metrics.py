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
from tts.metrics import dnsmos_windows
from tts.metrics.cepstral import mel_cepstra, mel_cepstral_distortion
from tts.metrics.dnsmos_windows import p835, windows_of
from tts.metrics.duration import TimedPhones, duration_mae_ms
from tts.metrics.energy import energy_mae_db
from tts.metrics.intelligibility import stoi
from tts.metrics.intervals import Interval, interval, paired_difference
from tts.metrics.measurable import NotMeasurableError
from tts.metrics.naturalness import dnsmos
from tts.metrics.onnx_parts import part_of
from tts.metrics.packages import installed_packages, require_package
from tts.metrics.perceived_quality import pesq
from tts.metrics.pitch import log_f0_correlation, log_f0_rmse, voicing_error
from tts.metrics.recognition import recognise
from tts.metrics.scoring import Take, score
from tts.metrics.settings import METRICS, USUAL_METRICS, EvaluateSettings
from tts.metrics.speakers import KnownVoices
from tts.metrics.spectral import mel_l1, multi_resolution_stft
from tts.metrics.speed import real_time_factor
from tts.metrics.styles import centred, found_by_nearest, gap_covered, mean_log_f0
from tts.metrics.transcription import character_error_rate, edit_distance, word_error_rate, words_of
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


def every_path(row, column):
    """All monotonic paths from (0, 0), one by one."""
    if row == column == 0:
        yield [(0, 0)]
    for back in ((row - 1, column), (row, column - 1), (row - 1, column - 1)):
        if min(back) >= 0:
            yield from ([*path, (row, column)] for path in every_path(*back))


class TestWarping:
    @pytest.mark.parametrize(("n", "m"), [(1, 1), (1, 7), (9, 1), (2, 2), (40, 57), (63, 31)])
    def test_path_is_the_cheapest(self, n, m):
        ours, theirs = random_walk(n, 1), random_walk(m, 2)
        rows, columns = warping_path(ours, theirs)
        cost = np.linalg.norm(ours[rows] - theirs[columns], axis=1).sum()
        distances = np.linalg.norm(ours[:, None] - theirs[None], axis=2)
        assert cost == pytest.approx(cheapest_cost(distances))

    @pytest.mark.parametrize(("n", "m"), [(1, 4), (3, 3), (4, 5), (5, 4)])
    def test_no_path_of_all_there_are_is_cheaper(self, n, m):
        ours, theirs = random_walk(n, 5), random_walk(m, 6)
        distances = np.linalg.norm(ours[:, None] - theirs[None], axis=2)
        rows, columns = warping_path(ours, theirs)
        costs = [sum(distances[pair] for pair in path) for path in every_path(n - 1, m - 1)]
        assert distances[rows, columns].sum() == pytest.approx(min(costs))

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

    def test_melodies_that_move_alike_correlate_whatever_their_register_and_range(self):
        ours = np.array([100, 0, 120, 150, 130.0])
        assert log_f0_correlation(ours, 2 * ours) == pytest.approx(1)
        assert log_f0_correlation(ours, ours**3) == pytest.approx(1)
        assert log_f0_correlation(ours, np.divide(1e4, ours, where=ours > 0, out=np.zeros(5))) == pytest.approx(-1)

    def test_log_f0_correlation_by_hand(self):
        # Of 0, 1, 2 and 0, 2, 1 in octaves, it is 1 / 2.
        assert log_f0_correlation(np.array([100, 200, 400.0]), np.array([100, 400, 200.0])) == pytest.approx(0.5)

    @pytest.mark.parametrize("theirs", [[200, 200, 200.0], [0, 0, 150.0]])
    def test_log_f0_correlation_of_no_movement_is_not_measurable(self, theirs):
        with pytest.raises(NotMeasurableError, match=r"does not move|fewer than two"):
            log_f0_correlation(np.array([100, 120, 150.0]), np.array(theirs))

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


class TestInStep:
    def test_a_clip_beside_itself_is_fully_intelligible_and_noise_less_so(self):
        clean = buzz(2.0)
        noisy = clean + np.random.default_rng(1).normal(0, 0.1, len(clean)).astype(np.float32)
        for extended in (False, True):
            assert stoi(clean, clean, 22050, extended=extended) == pytest.approx(1, abs=1e-6)
            assert stoi(noisy, clean, 22050, extended=extended) < 0.9

    def test_stoi_is_that_of_the_wheel(self):
        import pystoi
        import soxr

        clean, noisy = buzz(2.0), buzz(2.0, hz=160)
        resampled = [soxr.resample(each, 22050, 10000) for each in (clean, noisy)]
        assert stoi(noisy, clean, 22050) == pytest.approx(pystoi.stoi(*resampled, 10000), abs=1e-9)

    def test_estoi_is_the_same_to_the_last_digit_and_leaves_random_numbers_alone(self):
        clean, noisy = buzz(1.5), buzz(1.5, hz=160)
        np.random.seed(7)
        expected = np.random.random()
        np.random.seed(7)
        found = [stoi(noisy, clean, 22050, extended=True) for _ in range(3)]
        assert len(set(found)) == 1
        assert np.random.random() == expected

    @pytest.mark.parametrize("clip", [np.zeros(22050, np.float32), buzz(0.2)])
    def test_stoi_of_silence_or_too_little_speech_is_not_measurable(self, clip):
        with pytest.raises(NotMeasurableError, match=r"silent|fewer than 0\.4 s"):
            stoi(clip, clip, 22050)

    def test_pesq_of_a_clip_beside_itself_is_its_scales_end_and_falls_with_noise(self):
        pytest.importorskip("pesq", reason="the extra pesq is not installed")
        clean = buzz(2.0)
        noisy = clean + np.random.default_rng(1).normal(0, 0.05, len(clean)).astype(np.float32)
        assert pesq(clean, clean, 22050) == pytest.approx(4.644, abs=1e-3)
        assert 1 < pesq(noisy, clean, 22050) < 3
        with pytest.raises(NotMeasurableError, match="silent"):
            pesq(clean, np.zeros_like(clean), 22050)

    def test_without_its_package_pesq_names_the_extra(self, monkeypatch):
        monkeypatch.setattr("tts.metrics.packages.find_spec", lambda name: None)
        with pytest.raises(NotMeasurableError, match=r"package pesq is not installed: .*'\.\[pesq\]'"):
            pesq(buzz(1.0), buzz(1.0), 22050)

    @pytest.mark.parametrize("name", installed_packages())
    def test_every_package_that_may_be_absent_has_a_remedy(self, name, monkeypatch):
        monkeypatch.setattr("tts.metrics.packages.find_spec", lambda _: None)
        with pytest.raises(NotMeasurableError, match=f"package {name} is not installed: pip install"):
            require_package(name)


class TestTranscription:
    @pytest.mark.parametrize(
        ("said", "heard", "words", "characters"),
        [
            ("the cat sat", "the cat sat", 0, 0),
            ("the cat sat", "the cat", 1 / 3, 4 / 11),  # a deletion
            ("the cat sat", "the big cat sat", 1 / 3, 4 / 11),  # an insertion
            ("the cat sat", "the mat sat", 1 / 3, 1 / 11),  # a substitution
            ("the cat sat", "", 1, 1),
            ("hi", "hi there you", 2, 10 / 2),  # above 1
            ("a b c d", "b c d e", 2 / 4, 4 / 7),
        ],
    )
    def test_error_rates_of_known_pairs(self, said, heard, words, characters):
        assert word_error_rate(said.split(), heard.split()) == pytest.approx(words)
        assert character_error_rate(said.split(), heard.split()) == pytest.approx(characters)

    @settings(max_examples=50, deadline=None)
    @given(st.text("abc", max_size=6), st.text("abc", max_size=6), st.text("abc", max_size=6))
    def test_edits_are_a_distance(self, a, b, c):
        assert edit_distance(a, b) == edit_distance(b, a)
        assert (edit_distance(a, b) == 0) == (a == b)
        assert edit_distance(a, c) <= edit_distance(a, b) + edit_distance(b, c)
        assert abs(len(a) - len(b)) <= edit_distance(a, b) <= max(len(a), len(b))

    def test_texts_are_compared_as_they_are_spoken(self):
        assert words_of("Dr. Smith’s 2 cats -- didn't they?", "en") == [
            *("doctor", "smith's", "two", "cats", "didn't", "they")
        ]
        assert words_of("안녕, 세계!", "ko") == ["안녕", "세계"]

    @pytest.mark.parametrize(("text", "language"), [("...", "en"), (" ! ", "ko")])
    def test_texts_without_words_are_not_measurable(self, text, language):
        with pytest.raises(NotMeasurableError, match="the text"):
            words_of(text, language)

    def test_the_recogniser_says_what_it_cannot_hear(self):
        with pytest.raises(NotMeasurableError, match="English only, not 'ko'"):
            recognise(buzz(0.5), 22050, language="ko")
        with pytest.raises(NotMeasurableError, match="silent"):
            recognise(np.zeros(16000, np.float32), 16000, language="en")

    def test_words_do_not_depend_on_the_clips_before(self):
        clips = [tones(number) for number in range(8)]
        forth = [recognise(clip, 16000, language="en") for clip in clips]
        back = [recognise(clip, 16000, language="en") for clip in reversed(clips)]
        assert forth == back[::-1]


def tones(number):
    """A tone that comes and goes, in noise, in which words are heard: other ones after other clips, if let."""
    time = np.arange(12000 + 1700 * number) / 16000
    tone = np.sin(2 * np.pi * (100 + 17 * number) * time) * (np.sin(2 * np.pi * 3 * time) > 0)
    noise = np.random.default_rng(number).normal(0, 0.01, len(time))
    return (0.25 * tone + noise).astype(np.float32)


class TestSpeakers:
    VECTORS = np.eye(3, dtype=np.float32)

    def test_a_voice_is_compared_with_its_own_and_the_nearest_other(self):
        known = KnownVoices(self.VECTORS[0], (self.VECTORS[1], self.VECTORS[2]))
        vector = np.array([3.0, 4.0, 0.0], np.float32)
        assert known.similarity(vector) == pytest.approx(0.6)
        assert known.similarity_other(vector) == pytest.approx(0.8)

    def test_without_anyone_to_compare_with_there_is_no_similarity(self):
        with pytest.raises(NotMeasurableError, match="no other recording"):
            KnownVoices(None, ()).similarity(self.VECTORS[0])
        with pytest.raises(NotMeasurableError, match="no other speaker"):
            KnownVoices(None, ()).similarity_other(self.VECTORS[0])


def counting(function, calls):
    """The function, which notes its last argument."""

    def counted(*arguments):
        calls.append(arguments[-1])
        return function(*arguments)

    return counted


class TestStyles:
    def test_the_nearest_mean_is_found(self):
        vectors = np.array([[0.0], [2.0], [10.0], [2.1], [9.0], [8.0], [0.0]])
        labels = np.array(["a", "a", "b", "a", "a", "b", "new"])
        train = np.array([True, True, True, False, False, False, False])
        assert found_by_nearest(vectors, labels, train) == [True, False, True]
        assert found_by_nearest(vectors[:3], labels[:3], train[:3]) == []

    def test_speakers_are_taken_out_by_their_training_clips(self):
        """One speaker's calm is where the other's loud is, which only the mean of each tells."""
        vectors = np.array([[0.0], [2.0], [2.1], [4.1], [0.5], [3.5], [7.0]])
        labels, speakers = np.array(list("clclcll")), np.array(list("aabbabn"))
        train = np.array([True] * 4 + [False] * 3)
        moved = centred(vectors, speakers, train)
        np.testing.assert_allclose(moved[:, 0], [-1, 1, -1, 1, -0.5, 0.4, 7])
        assert found_by_nearest(vectors, labels, train) == [True, True, True]
        assert found_by_nearest(vectors[[0, 1, 2, 3, 2]], labels[[0, 1, 2, 3, 2]], train[:5]) == [False]
        assert found_by_nearest(moved[[0, 1, 2, 3, 2]], labels[[0, 1, 2, 3, 2]], train[:5]) == [True]

    @pytest.mark.parametrize(("styled", "share"), [(5.2, 1.0), (5.1, 0.5), (5.0, 0.0), (4.9, -0.5), (5.4, 2.0)])
    def test_a_voice_goes_a_share_of_the_way(self, styled, share):
        assert gap_covered(styled, 5.0, natural_styled=4.8, natural_plain=4.6) == pytest.approx(share)

    def test_what_does_not_differ_has_no_share(self):
        with pytest.raises(NotMeasurableError, match="measure the same"):
            gap_covered(5.2, 5.0, natural_styled=4.8, natural_plain=4.8)

    def test_the_mean_of_log_f0_is_that_of_voiced_frames(self):
        assert mean_log_f0(np.array([0, 100, 400, 0], np.float32)) == pytest.approx(np.log(200))
        with pytest.raises(NotMeasurableError, match="no frame is voiced"):
            mean_log_f0(np.zeros(3))


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

    def test_what_windows_share_is_computed_once_and_gives_what_the_whole_network_gives(self, monkeypatch):
        import onnxruntime

        audio, starts = windows_of(np.random.default_rng(0).normal(0, 0.1, 11 * 16000 + 7).astype(np.float32))
        computed = []
        monkeypatch.setattr(dnsmos_windows, "_of_second", counting(dnsmos_windows._of_second, computed))
        found = p835(audio, starts)
        whole = onnxruntime.InferenceSession(str(dnsmos_windows._folder() / "sig_bak_ovr.onnx"))
        windows = [audio[start * 16000 :][:144160] for start in starts]
        np.testing.assert_allclose(found, whole.run(None, {"input_1": np.stack(windows)})[0], atol=1e-5)
        assert len(starts) == 2
        assert len(computed) == 10

    @pytest.mark.parametrize("seconds", [1.9, 4.6, 9.02, 17.5, 40])
    def test_windows_begin_where_those_of_the_wheel_begin(self, seconds):
        from speechmos.dnsmos import DNSMOS

        begins = []

        class Network:
            def run(self, _, given):
                begins.append(float(given["input_1"].flat[0]))
                return [[[3.0, 3.0, 3.0]]]

        wheel = DNSMOS.__new__(DNSMOS)
        wheel.onnx_sess, wheel.p808_onnx_sess = Network(), Network()
        wheel.audio_melspec = lambda audio: audio[:1, None]
        clip = np.random.default_rng(0).uniform(-1, 1, int(seconds * 16000)).astype(np.float32)
        wheel(clip, 16000, False)
        audio, starts = windows_of(clip)
        assert [float(audio[start * 16000]) for start in starts] == begins[::2] == begins[1::2]

    def test_a_part_of_a_network_must_hang_together(self):
        path = dnsmos_windows._folder() / "sig_bak_ovr.onnx"
        with pytest.raises(ValueError, match="input_1 does not depend on Identity:0"):
            part_of(path, given="Identity:0", rank=2, wanted="input_1")

    @pytest.mark.parametrize("value", [0.0, np.nan])
    def test_dnsmos_of_no_signal_is_not_measurable(self, value):
        with pytest.raises(NotMeasurableError):
            dnsmos(np.full(16000, value, np.float32), 16000)


class TestScore:
    def test_a_recording_beside_itself_is_perfect(self):
        clip = buzz(WINDOW)
        phones = TimedPhones(["a"], [99])
        scores = score(Take(clip, clip, True, phones, phones), MEL, PITCH, USUAL_METRICS)
        one = {"log_f0_correlation", "stoi", "estoi"}
        zero = set(USUAL_METRICS) - set(OPINIONS) - {"real_time_factor"} - one
        assert {name: scores.values[name] for name in zero} == dict.fromkeys(zero, 0.0)
        assert {name: scores.values[name] for name in one} == pytest.approx(dict.fromkeys(one, 1.0))
        assert all(1 <= scores.values[name] <= 5 for name in OPINIONS)
        assert not scores.reasons

    def test_a_slower_higher_voice_keeps_its_spectrum_but_not_its_melody(self):
        near = score(Take(buzz(1.0, seed=1), buzz(1.0), True), MEL, PITCH, METRICS[:3]).values
        far = score(Take(buzz(1.3, hz=220), buzz(1.0), True), MEL, PITCH, METRICS[:3]).values
        assert near["mcd_db"] < far["mcd_db"]
        assert near["log_f0_rmse"] < 0.05 < far["log_f0_rmse"]

    def test_what_cannot_be_measured_is_absent_with_a_reason(self):
        scores = score(Take(np.zeros(22050, np.float32), buzz(1.0), False), MEL, PITCH, METRICS)
        assert set(scores.values) == {"mcd_db", "vuv_error", "energy_mae_db", "mel_l1"}
        assert set(scores.reasons) == set(METRICS) - set(scores.values) - {"real_time_factor"}
        assert "weights of WV-MOS" in scores.reasons["wv_mos"]
        assert scores.reasons["wer"] == scores.reasons["cer"] == "there is no transcript"

    def test_a_clip_without_a_recording_is_measured_alone(self):
        scores = score(Take(buzz(WINDOW), None, False), MEL, PITCH, ["mcd_db", "mr_stft", "dnsmos_sig"])
        assert set(scores.values) == {"dnsmos_sig"}
        assert set(scores.reasons.values()) == {"there is no recording to compare with"}

    def test_clips_said_to_be_in_step_that_are_not_are_found_out(self):
        scores = score(Take(buzz(1.5), buzz(1.0), True), MEL, PITCH, ["mr_stft", "stoi", "pesq"])
        assert set(scores.reasons.values()) == {"the clip is not in step with its recording: lengths differ by 0.5 s"}

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

    def test_intervals_hold_the_true_mean_as_often_as_they_say(self):
        draws = np.random.default_rng(0).normal(3, 2, size=(1000, 100))
        found = [interval(list(each)) for each in draws]
        assert 0.93 <= np.mean([each.low <= 3 <= each.high for each in found]) <= 0.97

    def test_what_is_hard_for_both_falls_out_of_a_paired_difference(self):
        hard = np.random.default_rng(0).normal(0, 10, 40)
        ours = {f"s{n}": value + 1 for n, value in enumerate(hard)}
        theirs = {f"s{n}": value for n, value in enumerate(hard)} | {"only theirs": 99.0}
        found = paired_difference(ours, theirs)
        assert (found.mean, found.low, found.high, found.n) == pytest.approx((1, 1, 1, 40))
        assert found.excludes_zero

    def test_a_handful_of_pairs_says_nothing(self):
        values = {f"s{n}": 1.0 for n in range(5)}
        assert not paired_difference(values, dict.fromkeys(values, 0.0)).excludes_zero

    @pytest.mark.parametrize("values", [[], [1.0, math.nan]])
    def test_values_that_have_no_mean_are_refused(self, values):
        with pytest.raises(ValueError, match="finite"):
            interval(values)


def test_real_time_factor_is_time_over_length(monkeypatch):
    clock = iter([10.0, 10.5])
    monkeypatch.setattr("tts.metrics.speed.time.perf_counter", lambda: next(clock))
    assert real_time_factor(lambda: np.zeros(44100), sample_rate=22050) == 0.25


def test_an_unknown_metric_is_refused_by_name():
    assert build(EvaluateSettings, {}, where="evaluate").metrics == USUAL_METRICS
    with pytest.raises(ConfigError, match=r"evaluate.metrics.*mos_net"):
        build(EvaluateSettings, {"metrics": ["mos_net"]}, where="evaluate")
