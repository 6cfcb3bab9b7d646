"""Gaussian mixtures of all HMM states: scores, expectation, maximization and splitting, the same bits on every run.

Callers keep BLAS to one thread, since its results depend on their number.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]

# Share of the variance of all frames, far above Kaldi's 0.01: sharper states fit the frames of a wrong boundary too.
_VARIANCE_FLOOR = 0.2
_PRIOR_FRAMES = 1.0  # weight of what was known before, so that no state is ever without frames
_FRAMES_PER_GAUSSIAN = 100  # fewer, and corpora of minutes are learned by heart, boundaries and all
_PERTURBATION = 0.01  # standard deviations; Kaldi's
_OCCUPANCY_POWER = 0.25  # rare states get more than their share of Gaussians; Kaldi's


@dataclass(frozen=True)
class Mixtures:
    """Diagonal Gaussian mixtures; Gaussians of one state stand together, states in order.

    Attributes:
        states: [gaussians] state of each.
        weights: [gaussians], summing to 1 in every state.
        means, variances: [gaussians, dims].
    """

    states: IntArray
    weights: Array
    means: Array
    variances: Array

    def bounds(self) -> IntArray:
        """First Gaussian of each state, and the end: [states + 1]."""
        num_states = int(self.states[-1]) + 1
        return np.searchsorted(self.states, np.arange(num_states + 1)).astype(np.int64)


@dataclass(frozen=True)
class Statistics:
    """Sums over frames for each Gaussian.

    Attributes:
        counts: [gaussians] frames.
        sums, squares: [gaussians, dims].
        log_likelihood: of the alignment, over all frames.
        num_frames: aligned.
    """

    counts: Array
    sums: Array
    squares: Array
    log_likelihood: float
    num_frames: int

    def __add__(self, other: Statistics) -> Statistics:
        """Statistics of both sets of frames."""
        pairs = {field.name: getattr(self, field.name) + getattr(other, field.name) for field in fields(self)}
        return Statistics(**pairs)


def uniform(num_states: int, num_dims: int) -> Mixtures:
    """One Gaussian of zero mean and unit variance for each state."""
    shape = (num_states, num_dims)
    return Mixtures(np.arange(num_states), np.ones(num_states), np.zeros(shape), np.ones(shape))


class Scorer:
    """Mixtures in the form that scores frames fastest: one product of matrices, then sums of whole rows.

    Rows are ordered by the rank of a Gaussian within its state, states by how many they have, so that the Gaussians
    of one rank belong to the first so many states.
    """

    def __init__(self, mixtures: Mixtures) -> None:
        sizes = np.diff(mixtures.bounds())
        self._order = np.argsort(-sizes, kind="stable")
        self._per_rank = [int((sizes > rank).sum()) for rank in range(int(sizes.max()))]
        first = mixtures.bounds()[:-1][self._order]
        rows = np.concatenate([first[:count] + rank for rank, count in enumerate(self._per_rank)])
        means, precisions = mixtures.means[rows], 1 / mixtures.variances[rows]
        constants = np.log(mixtures.weights[rows]) + 0.5 * (
            np.log(precisions) - means**2 * precisions - math.log(2 * math.pi)
        ).sum(axis=1)
        self._weights = np.concatenate([means * precisions, -0.5 * precisions, constants[:, None]], 1).astype(
            np.float32
        )

    def scores(self, frames: FloatArray) -> FloatArray:
        """Log-likelihoods [frames, states] of frames [frames, dims]."""
        ones = np.ones((len(frames), 1), np.float32)
        ranks = self._ranks(self._weights @ np.concatenate([frames, frames * frames, ones], axis=1).T)
        best = ranks[0].copy()
        for rank in ranks[1:]:
            np.maximum(best[: len(rank)], rank, out=best[: len(rank)])
        total = np.exp(ranks[0] - best)
        for rank in ranks[1:]:
            np.subtract(rank, best[: len(rank)], out=rank)
            total[: len(rank)] += np.exp(rank, out=rank)
        likelihoods = np.empty((len(frames), len(self._order)), np.float32)
        likelihoods[:, self._order] = (best + np.log(total)).T
        return likelihoods

    def _ranks(self, gaussians: FloatArray) -> list[FloatArray]:
        ends = np.cumsum(self._per_rank)
        return [gaussians[end - count : end] for end, count in zip(ends, self._per_rank, strict=True)]


def accumulate(
    frames: npt.NDArray[np.float32], states: IntArray, mixtures: Mixtures, *, log_likelihood: float
) -> Statistics:
    """Sums of frames [frames, dims] over the Gaussians of the state [frames] each belongs to."""
    counts = np.zeros(len(mixtures.weights))
    sums, squares = np.zeros_like(mixtures.means), np.zeros_like(mixtures.means)
    order = np.argsort(states, kind="stable")
    present, starts = np.unique(states[order], return_index=True)
    bounds = mixtures.bounds()
    for state, members in zip(present, np.split(order, starts)[1:], strict=True):
        own = slice(bounds[state], bounds[state + 1])
        values = frames[members].astype(np.float64)
        shares = _posteriors(values, mixtures, own)
        counts[own] = shares.sum(axis=0)
        sums[own] = shares.T @ values
        squares[own] = shares.T @ (values * values)
    return Statistics(counts, sums, squares, log_likelihood, len(frames))


def estimate(statistics: Statistics, before: Mixtures) -> Mixtures:
    """Mixtures of most likelihood, drawn slightly to what they were."""
    total = statistics.counts.sum()
    mean_of_all = statistics.sums.sum(axis=0) / total
    variance_of_all = statistics.squares.sum(axis=0) / total - mean_of_all**2
    counts = statistics.counts[:, None] + _PRIOR_FRAMES
    means = (statistics.sums + _PRIOR_FRAMES * before.means) / counts
    powers = (statistics.squares + _PRIOR_FRAMES * (before.variances + before.means**2)) / counts
    variances = np.maximum(powers - means**2, _VARIANCE_FLOOR * variance_of_all)
    in_state = np.bincount(before.states, weights=counts[:, 0])
    return Mixtures(before.states, counts[:, 0] / in_state[before.states], means, variances)


def split(mixtures: Mixtures, statistics: Statistics, target: int, rng: np.random.Generator) -> Mixtures:
    """Split heavy Gaussians until there are `target`, or no state has frames for more."""
    in_state: Array = np.bincount(mixtures.states, weights=statistics.counts).astype(np.float64)
    wanted = _wanted(in_state, np.bincount(mixtures.states), target)
    parts = [_of_state(mixtures, state) for state in range(len(in_state))]
    grown = [_grow(part, wanted[state], rng) for state, part in enumerate(parts)]
    columns = {field.name: [getattr(part, field.name) for part in grown] for field in fields(Mixtures)}
    return Mixtures(**{name: np.concatenate(values) for name, values in columns.items()})


def _posteriors(values: Array, mixtures: Mixtures, own: slice) -> Array:
    """Share of each Gaussian in each frame: [frames, gaussians]."""
    means, precisions = mixtures.means[own], 1 / mixtures.variances[own]
    constants = np.log(mixtures.weights[own]) + 0.5 * (np.log(precisions) - means**2 * precisions).sum(axis=1)
    scores = values @ (means * precisions).T - 0.5 * (values * values) @ precisions.T + constants
    shares = np.exp(scores - scores.max(axis=1, keepdims=True))
    normalized: Array = shares / shares.sum(axis=1, keepdims=True)
    return normalized


def _wanted(in_state: Array, current: IntArray, target: int) -> IntArray:
    """Gaussians per state, growing where there are most frames for each."""
    wanted: IntArray = current.copy()
    while wanted.sum() < target:
        enough = in_state >= _FRAMES_PER_GAUSSIAN * (wanted + 1)
        if not enough.any():
            break
        wanted[np.argmax(np.where(enough, in_state**_OCCUPANCY_POWER / wanted, 0.0))] += 1
    return wanted


def _of_state(mixtures: Mixtures, state: int) -> Mixtures:
    own = mixtures.states == state
    return Mixtures(*(getattr(mixtures, field.name)[own] for field in fields(Mixtures)))


def _grow(part: Mixtures, wanted: int, rng: np.random.Generator) -> Mixtures:
    """Halve the heaviest Gaussian and move the halves apart, until there are enough."""
    while len(part.weights) < wanted:
        heaviest = int(np.argmax(part.weights))
        step = _PERTURBATION * np.sqrt(part.variances[heaviest]) * rng.standard_normal(part.means.shape[1])
        weights, means = part.weights.copy(), part.means.copy()
        weights[heaviest] /= 2
        means[heaviest] -= step
        part = Mixtures(
            np.append(part.states, part.states[0]),
            np.append(weights, weights[heaviest]),
            np.vstack([means, part.means[heaviest] + step]),
            np.vstack([part.variances, part.variances[heaviest]]),
        )
    return part
