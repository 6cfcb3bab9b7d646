"""Phones in time: from cepstra to durations that add up, on known values, on real speech, and on bad input."""

import dataclasses
import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tts.alignment import gmm
from tts.alignment.features import NUM_CEPSTRA, Framing, cepstra, observations
from tts.alignment.gmm import Mixtures, accumulate, estimate, split, uniform
from tts.alignment.hmm import Transcript, acoustic_model, phone_hmms
from tts.alignment.intervals import Interval, intervals, transcript
from tts.alignment.kaldi import Aligned, Failed
from tts.alignment.quality import alignment_metrics, boundary_errors, require_few_unaligned, unfit
from tts.alignment.refinement import refine
from tts.alignment.settings import AlignSettings
from tts.audio.spectrogram import MelDefinition
from tts.config import build
from tts.errors import AlignmentError, ConfigError
from tts.phones import SILENCE
from tts.text.frontend import PAUSE, Word

RATE = 22050
HIFIGAN = MelDefinition(
    sample_rate=RATE, n_fft=1024, hop_length=256, win_length=1024, n_mels=80, f_min=0.0, f_max=8000.0
)
CENTERED = dataclasses.replace(HIFIGAN, framing="centered")


# Cepstra

framings = st.builds(Framing, st.sampled_from([8000, 16000, RATE, 44100, 48000]), st.floats(2, 20))


@settings(max_examples=60, deadline=None)
@given(framing=framings, num_samples=st.integers(0, 3000))
def test_every_clip_has_the_frames_that_are_foretold(framing, num_samples):
    waveform = np.random.default_rng(0).normal(0, 0.1, num_samples).astype(np.float32)
    found = cepstra(waveform, framing)
    assert found.shape == (framing.num_frames(num_samples), NUM_CEPSTRA)
    assert np.isfinite(found).all()


