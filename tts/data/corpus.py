"""A corpus to look at, clip by clip: in a notebook, for a plot, or for training of one's own.

    >>> from tts.data import open_corpus
    >>> corpus = open_corpus("demo")
    >>> mel = corpus[0].mel

Of a clip there are ``waveform``, ``mel``, ``pitch``, ``energy``, ``durations``, ``phones``, ``text``, ``speaker`` and
more (see `CorpusClip`); ``corpus["<utterance_id>"]`` gives it by name, ``corpus[10:20]`` some, and
``corpus.to_pandas()`` the table of all.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, overload

from tts.data.features import CorpusFeatures, Floats, Integers, Prosody
from tts.data.utterances import Utterance
from tts.errors import DataError


def open_corpus(name: str, data: str | Path = "data") -> Corpus:
    """Open what the stages have written of a corpus, reading no more than its tables.

    Args:
        name: of the corpus.
        data: the folder that holds ``corpus/<name>`` and ``features/<name>``.

    Raises:
        DataError: the corpus or its mels are not there, or its tables disagree.
    """
    corpus, features = Path(data, "corpus", name), Path(data, "features", name)
    if not corpus.is_dir():
        there = ", ".join(sorted(each.name for each in corpus.parent.glob("*") if each.is_dir())) or "none"
        raise DataError(
            f"{corpus} is missing; there is: {there}; run `tts prepare {name}`, or name another data folder"
        )
    mel, prosody, index = (features / each for each in ("mel", "prosody", "index"))
    if not index.is_dir():
        return Corpus(name, CorpusFeatures(corpus, mel))
    return Corpus(name, CorpusFeatures(corpus, mel, prosody=prosody, index=index))


@dataclass(frozen=True)
class CorpusClip:
    """One clip; its arrays are read when they are asked for.

    Attributes:
        row: its row in the table, of which the names below are a part.
    """

    row: Utterance
    _features: CorpusFeatures = field(repr=False, compare=False)

    @property
    def utterance_id(self) -> str:
        """Its name in the corpus."""
        return self.row.utterance_id

    @property
    def speaker(self) -> str:
        """Who speaks."""
        return self.row.speaker

    @property
    def style(self) -> str:
        """How."""
        return self.row.style

    @property
    def text(self) -> str:
        """What was written; `row.normalized_text` is what is said."""
        return self.row.text

    @property
    def phones(self) -> tuple[str, ...]:
        """What is said; empty before `tts index`."""
        return self.row.phones

    @property
    def sample_rate(self) -> int:
        """Of the waveform, Hz."""
        return self._features.mel_definition.sample_rate

    @property
    def waveform(self) -> Floats:
        """[samples] in [-1, 1]."""
        return self._features.audio(self.utterance_id)

    @property
    def mel(self) -> Floats:
        """[frames, mels] natural-log magnitude."""
        return self._features.mel(self.utterance_id)

    @property
    def durations(self) -> Integers:
        """[phones] frames."""
        return self._prosody.durations

    @property
    def pitch(self) -> Floats:
        """[frames] F0 in Hz, 0 = unvoiced."""
        return self._prosody.pitch

    @property
    def energy(self) -> Floats:
        """[frames] linear."""
        return self._prosody.energy

    @property
    def pitch_phone(self) -> Floats:
        """[phones] F0 in Hz, 0 = unvoiced."""
        return self._prosody.pitch_phone

    @property
    def energy_phone(self) -> Floats:
        """[phones] linear."""
        return self._prosody.energy_phone

    @cached_property
    def _prosody(self) -> Prosody:
        if not self._features.has_prosody:
            raise DataError(f"{self.utterance_id}: durations, pitch and energy are not there yet; run `tts index`")
        return self._features.prosody(self.utterance_id)


class Corpus:
    """The clips of a corpus, by number, by utterance id, or one after the other.

    Attributes:
        name: of the corpus.
        features: what clips are read from; for batches of many, see `tts.training.batching`.
    """

    def __init__(self, name: str, features: CorpusFeatures) -> None:
        self.name = name
        self.features = features

    def __len__(self) -> int:
        return len(self.features.utterances)

    def __iter__(self) -> Iterator[CorpusClip]:
        return (self[utterance_id] for utterance_id in self.ids)

    def __contains__(self, utterance_id: object) -> bool:
        return utterance_id in self.features.utterances

    @overload
    def __getitem__(self, which: str | int) -> CorpusClip: ...

    @overload
    def __getitem__(self, which: slice) -> list[CorpusClip]: ...

    def __getitem__(self, which: str | int | slice) -> CorpusClip | list[CorpusClip]:
        """Give the clip of an id or a place, or the clips of a slice.

        Raises:
            DataError: there is no clip of that id.
            IndexError: there are not so many.
        """
        if isinstance(which, slice):
            return [self[utterance_id] for utterance_id in self.features.utterances.ids[which]]
        utterance_id = which if isinstance(which, str) else self.features.utterances.ids[which]
        self._require(utterance_id)
        return CorpusClip(self.features.utterances[utterance_id], self.features)

    def __repr__(self) -> str:
        return f"Corpus({self.name!r}, {len(self)} clips)"

    @property
    def ids(self) -> list[str]:
        """All utterance ids, sorted."""
        return self.features.ids

    def to_pandas(self) -> Any:  # noqa: ANN401 - pandas states no types
        """Give the table of utterances as a pandas.DataFrame, a row for each id."""
        return self.features.utterances.table.to_pandas().set_index("utterance_id")

    def _require(self, utterance_id: str) -> None:
        if utterance_id not in self:
            near = difflib.get_close_matches(utterance_id, self.ids, n=1, cutoff=0.0)
            hint = f"; the nearest is {near[0]!r}" if near else ""
            raise DataError(f"{self.name}: none of {len(self)} clips is {utterance_id!r}{hint}")
