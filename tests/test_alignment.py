"""The parts of an alignment: cepstra, mixtures, intervals, boundaries and judgement, on known values and bad input."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tts.alignment.features import NUM_CEPSTRA, Framing, cepstra, observations
from tts.alignment.gmm import Mixtures, Scorer, accumulate, estimate, split, uniform
from tts.alignment.intervals import Interval, intervals
from tts.alignment.quality import (
    ClipQuality,
    alignment_metrics,
    boundary_errors,
    clip_qualities,
    require_few_unaligned,
    unfit,
)
from tts.alignment.refinement import refine
from tts.alignment.settings import AlignSettings
from tts.alignment.transcripts import Transcript, transcript
from tts.alignment.utterances import Aligned, Failed
from tts.config import build
from tts.errors import AlignmentError, ConfigError
from tts.phones import SILENCE
from tts.text.frontend import PAUSE, Word, speakable

RATE = 22050


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


@settings(max_examples=30, deadline=None)
@given(frame=st.integers(0, 199), sample_rate=st.sampled_from([16000, RATE, 48000]))
def test_a_click_is_in_the_frame_around_it(frame, sample_rate):
    framing = Framing(sample_rate, shift_ms=10.0)
    waveform = np.random.default_rng(0).normal(0, 1e-4, 200 * framing.hop).astype(np.float32)
    waveform[framing.hop * frame + framing.hop // 2] += 0.9
    assert cepstra(waveform, framing)[:, 0].argmax() == frame


@pytest.mark.parametrize("level", [0.0, 0.5])
def test_digital_silence_is_finite_and_alike_in_all_frames(level):
    """A constant is silent too: only what changes is heard."""
    found = cepstra(np.full(RATE, level, np.float32), Framing(RATE, 10.0))
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found, np.broadcast_to(found[:1], found.shape), atol=1e-3)


def test_what_dies_away_below_the_speech_is_silence():
    """Faint hum and digital silence after loud speech are nearly the same."""
    noise = np.random.default_rng(0).normal(0, 0.3, RATE).astype(np.float32)
    fade = np.where(np.arange(RATE) < RATE // 2, 1, 1e-3).astype(np.float32)
    cut = np.where(np.arange(RATE) < RATE // 2, 1, 0).astype(np.float32)
    faint, none = (cepstra(noise * envelope, Framing(RATE, 10.0)) for envelope in (fade, cut))
    assert np.abs(faint - none)[-50:].max() < 0.1
    assert np.abs(none[:50] - none[-50:]).max() > 5


def vowels(sample_rate):
    """A second of a gliding voice, up to 7 kHz."""
    time = np.arange(sample_rate) / sample_rate
    formants = [
        (500 + 300 * np.sin(2 * np.pi * 3 * time), 150),
        (1500 + 800 * np.sin(2 * np.pi * 2 * time + 1), 250),
        (3000 + 1500 * np.cos(2 * np.pi * 1.5 * time), 500),
    ]
    harmonics = [
        np.exp(-(((120 * number - centre) / width) ** 2) / 2) * np.cos(2 * np.pi * 120 * number * time + number**2)
        for number in range(1, 59)
        for centre, width in formants
    ]
    return (0.02 * np.sum(harmonics, axis=0)).astype(np.float32)


@pytest.mark.parametrize("sample_rate", [RATE, 44100])
def test_sample_rates_agree_on_what_is_heard(sample_rate):
    """Bands end at 8 kHz; up to each rate's own limit, the last cepstra would even have the other sign."""
    low, high = (cepstra(vowels(rate), Framing(rate, 10.0)) for rate in (16000, sample_rate))
    alike = [np.corrcoef(low[:198, index], high[:198, index])[0, 1] for index in range(NUM_CEPSTRA)]
    assert min(alike) > 0.85
    assert np.median(alike) > 0.97


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
        [draw.normal(-5, 3, (count, 2)), draw.normal(5, 4, (2 * count, 2)), draw.normal(0, 1, (150, 2))]
    )
    return frames.astype(np.float32), np.repeat([0, 0, 1], [count, 2 * count, 150])