@pytest.mark.parametrize("sample_rate", [16000, RATE])
def test_frames_are_where_their_samples_are_after_minutes_too(sample_rate):
    """With Kaldi's rounding of the hop, the last of these clicks would be found 2.3 frames late at 22,050 Hz."""
    framing = Framing(sample_rate, shift_ms=10.0)
    draw = np.random.default_rng(0)
    waveform = draw.normal(0, 1e-4, 10 * sample_rate).astype(np.float32)
    clicks = [framing.hop * frame + framing.hop // 2 for frame in (10, 700, 1990)]
    for click in clicks:
        waveform[click - 20 : click + 20] += draw.choice([-0.5, 0.5], 40)
    loudest = np.sort(cepstra(waveform, framing)[:, 0].argsort()[-3:])
    assert loudest.tolist() == [10, 700, 1990]


def test_what_is_heard_of_a_steady_rise_is_its_slope():
    fine = np.outer(np.arange(41), np.ones(NUM_CEPSTRA)).astype(np.float32)
    mean = np.full(NUM_CEPSTRA, 3, np.float32)
    seen = observations(fine, mean)
    assert seen.shape == (20, 3 * NUM_CEPSTRA)
    np.testing.assert_allclose(seen[:, 0], 2 * np.arange(20) + 0.5 - 3)  # each the mean of two fine frames
    np.testing.assert_allclose(seen[2:-2, NUM_CEPSTRA], 2, rtol=1e-6)
    np.testing.assert_allclose(seen[4:-4, -1], 0, atol=1e-6)


# Mixtures


def test_an_estimate_by_hand():
    """Frames 0 and 4, and a prior frame's worth of mean 1 and variance 2."""
    prior = Mixtures(np.zeros(1, int), np.ones(1), np.ones((1, 1)), np.full((1, 1), 2.0))
    found = estimate(accumulate(np.array([[0], [4]], np.float32), np.zeros(2, int), prior, log_likelihood=0.0), prior)
    assert found.means[0, 0] == pytest.approx((0 + 4 + 1) / 3)
    assert found.variances[0, 0] == pytest.approx((0 + 16 + 2 + 1) / 3 - (5 / 3) ** 2)
    assert found.weights.tolist() == [1]


def trained(frames, states, num_states, target, passes=6, seed=0):
    """Mixtures of frames whose states are known."""
    mixtures, rng = uniform(num_states, frames.shape[1]), np.random.default_rng(seed)
    for number in range(passes):
        statistics = accumulate(frames, states, mixtures, log_likelihood=0.0)
        mixtures = estimate(statistics, mixtures)
        if number == 1:
            mixtures = split(mixtures, statistics, target, rng)
    return mixtures


def two_heaps(count=1500):
    draw = np.random.default_rng(0)
    frames = np.concatenate(
        [draw.normal(-5, 1, (count, 2)), draw.normal(5, 2, (2 * count, 2)), draw.normal(0, 1, (150, 2))]
    )
    return frames.astype(np.float32), np.repeat([0, 0, 1], [count, 2 * count, 150])


def test_two_heaps_in_one_state_are_told_apart():
    found = trained(*two_heaps(), num_states=2, target=3, passes=60)
    assert found.states.tolist() == [0, 0, 1]
    order = np.argsort(found.means[:2, 0])
    np.testing.assert_allclose(found.means[order], [[-5, -5], [5, 5]], atol=0.2)
    np.testing.assert_allclose(found.variances[order], [[1, 1], [4, 4]], rtol=0.1)
    np.testing.assert_allclose(found.weights[order], [1 / 3, 2 / 3], atol=0.01)


def test_states_with_few_frames_get_no_second_gaussian():
    found = trained(*two_heaps(), num_states=2, target=1000)
    assert np.bincount(found.states).tolist() == [45, 1]  # a hundred frames each
    np.testing.assert_allclose(np.bincount(found.states, weights=found.weights), 1)


def test_the_same_seed_splits_alike_and_another_does_not():
    first, again, other = (trained(*two_heaps(), num_states=2, target=9, seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(first.means, again.means)
    assert not np.array_equal(first.means, other.means)


@settings(max_examples=50, deadline=None)
@given(counts=st.lists(st.integers(0, 20), min_size=3, max_size=3), cut=st.integers(0, 60))
def test_parts_of_a_corpus_add_up_to_the_whole(counts, cut):
    states = np.repeat(np.arange(3), counts)
    frames = np.random.default_rng(0).normal(size=(len(states), 4)).astype(np.float32)
    mixtures = uniform(3, 4)
    whole, *parts = (
        accumulate(frames[part], states[part], mixtures, log_likelihood=1.0)
        for part in (slice(None), slice(cut), slice(cut, None))
    )
    both = parts[0] + parts[1]
    assert whole.counts.tolist() == both.counts.tolist() == counts
    assert (whole.num_frames, both.log_likelihood) == (both.num_frames, 2.0)
    np.testing.assert_allclose(whole.sums, both.sums, atol=1e-9)
    np.testing.assert_allclose(whole.squares, both.squares, atol=1e-9)


def test_mixtures_are_read_as_written(tmp_path):
    mixtures = trained(*two_heaps(), num_states=2, target=5)
    gmm.save(mixtures, tmp_path / "model.npz")
    read = gmm.load(tmp_path / "model.npz")
    assert all(np.array_equal(getattr(read, name), getattr(mixtures, name)) for name in mixtures.__dict__)
    assert [path.name for path in tmp_path.iterdir()] == ["model.npz"]


# HMMs

HMMS = phone_hmms(("a", "b"))
ONE_WORD = Transcript((("a", "b"),), (True, True))
TWO_WORDS = Transcript((("a",), ("b",)), (True, False, True))
SHARP = Mixtures(np.arange(9), np.ones(9), 20 * np.eye(9, 39), np.ones((9, 39)))
"""One Gaussian for each of nine states, so far apart that every frame tells its own."""


def states_of(*phones):
    """States of phones, each of so many frames."""
    first = {phone: HMMS.even_path(Transcript(((phone,),), (False, False)), 9)[3:6] for phone in ("a", "b")}
    first[SILENCE] = HMMS.even_path(ONE_WORD, 12)[:3]
    return np.concatenate([first[phone][np.minimum(np.arange(count) // 2, 2)] for phone, count in phones])


def best_path(words, *phones):
    frames = SHARP.means[states_of(*phones)].astype(np.float32)
    return HMMS.best_path(words, frames, acoustic_model(SHARP), beams=(100.0, 400.0))


@pytest.mark.parametrize(
    "phones",
    [
        [(SILENCE, 9), ("a", 7), ("b", 12), (SILENCE, 6)],
        [(SILENCE, 9), ("a", 7), (SILENCE, 8), ("b", 12), (SILENCE, 6)],
        [("a", 5), ("b", 6)],
        [("a", 5), ("b", 9), (SILENCE, 6)],
    ],
    ids=str,
)
def test_the_path_is_the_one_that_was_taken(phones):
    path = best_path(TWO_WORDS, *phones)
    assert path.phones == tuple(phone for phone, _ in phones)
    assert np.diff([*path.starts, len(path.states)]).tolist() == [count for _, count in phones]
    assert np.array_equal(path.states, states_of(*phones))


def test_there_is_no_silence_inside_a_word():
    path = best_path(ONE_WORD, (SILENCE, 9), ("a", 7), (SILENCE, 8), ("b", 12), (SILENCE, 6))
    assert path.phones == (SILENCE, "a", "b", SILENCE)


def test_too_few_frames_have_no_path():
    assert ONE_WORD.min_frames == 6
    frames = SHARP.means[states_of(("a", 5))].astype(np.float32)
    assert HMMS.best_path(ONE_WORD, frames, acoustic_model(SHARP), beams=(100.0, 400.0)) is None


@given(num_frames=st.integers(12, 99))
def test_the_even_path_passes_all_states_evenly(num_frames):
    path = HMMS.even_path(ONE_WORD, num_frames)
    runs = [len(list(group)) for _, group in itertools.groupby(path)]
    assert len(path) == num_frames
    assert len(runs) == 12
    assert max(runs) - min(runs) <= 1


# Intervals


def test_a_transcript_has_the_words_and_where_the_text_pauses():
    words = [Word("so", ("s", "o")), PAUSE, PAUSE, Word("be", ("b", "i")), Word("it", ("i", "t"))]
    found = transcript(words)
    assert found == Transcript((("s", "o"), ("b", "i"), ("i", "t")), (True, True, False, True))
    assert found.phones == ("s", "o", "b", "i", "i", "t")
    assert transcript([PAUSE]).phones == ()


def test_short_silences_go_to_the_phone_before_them():
    words = [Word("a", ("x", "y")), Word("b", ("z",))]
    phones = (SILENCE, "x", "y", SILENCE, "z", SILENCE)
    boundaries = np.array([0, 0.02, 0.2, 0.3, 0.34, 0.5, 0.51])
    assert intervals(phones, boundaries, words, fold_seconds=0.05) == [
        Interval(SILENCE, 0, 0.02, ""),  # at the edges they stay
        Interval("x", 0.02, 0.2, "a"),
        Interval("y", 0.2, 0.34, "a"),
        Interval("z", 0.34, 0.5, "b"),
        Interval(SILENCE, 0.5, 0.51, ""),
    ]
    assert len(intervals(phones, boundaries, words, fold_seconds=0.03)) == 6


def times(count):
    """Boundaries of so many phones."""
    return st.lists(st.floats(0.001, 0.3), min_size=count, max_size=count).map(lambda each: np.cumsum([0, *each]))


@given(data=st.data(), fold=st.floats(0, 0.2))
def test_intervals_cover_the_clip_in_order(data, fold):
    words = data.draw(
        st.lists(
            st.builds(Word, st.sampled_from(["one", "two"]), st.lists(st.sampled_from("xyz"), min_size=1).map(tuple)),
            min_size=1,
            max_size=5,
        )
    )
    phones = [phone for word in words for phone in (*word.phones, *data.draw(st.sampled_from([(), (SILENCE,)])))]
    phones = [*data.draw(st.sampled_from([(), (SILENCE,)])), *phones]
    boundaries = data.draw(times(len(phones)))
    found = intervals(phones, boundaries, words, fold_seconds=fold)
    assert (found[0].start, found[-1].end) == (boundaries[0], boundaries[-1])
    assert all(before.end == after.start for before, after in itertools.pairwise(found))
    assert all(each.start < each.end for each in found)
    owned = [(phone, word.text) for word in words for phone in word.phones]
    assert [(each.phone, each.word) for each in found if each.phone != SILENCE] == owned
    inner = [each.end - each.start for each in found[1:-1] if each.phone == SILENCE]
    assert all(length >= fold for length in inner)


# Refinement


@pytest.mark.parametrize("off", [-0.015, -0.008, 0.0, 0.008, 0.015])
def test_a_boundary_goes_to_where_the_spectrum_changes(off):
    draw = np.random.default_rng(0)
    levels = np.repeat([[0.0] * NUM_CEPSTRA, [2.0] * NUM_CEPSTRA], 40, axis=0)
    fine = (levels + draw.normal(0, 0.3, levels.shape)).astype(np.float32)
    moved = refine(np.array([0.0, 0.2 + off, 0.4]), fine, np.ones(NUM_CEPSTRA, np.float32), 0.005)
    assert moved[1] == pytest.approx(0.2, abs=0.001)


def test_a_boundary_between_equals_stays():
    moved = refine(np.array([0.0, 0.2, 0.4]), np.ones((80, NUM_CEPSTRA), np.float32), np.ones(NUM_CEPSTRA), 0.005)
    assert moved[1] == pytest.approx(0.2, abs=0.001)


def steps(*times):
    """Cepstra of one frame a millisecond that rise at these times."""
    level = sum(np.arange(400) >= round(1000 * time) for time in times)
    return np.repeat(level[:, None], NUM_CEPSTRA, axis=1).astype(np.float32)


def test_of_two_equal_changes_the_nearer_one_weighs_more():
    """They are 5 and 15 ms away, a third and one deviation of the prior, so they weigh exp(4 / 9) to 1."""
    boundaries = np.array([0.13, 0.205, 0.27])
    moved = refine(boundaries, steps(0.19, 0.21), np.ones(NUM_CEPSTRA, np.float32), 0.001)
    share = 1 / (1 + np.exp(-4 / 9))
    assert moved[1] == pytest.approx(0.19 * (1 - share) + 0.21 * share, abs=3e-4)


@pytest.mark.parametrize("change", [0.212, 0.218])
def test_two_boundaries_do_not_meet_at_one_change(change):
    moved = refine(np.array([0.0, 0.21, 0.22, 0.4]), steps(change), np.ones(NUM_CEPSTRA, np.float32), 0.001)
    assert moved[1] < 0.215 < moved[2]


@settings(max_examples=100, deadline=None)
@given(data=st.data(), seed=st.integers(0, 9))
def test_refined_boundaries_keep_their_order_and_the_ends(data, seed):
    boundaries = data.draw(st.integers(1, 8).flatmap(times))
    fine = np.random.default_rng(seed).normal(size=(max(1, int(boundaries[-1] / 0.005)), NUM_CEPSTRA))
    before = boundaries.copy()
    moved = refine(boundaries, fine.astype(np.float32), np.ones(NUM_CEPSTRA, np.float32), 0.005)
    assert np.array_equal(boundaries, before)
    assert (moved[0], moved[-1]) == (before[0], before[-1])
    assert (np.diff(moved) > 0).all()
    assert (np.abs(moved - before) < 0.025).all()


# Quality


def clip(*rows):
    return [Interval(phone, start, end, "") for phone, start, end in rows]


def test_boundary_errors_by_hand():
    truth = clip((SILENCE, 0, 0.1), ("a", 0.1, 0.2), ("b", 0.2, 0.4), (SILENCE, 0.4, 0.5), ("c", 0.5, 0.6))
    found = clip(("a", 0, 0.21), (SILENCE, 0.21, 0.22), ("b", 0.22, 0.37), (SILENCE, 0.37, 0.52), ("c", 0.52, 0.6))
    # Of a | b the onset of b alone, as the truth has no pause there; of b | c the end of b and the onset of c.
    assert boundary_errors(found, truth) == pytest.approx([0.02, -0.03, 0.02])
    assert boundary_errors(found[:-1], truth) == []


def test_metrics_of_a_corpus_by_hand():
    found = {"u": clip((SILENCE, 0, 0.25), ("a", 0.25, 0.5), ("b", 0.5, 1.0))}
    truth = {"u": clip(("a", 0, 0.485), ("b", 0.485, 1.0)), "other": clip(("c", 0, 1))}
    results = [Aligned("u", (SILENCE, "a", "b"), np.zeros(4), -500.0, 100), Failed("v", "silent audio", "")]
    metrics = alignment_metrics(found, results, truth)
    assert metrics.pop("boundary_error_ms") == pytest.approx({"mean": 15, "median": 15})
    assert metrics == {
        "aligned_share": 0.5,
        "clips": 2,
        "log_likelihood_per_frame": -5.0,
        "silence_share": 0.25,
        "boundaries": 1,
        "boundary_within": {"10_ms": 0.0, "20_ms": 1.0, "50_ms": 1.0},
    }
    assert set(metrics) - set(alignment_metrics(found, results, None)) == {"boundaries", "boundary_within"}


@pytest.mark.parametrize(
    ("phones", "boundaries", "reason"),
    [
        ((SILENCE, "a", "b"), [0, 0.1, 0.2, 0.3], None),
        (("a", "c"), [0, 0.1, 0.2], "other phones"),
        (("a",), [0, 0.1], "other phones"),
        (("a", "b"), [0, 0.2, 0.2], "impossible times"),
        (("a", "b"), [0, np.nan, 0.2], "impossible times"),
    ],
)
def test_an_alignment_of_other_phones_or_impossible_times_is_unfit(phones, boundaries, reason):
    failure = unfit(Aligned("u", phones, np.array(boundaries), 0.0, 9), ["a", "b"])
    assert (failure and failure.reason) == reason


def test_too_many_failures_count_their_reasons_and_name_clips():
    failed = [Failed("u1", "silent audio", "peak 0"), Failed("u2", "no phones", "none"), Failed("u3", "no phones", "")]
    require_few_unaligned(failed, num_clips=300, limit=0.01)
    message = r"3 of 299 clips could not be aligned, align.max_unaligned is 0.01: 2 × no phones, 1 × silent audio. .*u1"
    with pytest.raises(AlignmentError, match=message):
        require_few_unaligned(failed, num_clips=299, limit=0.01)
    with pytest.raises(AlignmentError, match="3 of 3"):
        require_few_unaligned(failed, num_clips=3, limit=1.0)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"beam": 400, "retry_beam": 400}, "retry_beam must be wider than beam, 400"),
        ({"itterations": 3}, r"align.itterations: unknown key; did you mean 'iterations'"),
        ({"backend": "kalid"}, r"align.backend"),
        ({"frame_shift_ms": 100}, r"align.frame_shift_ms"),
    ],
)
def test_settings_that_cannot_be_are_refused(values, message):
    with pytest.raises(ConfigError, match=message):
        build(AlignSettings, values, where="align")
