"""Clips that hold the same sound: sample for sample, or as a copy that was resampled, coded or turned up."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from tts.lint.findings import Case, Check, Clip, Finding, finding, worst_of_each
from tts.lint.spectrum import Floats

Fingerprint = npt.NDArray[np.float32]

SAME_SOUND = Check(
    name="same-audio",
    title="The same audio twice",
    unit="",
    rule="decoded samples are equal",
    advice="keep one; two transcripts of one sound contradict each other, and a copy may be in the test split",
)
NEAR_SOUND = Check(
    name="near-audio",
    title="A copy of other audio",
    unit="similarity",
    rule="length within 2 % and energy envelopes in 8 bands correlated by 0.98 or more",
    advice="listen, and keep one of each pair",
)
BAND_EDGES_HZ: Floats = np.geomspace(200, 3500, 9)
"""Bands that any speech recording has, telephone included."""

_PARTS = 32
_FLOOR_DB = 50.0  # below the loudest: what coding and dither change is left out
_SHORTEST = 2 * _PARTS  # frames
_SIMILAR = 0.98
_LENGTHS = 1.02


def fingerprint(bands: Floats) -> Fingerprint | None:
    """Shape of the energies [frames, bands] over time, a unit vector [parts * bands]; None for clips too short.

    Levels in dB of 32 equal parts of the clip, less each band's mean: gain, equalizers and sample rates leave it.
    """
    if len(bands) < _SHORTEST or not bands.any():
        return None
    edges = np.linspace(0, len(bands), _PARTS + 1).round().astype(int)[:-1]
    energy = np.add.reduceat(bands, edges, axis=0) / np.diff(np.append(edges, len(bands)))[:, None]
    level = 10 * np.log10(np.maximum(energy, energy.max() * 10 ** (-_FLOOR_DB / 10)))
    shape = (level - level.mean(axis=0)).ravel()
    length = float(np.linalg.norm(shape))
    return (shape / length).astype(np.float32) if length > 0 else None


def same_audio(clips: Sequence[Clip]) -> Iterator[Finding]:
    """Copies of other clips; the first by id of those that are equal is not named."""
    groups: dict[str, list[Clip]] = defaultdict(list)
    for clip in sorted(clips, key=lambda each: each.utterance_id):
        groups[clip.sound.sha256].append(clip)
    pairs = ((group[0], other) for group in groups.values() for other in group[1:])
    yield from finding(SAME_SOUND, (Case(b.utterance_id, None, f"is {a.utterance_id}", b.sound.seconds)
                                    for a, b in pairs))  # fmt: skip
    distinct = [group[0] for group in groups.values()]
    yield from finding(NEAR_SOUND, worst_of_each(_near(*pair) for pair in near_pairs(distinct)))


def near_pairs(clips: Sequence[Clip]) -> Iterator[tuple[Clip, Clip, float]]:
    """Pairs of clips with nearly the same fingerprint, each with its similarity.

    Only clips of about one length are compared, a block at a time: 13,100 take seconds.
    """
    known = sorted((clip for clip in clips if clip.sound.fingerprint is not None), key=lambda clip: clip.sound.seconds)
    if not known:
        return
    vectors = np.stack([clip.sound.fingerprint for clip in known if clip.sound.fingerprint is not None])
    seconds = np.array([clip.sound.seconds for clip in known])
    ends = np.searchsorted(seconds, seconds * _LENGTHS, side="right")
    for row, end in enumerate(ends):
        similar = vectors[row + 1 : end] @ vectors[row]
        for other in np.flatnonzero(similar >= _SIMILAR):
            yield known[row], known[row + 1 + other], float(similar[other])


def _near(one: Clip, other: Clip, similarity: float) -> Case:
    first, second = sorted((one, other), key=lambda clip: clip.utterance_id)
    return Case(second.utterance_id, similarity, f"sounds like {first.utterance_id}", similarity)
