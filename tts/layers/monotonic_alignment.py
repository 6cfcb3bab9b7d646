"""Monotonic alignment search: which frames belong to which phone, where each phone follows the one before.

Kim et al. 2020, Glow-TTS, section 3.1 and algorithm 1, https://arxiv.org/abs/2005.11129; with noise that fades away,
VITS2, section 2.2, https://arxiv.org/abs/2307.16430.

A path begins at the first phone, ends at the last one, stays or goes on by one phone at each frame, and skips none.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from tts.layers.masking import length_mask

NOISE_SCALE = 0.01
NOISE_DECAY = 2e-6
"""Of the noise at the first step, and what it loses with each: VITS2's own, none after 5,000 steps."""


def alignment_noise_scale(step: int, *, first: float = NOISE_SCALE, decay: float = NOISE_DECAY) -> float:
    """Noise in a training step, as a share of the standard deviation of the log-likelihoods."""
    return max(first - decay * step, 0.0)


def add_noise(likelihood: Tensor, frames: Tensor, phones: Tensor, *, scale: float, noise: Tensor) -> Tensor:
    """Disturb log-likelihoods, so that a search explores other alignments early in training.

    Args:
        likelihood: [batch, frames, phones].
        frames: [batch] of each item.
        phones: [batch] of each item.
        scale: share of their standard deviation, which is that of all pairs in the batch that are not padding.
        noise: [batch, frames, phones] of a standard normal distribution.

    Returns:
        [batch, frames, phones].
    """
    _, num_frames, num_phones = likelihood.shape
    real = length_mask(frames, num_frames).unsqueeze(2) & length_mask(phones, num_phones).unsqueeze(1)
    mean = likelihood.masked_fill(~real, 0).sum() / real.sum()
    variance = (likelihood - mean).square().masked_fill(~real, 0).sum() / (real.sum() - 1).clamp(min=1)
    return likelihood + scale * variance.sqrt() * noise


@torch.no_grad()
def monotonic_durations(likelihood: Tensor, frames: Tensor, phones: Tensor) -> Tensor:
    """Frames of each phone along the path of the highest total log-likelihood.

    Args:
        likelihood: [batch, frames, phones] of each frame, given each phone; any value beyond an item's lengths.
        frames: [batch] of each item, as many as its phones at least.
        phones: [batch] of each item.

    Returns:
        [batch, phones] int64 frames, at least 1, zero beyond an item's phones.

    Raises:
        ValueError: an item has fewer frames than phones.
    """
    _require_room(frames, phones)
    if likelihood.device.type != "cpu":
        return durations_by_phone(likelihood, frames, phones)
    try:
        from tts.layers.monotonic_kernel import durations
    except ImportError:  # numba comes with what prepares data; machines that only train may lack it
        return durations_by_frame(likelihood, frames, phones)
    values, *lengths = (each.detach().contiguous().numpy() for each in (likelihood.float(), frames, phones))
    return torch.from_numpy(durations(values, *lengths))


def durations_by_frame(likelihood: Tensor, frames: Tensor, phones: Tensor) -> Tensor:
    """Search as `monotonic_durations` does, in as many steps as there are frames: for CPUs without numba."""
    moves = _moves(likelihood.detach().float().numpy())
    return torch.from_numpy(_walk_back(moves, frames.numpy(), phones.numpy()))


def durations_by_phone(likelihood: Tensor, frames: Tensor, phones: Tensor) -> Tensor:
    """Search as `monotonic_durations` does, in as many steps as there are phones, not frames: for GPUs.

    The best path that enters a phone at a frame is the best one that leaves the phone before at the frame before. Once
    there, what it gains until any later frame is a difference of running sums, so the frame at which it is best to have
    entered is a running maximum.
    """
    return _walk_back_by_phone(_entries(likelihood), frames, phones)


def _require_room(frames: Tensor, phones: Tensor) -> None:
    short = (frames < phones).nonzero().flatten().tolist()
    if short:
        row = short[0]
        raise ValueError(
            f"item {row} has {int(frames[row])} frames for {int(phones[row])} phones, but each phone needs one"
        )


def _moves(likelihood: npt.NDArray[np.float32]) -> npt.NDArray[np.bool_]:
    """Whether the best path that is at a phone at a frame has just come there, [batch, frames, phones]."""
    batch, num_frames, num_phones = likelihood.shape
    moves = np.empty((batch, num_frames, num_phones), bool)
    # Sums over a thousand frames: single precision would decide close cases by chance.
    best = np.full((batch, num_phones + 1), -np.inf)
    best[:, 0] = 0  # a phone before the first, where every path was before its first frame
    before, here, higher = best[:, :-1], best[:, 1:], np.empty((batch, num_phones))
    with np.errstate(invalid="ignore"):  # of padding, which may hold anything
        for frame in range(num_frames):
            np.greater(before, here, out=moves[:, frame])
            np.maximum(before, here, out=higher)
            np.add(higher, likelihood[:, frame], out=here)
            best[:, 0] = -np.inf
    return moves


def _walk_back(
    moves: npt.NDArray[np.bool_], frames: npt.NDArray[np.int64], phones: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64]:
    durations = np.zeros((len(moves), moves.shape[2]), np.int64)
    for row, (num_frames, num_phones) in enumerate(zip(frames.tolist(), phones.tolist(), strict=True)):
        durations[row, :num_phones] = _durations(moves[row, :num_frames], num_phones)
    return durations


def _durations(moves: npt.NDArray[np.bool_], num_phones: int) -> npt.NDArray[np.int64]:
    """Durations of one item, from its last phone at its last frame back to the first."""
    width, place = moves.shape[1], moves.size - moves.shape[1] + num_phones - 1
    flags = moves.tobytes()  # of which single ones are read several times as fast as of an array
    starts: list[int] = []
    while len(starts) < num_phones:
        if flags[place]:
            starts.append(place // width)
            place -= 1
        place -= width
    return np.diff([*reversed(starts), len(moves)])


def _entries(likelihood: Tensor) -> Tensor:
    """Frame [phones, batch, frames] at which the best path that is at a phone at a frame came to that phone."""
    sums = likelihood.double().cumsum(1).permute(2, 0, 1).contiguous()
    entries = torch.zeros(sums.shape, dtype=torch.int64, device=sums.device)
    nowhere = sums.new_full((sums.shape[1], 1), -torch.inf)
    best = sums[0]
    for phone in range(1, len(sums)):
        gains = torch.cat((nowhere, best[:, :-1] - sums[phone, :, :-1]), dim=1)
        highest, entries[phone] = gains.cummax(1)
        best = highest + sums[phone]
    return entries


def _walk_back_by_phone(entries: Tensor, frames: Tensor, phones: Tensor) -> Tensor:
    stop, starts = frames, [frames]
    for phone in range(len(entries) - 1, -1, -1):
        entered = entries[phone].gather(1, (stop - 1).clamp(min=0).unsqueeze(1)).squeeze(1)
        stop = torch.where(phone < phones, entered, stop)
        starts.append(stop)
    return torch.stack(starts[::-1], dim=1).diff(dim=1)
