"""The embedded aligner: phone HMMs trained on the corpus itself, then one pass that gives boundaries.

Every pass goes over chunks of clips, in worker processes where there are any; sums are taken in the order of chunks,
so the number of workers changes nothing. Each pass ends with a file in the work folder: a run that was killed goes on
from the last one and ends with the same bytes.
"""

from __future__ import annotations

import io
import logging
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial, reduce
from itertools import chain, groupby
from operator import add
from pathlib import Path
from typing import Protocol, TypeVar

import kaldi_hmm_gmm as khg
import numpy as np
import numpy.typing as npt

from tts.alignment.features import NUM_CEPSTRA, FloatArray, Framing, cepstra, observations
from tts.alignment.gmm import Mixtures, Statistics, accumulate, estimate, load, save, split, uniform
from tts.alignment.hmm import Transcript, acoustic_model, phone_hmms
from tts.alignment.refinement import refine
from tts.alignment.settings import AlignSettings
from tts.errors import AlignmentError

logger = logging.getLogger(__name__)

Item = TypeVar("Item")
Result = TypeVar("Result")
Array = npt.NDArray[np.float64]

_CLIPS_PER_CHUNK = 32
_NUM_DIMS = 3 * NUM_CEPSTRA
_SILENT_BELOW = 1e-3  # peak, -60 dB of full scale


class Audio(Protocol):
    """A clip's samples, read when needed; picklable."""

    @property
    def num_samples(self) -> int:
        """Length."""
        ...

    @property
    def sample_rate(self) -> int:
        """In Hz."""
        ...

    def waveform(self) -> FloatArray:
        """Samples in [-1, 1]."""
        ...


class ParallelMap(Protocol):
    """Applies a top-level function to items, in worker processes if it can, and yields the results in order."""

    def __call__(self, function: Callable[[Item], Result], items: Sequence[Item], *, label: str) -> Iterator[Result]:
        """Yield one result per item."""
        ...


@dataclass(frozen=True)
class Utterance:
    """A clip and what is said in it."""

    utterance_id: str
    speaker: str
    audio: Audio
    transcript: Transcript


@dataclass(frozen=True)
class Aligned:
    """Phones of a clip in time.

    Attributes:
        utterance_id: of the clip.
        phones: in order, silences included.
        boundaries: [phones + 1] seconds from 0 to the clip's end.
        log_likelihood: of all frames.
        num_frames: of the HMMs.
    """

    utterance_id: str
    phones: tuple[str, ...]
    boundaries: Array
    log_likelihood: float
    num_frames: int


@dataclass(frozen=True)
class Failed:
    """Why a clip has no alignment; `reason` is the same few words for all with this fault."""

    utterance_id: str
    reason: str
    detail: str


@dataclass(frozen=True)
class Moments:
    """Sums over the fine frames of a speaker's clips."""

    count: int
    sums: Array
    squares: Array

    def __add__(self, other: Moments) -> Moments:
        """Moments of both sets of frames."""
        return Moments(self.count + other.count, self.sums + other.sums, self.squares + other.squares)


@dataclass(frozen=True)
class Chunk:
    """Clips of one speaker that a worker takes at once, and the file of their cepstra, one after another."""

    utterances: tuple[Utterance, ...]
    cepstra: Path

    @property
    def speaker(self) -> str:
        """Of all its clips."""
        return self.utterances[0].speaker


@dataclass(frozen=True)
class _Corpus:
    """What every pass needs to know."""

    settings: AlignSettings
    phones: tuple[str, ...]
    moments: dict[str, Moments]


def serial_map(function: Callable[[Item], Result], items: Sequence[Item], *, label: str) -> Iterator[Result]:
    """A `ParallelMap` in this process, without a bar."""
    logger.debug("%s: %d items", label, len(items))
    return map(function, items)


def align(
    utterances: Sequence[Utterance], settings: AlignSettings, work: Path, *, run: ParallelMap = serial_map
) -> list[Aligned | Failed]:
    """Train on a corpus and align it.

    Args:
        utterances: the corpus.
        settings: see there.
        work: folder for features and models; one for each corpus and settings, kept until the result is safe.
        run: how chunks are worked on.

    Returns:
        One result for each utterance, sorted by utterance id.

    Raises:
        AlignmentError: there is nothing to train on, since no clip at all has a path.
    """
    failed = [failure for failure in run(partial(_unusable, settings), utterances, label="check") if failure]
    bad = {failure.utterance_id for failure in failed}
    chunks = _chunks([each for each in utterances if each.utterance_id not in bad], work)
    results: list[Aligned | Failed] = list(failed)
    if chunks:
        results += _train_and_align(chunks, settings, work, run)
    return sorted(results, key=lambda result: result.utterance_id)


