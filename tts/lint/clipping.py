"""Clipping: peaks cut off flat."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from tts.lint.findings import Case, Check, Clip, Finding, finding

CLIPPING = Check(
    name="clipping",
    title="Clipping",
    unit="samples",
    rule="at least 3 times, 3 or more samples in a row stand at the highest or the lowest value of the file",
    advice="record again with less gain, or drop these clips; turning them down does not mend them",
)
_RUN = 3  # two equal samples at a peak are common in sound that is not clipped
_RUNS = 3  # one flat top may be chance, three at the very extreme are not
_TOLERANCE = 2**-12  # of the extreme: lossy coding and resampling leave flat tops a little uneven
_AUDIBLE = 0.02  # below -34 dB of full scale 16 bits are so coarse that round peaks look flat


def clipped_samples(waveform: npt.NDArray[np.float32]) -> int:
    """Number of samples in flat tops of a clip [samples]; 0 where there are too few to tell.

    A flat top is a run of samples at the extreme of the file itself, so what was turned down after clipping is found
    too. Highest and lowest value are looked at apart.
    """
    return sum(_in_flat_tops(side) for side in (waveform, -waveform))


def clipping(clips: Sequence[Clip]) -> Iterator[Finding]:
    """Clips with flat tops."""
    yield from finding(CLIPPING, (_case(clip) for clip in clips if clip.sound.clipped_samples))


def _in_flat_tops(side: npt.NDArray[np.float32]) -> int:
    peak = float(side.max())
    if peak < _AUDIBLE:
        return 0
    at_peak = np.concatenate([[False], side >= peak * (1 - _TOLERANCE), [False]])
    edges = np.flatnonzero(np.diff(at_peak.astype(np.int8)))
    lengths = edges[1::2] - edges[::2]
    runs = lengths[lengths >= _RUN]
    return int(runs.sum()) if len(runs) >= _RUNS else 0


def _case(clip: Clip) -> Case:
    count, peak = clip.sound.clipped_samples, clip.sound.peak
    return Case(clip.utterance_id, count, f"{count} samples at the extremes, peak {peak:.3f} of full scale", count)
