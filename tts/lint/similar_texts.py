"""Texts that a speaker reads twice, or nearly so."""

from __future__ import annotations

import unicodedata
import zlib
from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from tts.lint.findings import Case, Check, Clip, Finding, finding, worst_of_each

SAME_TEXT = Check(
    name="same-text",
    title="The same text twice",
    unit="",
    rule="a speaker says the same letters and digits twice in one style",
    advice="fine for a second take; otherwise one of the two transcripts is another clip's",
    is_note=True,
)
NEAR_TEXT = Check(
    name="near-text",
    title="Nearly the same text",
    unit="similarity",
    rule="of the pieces of 4 characters that two texts of a speaker hold, at least 85 % are in both",
    advice="look whether one is a slip of the other; near copies in the test split make a voice look better than it is",
    is_note=True,
)
_PIECE = 4
_SIMILAR = 0.85
_LONG_ENOUGH = 24  # letters: in short texts one other word is already much
_BANDS, _ROWS = 16, 4  # pairs of 85 % are missed once in 10^5, pairs of 50 % looked at in two of three cases
_NEIGHBOURS = 50  # of one bucket are compared with each: thousands of texts from one pattern would take hours
_PRIME = (1 << 31) - 1


def plain(text: str) -> str:
    """Letters and digits of a text with single spaces, small, by compatibility (NFKC)."""
    kept = "".join(c if c.isalnum() or unicodedata.category(c)[0] == "M" else " "
                   for c in unicodedata.normalize("NFKC", text).lower().replace("'", "").replace("’", ""))  # fmt: skip
    return " ".join(kept.split())


def similar_texts(clips: Sequence[Clip]) -> Iterator[Finding]:
    """Clips whose text, of the same speaker and style, was there before; the first by id is not named."""
    groups: dict[tuple[str, str], dict[str, list[Clip]]] = defaultdict(lambda: defaultdict(list))
    for clip in sorted(clips, key=lambda each: each.utterance_id):
        if text := plain(clip.text):
            groups[clip.speaker, clip.style][text].append(clip)
    same = [(first, other) for texts in groups.values() for first, *others in texts.values() for other in others]
    yield from finding(SAME_TEXT, (Case(b.utterance_id, None, f"as {a.utterance_id}: {b.text[:80]!r}", len(b.text))
                                   for a, b in same))  # fmt: skip
    yield from finding(NEAR_TEXT, worst_of_each(case for texts in groups.values() for case in _near(texts)))


def near_pairs(texts: Sequence[str]) -> Iterator[tuple[int, int, float]]:
    """Pairs of distinct plain texts, as rising indices, whose pieces overlap by 85 % or more, and how much (Jaccard).

    Candidates come from MinHash and banding (Broder 1997, https://doi.org/10.1109/SEQUEN.1997.666900), so that
    13,100 texts take seconds; each is then compared exactly. Of hundreds of alike texts, not every pair is found.
    """
    pieces = {number: _pieces(text) for number, text in enumerate(texts) if len(text) >= _LONG_ENOUGH}
    buckets: dict[tuple[int, bytes], list[int]] = defaultdict(list)
    for number, found in pieces.items():
        signature = _signature(found)
        for band in range(_BANDS):
            buckets[band, signature[band * _ROWS : (band + 1) * _ROWS].tobytes()].append(number)
    candidates = {
        (one, other)
        for bucket in buckets.values()
        for k, one in enumerate(bucket)
        for other in bucket[k + 1 : k + 1 + _NEIGHBOURS]
    }
    for one, other in sorted(candidates):
        similarity = _overlap(pieces[one], pieces[other])
        if similarity >= _SIMILAR:
            yield one, other, similarity


def _near(texts: dict[str, list[Clip]]) -> Iterator[Case]:
    keys = list(texts)
    for one, other, similarity in near_pairs(keys):
        first, second = sorted((texts[keys[one]][0], texts[keys[other]][0]), key=lambda clip: clip.utterance_id)
        detail = f"{second.text[:80]!r}; {first.utterance_id}: {first.text[:80]!r}"
        yield Case(second.utterance_id, similarity, detail, similarity)


def _pieces(text: str) -> npt.NDArray[np.int64]:
    """Hashes of all pieces of a text, each once, rising."""
    return np.unique([zlib.crc32(text[start : start + _PIECE].encode()) for start in range(len(text) - _PIECE + 1)])


def _signature(pieces: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """MinHash [bands * rows]."""
    smallest: npt.NDArray[np.int64] = ((pieces[:, None] % _PRIME * _FACTORS + _TERMS) % _PRIME).min(axis=0)
    return smallest


def _overlap(one: npt.NDArray[np.int64], other: npt.NDArray[np.int64]) -> float:
    both = len(np.intersect1d(one, other, assume_unique=True))
    return both / (len(one) + len(other) - both)


_FACTORS, _TERMS = np.random.default_rng(0).integers(1, _PRIME, (2, _BANDS * _ROWS))