def _unusable(settings: AlignSettings, utterance: Utterance) -> Failed | None:
    """The reason why there is no point in trying."""
    transcript, audio = utterance.transcript, utterance.audio
    fault = partial(Failed, utterance.utterance_id)
    if not transcript.phones:
        return fault("no phones", "its text has nothing to align")
    framing = Framing(audio.sample_rate, settings.frame_shift_ms)
    num_frames = framing.num_frames(audio.num_samples) // 2
    if num_frames < transcript.min_frames:
        seconds = audio.num_samples / audio.sample_rate
        return fault("text too long for the audio", f"{len(transcript.phones)} phones in {seconds:.2f} s")
    peak = float(np.abs(audio.waveform()).max())
    if peak < _SILENT_BELOW:
        return fault("silent audio", f"peak {peak:.5f} of full scale")
    return None


def _chunks(utterances: Sequence[Utterance], work: Path) -> list[Chunk]:
    folder = work / "cepstra"
    folder.mkdir(parents=True, exist_ok=True)
    ordered = sorted(utterances, key=lambda each: (each.speaker, each.utterance_id))
    groups = [
        clips[start : start + _CLIPS_PER_CHUNK]
        for clips in (tuple(group) for _, group in groupby(ordered, key=lambda each: each.speaker))
        for start in range(0, len(clips), _CLIPS_PER_CHUNK)
    ]
    return [Chunk(group, folder / f"{index:06d}.npy") for index, group in enumerate(groups)]


def _train_and_align(
    chunks: Sequence[Chunk], settings: AlignSettings, work: Path, run: ParallelMap
) -> list[Aligned | Failed]:
    moments: dict[str, Moments] = {}
    for chunk, found in zip(chunks, run(partial(_extract, settings), chunks, label="cepstra"), strict=True):
        moments[chunk.speaker] = moments[chunk.speaker] + found if chunk.speaker in moments else found
    phones = {phone for chunk in chunks for each in chunk.utterances for phone in each.transcript.phones}
    corpus = _Corpus(settings, tuple(sorted(phones)), moments)
    model = _train(chunks, corpus, work, run)
    results = list(chain.from_iterable(run(partial(_align_chunk, corpus, model), chunks, label="align")))
    shutil.rmtree(work / "cepstra")  # large, and soon made again
    return results


def _extract(settings: AlignSettings, chunk: Chunk) -> Moments:
    """Write the cepstra of a chunk, unless they are there, and sum them up."""
    if not chunk.cepstra.exists():
        clips = [
            cepstra(each.audio.waveform(), Framing(each.audio.sample_rate, settings.frame_shift_ms))
            for each in chunk.utterances
        ]
        content = io.BytesIO()  # straight to a file, NumPy would hide that the disk is full
        np.save(content, np.concatenate(clips))
        temporary = chunk.cepstra.with_suffix(".tmp")
        temporary.write_bytes(content.getbuffer())
        temporary.replace(chunk.cepstra)
    frames = np.load(chunk.cepstra).astype(np.float64)
    return Moments(len(frames), frames.sum(axis=0), (frames**2).sum(axis=0))


def _train(chunks: Sequence[Chunk], corpus: _Corpus, work: Path, run: ParallelMap) -> Path:
    """Viterbi training from an even start, with more Gaussians after each pass; gives the file of the last model."""
    settings = corpus.settings
    before = None
    for iteration in range(settings.iterations + 1):
        path = work / f"model-{iteration:03d}.npz"
        if not path.exists():
            label = f"train {iteration} of {settings.iterations}"
            statistics = reduce(add, run(partial(_accumulate, corpus, before), chunks, label=label))
            if statistics.num_frames == 0:
                raise AlignmentError(
                    f"{label}: no clip has a path within a beam of {settings.retry_beam:g}; check that the texts match "
                    "the audio, or raise align.retry_beam in params.yaml"
                )
            likelihood = statistics.log_likelihood / statistics.num_frames
            logger.info("%s: log-likelihood per frame %.3f", label, likelihood)
            save(_next_model(statistics, _mixtures(corpus, before), corpus, iteration), path)
        before = path
    assert before is not None, "range is not empty"
    return before


