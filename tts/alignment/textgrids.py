"""Praat's TextGrids: what is in a file, and what of it is a clip's alignment.

Formats: https://www.fon.hum.uva.nl/praat/manual/TextGrid_file_formats.html, parsed by praatio. Names of tiers and
labels of pauses are those of the Montreal Forced Aligner (versions 1 to 3) and of MAUS.
"""

from __future__ import annotations

import itertools
import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tts.alignment.settings import Pronunciations
from tts.alignment.utterances import Aligned, Failed, Utterance
from tts.alignment.wording import first_difference, match_words
from tts.errors import AlignmentError
from tts.phones import SILENCE
from tts.text.frontend import Word

SILENT_LABELS = frozenset({"", "sil", "sp", "<eps>", "<sil>", "<p:>"})
"""What stands for a pause, in lower case, in tiers of words and of phones."""

UNKNOWN_LABELS = frozenset({"spn", "<unk>", "<nib>", "<usb>"})
"""Phones of what the aligner could not tell: a word it does not know, a noise."""

_WORD_TIERS = frozenset({"words", "word", "ort-mau", "ort"})
_PHONE_TIERS = frozenset({"phones", "phone", "mau"})
_ROUNDING = 1e-3  # seconds; files give times with as few as three decimals
_DECLARED = re.compile(r'"(?:IntervalTier|TextTier)"[^\n]*\n(?:[^\n]*\n){3}[^\n]*?(\d+)\s*$', re.MULTILINE)
_ARPABET_VOWEL = re.compile(r"^([A-Z]{2})[012]$")


@dataclass(frozen=True)
class Mark:
    """A label from `start` to `end` seconds."""

    label: str
    start: float
    end: float


@dataclass(frozen=True)
class TextGrid:
    """The tiers of one speaker, pauses left out.

    Attributes:
        words: None where the file has no such tier.
        phones: in order of the file.
        end: seconds, of the whole file.
    """

    words: tuple[Mark, ...] | None
    phones: tuple[Mark, ...]
    end: float


def read_textgrid(path: Path) -> TextGrid:
    """Read a TextGrid: long or short text, UTF-8 or UTF-16.

    Raises:
        AlignmentError: the file cannot be read, is cut off, has no tier of phones, or those of several speakers.
    """
    grid = _parse(path)
    tiers = [tier for tier in grid["tiers"] if tier["class"] == "IntervalTier"]
    words, phones = _tiers_of(tiers, _WORD_TIERS), _tiers_of(tiers, _PHONE_TIERS)
    if not phones:
        named = ", ".join(repr(tier["name"]) for tier in grid["tiers"]) or "none"
        raise AlignmentError(f"{path}: has no tier 'phones' (tiers: {named}); export the phones too, or rename theirs")
    speaker = _only_speaker(path, phones)
    for found in (words, phones):
        if len(found.get(speaker, ())) > 1:
            named = " and ".join(repr(tier["name"]) for tier in found[speaker])
            raise AlignmentError(f"{path}: {named} are tiers of the same kind; keep one of them")
    return TextGrid(
        words=_marks(words[speaker][0]) if speaker in words else None,
        phones=_marks(phones[speaker][0]),
        end=float(grid["xmax"]),
    )


def find_textgrids(folder: Path) -> list[Path]:
    """All TextGrids in a folder and the folders within, but for hidden ones."""
    found = (path for path in sorted(folder.rglob("*")) if path.suffix.lower() == ".textgrid")
    return [path for path in found if not any(part.startswith(".") for part in path.relative_to(folder).parts)]


def to_aligned(
    utterance: Utterance, grid: TextGrid, *, pronunciations: Pronunciations, tolerance_seconds: float
) -> Aligned | Failed:
    """Make a TextGrid the alignment of a clip.

    Words are those of the text; where only several together are a word of the TextGrid, they are one. Their phones
    are the TextGrid's, without ARPAbet's stress digits if the front end gives none. Gaps become silence, and the
    last boundary is the clip's end.

    Args:
        utterance: the clip.
        grid: of the clip; without words, its phones must be the front end's.
        pronunciations: own takes the TextGrid's phones, front_end refuses those that the front end says otherwise.
        tolerance_seconds: by how much the TextGrid may be longer or shorter than the clip.
    """
    labels = written_like([phone.label for phone in grid.phones], utterance.phones)
    try:
        _require_possible(grid)
        _require_length(grid, utterance.seconds, tolerance_seconds)
        if labels == utterance.phones:
            words = utterance.words
        else:
            words = _words_as_said(utterance.words, grid, labels, pronunciations)
    except _UnfitError as error:
        return Failed(utterance.utterance_id, *error.args)
    phones, boundaries = _contiguous(labels, grid, utterance.seconds)
    return Aligned(utterance.utterance_id, words, phones, np.array(boundaries))


