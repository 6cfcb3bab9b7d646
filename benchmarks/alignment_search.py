"""Print how much faster the alignment search is than the plain loop over phones and frames.

Run from the repository root, with the environment active: ``python benchmarks/alignment_search.py --json``.

The plain loop is the dynamic programme as it is written down, one cell at a time, over Python's own numbers. Both run
alternately, and give the same durations. Key: ``batch_<size>`` (how many times as fast, medians).
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable

import torch
from torch import Tensor

from tts.layers.monotonic_alignment import monotonic_durations

_PHONES, _FRAMES = 200, 1000


def plain_durations(likelihood: Tensor) -> Tensor:
    """Durations [batch, phones] of likelihoods [batch, frames, phones] without padding."""
    return torch.tensor([_plain(each.tolist()) for each in likelihood])


def _plain(frames: list[list[float]]) -> list[int]:
    num_phones = len(frames[0])
    best = [-float("inf")] * num_phones
    best[0] = 0.0
    moved = []
    for frame, values in enumerate(frames):
        moves = [False] * num_phones
        for phone in range(min(frame, num_phones - 1), 0, -1):
            moves[phone] = best[phone - 1] > best[phone]
            best[phone] = max(best[phone - 1], best[phone]) + values[phone]
        best[0] += values[0]
        moved.append(moves)
    return _trace(moved, num_phones)


def _trace(moved: list[list[bool]], num_phones: int) -> list[int]:
    durations, phone = [0] * num_phones, num_phones - 1
    for moves in reversed(moved):
        durations[phone] += 1
        phone -= moves[phone]
    return durations


def measure(batch: int, repeats: int) -> float:
    """How many times as fast the search is."""
    draw = torch.Generator().manual_seed(0)
    likelihood = torch.randn(batch, _FRAMES, _PHONES, generator=draw)
    phones, frames = torch.full((batch,), _PHONES), torch.full((batch,), _FRAMES)
    ours, plain = [], []
    for _ in range(repeats):
        seconds, found = _timed(lambda: monotonic_durations(likelihood, frames, phones))
        ours.append(seconds)
        seconds, expected = _timed(lambda: plain_durations(likelihood))
        plain.append(seconds)
        assert torch.equal(found, expected), "the two searches disagree"
    return statistics.median(plain) / statistics.median(ours)


def _timed(work: Callable[[], Tensor]) -> tuple[float, Tensor]:
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object on the last line")
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    ratios = {f"batch_{batch}": round(measure(batch, arguments.repeats), 1) for batch in (1, 16)}
    for name, ratio in ratios.items():
        sys.stdout.write(f"{name}, {_PHONES} phones x {_FRAMES} frames: {ratio} times as fast as the plain loop\n")
    if arguments.json:
        sys.stdout.write(json.dumps(ratios) + "\n")


if __name__ == "__main__":
    main()