def test_two_heaps_in_one_state_are_told_apart():
    found = trained(*two_heaps(), num_states=2, target=3, passes=60)
    assert found.states.tolist() == [0, 0, 1]
    order = np.argsort(found.means[:2, 0])
    np.testing.assert_allclose(found.means[order], [[-5, -5], [5, 5]], atol=0.2)
    np.testing.assert_allclose(found.variances[order], [[9, 9], [16, 16]], rtol=0.1)
    np.testing.assert_allclose(found.weights[order], [1 / 3, 2 / 3], atol=0.01)


def test_no_gaussian_is_much_sharper_than_all_frames_together():
    frames = np.concatenate([np.full((500, 1), -5), np.full((500, 1), 5)]).astype(np.float32)
    found = trained(frames, np.repeat([0, 1], 500), num_states=2, target=2)
    np.testing.assert_allclose(found.variances, 0.2 * 25)


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


@st.composite
def mixtures_of(draw):
    """Mixtures of some states with one to five Gaussians each, and frames for them."""
    sizes, num_dims = draw(st.lists(st.integers(1, 5), min_size=1, max_size=7)), draw(st.integers(1, 6))
    rng, count = np.random.default_rng(draw(st.integers(0))), sum(sizes)
    states = np.repeat(np.arange(len(sizes)), sizes)
    weights = rng.uniform(0.05, 1, count)
    weights /= np.bincount(states, weights=weights)[states]
    mixtures = Mixtures(states, weights, rng.normal(0, 3, (count, num_dims)), rng.uniform(0.3, 4, (count, num_dims)))
    return mixtures, rng.normal(0, 4, (draw(st.integers(0, 12)), num_dims)).astype(np.float32)


def log_likelihoods(mixtures, frames):
    """Gaussian by Gaussian."""
    offsets = frames[:, None].astype(np.float64) - mixtures.means
    densities = np.exp(-0.5 * offsets**2 / mixtures.variances) / np.sqrt(2 * np.pi * mixtures.variances)
    weighted = mixtures.weights * densities.prod(axis=2)
    num_states = mixtures.states[-1] + 1
    return np.log([weighted[:, mixtures.states == state].sum(axis=1) for state in range(num_states)]).T


@settings(max_examples=100, deadline=None)
@given(drawn=mixtures_of())
def test_scores_are_the_logarithms_of_the_summed_densities(drawn):
    mixtures, frames = drawn
    found = Scorer(mixtures).scores(frames)
    assert found.shape == (len(frames), mixtures.states[-1] + 1)
    np.testing.assert_allclose(found, log_likelihoods(mixtures, frames), rtol=1e-4, atol=1e-3)


def test_frames_far_from_every_gaussian_still_have_scores():
    """Their densities are below what a float can hold."""
    mixtures = Mixtures(np.zeros(2, int), np.array([0.5, 0.5]), np.array([[0.0], [1.0]]), np.ones((2, 1)))
    found = Scorer(mixtures).scores(np.array([[1000]], np.float32))
    assert found[0, 0] == pytest.approx(-0.5 * 999**2 + np.log(0.5) - 0.5 * np.log(2 * np.pi), rel=1e-5)


def test_the_gaussians_of_a_state_stand_together():
    mixtures = trained(*two_heaps(), num_states=2, target=5)
    assert mixtures.bounds().tolist() == [0, 4, 5]


# Intervals


def test_a_transcript_has_the_words_and_where_the_text_pauses():
    words = [Word("so", ("s", "o")), PAUSE, PAUSE, Word("be", ("b", "i")), Word("it", ("i", "t"))]
    found = transcript(words)
    assert found == Transcript((("s", "o"), ("b", "i"), ("i", "t")), (True, True, False, True))
    assert found.phones == ("s", "o", "b", "i", "i", "t")
    assert transcript([PAUSE]).phones == ()


WORDS = (Word("a", ("x", "y")), Word("b", ("z",)))


def heard(words, phones, boundaries):
    return Aligned("u", tuple(words), tuple(phones), np.array(boundaries, dtype=float))


