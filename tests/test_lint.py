"""Measurements of recordings and transcripts, on sounds and texts whose faults are known."""

import dataclasses
import random

import numpy as np
import pytest
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.corpus_table import yaml_fragment
from pipeline.params import load_params
from tts.lint.checks import check
from tts.lint.clipping import clipped_samples
from tts.lint.findings import Clip
from tts.lint.measuring import measure
from tts.lint.rates import spoken_letters
from tts.lint.similar_texts import near_pairs, plain
from tts.lint.suggestions import suggest
from tts.lint.texts import odd_characters, scripts

RATE = 16000


def babble(seconds=2.0, *, seed=0, rate=RATE, edge=0.2, noise=1e-4, hz=140):
    """Syllables of a buzz and a hiss, whose loudness follows a random curve, between silences of `edge` seconds."""
    draw = np.random.default_rng(seed)
    time = np.arange(round(seconds * rate)) / rate
    buzz = sum(np.sin(2 * np.pi * hz * k * time + k) / k for k in range(1, 25))
    hiss = draw.normal(size=len(time))
    loudness, mixed = (
        np.interp(time, np.arange(40) * step, draw.uniform(low, high, 40))
        for step, low, high in ((0.1, -22, 0), (0.15, 0, 1))
    )
    speech = 0.12 * 10 ** (loudness / 20) * (mixed * buzz + (1 - mixed) * hiss)
    pause = np.zeros(round(edge * rate))
    whole = np.concatenate([pause, speech, pause])
    return (whole + draw.normal(0, noise, len(whole))).astype(np.float32)


def rounded(waveform, bits=16):
    scale = 2 ** (bits - 1)
    return (np.clip(np.rint(waveform * scale), -scale, scale - 1) / scale).astype(np.float32)


def sound(waveform=None, *, rate=RATE, encoding="WAV PCM_16"):
    waveform = babble() if waveform is None else np.asarray(waveform, np.float32)
    return measure(waveform[:, None] if waveform.ndim == 1 else waveform, rate, encoding=encoding)


BABBLE = sound()


def clip(name, text="", *, speaker="ann", style="neutral", language="en", heard=BABBLE, **figures):
    heard = dataclasses.replace(heard, **{"sha256": name, "fingerprint": None, **figures})
    return Clip(name, speaker, style, language, text, spoken_letters(text, language), heard)


def cases(clips, name):
    """Cases of one check by clip."""
    found = [each for each in check(clips) if each.check.name == name]
    assert len(found) <= 1
    return {case.name: case for each in found for case in each.cases}


def found_in(waveform, name, **options):
    return "x" in cases([clip("x", heard=sound(waveform, **options))], name)


def test_nothing_is_found_in_a_good_clip_but_that_it_is_alone():
    assert [each.check.name for each in check([clip("x", heard=sound(rounded(babble())))])] == ["little-data"]


def test_nothing_is_found_in_nothing():
    assert check([]) == []
    assert suggest([], num_lost=3) == []


class TestClipping:
    def test_flat_tops_are_counted(self):
        waveform = np.tile([0, 0.5, 0.9, 0.9, 0.9, 0.5, 0, -0.5, -0.8, -0.5], 10).astype(np.float32)
        assert clipped_samples(waveform) == 30
        assert clipped_samples(-waveform) == 30

    def test_two_flat_tops_may_be_chance(self):
        waveform = np.tile([0, 0.5, 0.9, 0.9, 0.9, 0.5], 2).astype(np.float32)
        assert clipped_samples(waveform) == 0

    @settings(max_examples=15, deadline=None)
    @given(st.floats(0.1, 1), st.floats(4, 10), st.integers(0, 50))
    def test_it_is_found_at_any_gain_after_it_and_nowhere_else(self, gain, drive, seed):
        waveform = babble(seed=seed)
        waveform /= np.abs(waveform).max()
        assert clipped_samples(rounded(gain * waveform)) == 0
        clipped = np.clip(drive * waveform, -1, 1)
        count = clipped_samples(clipped)
        assert count > 0
        assert clipped_samples((gain * clipped).astype(np.float32)) == count

    def test_the_worst_comes_first(self):
        clips = [clip("a", clipped_samples=5), clip("b", clipped_samples=50), clip("c")]
        assert list(cases(clips, "clipping")) == ["b", "a"]


