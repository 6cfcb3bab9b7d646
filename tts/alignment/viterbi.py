"""The most likely path through an utterance's chain.

The search is exact. Beams, as Kaldi's and MFA's, do not fail on long clips but give boundaries that are wrong by
seconds; over a chain, the whole search takes less time than the bookkeeping of a beam.
"""

from __future__ import annotations

import numba
import numpy as np
import numpy.typing as npt

from tts.alignment.hmm import ACOUSTIC_SCALE, STATES_PER_PHONE, Chain, FloatArray, IntArray, last_silence_left_out

_JUMP = STATES_PER_PHONE + 1  # positions from before a silence to after it


def best_path(chain: Chain, scores: FloatArray) -> IntArray | None:
    """Positions [frames] in the chain; None for a clip that is too short for it, or a chain of no words.

    Args:
        chain: of the utterance.
        scores: [frames, states of the inventory] log-likelihoods.
    """
    if len(scores) == 0 or len(chain.states) <= STATES_PER_PHONE:
        return None
    moves, best = _forward(scores, chain.states, chain.enter, chain.skip)
    last = len(best) - 1
    without = best[last - STATES_PER_PHONE] + last_silence_left_out()
    if not np.isfinite(max(best[last], without)):
        return None
    path: IntArray = _backward(moves, last - STATES_PER_PHONE if without > best[last] else last)
    return path


@numba.njit(cache=True)
def _forward(
    scores: FloatArray, states: IntArray, enter: FloatArray, skip: FloatArray
) -> tuple[npt.NDArray[np.uint8], FloatArray]:
    """Positions to go back from each [frames, positions], and the totals [positions] of the best paths."""
    moves = np.zeros((len(scores), len(states)), dtype=np.uint8)
    before = np.full(len(states), -np.inf, dtype=np.float32)
    best = before.copy()
    best[0] = enter[0] + ACOUSTIC_SCALE * scores[0, states[0]]
    best[STATES_PER_PHONE] = skip[STATES_PER_PHONE] + ACOUSTIC_SCALE * scores[0, states[STATES_PER_PHONE]]
    for frame in range(1, len(scores)):
        before, best = best, before
        for position in range(len(states)):
            total, move = before[position], 0
            if position > 0 and before[position - 1] + enter[position] > total:
                total, move = before[position - 1] + enter[position], 1
            if position >= _JUMP and before[position - _JUMP] + skip[position] > total:
                total, move = before[position - _JUMP] + skip[position], _JUMP
            best[position] = total + ACOUSTIC_SCALE * scores[frame, states[position]]
            moves[frame, position] = move
    return moves, best


@numba.njit(cache=True)
def _backward(moves: npt.NDArray[np.uint8], last: int) -> IntArray:
    path = np.empty(len(moves), dtype=np.int64)
    for frame in range(len(moves) - 1, -1, -1):
        path[frame] = last
        last -= moves[frame, last]
    return path
