"""Whether a voice tells styles apart when it hears them, and whether it makes them differ when it speaks."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tts.metrics.measurable import NotMeasurableError

Points = npt.NDArray[np.float64]
Names = npt.NDArray[np.str_]

_LEAST_GAP = 1e-3
"""Styles nearer than this in ln F0 or ln rate, a thousandth, do not differ in it."""


def found_by_nearest(vectors: Points, labels: Names, train: npt.NDArray[np.bool_]) -> list[bool]:
    """Whether each of the other clips lies nearest to the mean of its own label's training clips.

    Args:
        vectors: [clips, dims].
        labels: [clips].
        train: [clips], whether a clip is one of training.

    Returns:
        One for each clip whose label has training clips.
    """
    known = np.unique(labels[train])
    held_out = ~train & np.isin(labels, known)
    if not held_out.any():
        return []
    means = np.array([vectors[train & (labels == name)].mean(axis=0) for name in known])
    distances = np.linalg.norm(vectors[held_out, None] - means, axis=2)
    found: list[bool] = (known[distances.argmin(axis=1)] == labels[held_out]).tolist()
    return found


def centred(vectors: Points, speakers: Names, train: npt.NDArray[np.bool_]) -> Points:
    """Vectors [clips, dims] less the mean of their speaker's training clips; of a speaker without any, as they are.

    What is left does not tell who speaks, which a voice of several speakers is told anyway.

    Args:
        vectors: [clips, dims].
        speakers: [clips].
        train: [clips], whether a clip is one of training.
    """
    moved: Points = vectors.copy()
    for speaker in np.unique(speakers[train]):
        own = speakers == speaker
        moved[own] -= vectors[own & train].mean(axis=0)
    return moved


def gap_covered(styled: float, plain: float, *, natural_styled: float, natural_plain: float) -> float:
    """Share of the way from one style to another that a voice goes, 1 = all of it, negative = the wrong way.

    Args:
        styled: what a sentence in the style measures, for example the mean of ln F0.
        plain: the same sentence of the same speaker in the other style.
        natural_styled: mean of that speaker's recordings in the style.
        natural_plain: likewise in the other style.

    Raises:
        NotMeasurableError: recordings in both styles measure the same.
    """
    gap = natural_styled - natural_plain
    if abs(gap) < _LEAST_GAP:
        raise NotMeasurableError("recordings in both styles measure the same")
    return (styled - plain) / gap


def mean_log_f0(pitch: npt.NDArray[np.floating]) -> float:
    """Mean of ln F0 over voiced frames, of F0 [frames] in Hz, 0 = unvoiced.

    Raises:
        NotMeasurableError: no frame is voiced.
    """
    voiced = pitch[pitch > 0]
    if not len(voiced):
        raise NotMeasurableError("no frame is voiced")
    return float(np.log(voiced.astype(np.float64)).mean())