def test_short_silences_go_to_the_phone_before_them():
    aligned = heard(WORDS, (SILENCE, "x", "y", SILENCE, "z", SILENCE), [0, 0.02, 0.2, 0.3, 0.34, 0.5, 0.51])
    assert intervals(aligned, fold_seconds=0.05) == [
        Interval(SILENCE, 0, 0.02, ""),  # at the ends they stay
        Interval("x", 0.02, 0.2, "a"),
        Interval("y", 0.2, 0.34, "a"),
        Interval("z", 0.34, 0.5, "b"),
        Interval(SILENCE, 0.5, 0.51, ""),
    ]
    assert intervals(aligned, fold_seconds=0.03)[3] == Interval(SILENCE, 0.3, 0.34, "")


def test_short_silences_stay_where_the_text_pauses():
    aligned = heard([WORDS[0], PAUSE, WORDS[1]], ("x", "y", SILENCE, "z"), [0, 0.2, 0.3, 0.31, 0.5])
    assert Interval(SILENCE, 0.3, 0.31, "") in intervals(aligned, fold_seconds=0.05)


def test_pauses_that_nobody_hears_last_no_time():
    aligned = heard([PAUSE, WORDS[0], PAUSE, PAUSE, WORDS[1], PAUSE], ("x", "y", "z"), [0, 0.2, 0.3, 0.5])
    assert intervals(aligned, fold_seconds=0.05) == [
        Interval(SILENCE, 0, 0, ""),
        Interval("x", 0, 0.2, "a"),
        Interval("y", 0.2, 0.3, "a"),
        Interval(SILENCE, 0.3, 0.3, ""),
        Interval("z", 0.3, 0.5, "b"),
        Interval(SILENCE, 0.5, 0.5, ""),
    ]


def times(count):
    """Boundaries of so many phones."""
    return st.lists(st.floats(0.001, 0.3), min_size=count, max_size=count).map(lambda each: np.cumsum([0, *each]))


@st.composite
def alignments(draw):
    """What an aligner may give: a silence, or none, between any two words and at both ends."""
    word = st.builds(Word, st.sampled_from(["one", "two"]), st.lists(st.sampled_from("xyz"), min_size=1).map(tuple))
    words = draw(st.lists(st.one_of(word, st.just(PAUSE)), max_size=8).filter(lambda each: set(each) - {PAUSE}))
    silence = st.sampled_from([(), (SILENCE,)])
    said = [phone for each in words if each.phones for phone in (*each.phones, *draw(silence))]
    phones = (*draw(silence), *said)
    return heard(words, phones, draw(times(len(phones))))


@given(aligned=alignments(), fold=st.floats(0, 0.2))
def test_intervals_cover_the_clip_in_order(aligned, fold):
    found = intervals(aligned, fold_seconds=fold)
    assert (found[0].start, found[-1].end) == (0, aligned.boundaries[-1])
    assert all(before.end == after.start for before, after in itertools.pairwise(found))
    assert all(each.start < each.end for each in found if each.phone != SILENCE)
    owned = [(phone, word.text) for word in aligned.words for phone in word.phones]
    assert [(each.phone, each.word) for each in found if each.phone != SILENCE] == owned
    assert all(each.word == "" for each in found if each.phone == SILENCE)


@given(aligned=alignments())
def test_a_model_learns_the_phones_that_synthesis_speaks(aligned):
    """Apart from silences that only the recording has, the same silences in the same places."""
    found = intervals(aligned, fold_seconds=float("inf"))
    assert tuple(each.phone for each in found) == speakable(aligned.words)


def silences_without_pause(aligned, rows):
    """Of rows (phone, start, end), the times of silences where the text has none."""
    said = list(itertools.accumulate((len(word.phones) for word in aligned.words), initial=0))
    pauses = {0, said[-1]} | {count for count, word in zip(said, aligned.words, strict=False) if not word.phones}
    counts = itertools.accumulate((phone != SILENCE for phone, _, _ in rows), initial=0)
    pairs = zip(rows, counts, strict=False)
    return [(start, end) for (phone, start, end), count in pairs if phone == SILENCE and count not in pauses]