def written_like(phones: Sequence[str], others: Sequence[str]) -> tuple[str, ...]:
    """Give phones as `others` are written: without ARPAbet's stress digits where those have none."""
    if any(_ARPABET_VOWEL.fullmatch(phone) for phone in others):
        return tuple(phones)
    return tuple(_ARPABET_VOWEL.sub(r"\1", phone) for phone in phones)


class _UnfitError(Exception):
    """Why a TextGrid cannot be used: the reason and its detail."""


def _parse(path: Path) -> Mapping[str, Any]:
    from praatio.utilities.errors import PraatioException
    from praatio.utilities.textgrid_io import parseTextgridStr

    try:
        text = _text(path)
        if not text.startswith("File type"):
            raise AlignmentError(f"{path}: is not a TextGrid in text form; save it by Praat as a text file")
        grid: Mapping[str, Any] = parseTextgridStr(text, includeEmptyIntervals=True)
        declared = [int(count) for count in _DECLARED.findall(text)]
        for tier, count in itertools.zip_longest(grid["tiers"], declared):
            if count != len(tier["entries"]):
                raise ValueError(f"tier {tier['name']!r} has {len(tier['entries'])} of {count} intervals")
    except (OSError, ValueError, IndexError, TypeError, PraatioException) as error:
        raise AlignmentError(f"{path}: cannot be read as a TextGrid ({error}); export it again as UTF-8") from error
    return grid


def _text(path: Path) -> str:
    """The file, as UTF-16 if it says so, with one kind of line ends."""
    with path.open("rb") as file:
        is_utf16 = file.read(2) in (b"\xff\xfe", b"\xfe\xff")
    return path.read_text(encoding="utf-16" if is_utf16 else "utf-8-sig")


def _tiers_of(tiers: Sequence[Any], names: frozenset[str]) -> dict[str, list[Any]]:
    """Tiers of one kind by speaker, who stands before " - " in their names."""
    found: dict[str, list[Any]] = {}
    for tier in tiers:
        speaker, _, name = tier["name"].rpartition(" - ")
        if name.strip().lower() in names:
            found.setdefault(speaker, []).append(tier)
    return found


def _only_speaker(path: Path, phones: Mapping[str, Sequence[Any]]) -> str:
    speaking = [name for name in phones if any(_marks(tier) for tier in phones[name])]
    if len(speaking) > 1:
        named = ", ".join(map(repr, speaking))
        raise AlignmentError(f"{path}: has phones of {len(speaking)} speakers ({named}); give each a file of their own")
    return speaking[0] if speaking else next(iter(phones))


def _marks(tier: Any) -> tuple[Mark, ...]:  # noqa: ANN401 - praatio's dictionary
    return tuple(
        Mark(label, float(start), float(end))
        for start, end, label in tier["entries"]
        if label.lower() not in SILENT_LABELS
    )


def _require_possible(grid: TextGrid) -> None:
    for mark in grid.phones:
        if mark.label.lower() in UNKNOWN_LABELS:
            raise _UnfitError("unknown word", f"{mark.label!r} at {mark.start:.3f} s")
    for mark in (*grid.phones, *(grid.words or ())):
        if not mark.end > mark.start:
            raise _UnfitError("interval without length", f"{mark.label!r} at {mark.start:.3f} s")
    for tier in (grid.phones, grid.words or ()):
        for before, after in itertools.pairwise(tier):
            if after.start < before.end - _ROUNDING or after.end <= before.end:
                detail = f"{before.label!r} ends at {before.end:.3f} s, {after.label!r} starts at {after.start:.3f} s"
                raise _UnfitError("overlapping times", detail)


