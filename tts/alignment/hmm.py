"""Hidden Markov models of phones: three states each, chained by the words of an utterance.

Transition probabilities are all alike, so they cancel: what decides is the sound, and the odds of silences.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tts.alignment.transcripts import Transcript
from tts.phones import SILENCE

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float32]

STATES_PER_PHONE = 3
ACOUSTIC_SCALE = 0.1  # Kaldi's: frames that overlap are not independent
# Odds of a silence between two words, where the text pauses, and at both ends.
_SILENCE_BETWEEN_WORDS = 0.2
_SILENCE_AT_PAUSE = 0.9


@dataclass(frozen=True)
class Chain:
    """The states of an utterance, one after another; silences may be left out.

    Attributes:
        states: [positions] state at each position.
        phones: phone of each run of STATES_PER_PHONE positions.
        enter: [positions] log-probability of a step from the position before.
        skip: [positions] likewise of a step over the silence before, or -inf where there is none.
    """

    states: IntArray
    phones: tuple[str, ...]
    enter: FloatArray
    skip: FloatArray


class PhoneStates:
    """Numbers for the states of an inventory of phones, silence first."""

    def __init__(self, phones: Iterable[str]) -> None:
        self.phones = (SILENCE, *sorted(set(phones) - {SILENCE}))
        self._first = {phone: STATES_PER_PHONE * number for number, phone in enumerate(self.phones)}

    def __len__(self) -> int:
        return STATES_PER_PHONE * len(self.phones)

    def even_path(self, transcript: Transcript, num_frames: int) -> IntArray:
        """States [frames] if all lasted equally long, with silence at both ends: where training starts."""
        states = self._states((SILENCE, *transcript.phones, SILENCE))
        return states[np.arange(num_frames) * len(states) // num_frames]

    def chain(self, transcript: Transcript) -> Chain:
        """The chain of an utterance: an optional silence before every word and at the end."""
        phones: list[str] = []
        enter: list[float] = []
        skip: list[float] = []
        for index, pause in enumerate(transcript.pauses):
            silence = _SILENCE_AT_PAUSE if pause else _SILENCE_BETWEEN_WORDS
            word = transcript.words[index] if index < len(transcript.words) else ()
            phones += [SILENCE, *word]
            enter += [math.log(silence), *[0.0] * len(word)]
            skip += [-math.inf, *[math.log(1 - silence), *[-math.inf] * len(word)][: len(word)]]
        return Chain(self._states(phones), tuple(phones), _at_first_state(enter, 0.0), _at_first_state(skip, -math.inf))

    def _states(self, phones: Iterable[str]) -> IntArray:
        first = np.array([self._first[phone] for phone in phones], dtype=np.int64)
        return (first[:, None] + np.arange(STATES_PER_PHONE)).ravel()


def min_frames(transcript: Transcript) -> int:
    """Frames of the shortest clip it can be aligned to."""
    return STATES_PER_PHONE * len(transcript.phones)


def last_silence_left_out() -> float:
    """Log-probability that an utterance ends without silence."""
    return math.log(1 - _SILENCE_AT_PAUSE)


def _at_first_state(values: list[float], otherwise: float) -> FloatArray:
    """One value per phone to one per state."""
    spread = np.full((len(values), STATES_PER_PHONE), otherwise, dtype=np.float32)
    spread[:, 0] = values
    return spread.ravel()