def _next_model(statistics: Statistics, before: Mixtures, corpus: _Corpus, iteration: int) -> Mixtures:
    settings = corpus.settings
    model = estimate(statistics, before)
    num_states = phone_hmms(corpus.phones).num_states
    # Grow over three quarters of the passes, then settle.
    share = min(1.0, iteration / (0.75 * settings.iterations))
    target = num_states + int(share * max(settings.gaussians - num_states, 0))
    if iteration == settings.iterations:
        return model
    return split(model, statistics, target, np.random.default_rng([settings.seed, iteration]))


def _accumulate(corpus: _Corpus, before: Path | None, chunk: Chunk) -> Statistics:
    """Statistics of a chunk, aligned by the model before, or evenly where there is none."""
    hmms, mixtures = phone_hmms(corpus.phones), _mixtures(corpus, before)
    frames, states, log_likelihood = [np.empty((0, _NUM_DIMS), np.float32)], [np.empty(0, np.int64)], 0.0
    for utterance, fine in _cepstra(chunk, corpus.settings):
        seen = observations(fine, _mean(corpus, chunk))
        if before is None:
            states.append(hmms.even_path(utterance.transcript, len(seen)))
            frames.append(seen)
            continue
        beams = (corpus.settings.beam, corpus.settings.retry_beam)
        path = hmms.best_path(utterance.transcript, seen, _acoustic_model(before), beams=beams)
        if path is not None:
            states.append(path.states)
            frames.append(seen)
            log_likelihood += path.log_likelihood
    return accumulate(np.concatenate(frames), np.concatenate(states), mixtures, log_likelihood=log_likelihood)


def _align_chunk(corpus: _Corpus, model: Path, chunk: Chunk) -> list[Aligned | Failed]:
    return [_align_clip(corpus, model, chunk, *clip) for clip in _cepstra(chunk, corpus.settings)]


def _align_clip(corpus: _Corpus, model: Path, chunk: Chunk, utterance: Utterance, fine: FloatArray) -> Aligned | Failed:
    settings, audio = corpus.settings, utterance.audio
    seen = observations(fine, _mean(corpus, chunk))
    path = phone_hmms(corpus.phones).best_path(
        utterance.transcript, seen, _acoustic_model(model), beams=(settings.beam, settings.retry_beam)
    )
    if path is None:
        detail = f"no path within a beam of {settings.retry_beam:g}; does the text match the audio?"
        return Failed(utterance.utterance_id, "no alignment found", detail)
    seconds = Framing(audio.sample_rate, settings.frame_shift_ms).hop / audio.sample_rate
    boundaries = np.append(2 * path.starts * seconds, audio.num_samples / audio.sample_rate)
    if settings.refine:
        boundaries = refine(boundaries, fine, _deviations(corpus), seconds)
    return Aligned(utterance.utterance_id, path.phones, boundaries, path.log_likelihood, len(seen))


def _cepstra(chunk: Chunk, settings: AlignSettings) -> Iterator[tuple[Utterance, FloatArray]]:
    frames = np.load(chunk.cepstra)
    start = 0
    for utterance in chunk.utterances:
        framing = Framing(utterance.audio.sample_rate, settings.frame_shift_ms)
        end = start + framing.num_frames(utterance.audio.num_samples)
        yield utterance, frames[start:end]
        start = end


def _mean(corpus: _Corpus, chunk: Chunk) -> FloatArray:
    moments = corpus.moments[chunk.speaker]
    return (moments.sums / moments.count).astype(np.float32)


def _deviations(corpus: _Corpus) -> FloatArray:
    moments = reduce(add, corpus.moments.values())
    variance = moments.squares / moments.count - (moments.sums / moments.count) ** 2
    return np.sqrt(np.maximum(variance, 1e-6)).astype(np.float32)


def _mixtures(corpus: _Corpus, path: Path | None) -> Mixtures:
    return _load(path) if path else uniform(phone_hmms(corpus.phones).num_states, _NUM_DIMS)


@lru_cache(maxsize=1)
def _load(path: Path) -> Mixtures:
    return load(path)


@lru_cache(maxsize=1)
def _acoustic_model(path: Path) -> khg.AmDiagGmm:
    return acoustic_model(_load(path))