def _require_length(grid: TextGrid, seconds: float, tolerance: float) -> None:
    """The last phone must begin within the clip too, if only just."""
    last = max((phone.start for phone in grid.phones), default=0.0) + _ROUNDING
    if abs(grid.end - seconds) > tolerance + 1e-9 or last >= seconds:
        end = max(grid.end, last)
        raise _UnfitError("times disagree with the audio", f"it ends at {end:.3f} s, the clip at {seconds:.3f} s")


def _words_as_said(
    words: Sequence[Word], grid: TextGrid, labels: Sequence[str], pronunciations: Pronunciations
) -> tuple[Word, ...]:
    """The text's words with the TextGrid's phones."""
    spoken = [word for word in words if word.phones]
    ours, theirs = [word.text for word in spoken], [mark.label for mark in grid.words or ()]
    groups = match_words(ours, theirs) if grid.words is not None else []
    if groups is None:
        raise _UnfitError("other words", first_difference(ours, theirs))
    if grid.words is None or pronunciations == "front_end":
        raise _UnfitError("other phones", _other_phones(words, labels))
    phones = _phones_of_words(grid, labels)
    said: dict[int, Word] = {}
    for group, heard in groups:
        said |= _said([spoken[index] for index in group], [phones[index] for index in heard], first=group[0])
    return tuple(_with_pauses(words, said))


def _said(words: Sequence[Word], phones: Sequence[Sequence[str]], *, first: int) -> dict[int, Word]:
    """Words that are spelled as some of the TextGrid are, by place: as they are, or as one where phones differ."""
    together = Word(" ".join(word.text for word in words), tuple(itertools.chain.from_iterable(phones)))
    if not all(phones):
        raise _UnfitError("tiers disagree", f"{together.text!r} has no phones")
    if together.phones == tuple(phone for word in words for phone in word.phones):
        return dict(enumerate(words, start=first))
    return {first: together}


def _with_pauses(words: Sequence[Word], said: Mapping[int, Word]) -> Iterator[Word]:
    """The words as said, by the place of their first one among those with phones, and the pauses between them."""
    place = 0
    for word in words:
        if not word.phones:
            yield word
            continue
        if place in said:
            yield said[place]
        place += 1


def _phones_of_words(grid: TextGrid, labels: Sequence[str]) -> list[list[str]]:
    """Phones of each word of the TextGrid, which lie within it but for rounding."""
    words = grid.words or ()
    starts = [word.start for word in words]
    found: list[list[str]] = [[] for _ in words]
    for phone, label in zip(grid.phones, labels, strict=True):
        middle = (phone.start + phone.end) / 2
        index = bisect_right(starts, middle) - 1
        if index < 0 or middle > words[index].end:
            raise _UnfitError("tiers disagree", f"{phone.label!r} at {phone.start:.3f} s is in no word")
        found[index].append(label)
    return found


def _other_phones(words: Sequence[Word], labels: Sequence[str]) -> str:
    """Where the phones of a text and of a TextGrid part."""
    expected = [(phone, word.text) for word in words for phone in word.phones]
    pairs = itertools.zip_longest(labels, expected)
    number, (found, ours) = next(
        (number, pair) for number, pair in enumerate(pairs, start=1) if pair[1] is None or pair[0] != pair[1][0]
    )
    phone, word = ours or (None, "")
    return f"phone {number} is {found or 'missing'}, the front end's {f'{phone} of {word!r}' if phone else 'missing'}"


def _contiguous(labels: Sequence[str], grid: TextGrid, seconds: float) -> tuple[tuple[str, ...], list[float]]:
    """Phones with the silences between them, and boundaries from 0 to the clip's end."""
    phones: list[str] = []
    boundaries = [0.0]
    for label, mark in zip(labels, grid.phones, strict=True):
        if mark.start - boundaries[-1] > _ROUNDING:
            phones.append(SILENCE)
            boundaries.append(mark.start)
        phones.append(label)
        boundaries.append(mark.end)
    if not phones or min(grid.end, seconds) - boundaries[-1] > _ROUNDING:
        phones.append(SILENCE)
        boundaries.append(seconds)
    boundaries[-1] = seconds
    return tuple(phones), boundaries
