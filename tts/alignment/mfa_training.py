"""The acoustic model that the Montreal Forced Aligner trains on a corpus, kept until it will not do any longer."""

from __future__ import annotations

import itertools
import json
import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from tts.alignment.mfa_command import Mfa, work_folder
from tts.alignment.mfa_corpus import write_corpus
from tts.alignment.mfa_dictionary import SpelledPhones
from tts.alignment.mfa_model import SAMPLE_RATE, AcousticModel, file_sha256, read_model
from tts.alignment.utterances import Failed, ParallelMap, Utterance
from tts.errors import AlignmentError

logger = logging.getLogger(__name__)

_Facts = dict[str, str | int | float]


@dataclass(frozen=True)
class Learned:
    """What a model that was trained on a corpus has seen of it.

    Attributes:
        sha256: of the model.
        recipe: what it was trained with.
        phones: of all clips there were, those that could not be used among them.
        clips: keys of these clips.
        num_clips: how many of them could be used.
    """

    sha256: str
    recipe: str
    phones: tuple[str, ...]
    clips: tuple[str, ...]
    num_clips: int


@dataclass(frozen=True)
class Training:
    """How models are trained.

    Attributes:
        mfa: the program.
        recipe: version of the program, and hash of the config.
        config: file of MFA's settings for training; None is its default.
        retrain_above: share of clips that a kept model has not learned from; with more, a new one is trained.
    """

    mfa: Mfa
    recipe: str
    config: Path | None
    retrain_above: float

    def model(
        self, utterances: Sequence[Utterance], folder: Path, *, run: ParallelMap
    ) -> tuple[AcousticModel, _Facts, str]:
        """Give the model that is kept in `folder` if it will do, else a new one, the facts, and which of both it is.

        Raises:
            AlignmentError: no clip can be used, or the program failed.
        """
        model, notes = folder / "model.zip", folder / "model.json"
        learned = _read_learned(notes, model)
        why = self._why_train(learned, utterances)
        if learned is None or why:
            logger.info("MFA trains a model: %s", why)
            learned = self._train(utterances, folder, run)
            _write_learned(notes, learned)
        facts = _Facts({"model": "trained on the corpus", "clips_learned_from": learned.num_clips})
        return read_model(model), facts, "model trained" if why else "model kept"

    def _why_train(self, learned: Learned | None, utterances: Sequence[Utterance]) -> str:
        """The reason why the kept model will not do; empty if it will."""
        if learned is None:
            return "there is none yet"
        if learned.recipe != self.recipe:
            return "the kept one is of another version of MFA or another align.mfa.config"
        new_phones = set(_phones(utterances)) - {*learned.phones}
        if new_phones:
            return f"the kept one does not know {', '.join(sorted(new_phones))}"
        share = _share_of_new_clips(learned, utterances)
        return f"the kept one has not learned from {share:.0%} of the clips" if share > self.retrain_above else ""

    def _train(self, utterances: Sequence[Utterance], folder: Path, run: ParallelMap) -> Learned:
        with work_folder(folder) as work:
            sample_rate = 1 if self.config else SAMPLE_RATE  # a config may ask for another rate
            corpus = write_corpus(utterances, work, SpelledPhones(), sample_rate=sample_rate, run=run)
            if not corpus.clips:
                raise AlignmentError(_nothing_usable(corpus.faults))
            model = work / "model.zip"
            call: list[str | Path | int] = ["train", corpus.folder, corpus.dictionary, model]
            call += ["-j", corpus.num_jobs, "--clean"]
            if self.config:
                call += ["--config_path", self.config]
            log = self.mfa.run(call, work)
            if not model.is_file():
                raise AlignmentError(f"mfa train ended well but wrote no model {model}; {log} has all it said")
            seen = tuple(sorted(each.key for each in utterances))
            learned = Learned(file_sha256(model), self.recipe, _phones(utterances), seen, len(corpus.clips))
            model.replace(folder / model.name)
        return learned


def _phones(utterances: Sequence[Utterance]) -> tuple[str, ...]:
    return tuple(sorted({phone for each in utterances for phone in each.phones}))


def _write_learned(path: Path, learned: Learned) -> None:
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(asdict(learned)), encoding="utf-8")
    temporary.replace(path)


def _read_learned(path: Path, model: Path) -> Learned | None:
    """What the kept model has learned from; None where there is none, or another than was written down."""
    if not path.is_file() or not model.is_file():
        return None
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        learned = Learned(**{**values, "phones": tuple(values["phones"]), "clips": tuple(values["clips"])})
    except (ValueError, TypeError, KeyError):  # of another release of ours
        return None
    return learned if learned.sha256 == file_sha256(model) else None


def _share_of_new_clips(learned: Learned, utterances: Sequence[Utterance]) -> float:
    known = frozenset(learned.clips)
    new = sum(utterance.key not in known for utterance in utterances)
    return new / max(len(utterances), 1)


def _nothing_usable(faults: Sequence[Failed]) -> str:
    reasons = itertools.islice(dict.fromkeys(f"{each.reason}: {each.detail}" for each in faults), 3)
    return f"MFA has nothing to learn from: no clip can be used ({'; '.join(reasons) or 'there are none'})"