@given(aligned=alignments(), fold=st.floats(0, 0.2))
def test_silences_that_only_the_recording_has_stay_if_they_are_long(aligned, fold):
    given_rows = list(
        zip(aligned.phones, *(aligned.boundaries[part] for part in (slice(-1), slice(1, None))), strict=True)
    )
    found = [(each.phone, each.start, each.end) for each in intervals(aligned, fold_seconds=fold)]
    long = [(start, end) for start, end in silences_without_pause(aligned, given_rows) if end - start >= fold]
    assert silences_without_pause(aligned, found) == long


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
    boundaries = np.array([0.16, 0.205, 0.24])
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
    fine = np.random.default_rng(seed).normal(size=(max(1, int(boundaries[-1] / 0.005 + 0.5)), NUM_CEPSTRA))
    before = boundaries.copy()
    moved = refine(boundaries, fine.astype(np.float32), np.ones(NUM_CEPSTRA, np.float32), 0.005)
    assert np.array_equal(boundaries, before)
    assert (moved[0], moved[-1]) == (before[0], before[-1])
    assert (np.diff(moved) > 0).all()
    assert (np.abs(moved - before) < 0.025).all()


def test_boundaries_moved_together_go_where_each_would_go_alone():
    draw = np.random.default_rng(0)
    fine = (steps(0.1, 0.21, 0.33) + draw.normal(0, 0.1, (400, NUM_CEPSTRA))).astype(np.float32)
    boundaries = np.array([0.0, 0.11, 0.2, 0.32, 0.4])
    together = refine(boundaries, fine, np.ones(NUM_CEPSTRA, np.float32), 0.001)
    np.testing.assert_allclose(together, [0, 0.1, 0.21, 0.33, 0.4], atol=0.001)
    alone = [
        refine(boundaries[start : start + 3], fine, np.ones(NUM_CEPSTRA, np.float32), 0.001)[1] for start in range(3)
    ]
    assert together[1:-1].tolist() == alone


@pytest.mark.parametrize("boundaries", [[0.0, 0.4], [0.0, 0.39, 0.4]])
def test_one_phone_and_a_phone_at_the_very_end_are_no_trouble(boundaries):
    moved = refine(np.array(boundaries), steps(0.2), np.ones(NUM_CEPSTRA, np.float32), 0.001)
    assert (moved[0], moved[-1]) == (0, 0.4)
    assert (np.diff(moved) > 0).all()


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
    found = {
        "u": clip((SILENCE, 0, 0.25), ("a", 0.25, 0.5), ("b", 0.5, 1.0), (SILENCE, 1.0, 1.0)),
        "w": clip((SILENCE, 0, 0), ("c", 0, 3.0), (SILENCE, 3.0, 3.0)),
    }
    truth = {"u": clip(("a", 0, 0.485), ("b", 0.485, 1.0)), "other": clip(("c", 0, 1))}
    qualities = [ClipQuality("u", -5.0, 0, 0.25, 1.0, ""), ClipQuality("w", -9.0, 1, 0.0, 3.0, "odd")]
    metrics = alignment_metrics(found, qualities, num_clips=4, truth=truth)
    assert metrics.pop("boundary_error_ms") == pytest.approx({"mean": 15, "median": 15})
    assert metrics == {
        "aligned_share": 0.5,
        "clips": 4,
        "doubtful_clips": 1,
        "phone_duration_outliers": pytest.approx(1 / 3),
        "log_likelihood_per_frame": -8.0,  # by the second: (-5 - 3 * 9) / 4
        "least_likely": {"w": -9.0, "u": -5.0},
        "silence_share": 0.0625,
        "boundaries": 1,
        "boundary_within": {"10_ms": 0.0, "20_ms": 1.0, "50_ms": 1.0},
    }
    without = alignment_metrics(found, qualities, num_clips=4, truth=None)
    assert set(metrics) - set(without) == {"boundaries", "boundary_within"}


