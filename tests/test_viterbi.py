"""The chain of an utterance, and its most likely path: beside a plain search, and where everyone can tell the path."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tts.alignment.hmm import ACOUSTIC_SCALE, STATES_PER_PHONE, PhoneStates, last_silence_left_out, min_frames
from tts.alignment.transcripts import Transcript
from tts.alignment.viterbi import best_path
from tts.phones import SILENCE

STATES = PhoneStates(("b", "a"))
ONE_WORD = Transcript((("a", "b"),), (True, True))
TWO_WORDS = Transcript((("a",), ("b",)), (True, False, True))


# Chains


def test_silence_has_the_first_states_and_phones_follow_in_order():
    assert STATES.phones == (SILENCE, "a", "b")
    assert len(STATES) == 9
    assert PhoneStates(("a", "b", SILENCE, "a")).phones == STATES.phones


def test_a_chain_by_hand():
    chain = STATES.chain(Transcript((("a", "b"), ("a",)), (True, False, True)))
    assert chain.phones == (SILENCE, "a", "b", SILENCE, "a", SILENCE)
    assert chain.states.tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 8, 0, 1, 2, 3, 4, 5, 0, 1, 2]
    first = slice(None, None, STATES_PER_PHONE)
    np.testing.assert_allclose(np.exp(chain.enter[first]), [0.9, 1, 1, 0.2, 1, 0.9], rtol=1e-6)
    np.testing.assert_allclose(np.exp(chain.skip[first]), [0, 0.1, 0, 0, 0.8, 0], atol=1e-6)
    inner = np.arange(len(chain.states)) % STATES_PER_PHONE > 0
    assert (chain.enter[inner] == 0).all()
    assert (chain.skip[inner] == -np.inf).all()
    assert last_silence_left_out() == pytest.approx(math.log(0.1))


def test_the_shortest_clip_has_a_frame_for_each_state():
    assert min_frames(ONE_WORD) == min_frames(TWO_WORDS) == 6


@given(num_frames=st.integers(12, 99))
def test_the_even_path_passes_all_states_evenly(num_frames):
    path = STATES.even_path(ONE_WORD, num_frames)
    runs = [(state, len(list(group))) for state, group in itertools.groupby(path)]
    assert [state for state, _ in runs] == [0, 1, 2, 3, 4, 5, 6, 7, 8, 0, 1, 2]
    assert sum(length for _, length in runs) == num_frames
    assert max(runs, key=lambda run: run[1])[1] - min(runs, key=lambda run: run[1])[1] <= 1


# The search beside one over a matrix of all steps


def steps(chain):
    """Log-probabilities [from, to] of all steps, then of a start and of an end at each position."""
    size = len(chain.states)
    matrix = np.full((size, size), -np.inf)
    np.fill_diagonal(matrix, 0.0)
    for position in range(1, size):
        matrix[position - 1, position] = chain.enter[position]
    for position in range(STATES_PER_PHONE + 1, size):
        matrix[position - STATES_PER_PHONE - 1, position] = chain.skip[position]
    start, end = np.full(size, -np.inf), np.full(size, -np.inf)
    start[0], start[STATES_PER_PHONE] = chain.enter[0], chain.skip[STATES_PER_PHONE]
    end[-1], end[-1 - STATES_PER_PHONE] = 0.0, last_silence_left_out()
    return matrix, start, end


def most_likely(chain, scores):
    """Log-probability of the best path, in a search over the whole matrix."""
    matrix, start, end = steps(chain)
    heard = ACOUSTIC_SCALE * scores[:, chain.states].astype(np.float64)
    total = start + heard[0]
    for frame in heard[1:]:
        total = (total[:, None] + matrix).max(axis=0) + frame
    return (total + end).max()


def log_probability(path, chain, scores):
    """Of a path, step by step; -inf where it takes a step that there is not."""
    matrix, start, end = steps(chain)
    taken = [matrix[before, after] for before, after in itertools.pairwise(path)]
    heard = ACOUSTIC_SCALE * scores[np.arange(len(path)), chain.states[path]].astype(np.float64)
    return start[path[0]] + sum(taken) + end[path[-1]] + heard.sum()


words = st.lists(st.lists(st.sampled_from("ab"), min_size=1, max_size=3).map(tuple), min_size=1, max_size=4)
transcripts = words.flatmap(
    lambda each: st.lists(st.booleans(), min_size=len(each) - 1, max_size=len(each) - 1).map(
        lambda pauses: Transcript(tuple(each), (True, *pauses, True))
    )
)


@settings(max_examples=200, deadline=None)
@given(said=transcripts, num_frames=st.integers(1, 60), spread=st.sampled_from([0.1, 3.0, 30.0]), seed=st.integers(0))
def test_no_path_is_more_likely_than_the_one_that_is_found(said, num_frames, spread, seed):
    chain = STATES.chain(said)
    scores = np.random.default_rng(seed).normal(-50, spread, (num_frames, len(STATES))).astype(np.float32)
    path, best = best_path(chain, scores), most_likely(chain, scores)
    assert (path is None) == (num_frames < min_frames(said)) == (best == -np.inf)
    if path is not None:
        assert len(path) == num_frames
        assert log_probability(path, chain, scores) == pytest.approx(best, rel=1e-5)


@settings(max_examples=30, deadline=None)
@given(num_frames=st.integers(3, 5), seed=st.integers(0))
def test_the_path_is_the_best_of_all_that_there_are(num_frames, seed):
    chain = STATES.chain(Transcript((("a",),), (True, True)))
    scores = np.random.default_rng(seed).normal(0, 20, (num_frames, len(STATES))).astype(np.float32)
    everywhere = itertools.combinations_with_replacement(range(len(chain.states)), num_frames)  # positions never fall
    best = max(everywhere, key=lambda path: log_probability(np.array(path), chain, scores))
    assert best_path(chain, scores).tolist() == list(best)


# Paths that everyone can tell


def states_of(*phones):
    """States of phones, each of so many frames."""
    numbers = {phone: STATES_PER_PHONE * number for number, phone in enumerate(STATES.phones)}
    return np.concatenate([numbers[phone] + np.minimum(np.arange(count) // 2, 2) for phone, count in phones])


def path_through(said, *phones):
    """States that the path passes, and its phones, where every frame is far likelier in its own state."""
    chain = STATES.chain(said)
    scores = -400 * (1 - np.eye(len(STATES), dtype=np.float32))[states_of(*phones)]
    positions = best_path(chain, scores)
    passed = [chain.phones[number] for number, _ in itertools.groupby(positions // STATES_PER_PHONE)]
    return chain.states[positions], passed


@pytest.mark.parametrize(
    "phones",
    [
        [(SILENCE, 9), ("a", 7), ("b", 12), (SILENCE, 6)],
        [(SILENCE, 9), ("a", 7), (SILENCE, 8), ("b", 12), (SILENCE, 6)],
        [("a", 5), ("b", 6)],
        [("a", 5), ("b", 9), (SILENCE, 6)],
        [(SILENCE, 5), ("a", 5), (SILENCE, 5), ("b", 9)],
    ],
    ids=str,
)
def test_the_path_is_the_one_that_was_taken(phones):
    states, passed = path_through(TWO_WORDS, *phones)
    assert states.tolist() == states_of(*phones).tolist()
    assert passed == [phone for phone, _ in phones]


def test_there_is_no_silence_inside_a_word():
    _, passed = path_through(ONE_WORD, (SILENCE, 9), ("a", 7), (SILENCE, 8), ("b", 12), (SILENCE, 6))
    assert passed == [SILENCE, "a", "b", SILENCE]


@pytest.mark.parametrize(("pause", "silences"), [(True, 1), (False, 0)])
def test_where_the_sound_does_not_tell_the_text_decides_on_a_silence(pause, silences):
    said = Transcript((("a",), ("b",)), (True, pause, True))
    chain = STATES.chain(said)
    positions = best_path(chain, np.zeros((20, len(STATES)), np.float32))
    passed = [chain.phones[number] for number in dict.fromkeys(positions // STATES_PER_PHONE)]
    assert passed[1:-1].count(SILENCE) == silences


def test_hours_of_frames_do_not_overflow():
    """A total of a hundred thousand poor scores is still a number, and the path still ends where it should."""
    chain = STATES.chain(ONE_WORD)
    path = best_path(chain, np.full((100_000, len(STATES)), -1e4, np.float32))
    assert len(path) == 100_000
    assert path[-1] in (len(chain.states) - 1, len(chain.states) - 1 - STATES_PER_PHONE)


# Clips that are too short


@pytest.mark.parametrize("num_frames", [0, 1, 5])
def test_too_few_frames_have_no_path(num_frames):
    assert best_path(STATES.chain(ONE_WORD), np.zeros((num_frames, len(STATES)), np.float32)) is None


def test_as_many_frames_as_states_have_one_path():
    path = best_path(STATES.chain(ONE_WORD), np.zeros((6, len(STATES)), np.float32))
    assert path.tolist() == [3, 4, 5, 6, 7, 8]
