"""Hidden Markov models of phones, in Kaldi: three states each, chained by the words of an utterance.

Transition probabilities stay as they are: training them moved no boundary in measurements.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import kaldi_hmm_gmm as khg
import kaldifst
import numpy as np
import numpy.typing as npt

from tts.alignment.gmm import IntArray, Mixtures
from tts.phones import SILENCE

STATES_PER_PHONE = 3

_SILENCE_ID = 1  # 0 is no symbol at all
_ACOUSTIC_SCALE = 0.1  # Kaldi's, and the unit of beams
_SELF_LOOP_SCALE = 0.1  # Kaldi's
# Odds of a silence between two words, where the text pauses, and at both ends.
_SILENCE_BETWEEN_WORDS = 0.2
_SILENCE_AT_PAUSE = 0.9


@dataclass(frozen=True)
class Transcript:
    """What is said in a clip.

    Attributes:
        words: phones of each word.
        pauses: [words + 1] whether the text pauses before each word and at the end.
    """

    words: tuple[tuple[str, ...], ...]
    pauses: tuple[bool, ...]

    @property
    def phones(self) -> tuple[str, ...]:
        """Phones of all words."""
        return tuple(phone for word in self.words for phone in word)

    @property
    def min_frames(self) -> int:
        """Frames of the shortest clip it can be aligned to."""
        return STATES_PER_PHONE * len(self.phones)


@dataclass(frozen=True)
class StatePath:
    """The most likely way through an utterance's HMM.

    Attributes:
        states: [frames] state of each frame.
        phones: phones passed, silences included.
        starts: [phones] first frame of each.
        log_likelihood: of all frames.
    """

    states: IntArray
    phones: tuple[str, ...]
    starts: IntArray
    log_likelihood: float


class PhoneHmms:
    """The HMMs of an inventory; states are numbered over all of them."""

    def __init__(self, phones: Iterable[str]) -> None:
        self._names = ("", SILENCE, *sorted(set(phones) - {SILENCE}))
        self._ids = {name: number for number, name in enumerate(self._names) if name}
        topology = _topology(list(self._ids.values()))
        self._tree = khg.monophone_context_dependency(list(self._ids.values()), topology.get_phone_to_num_pdf_classes())
        self._model = khg.TransitionModel(self._tree, topology)
        self._states = np.array(self._model.transition_id_to_pdf_array(), dtype=np.int64)
        self._phone_started = np.array([self._started_by(each) for each in range(len(self._states))])
        self._options = khg.TrainingGraphCompilerOptions(transition_scale=1.0, self_loop_scale=_SELF_LOOP_SCALE)

    @property
    def num_states(self) -> int:
        """States of all phones."""
        return int(self._model.num_pdfs)

    def even_path(self, transcript: Transcript, num_frames: int) -> IntArray:
        """States [frames] if all lasted equally long, with silence at both ends: where training starts."""
        phones = [self._ids[phone] for phone in (SILENCE, *transcript.phones, SILENCE)]
        states = [self._tree.compute([phone], state)[1] for phone in phones for state in range(STATES_PER_PHONE)]
        return np.array(states, dtype=np.int64)[np.arange(num_frames) * len(states) // num_frames]

    def best_path(
        self,
        transcript: Transcript,
        frames: npt.NDArray[np.float32],
        acoustic_model: khg.AmDiagGmm,
        *,
        beams: tuple[float, float],
    ) -> StatePath | None:
        """Align frames [frames, dims]; None when no path is found."""
        scores = khg.DecodableAmDiagGmmScaled(acoustic_model, self._model, frames, _ACOUSTIC_SCALE)
        _, _, _, log_likelihood, _, transitions, _ = khg.align_utterance_wrapper(
            config=khg.AlignConfig(beam=beams[0], retry_beam=beams[1]),
            utt="",
            acoustic_scale=_ACOUSTIC_SCALE,
            fst=self._graph(transcript),
            decodable=scores,
            num_done=0,
            num_error=0,
            num_retried=0,
            tot_like=0.0,
            frame_count=0,
        )
        if len(transitions) != len(frames):
            return None
        started = self._phone_started[transitions]
        starts = np.flatnonzero(started)
        phones = tuple(self._names[phone] for phone in started[starts])
        return StatePath(self._states[transitions], phones, starts, log_likelihood)

    def _started_by(self, transition: int) -> int:
        """The phone that a transition begins, or 0. Kaldi puts self loops after the transition that leaves."""
        if transition == 0 or self._model.is_self_loop(transition):
            return 0
        starts = self._model.transition_ids_is_start_of_phone(transition)
        return int(self._model.transition_id_to_phone(transition)) if starts else 0

    def _graph(self, transcript: Transcript) -> kaldifst.StdVectorFst:
        """The utterance's own lexicon of one word, its whole transcript, expanded to HMM states."""
        words = [[self._ids[phone] for phone in word] for word in transcript.words]
        lexicon = kaldifst.compile(_lexicon(words, transcript.pauses), acceptor=False)
        kaldifst.arcsort(lexicon, sort_type="olabel")
        compiler = khg.TrainingGraphCompiler(self._model, self._tree, lexicon, [], self._options)
        return compiler.compile_graph_from_text([1])


@lru_cache(maxsize=2)
def phone_hmms(phones: tuple[str, ...]) -> PhoneHmms:
    """The HMMs of an inventory, made once per process."""
    return PhoneHmms(phones)


def acoustic_model(mixtures: Mixtures) -> khg.AmDiagGmm:
    """The mixtures as Kaldi wants them."""
    model = khg.AmDiagGmm()
    bounds = mixtures.bounds()
    for first, end in itertools.pairwise(bounds):
        gmm = khg.DiagGmm(int(end - first), mixtures.means.shape[1])
        gmm.set_weights(mixtures.weights[first:end].astype(np.float32))
        gmm.set_invvars_and_means(
            (1 / mixtures.variances[first:end]).astype(np.float32), mixtures.means[first:end].astype(np.float32)
        )
        gmm.compute_gconsts()
        model.add_pdf(gmm)
    return model


def _topology(phones: Sequence[int]) -> khg.HmmTopology:
    states = "\n".join(
        f"<State> {state} <PdfClass> {state} <Transition> {state} 0.5 <Transition> {state + 1} 0.5 </State>"
        for state in range(STATES_PER_PHONE)
    )
    topology = khg.HmmTopology()
    topology.read(
        f"<Topology>\n<TopologyEntry>\n<ForPhones>\n{' '.join(map(str, phones))}\n</ForPhones>\n"
        f"{states}\n<State> {STATES_PER_PHONE} </State>\n</TopologyEntry>\n</Topology>\n"
    )
    return topology


def _lexicon(words: Sequence[Sequence[int]], pauses: Sequence[bool]) -> str:
    """An FST in text: phones in, word 1 out; around every word, silence may come or not."""
    arcs = ["0 1 0 1 0"]
    state = 1
    for index, pause in enumerate(pauses):
        silence = _SILENCE_AT_PAUSE if pause else _SILENCE_BETWEEN_WORDS
        arcs.append(f"{state} {state + 1} {_SILENCE_ID} 0 {-math.log(silence)}")
        arcs.append(f"{state} {state + 1} 0 0 {-math.log(1 - silence)}")
        state += 1
        for phone in words[index] if index < len(words) else ():
            arcs.append(f"{state} {state + 1} {phone} 0 0")
            state += 1
    return "\n".join([*arcs, f"{state} 0"]) + "\n"