def test_metrics_tell_no_likelihood_where_the_aligner_has_none():
    found = {"u": clip(("a", 0, 1.0))}
    metrics = alignment_metrics(found, [ClipQuality("u", None, 0, 0.0, 1.0, "")], num_clips=1, truth=None)
    assert not {"log_likelihood_per_frame", "least_likely"} & set(metrics)
    assert metrics["aligned_share"] == 1


def typical(num_clips=30, seed=0):
    """Clips of twelve phones of usual lengths, and their likelihoods."""
    draw = np.random.default_rng(seed)
    rows = {}
    for number in range(num_clips):
        ends = np.cumsum(draw.normal([0.2, *[0.08, 0.12] * 6], [0.05, *[0.008] * 12]))
        phones = [SILENCE, *"ab" * 6]
        rows[f"u{number:02d}"] = clip(*zip(phones, [0, *ends[:-1]], ends, strict=True))
    return rows, {name: -50 + draw.normal() for name in rows}


def suspicions(rows, likelihoods):
    return {each.utterance_id: each.suspicion for each in clip_qualities(rows, likelihoods) if each.suspicion}


def test_typical_clips_raise_no_suspicion():
    assert suspicions(*typical()) == {}


def test_a_clip_far_less_likely_than_others_is_suspected():
    rows, likelihoods = typical()
    likelihoods["u07"] -= 12
    assert set(suspicions(rows, likelihoods)) == {"u07"}
    assert "unlikely for its text (-6" in suspicions(rows, likelihoods)["u07"]


@pytest.mark.parametrize("factor", [0.2, 5.0, 0.0])
def test_a_clip_with_phones_of_odd_lengths_is_suspected(factor):
    rows, likelihoods = typical()
    odd = np.cumsum(
        [row.end - row.start if row.phone != "a" else factor * (row.end - row.start) for row in rows["u03"]]
    )
    rows["u03"] = clip(*zip([SILENCE, *"ab" * 6], [0, *odd[:-1]], odd, strict=True))
    assert suspicions(rows, likelihoods) == {"u03": "6 of 12 phones have unusual lengths"}


def test_two_odd_phones_are_counted_but_raise_no_suspicion():
    rows, likelihoods = typical()
    last = rows["u03"][-1]
    rows["u03"] = [*rows["u03"][:-1], Interval("b", last.start, last.end + 2, "")]
    judged = {each.utterance_id: each for each in clip_qualities(rows, likelihoods)}
    assert (judged["u03"].outlier_phones, judged["u03"].suspicion) == (1, "")
    assert judged["u03"].seconds == rows["u03"][-1].end
    assert judged["u03"].silence_share == pytest.approx(rows["u03"][0].end / rows["u03"][-1].end)


def test_few_clips_cannot_tell_what_is_usual():
    rows, likelihoods = typical(num_clips=3)
    likelihoods["u01"] -= 100
    rows["u02"] = clip((SILENCE, 0, 0.2), ("a", 0.2, 9.0), ("b", 9.0, 18.0), ("c", 18.0, 18.01))
    assert suspicions(rows, likelihoods) == {}


def test_clips_whose_likelihood_is_not_known_are_judged_by_their_phones():
    rows, _ = typical()
    assert suspicions(rows, dict.fromkeys(rows)) == {}
    assert [each.utterance_id for each in clip_qualities(dict(reversed(rows.items())), dict.fromkeys(rows))] == [*rows]


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
    failure = unfit(heard([Word("ab", ("a", "b")), PAUSE], phones, boundaries))
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
        ({"kaldi": {"itterations": 3}}, r"align.kaldi.itterations: unknown key; did you mean 'iterations'"),
        ({"backend": "kalid"}, r"align.backend"),
        ({"kaldi": {"frame_shift_ms": 100}}, r"align.kaldi.frame_shift_ms"),
        ({"kaldi": {"retrain_above": 20}}, r"align.kaldi.retrain_above"),
        ({"kaldi": {"retry_beam": 400}}, r"align.kaldi.retry_beam: unknown key"),
        ({"max_unaligned": -0.1}, r"align.max_unaligned"),
    ],
)
def test_settings_that_cannot_be_are_refused(values, message):
    with pytest.raises(ConfigError, match=message):
        build(AlignSettings, values, where="align")
