"""Dynamic time warping: which frame of one clip says what a frame of another says."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch

Floats = npt.NDArray[np.floating]
Indices = npt.NDArray[np.intp]


def warping_path(ours: Floats, theirs: Floats) -> tuple[Indices, Indices]:
    """Pairs of frames along the cheapest monotonic path from the first pair to the last.

    Steps are (1, 1), (1, 0) and (0, 1), all of weight 1; the cost of a pair is the Euclidean distance. Sakoe and Chiba
    1978, https://doi.org/10.1109/TASSP.1978.1163055, without slope constraint.

    Args:
        ours: [frames, features].
        theirs: [frames, features]; both have at least one frame.

    Returns:
        Indices into ours and theirs, [pairs] each.
    """
    return _trace(_accumulate(_distances(ours, theirs)))


def _distances(ours: Floats, theirs: Floats) -> npt.NDArray[np.float64]:
    a, b = (torch.from_numpy(np.asarray(each, dtype=np.float64)) for each in (ours, theirs))
    # The matrix product is faster, but equal frames must cost exactly nothing.
    exact = torch.cdist(a, b, compute_mode="donot_use_mm_for_euclid_dist")
    distances: npt.NDArray[np.float64] = exact.numpy()
    return distances


def _accumulate(cost: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Cost [n + 1, m + 1] of the best path to each pair, with a border of infinity at the start."""
    num_rows, num_columns = cost.shape
    width = num_columns + 1
    border = np.pad(cost, ((1, 0), (1, 0)), constant_values=np.inf)
    border[0, 0] = 0
    total = border.ravel()
    # Pairs on one antidiagonal depend on the two before it only; in the flat array they lie num_columns apart.
    for diagonal in range(num_rows + num_columns - 1):
        first, last = max(0, diagonal - num_columns + 1), min(num_rows - 1, diagonal)
        start, stop = (width + 1 + diagonal + row * num_columns for row in (first, last))
        above, left, corner = (total[start - back : stop - back + 1 : num_columns] for back in (width, 1, width + 1))
        total[start : stop + 1 : num_columns] += np.minimum(np.minimum(above, left), corner)
    return border


def _trace(total: npt.NDArray[np.float64]) -> tuple[Indices, Indices]:
    row, column = total.shape[0] - 1, total.shape[1] - 1
    pairs = []
    while row and column:
        pairs.append((row - 1, column - 1))
        previous = ((row - 1, column - 1), (row - 1, column), (row, column - 1))
        row, column = min(previous, key=total.__getitem__)  # the first of equals: straight on
    rows, columns = np.array(pairs[::-1], dtype=np.intp).T
    return rows, columns
