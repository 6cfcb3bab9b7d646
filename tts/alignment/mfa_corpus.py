"""A corpus as the Montreal Forced Aligner reads it: a folder for each speaker, a WAV and a text for each clip.

MFA adapts to speakers and shares its work out by them, so that a corpus of one speaker would keep one core busy. Its
own cure, --single_speaker, gives up adaptation. Here a speaker's clips are parted into shares of ten minutes, each a
speaker to MFA: much to adapt to, work for every core from ten minutes a core up, and the same on any number of cores.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np

from tts.alignment.faults import no_phones, silent, too_short
from tts.alignment.mfa_dictionary import Lexicon, MadeUpWords
from tts.alignment.utterances import Failed, ParallelMap, Utterance
from tts.audio.files import write_wav

FRAME_SECONDS = 0.01
"""Of MFA's features; its times are multiples of it."""

_SHARE_SECONDS = 600.0


@dataclass(frozen=True)
class Corpus:
    """What was written.

    Attributes:
        folder: of the speakers' folders.
        dictionary: file of the words in its texts.
        clips: by name of file, without suffix.
        texts: words of each clip, by name.
        faults: clips that were left out.
    """

    folder: Path
    dictionary: Path
    clips: Mapping[str, Utterance]
    texts: Mapping[str, Sequence[str]]
    faults: tuple[Failed, ...]

    @property
    def num_jobs(self) -> int:
        """Processes that can share the work: as many as speakers' folders, and no more than this process' cores."""
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        return max(1, min(cores, len({path.parent for path in self.folder.glob("*/*.wav")})))

    def keep_only(self, names: Sequence[str]) -> None:
        """Take all clips but these away from the folder."""
        kept = frozenset(names)
        for path in self.folder.glob("*/*"):
            if path.stem not in kept:
                path.unlink()
        for folder in self.folder.iterdir():
            if not any(folder.iterdir()):
                folder.rmdir()


@dataclass(frozen=True)
class _Entry:
    """A clip that is to be written: `<speaker>/<name>.wav` and `.lab`."""

    utterance: Utterance
    path: Path
    words: Sequence[str]


def write_corpus(
    utterances: Sequence[Utterance], work: Path, lexicon: Lexicon, *, sample_rate: int, run: ParallelMap
) -> Corpus:
    """Write those clips that have any chance to be aligned.

    Args:
        utterances: of any speakers, with any ids; the files have names of their own.
        work: an empty folder; the corpus is named after it, since MFA names its database after the corpus.
        lexicon: pronunciations of their words.
        sample_rate: lowest one that can be aligned, Hz.
        run: how the writing is shared out.
    """
    faults = {each.utterance_id: unfit(each, lexicon, sample_rate=sample_rate) for each in utterances}
    fit = [each for each in utterances if not faults[each.utterance_id]]
    words = MadeUpWords(fit, lexicon)
    folder = work / f"corpus-{work.name}"
    folder.mkdir(parents=True)
    words.write(work / "words.dict")
    entries = [_Entry(each, path, words.text(each)) for each, path in _places(fit, folder)]
    silent = list(run(_write, entries, label="clips for MFA"))
    written = [entry for entry, fault in zip(entries, silent, strict=True) if not fault]
    return Corpus(
        folder,
        work / "words.dict",
        {entry.path.name: entry.utterance for entry in written},
        {entry.path.name: entry.words for entry in written},
        tuple(fault for fault in (*faults.values(), *silent) if fault),
    )


def unfit(utterance: Utterance, lexicon: Lexicon, *, sample_rate: int) -> Failed | None:
    """The reason why there is no point in trying, as far as it can be told without the audio."""
    name, fault = utterance.utterance_id, no_phones(utterance)
    if fault:
        return fault
    for word in utterance.words:
        if word.phones and not lexicon.pronunciations(word):
            detail = f"{word.text!r} is {' '.join(word.phones)}, which has phones that the model lacks"
            return Failed(name, "no pronunciation for the model", detail)
    if utterance.audio.sample_rate < sample_rate:
        detail = f"{utterance.audio.sample_rate} Hz, the model hears {sample_rate} Hz; raise audio.sample_rate"
        return Failed(name, "sample rate too low", detail)
    if utterance.seconds < len(utterance.phones) * FRAME_SECONDS:
        return too_short(utterance)
    return None


def _places(utterances: Sequence[Utterance], folder: Path) -> Iterator[tuple[Utterance, Path]]:
    """Files of clips, a folder for each share of a speaker, plain ASCII whatever the ids."""
    ordered = sorted(utterances, key=lambda each: (each.speaker, each.utterance_id))
    speakers = [list(group) for _, group in groupby(ordered, key=lambda each: each.speaker)]
    shares = [share for clips in speakers for share in _shares(clips)]
    clip = 0
    for number, share in enumerate(shares):
        for utterance in share:
            yield utterance, folder / f"s{number:05d}" / f"c{clip:07d}"
            clip += 1


def _shares(clips: Sequence[Utterance]) -> Iterator[list[Utterance]]:
    """Neighbours together, which were often recorded together; no share much longer than another."""
    ends = np.cumsum([each.seconds for each in clips])
    num_shares = math.ceil(ends[-1] / _SHARE_SECONDS)
    middles = ends - [each.seconds / 2 for each in clips]
    owners = np.minimum(middles * num_shares / ends[-1], num_shares - 1).astype(int)
    for _, group in groupby(zip(owners, clips, strict=True), key=lambda pair: pair[0]):
        yield [clip for _, clip in group]


def _write(entry: _Entry) -> Failed | None:
    """Write a clip, unless there is nothing to hear in it."""
    audio = entry.utterance.audio
    waveform = audio.waveform()
    fault = silent(entry.utterance, waveform)
    if fault:
        return fault
    entry.path.parent.mkdir(exist_ok=True)
    write_wav(entry.path.with_suffix(".wav"), waveform, sample_rate=audio.sample_rate)
    entry.path.with_suffix(".lab").write_text(" ".join(entry.words), encoding="utf-8")
    return None