class TestLevels:
    @settings(max_examples=10, deadline=None)
    @given(st.floats(-0.1, 0.1))
    def test_an_offset_is_measured_and_disturbs_nothing_else(self, offset):
        found, without = sound(babble() + offset), sound(babble())
        assert found.offset - without.offset == pytest.approx(offset, abs=1e-5)
        assert found.level_db == pytest.approx(without.level_db, abs=0.01)
        assert found.snr_db == pytest.approx(without.snr_db, abs=0.1)

    def test_an_offset_of_two_percent_is_told(self):
        assert found_in(babble() + 0.02, "dc-offset")
        assert not found_in(babble() + 0.005, "dc-offset")

    def test_the_level_of_a_tone_is_its_rms(self):
        tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE)
        assert sound(tone).level_db == pytest.approx(20 * np.log10(0.5 / np.sqrt(2)), abs=0.05)

    def test_a_clip_is_judged_by_its_own_speaker(self):
        quiet = [clip(f"a{k}", speaker="ann", level_db=-35 + k / 10) for k in range(12)]
        loud = [clip(f"b{k}", speaker="bob", level_db=-15 + k / 10) for k in range(12)]
        assert not cases(quiet + loud, "loudness")
        odd = clip("odd", speaker="bob", level_db=-35.0)
        assert cases([*quiet, *loud, odd], "loudness")["odd"].value == pytest.approx(-20.6, abs=0.2)


class TestNoise:
    @pytest.mark.parametrize("snr", [10, 20, 30, 40])
    @pytest.mark.parametrize("rate", [16000, 44100])
    def test_a_tone_in_known_noise(self, snr, rate):
        time = np.arange(2 * rate) / rate
        burst = np.where((time > 0.5) & (time < 1.5), np.sin(2 * np.pi * 1000 * time), 0) * 0.5
        draw = np.random.default_rng(snr)
        noisy = burst + draw.normal(0, np.sqrt(0.125 / 10 ** (snr / 10)), len(time))
        assert sound(noisy, rate=rate).snr_db == pytest.approx(snr, abs=1.5)

    def test_digital_silence_is_not_taken_for_noise(self):
        waveform = babble(edge=0.3, noise=1e-3)
        padded = np.pad(waveform, RATE)
        assert sound(padded).snr_db == pytest.approx(sound(waveform).snr_db, abs=1.0)

    def test_a_single_word_has_no_ratio(self):
        assert sound(babble(0.4)).snr_db is None

    def test_silence_has_no_ratio(self):
        assert sound(np.zeros(2 * RATE)).snr_db is None

    def test_noise_is_told(self):
        assert found_in(babble(noise=0.02), "noise")
        assert not found_in(babble(noise=1e-4), "noise")


