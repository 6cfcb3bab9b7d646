"""An acoustic model: the mixtures of all phones' states, the means of the speakers, and how clips are heard by it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np

from tts.alignment.chunks import Chunk
from tts.alignment.features import FloatArray, observations
from tts.alignment.gmm import IntArray, Mixtures, Scorer
from tts.alignment.hmm import STATES_PER_PHONE, PhoneStates
from tts.alignment.refinement import Array, refine
from tts.alignment.transcripts import transcript
from tts.alignment.utterances import Utterance


@dataclass(frozen=True)
class Heard:
    """A clip, its frames, and the most likely path through its chain.

    Attributes:
        utterance: the clip.
        phones: of its chain, all silences included.
        fine: [fine frames, cepstra].
        frames: [frames, dims] what the HMMs see.
        positions: [frames] in the chain of its transcript.
        states: [frames] at these positions.
        log_likelihood: of each frame, mean.
        seconds_per_frame: of the fine frames; the others last twice as long.
    """

    utterance: Utterance
    phones: tuple[str, ...]
    fine: FloatArray
    frames: FloatArray
    positions: IntArray
    states: IntArray
    log_likelihood: float
    seconds_per_frame: float

    def phone_starts(self) -> IntArray:
        """First frame of each phone that the path passes."""
        phones = self.positions // STATES_PER_PHONE
        return np.flatnonzero(np.diff(phones, prepend=-1))

    def boundaries(self) -> Array:
        """[phones + 1] seconds from 0 to the clip's end, as the path has them."""
        return np.append(2 * self.phone_starts() * self.seconds_per_frame, self.utterance.seconds)

    def refined_boundaries(self, deviations: FloatArray) -> Array:
        """The same, moved to where the spectrum changes."""
        return refine(self.boundaries(), self.fine, deviations, self.seconds_per_frame)


@dataclass(frozen=True)
class AcousticModel:
    """What training gives.

    Attributes:
        phones: that it knows.
        mixtures: of their states.
        means: [cepstra] of each speaker.
        deviations: [cepstra] of all frames, speakers and all.
        learned_from: keys of the clips it was trained on.
        sample_rates: of these clips.
    """

    phones: tuple[str, ...]
    mixtures: Mixtures
    means: Mapping[str, FloatArray]
    deviations: FloatArray
    learned_from: frozenset[str]
    sample_rates: frozenset[int]

    @cached_property
    def digest(self) -> str:
        """Equal for equal mixtures."""
        arrays = [getattr(self.mixtures, field.name).tobytes() for field in fields(Mixtures)]
        return hashlib.sha256(b"".join([*arrays, " ".join(self.phones).encode()])).hexdigest()[:16]

    def fits(self, utterances: Sequence[Utterance], *, max_new: float) -> bool:
        """Whether it knows all phones and sample rates of some clips, and has learned from all but a share of them."""
        num_new = sum(each.key not in self.learned_from for each in utterances)
        phones = {phone for each in utterances for phone in each.phones}
        rates = {each.audio.sample_rate for each in utterances}
        return phones <= set(self.phones) and rates <= self.sample_rates and num_new <= max_new * len(utterances)

    def hear(self, chunk: Chunk, mean: FloatArray) -> Iterator[tuple[Utterance, Heard | None]]:
        """Find the path of each clip of a chunk whose speaker has a mean [cepstra]; None where there is no path."""
        for clip, fine in chunk.cepstra():
            yield clip, self._hear(clip, fine, observations(fine, mean), chunk.seconds_per_frame(clip))

    def _hear(self, clip: Utterance, fine: FloatArray, frames: FloatArray, seconds: float) -> Heard | None:
        chain = self.states.chain(transcript(clip.words))
        scores = self._scorer.scores(frames)
        from tts.alignment.viterbi import best_path  # numba takes a second, and who only looks needs none

        path = best_path(chain, scores)
        if path is None:
            return None
        states = chain.states[path]
        likelihood = float(scores[np.arange(len(states)), states].mean())
        return Heard(clip, chain.phones, fine, frames, path, states, likelihood, seconds)

    @cached_property
    def states(self) -> PhoneStates:
        """Numbers of the states."""
        return PhoneStates(self.phones)

    @cached_property
    def _scorer(self) -> Scorer:
        return Scorer(self.mixtures)


def save(model: AcousticModel, path: Path) -> None:
    """Write a model whole or not at all."""
    columns = {field.name: getattr(model.mixtures, field.name) for field in fields(Mixtures)}
    speakers = sorted(model.means)
    temporary = path.with_name(path.name + ".tmp")
    with temporary.open("wb") as file:
        np.savez(
            file,
            **columns,
            phones=np.array(model.phones),
            speakers=np.array(speakers),
            speaker_means=np.array([model.means[name] for name in speakers]),
            deviations=model.deviations,
            learned_from=np.array(sorted(model.learned_from)),
            sample_rates=np.array(sorted(model.sample_rates)),
        )
    temporary.replace(path)


@lru_cache(maxsize=2)
def load(path: Path) -> AcousticModel:
    """Read what `save` wrote; each file once in a process, since none is ever written twice."""
    with np.load(path) as arrays:
        mixtures = Mixtures(**{field.name: arrays[field.name] for field in fields(Mixtures)})
        means = dict(zip(arrays["speakers"].tolist(), arrays["speaker_means"], strict=True))
        return AcousticModel(
            tuple(arrays["phones"].tolist()),
            mixtures,
            means,
            arrays["deviations"],
            frozenset(arrays["learned_from"].tolist()),
            frozenset(arrays["sample_rates"].tolist()),
        )
