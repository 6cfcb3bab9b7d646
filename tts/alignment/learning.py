"""Viterbi training of an acoustic model from an even start.

From the third pass on, a model learns from refined boundaries. Learning from its own, it stays where the even start has
put it: the transition between two phones on one side of the boundary, which makes boundaries late by a frame in
synthetic and in natural speech, and every model learned from them as late as the one before.

Every pass goes over chunks of clips, in worker processes where there are any; sums are taken in the order of chunks,
so the number of workers changes nothing. Each pass ends with a file: a run that was killed goes on from the last one
and ends with the same bytes.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial, reduce
from operator import add
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from tts.alignment.chunks import Chunk, Moments
from tts.alignment.features import NUM_CEPSTRA, FloatArray, observations
from tts.alignment.gmm import IntArray, Mixtures, Statistics, accumulate, estimate, split, uniform
from tts.alignment.hmm import PhoneStates
from tts.alignment.model import AcousticModel, Heard, load, save
from tts.alignment.settings import KaldiSettings
from tts.alignment.transcripts import transcript
from tts.alignment.utterances import ParallelMap

logger = logging.getLogger(__name__)

_Labelled = tuple[FloatArray, IntArray, float]  # frames, their states, log-likelihood of all

_NUM_DIMS = 3 * NUM_CEPSTRA
_UNREFINED_PASSES = 2
_GROWING = 0.75  # share of the passes that add Gaussians; the others settle


def train(chunks: Sequence[Chunk], settings: KaldiSettings, folder: Path, *, run: ParallelMap) -> Path:
    """Train on chunks whose cepstra are written; gives the file of the last model.

    Args:
        chunks: the corpus, not empty.
        settings: see there.
        folder: of the models of all passes.
        run: how chunks are worked on.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "model-000.npz"
    if not path.exists():
        save(_start(chunks, _moments(chunks, run)), path)
    for iteration in range(1, settings.iterations + 1):
        before, path = path, folder / f"model-{iteration:03d}.npz"
        if not path.exists():
            label = f"train {iteration} of {settings.iterations}"
            statistics = reduce(add, run(partial(_accumulate, before, iteration), chunks, label=label))
            logger.info("%s: log-likelihood per frame %.3f", label, statistics.log_likelihood / statistics.num_frames)
            save(_next_model(statistics, load(before), settings, iteration), path)
    return path


def speaker_means(chunks: Sequence[Chunk], *, run: ParallelMap) -> dict[str, FloatArray]:
    """Mean cepstra [cepstra] of each speaker; writes the chunks' files where they are missing."""
    return {speaker: moments.mean for speaker, moments in _moments(chunks, run).items()}


def _moments(chunks: Sequence[Chunk], run: ParallelMap) -> dict[str, Moments]:
    moments: dict[str, Moments] = {}
    for chunk, found in zip(chunks, run(Chunk.extract, chunks, label="cepstra"), strict=True):
        moments[chunk.speaker] = moments[chunk.speaker] + found if chunk.speaker in moments else found
    return moments


def _start(chunks: Sequence[Chunk], moments: dict[str, Moments]) -> AcousticModel:
    clips = [each for chunk in chunks for each in chunk.utterances]
    phones = tuple(sorted({phone for each in clips for phone in each.phones}))
    return AcousticModel(
        phones,
        uniform(len(PhoneStates(phones)), _NUM_DIMS),
        means={speaker: each.mean for speaker, each in moments.items()},
        deviations=reduce(add, moments.values()).deviation,
        learned_from=frozenset(each.key for each in clips),
        sample_rates=frozenset(each.audio.sample_rate for each in clips),
    )


def _accumulate(path: Path, iteration: int, chunk: Chunk) -> Statistics:
    """Statistics of a chunk for a pass, aligned by the model before."""
    model = load(path)
    with threadpool_limits(1, "blas"):
        heard = [_evenly(model, chunk)] if iteration == 1 else list(_as_heard(model, chunk, iteration))
        empty = (np.empty((0, _NUM_DIMS), np.float32), np.empty(0, np.int64), 0.0)
        frames, states, likelihoods = zip(empty, *heard, strict=True)
        return accumulate(
            np.concatenate(frames), np.concatenate(states), model.mixtures, log_likelihood=sum(likelihoods)
        )


def _as_heard(model: AcousticModel, chunk: Chunk, iteration: int) -> Iterator[_Labelled]:
    """Clips that have a path."""
    for _, each in model.hear(chunk, model.means[chunk.speaker]):
        if each is not None:
            states = each.states if iteration <= _UNREFINED_PASSES else _refined(each, model)
            yield each.frames, states, each.log_likelihood * len(states)


def _refined(heard: Heard, model: AcousticModel) -> IntArray:
    """States [frames] with the phones' boundaries refined; those within a phone move along."""
    num_frames = len(heard.states)
    first = np.flatnonzero(np.diff(heard.positions, prepend=-1))  # of each state passed
    refined = heard.refined_boundaries(model.deviations) / (2 * heard.seconds_per_frame)
    moved = np.rint(np.interp(first, np.append(heard.phone_starts(), num_frames), refined))
    return heard.states[first[np.searchsorted(moved, np.arange(num_frames), side="right") - 1]]


def _evenly(model: AcousticModel, chunk: Chunk) -> _Labelled:
    """All clips, every state as long as any other."""
    mean = model.means[chunk.speaker]
    clips = [(clip, observations(fine, mean)) for clip, fine in chunk.cepstra()]
    states = [model.states.even_path(transcript(clip.words), len(frames)) for clip, frames in clips]
    return np.concatenate([frames for _, frames in clips]), np.concatenate(states), 0.0


def _next_model(
    statistics: Statistics, before: AcousticModel, settings: KaldiSettings, iteration: int
) -> AcousticModel:
    mixtures: Mixtures = estimate(statistics, before.mixtures)
    if iteration < settings.iterations:
        num_states = len(before.states)
        share = min(1.0, iteration / (_GROWING * settings.iterations))
        target = num_states + int(share * max(settings.gaussians - num_states, 0))
        mixtures = split(mixtures, statistics, target, np.random.default_rng([settings.seed, iteration]))
    return replace(before, mixtures=mixtures)
