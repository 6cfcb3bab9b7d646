"""The embedded aligner: phone HMMs trained on the corpus itself, for any language.

Kaldi's recipe for monophones (https://kaldi-asr.org/doc/hmm.html): cepstra with slopes less the speaker's mean,
three-state HMMs, Gaussian mixtures that grow while they are trained by the best path. Two things are our own: the
search is exact (tts.alignment.viterbi), and boundaries are refined (tts.alignment.refinement).
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from tts.alignment.chunks import Chunk, chunks, digest
from tts.alignment.faults import no_phones, silent, too_short
from tts.alignment.features import FloatArray, Framing
from tts.alignment.hmm import STATES_PER_PHONE, min_frames
from tts.alignment.learning import speaker_means, train
from tts.alignment.model import AcousticModel, Heard, load
from tts.alignment.settings import KaldiSettings
from tts.alignment.transcripts import transcript
from tts.alignment.utterances import Aligned, Failed, Identity, ParallelMap, Utterance

_LONGEST_SEARCH = 400_000_000  # frames times states: five minutes of speech, 400 MB
_CHECKED_AT_ONCE = 64  # clips
_FAULTS = "faults.json"

Fault = list[str]
"""Reason and detail; [] is none."""


@dataclass(frozen=True)
class KaldiAligner:
    """Aligns with a model that it trains on the corpus and keeps, until too much is new to it."""

    settings: KaldiSettings

    def fit(self, utterances: Sequence[Utterance], folder: Path, *, run: ParallelMap) -> Identity:
        """Keep the model in `folder`, or train one: where there is none, or too much is new to it."""
        usable = [
            each for each, fault in zip(utterances, self._faults(utterances, folder, run), strict=True) if not fault
        ]
        if not usable:
            return Identity("none", {"aligner": "kaldi", "clips_learned_from": 0}, "nothing to learn from")
        is_kept = _model(folder).exists() and load(_model(folder)).fits(usable, max_new=self.settings.retrain_above)
        if not is_kept:
            self._train(usable, folder, run)
        self._meet(usable, folder, run)
        model = load(_model(folder))
        facts: dict[str, str | int | float] = {
            "aligner": "kaldi",
            "model": model.digest,
            "clips_learned_from": len(model.learned_from),
        }
        return Identity(f"{model.digest} {self.settings.refine}", facts, "model kept" if is_kept else "model trained")

    def align(self, utterances: Sequence[Utterance], folder: Path, *, run: ParallelMap) -> Iterator[Aligned | Failed]:
        """Align clips of speakers whom `fit` has met."""
        faults = self._faults(utterances, folder, run)
        yield from (fault for fault in faults if fault)
        usable = [each for each, fault in zip(utterances, faults, strict=True) if not fault]
        parts = chunks(usable, folder / "cepstra", self.settings.frame_shift_ms)
        function = partial(_align_chunk, self.settings, _model(folder), _read_met(folder))
        yield from chain.from_iterable(run(function, parts, label="align"))
        shutil.rmtree(folder / "cepstra", ignore_errors=True)  # large, and soon made again

    def _faults(self, utterances: Sequence[Utterance], folder: Path, run: ParallelMap) -> list[Failed | None]:
        """Why clips cannot be used; what was found of one is remembered, since it takes its samples to tell."""
        known = _read_faults(folder)
        new = [each for each in utterances if each.key not in known]
        some = [new[start : start + _CHECKED_AT_ONCE] for start in range(0, len(new), _CHECKED_AT_ONCE)]
        found = chain.from_iterable(run(partial(_find_faults, self.settings), some, label="check"))
        known |= {each.key: fault for each, fault in zip(new, found, strict=True)}
        if new:
            _write(folder / _FAULTS, known)
        return [Failed(each.utterance_id, *fault) if (fault := known[each.key]) else None for each in utterances]

    def _train(self, utterances: Sequence[Utterance], folder: Path, run: ParallelMap) -> None:
        """Put a new model in the place of the old one, whole or not at all."""
        parts = chunks(utterances, folder / "cepstra", self.settings.frame_shift_ms)
        passes = folder / f"passes-{digest(sorted(each.key for each in utterances))}"
        train(parts, self.settings, passes, run=run).replace(_model(folder))
        _met(folder).unlink(missing_ok=True)  # the new model knows these speakers itself
        for left_over in folder.glob("passes-*"):
            shutil.rmtree(left_over)
        load.cache_clear()

    def _meet(self, utterances: Sequence[Utterance], folder: Path, run: ParallelMap) -> None:
        """Remember the means of speakers who are new to the model, from all clips of theirs that there are by now."""
        known = load(_model(folder)).means.keys() | _read_met(folder).keys()
        strangers = [each for each in utterances if each.speaker not in known]
        if strangers:
            parts = chunks(strangers, folder / "cepstra", self.settings.frame_shift_ms)
            means = {**_read_met(folder), **speaker_means(parts, run=run)}
            _write(_met(folder), {name: mean.tolist() for name, mean in means.items()})


def _model(folder: Path) -> Path:
    return folder / "model.npz"


def _met(folder: Path) -> Path:
    return folder / "speakers.json"


def _write(path: Path, plain: Any) -> None:  # noqa: ANN401 - any JSON value
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(plain), encoding="utf-8")
    temporary.replace(path)


def _read_faults(folder: Path) -> dict[str, Fault]:
    """Faults by key of the utterance; [] is none."""
    path = folder / _FAULTS
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def _read_met(folder: Path) -> dict[str, FloatArray]:
    if not _met(folder).exists():
        return {}
    means = json.loads(_met(folder).read_text(encoding="utf-8"))
    return {name: np.array(mean, dtype=np.float32) for name, mean in means.items()}


def _find_faults(settings: KaldiSettings, utterances: Sequence[Utterance]) -> list[Fault]:
    found = (_unusable(settings, each) for each in utterances)
    return [[fault.reason, fault.detail] if fault else [] for fault in found]


def _unusable(settings: KaldiSettings, utterance: Utterance) -> Failed | None:
    """The reason why there is no point in trying."""
    fault = no_phones(utterance)
    if fault:
        return fault
    audio = utterance.audio
    num_frames = Framing(audio.sample_rate, settings.frame_shift_ms).num_frames(audio.num_samples) // 2
    if num_frames < min_frames(transcript(utterance.words)):
        return too_short(utterance)
    if num_frames * STATES_PER_PHONE * len(utterance.phones) > _LONGEST_SEARCH:
        detail = f"{utterance.seconds:.0f} s; cut it at its pauses"
        return Failed(utterance.utterance_id, "clip too long", detail)
    return silent(utterance, audio.waveform())


def _align_chunk(
    settings: KaldiSettings, path: Path, met: Mapping[str, FloatArray], chunk: Chunk
) -> list[Aligned | Failed]:
    model = load(path)
    chunk.write()
    mean = model.means[chunk.speaker] if chunk.speaker in model.means else met[chunk.speaker]
    with threadpool_limits(1, "blas"):
        return [_aligned(settings, model, clip, heard) for clip, heard in model.hear(chunk, mean)]


def _aligned(settings: KaldiSettings, model: AcousticModel, clip: Utterance, heard: Heard | None) -> Aligned | Failed:
    if heard is None:
        return Failed(clip.utterance_id, "no alignment found", "no path; does the text match the audio?")
    boundaries = heard.refined_boundaries(model.deviations) if settings.refine else heard.boundaries()
    phones = tuple(heard.phones[position] for position in heard.positions[heard.phone_starts()] // STATES_PER_PHONE)
    return Aligned(clip.utterance_id, clip.words, phones, boundaries, heard.log_likelihood)