class TestSilence:
    @pytest.mark.parametrize("edge", [0.15, 0.5, 1.5])
    def test_silence_at_the_ends_is_measured(self, edge):
        found = sound(babble(edge=edge))
        assert found.leading_seconds == pytest.approx(edge, abs=0.05)
        assert found.trailing_seconds == pytest.approx(edge, abs=0.05)
        assert found_in(babble(edge=edge), "long-silence") == (edge > 1)

    def test_a_click_is_no_speech(self):
        waveform = babble(edge=1.5)
        waveform[RATE // 2] = 0.9
        assert sound(waveform).leading_seconds == pytest.approx(1.5, abs=0.05)

    def test_speech_that_starts_at_its_loudest_is_cut_off(self):
        waveform = babble(edge=0.2)
        loudest = int(np.argmax(np.abs(waveform)))
        assert found_in(waveform[loudest:], "cut-off") or found_in(waveform[:loudest], "cut-off")
        assert not found_in(waveform, "cut-off")

    @pytest.mark.parametrize("level", [0, 1e-5])
    def test_nothing_heard_is_told_once(self, level):
        mute = level * np.random.default_rng(0).normal(size=RATE)
        names = {each.check.name for each in check([clip("x", heard=sound(mute))])}
        assert names == {"no-speech", "little-data"}

    @settings(max_examples=20, deadline=None)
    @given(st.integers(1, 700))
    def test_any_length_can_be_measured(self, num_samples):
        found = sound(np.random.default_rng(0).normal(0, 0.1, num_samples))
        assert found.seconds == num_samples / RATE
        assert np.isfinite([found.speech_db, found.bandwidth_hz, found.start_db]).all()


class TestBandwidth:
    def test_what_was_upsampled_is_told_whatever_the_gain(self):
        waveform = soxr.resample(babble(), RATE, 44100)
        for gain in (1.0, 0.2):
            held = sound(rounded(gain * waveform), rate=44100).bandwidth_hz
            assert held == pytest.approx(8000, abs=600)
        assert found_in(rounded(waveform), "bandwidth", rate=44100)

    def test_what_fills_its_rate_is_not(self):
        assert sound().bandwidth_hz == RATE / 2
        assert not found_in(babble(), "bandwidth")

    def test_a_low_pass_is_measured(self):
        noise = np.random.default_rng(0).normal(0, 0.1, RATE)
        spectrum = np.fft.rfft(noise)
        spectrum[3000:] = 0
        assert sound(np.fft.irfft(spectrum)).bandwidth_hz == pytest.approx(3000, abs=600)


class TestDuplicates:
    def clips(self, copies, *, rate=RATE):
        originals = [
            Clip(f"a{seed}", "ann", "neutral", "en", "", 0, sound(rounded(babble(seed=seed)))) for seed in range(6)
        ]
        return originals + [
            Clip(f"b{k}", "ann", "neutral", "en", "", 0, sound(each, rate=rate)) for k, each in enumerate(copies)
        ]

    def test_equal_samples_are_told_under_any_name(self):
        found = cases(self.clips([rounded(babble(seed=3))]), "same-audio")
        assert {name: case.detail for name, case in found.items()} == {"b0": "is a3"}

    @pytest.mark.parametrize("change", ["gain", "resampled", "noise"])
    def test_copies_are_told_that_were_changed(self, change):
        waveform, rate = babble(seed=3), RATE
        if change == "gain":
            waveform = rounded(0.3 * waveform)
        elif change == "resampled":
            waveform, rate = rounded(soxr.resample(waveform, RATE, 11025)), 11025
        else:
            waveform = rounded(waveform + np.random.default_rng(9).normal(0, 3e-4, len(waveform)))
        clips = self.clips([waveform], rate=rate)
        assert not cases(clips, "same-audio")
        assert {name: case.detail for name, case in cases(clips, "near-audio").items()} == {"b0": "sounds like a3"}

    def test_other_audio_is_no_copy(self):
        clips = self.clips([rounded(babble(seed=seed)) for seed in range(10, 25)])
        assert not cases(clips, "same-audio")
        assert not cases(clips, "near-audio")

    def test_the_same_text_counts_within_a_speaker_and_style(self):
        clips = [
            clip("1", "Good morning, Ann."),
            clip("2", "good morning ann"),
            clip("3", "Good morning, Ann.", speaker="bob"),
            clip("4", "Good morning, Ann.", style="calm"),
        ]
        assert list(cases(clips, "same-text")) == ["2"]

    def test_a_slip_is_near_and_another_sentence_is_not(self):
        clips = [
            clip("1", "The quick brown fox jumps over the lazy dog near the river."),
            clip("2", "The quick brown fox jumps over the lazy dogs near the river."),
            clip("3", "A slow red hen walks under the busy cat far from the road."),
        ]
        assert list(cases(clips, "near-text")) == ["2"]

    @settings(max_examples=15, deadline=None)
    @given(st.integers(0, 10_000))
    def test_near_pairs_are_those_that_comparing_all_would_find(self, seed):
        draw = random.Random(seed)
        words = ["".join(draw.choices("etaoin", k=draw.randint(2, 8))) for _ in range(40)]
        texts = [" ".join(draw.choices(words, k=10)) for _ in range(30)]
        texts += [text + " " + draw.choice(words) for text in texts[:5]]
        texts = sorted(set(texts))
        found = {(one, other) for one, other, _ in near_pairs(texts)}
        assert found == {
            (k, m) for m in range(len(texts)) for k in range(m) if overlap(texts[k], texts[m]) >= 0.85
            and min(len(texts[k]), len(texts[m])) >= 24
        }  # fmt: skip

    def test_plain_texts_keep_letters_of_any_script(self):
        assert plain("Don’t  STOP — 2nd!") == "dont stop 2nd"
        assert plain("안녕하세요, 여러분!") == "안녕하세요 여러분"


def overlap(one, other):
    pieces = [{text[k : k + 4] for k in range(len(text) - 3)} for text in (one, other)]
    return len(pieces[0] & pieces[1]) / len(pieces[0] | pieces[1])


ORDER = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
SENTENCES = [f"number {word} of the sentences that are read here" for word in ORDER]


def read_at(letters_per_second, *, speaker="ann"):
    rates = np.linspace(0.9, 1.1, len(SENTENCES)) * letters_per_second
    seconds = [spoken_letters(text, "en") / rate for text, rate in zip(SENTENCES, rates, strict=True)]
    return [
        clip(f"{speaker}{k:02}", text, speaker=speaker, active_seconds=seconds[k]) for k, text in enumerate(SENTENCES)
    ]


class TestRates:
    def test_each_speaker_has_a_rate_of_its_own(self):
        clips = read_at(10, speaker="ann") + read_at(25, speaker="bob")
        assert not cases(clips, "misfit")
        assert not cases(clips, "speaking-rate")

    def test_a_text_of_another_clip_is_told(self):
        clips = read_at(15)
        wrong = clip("wrong", "Yes, that is all.", active_seconds=6.0)
        found = cases([*clips, wrong], "misfit")
        assert list(found) == ["wrong"]
        assert found["wrong"].value < 0.5

    def test_an_unusual_rate_is_a_note(self):
        odd = clip("odd", SENTENCES[0], active_seconds=spoken_letters(SENTENCES[0], "en") / 25)
        clips = [*read_at(15), odd]
        assert not cases(clips, "misfit")
        assert cases(clips, "speaking-rate")["odd"].value == pytest.approx(25)

    def test_single_words_are_not_judged(self):
        assert not cases([*read_at(15), clip("six", "six", active_seconds=2.0)], "misfit")

    def test_numbers_count_as_they_are_said_and_syllables_by_their_letters(self):
        assert spoken_letters("42", "en") == len("fortytwo")
        assert spoken_letters("한국어", "ko") == 3 + 3 + 2
        assert spoken_letters("?!", "en") == spoken_letters("", "en") == 0


class TestTexts:
    @pytest.mark.parametrize(
        ("text", "odd"),
        [
            ("naïve café, “quoted” — fine… £5 & 10 %", []),
            ("SÃO PAULO", []),
            ("cafÃ©", ["Ã©"]),
            ("itâ€™s", ["â€"]),
            ("a <b>bold</b> word", ["<b>", "</b>"]),
            ("salt &amp; pepper", ["&amp;"]),
            ("ha 😀", ["😀"]),
            ("bro\ufffdken", ["\ufffd"]),
            ("bell\x07", ["\x07"]),
        ],
    )
    def test_odd_characters(self, text, odd):
        assert odd_characters(text) == odd

    def test_foreign_letters_are_told_and_mixed_languages_are_not(self):
        english = [clip(f"e{k}", text) for k, text in enumerate(SENTENCES)]
        found = cases([*english, clip("x", "a Cyrillic а")], "foreign-script")
        assert list(found) == ["x"]
        assert found["x"].value == 1
        korean = [clip(f"k{k}", "나사는 NASA 라고 한다", language="ko") for k in range(20)]
        assert not cases([*english, *korean], "foreign-script")

    def test_scripts_go_by_what_letters_are(self):
        assert scripts(["aªµ", "한글", "カー", "1 ,"]) == {"LATIN": 2, "GREEK": 1, "HANGUL": 2, "KATAKANA": 2}

    def test_digits_and_empty_texts(self):
        clips = [clip("1", "Chapter 12."), clip("2", "…!"), clip("3", "Fine.")]
        assert cases(clips, "digits")["1"].value == 2
        assert list(cases(clips, "nothing-to-say")) == ["2"]


class TestFormats:
    def test_the_fewer_are_told(self):
        clips = [*(clip(f"{k}") for k in range(3)), clip("x", sample_rate=8000, num_channels=2, encoding="OGG VORBIS")]
        for name in ("sample-rates", "channels", "encodings", "coarse-encoding"):
            assert list(cases(clips, name)) == ["x"]

    def test_channels_that_cancel_are_told_and_two_unrelated_ones_are_not(self):
        left, right = babble(seed=1), babble(seed=2)
        assert found_in(np.stack([left, -left], 1), "cancelling-channels")
        assert found_in(np.stack([left, 0 * left], 1), "cancelling-channels")
        assert not found_in(np.stack([left, left], 1), "cancelling-channels")
        assert not found_in(np.stack([left, right], 1), "cancelling-channels")


class TestAmounts:
    def test_lengths_and_minutes(self):
        clips = [clip("long", seconds=25.0, active_seconds=24.0), clip("short", active_seconds=0.3)]
        clips += [clip(f"b{k}", speaker="bob", seconds=15.0, active_seconds=12.0) for k in range(60)]
        assert cases(clips, "long-clips")["long"].value == 25
        assert cases(clips, "short-clips")["short"].value == 0.3
        assert cases(clips, "little-data")["ann"].value == pytest.approx(24.3 / 60)
        assert list(cases(clips, "little-data")) == ["ann"]


class TestSuggestions:
    def values(self, clips, num_lost=0):
        return {each.key: each.value for each in suggest(clips, num_lost=num_lost)}

    def test_the_rate_is_what_the_recordings_fill(self):
        clips = [clip(f"{k}", sample_rate=48000, bandwidth_hz=20000.0) for k in range(20)]
        assert self.values(clips)["audio.sample_rate"] == 22050
        clips = [clip(f"{k}", sample_rate=44100, bandwidth_hz=7950.0) for k in range(20)]
        assert self.values(clips)["audio.sample_rate"] == 16000
        clips = [clip(f"{k}", sample_rate=8000, bandwidth_hz=3900.0) for k in range(20)]
        found = self.values(clips)
        assert (found["audio.sample_rate"], found["audio.f_max"]) == (8000, 4000)

    def test_what_would_be_lost_may_be_lost(self):
        clips = [clip(f"{k}", seconds=30.0 if k < 4 else 3.0) for k in range(96)]
        found = self.values(clips, num_lost=4)
        assert found["corpora.<corpus>.max_seconds"] == 20
        assert found["max_dropped"] == pytest.approx(0.09)

    @pytest.mark.parametrize(("language", "frontend"), [("en", "english"), ("ko", "korean"), ("de", "ipa")])
    def test_the_front_end_goes_by_language(self, language, frontend):
        assert self.values([clip("1", "a", language=language)])["text.frontend"] == frontend

    @pytest.mark.parametrize(("num_texts", "share"), [(40, 0.1), (300, 0.067), (1000, 0.05), (8000, 0.037)])
    def test_held_out_texts_are_neither_too_few_nor_too_many(self, num_texts, share):
        one = clip("1", "text")
        clips = [dataclasses.replace(one, text=f"text {k}") for k in range(num_texts)]
        assert self.values(clips)["split.test"] == share

    def test_the_fragment_fits_into_params(self, tmp_path):
        from conftest import ROOT
        from ruamel.yaml import YAML

        from pipeline.yaml import read_yaml

        clips = [clip(f"{k}", "text", seconds=25.0 if k else 0.3, sample_rate=11025) for k in range(100)]
        fragment = YAML(typ="safe", pure=True).load(yaml_fragment(suggest(clips, num_lost=5), "tiny"))
        params = read_yaml(ROOT / "presets" / "tiny.yaml")
        for section, values in fragment.items():
            if section == "corpora":
                params["corpora"]["tiny"].update(values["tiny"])
            else:
                params[section] = {**params[section], **values} if isinstance(values, dict) else values
        with (tmp_path / "params.yaml").open("w") as file:
            YAML(typ="safe", pure=True).dump(params, file)
        assert load_params(tmp_path).corpora["tiny"].max_seconds == 20
