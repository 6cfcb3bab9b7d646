"""The Montreal Forced Aligner, as a program beside ours (https://montreal-forced-aligner.readthedocs.io).

Its model is trained on the corpus with the front end's pronunciations, or is one of its pretrained ones, with the
front end's pronunciations or a dictionary's. Each run has folders of its own that go when it ends well. The program
ends well too when clips could not be aligned: what it wrote is compared with what it was given, and what is missing is
tried again with wider beams.

McAuliffe, Socolof, Mihuc, Wagner, Sonderegger: Montreal Forced Aligner, Interspeech 2017,
https://doi.org/10.21437/Interspeech.2017-1386
"""

from __future__ import annotations

import csv
import dataclasses
import hashlib
import json
import logging
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tts.alignment.mfa_command import Mfa, NothingAlignedError, remove_left_overs, work_folder
from tts.alignment.mfa_console import plain, warnings
from tts.alignment.mfa_corpus import Corpus, unfit, write_corpus
from tts.alignment.mfa_dictionary import Dictionary, KnownPhones, Lexicon, SpelledPhones, read_dictionary
from tts.alignment.mfa_differences import Differences
from tts.alignment.mfa_model import AcousticModel, file_sha256, find_model, read_model
from tts.alignment.mfa_training import Training
from tts.alignment.settings import MfaSettings
from tts.alignment.textgrids import TextGrid, read_textgrid, to_aligned
from tts.alignment.utterances import Aligned, Failed, Identity, ParallelMap, Utterance
from tts.errors import AlignmentError
from tts.text.frontend import Word

logger = logging.getLogger(__name__)

_RETRY = 4  # times the beam, of a clip's second try within a run, as in MFA's own defaults
_TOLERANCE_SECONDS = 0.02  # MFA writes the length of the WAV that we wrote


@dataclasses.dataclass(frozen=True)
class _Found:
    """What a run has found, by name of file, and why anything may be missing."""

    grids: Mapping[str, TextGrid | Failed]
    likelihoods: Mapping[str, float]
    reason: str


@dataclasses.dataclass(frozen=True)
class _Ready:
    """What clips are aligned with."""

    model: AcousticModel
    lexicon: Lexicon

    @property
    def chooses(self) -> bool:
        """Whether MFA chooses pronunciations."""
        return isinstance(self.lexicon, Dictionary)


class MfaAligner:
    """Aligns by the Montreal Forced Aligner."""

    def __init__(self, settings: MfaSettings) -> None:
        self._settings = settings
        self._mfa = Mfa(settings.command, settings.timeout_minutes)
        self._ready: _Ready | None = None

    def fit(self, utterances: Sequence[Utterance], folder: Path, *, run: ParallelMap) -> Identity:
        """Find the program and the model, or train a model; see `Aligner.fit`."""
        folder.mkdir(parents=True, exist_ok=True)
        remove_left_overs(folder)
        version = self._mfa.version()
        config, dictionary = self._own_files()
        if self._settings.acoustic_model is None:
            recipe = f"{version} {_sha256_if(config)}"
            training = Training(self._mfa, recipe, config, self._settings.retrain_above)
            model, facts, note = training.model(utterances, folder.resolve(), run=run)
            self._ready = _Ready(model, SpelledPhones())
        else:
            self._ready = _pretrained(self._settings.acoustic_model, dictionary)
            _require_pronounceable(utterances, self._ready, self._settings.acoustic_model)
            facts, note = {"model": self._settings.acoustic_model}, "pretrained model"
        sha256 = self._ready.model.sha256
        content = [version, sha256, _sha256_if(config), _sha256_if(dictionary), self._settings.beams]
        key = hashlib.sha256(json.dumps(["mfa", *content]).encode()).hexdigest()
        facts = {"aligner": f"Montreal Forced Aligner {version}", **facts, "model_sha256": sha256}
        return Identity(key, facts, note)

    def align(self, utterances: Sequence[Utterance], folder: Path, *, run: ParallelMap) -> Iterator[Aligned | Failed]:
        """Align clips; see `Aligner.align`.

        Adaptation to speakers hears only the clips of this call, so that times depend a little on which they are.
        """
        assert self._ready is not None, "fit comes before align"
        if not utterances:
            return
        model, lexicon, differences = self._ready.model, self._ready.lexicon, Differences()
        given = {each.utterance_id: each for each in utterances}
        with work_folder(folder.resolve()) as work:
            corpus = write_corpus(utterances, work, lexicon, sample_rate=model.sample_rate, run=run)
            yield from corpus.faults
            for result in self._tries(corpus, work):
                if isinstance(result, Aligned):
                    differences.count(given[result.utterance_id], result)
                yield result
        differences.warn()

    def _tries(self, corpus: Corpus, work: Path) -> Iterator[Aligned | Failed]:
        """Results of the clips in a corpus, those that are left tried again with the next beam."""
        left, reason = sorted(corpus.clips), ""
        for beam in self._settings.beams:
            if left:
                corpus.keep_only(left)
                found = self._try(corpus, work / f"beam-{beam}", beam)
                for name in sorted(found.grids):
                    yield self._result(corpus, name, found)
                left, reason = [name for name in left if name not in found.grids], found.reason
        for name in left:
            yield Failed(corpus.clips[name].utterance_id, "no alignment found", reason)

    def _try(self, corpus: Corpus, work: Path, beam: int) -> _Found:
        """Align what is in the folder of a corpus."""
        assert self._ready is not None, "fit comes before align"
        output = work / "aligned"
        work.mkdir()
        call: list[str | Path | int] = ["align", corpus.folder, corpus.dictionary, self._ready.model.path, output]
        call += ["--output_format", "long_textgrid", "--no_tokenization", "-j", corpus.num_jobs, "--clean"]
        # Settings that its help does not list are taken after all arguments only.
        call += ["--beam", beam, "--retry_beam", _RETRY * beam]
        try:
            log = self._mfa.run(call, work)
        except NothingAlignedError as error:
            return _Found({}, {}, str(error))
        analysis = output / "alignment_analysis.csv"
        grids = {path.stem: _read(path) for path in output.rglob("*.TextGrid") if path.stem in corpus.clips}
        if not grids and not analysis.is_file():
            raise AlignmentError(f"mfa align ended well but wrote nothing to {output}; {log} has all it said")
        reason = f"no path within beams of {beam} and {_RETRY * beam}; does the text match the audio?"
        return _Found(grids, _likelihoods(analysis), "; ".join([reason, *warnings(plain(log.read_bytes()))]))

    def _result(self, corpus: Corpus, name: str, found: _Found) -> Aligned | Failed:
        assert self._ready is not None, "fit comes before align"
        utterance, grid = corpus.clips[name], found.grids[name]
        if isinstance(grid, Failed):
            return dataclasses.replace(grid, utterance_id=utterance.utterance_id)
        phones = tuple(dataclasses.replace(mark, label=self._ready.lexicon.phone(mark.label)) for mark in grid.phones)
        result = to_aligned(
            _in_words(utterance, corpus.texts[name]),
            dataclasses.replace(grid, phones=phones),
            pronunciations="own" if self._ready.chooses else "front_end",
            tolerance_seconds=_TOLERANCE_SECONDS,
        )
        if isinstance(result, Failed):
            return result
        words = tuple(Word(ours.text, said.phones) for ours, said in zip(utterance.words, result.words, strict=True))
        return dataclasses.replace(result, words=words, log_likelihood=found.likelihoods.get(name))

    def _own_files(self) -> tuple[Path | None, Path | None]:
        """The user's config and dictionary."""
        dictionary = self._settings.dictionary
        return _file("config", self._settings.config), find_model("dictionary", dictionary) if dictionary else None


def _pretrained(name: str, dictionary: Path | None) -> _Ready:
    model = read_model(find_model("acoustic", name))
    known = KnownPhones(model.phones)
    return _Ready(model, Dictionary(read_dictionary(dictionary), known) if dictionary else known)


def _in_words(utterance: Utterance, words: Sequence[str]) -> Utterance:
    """The utterance in the words that MFA was given."""
    given = iter(words)
    said = tuple(Word(next(given), word.phones) if word.phones else word for word in utterance.words)
    return dataclasses.replace(utterance, words=said)


def _read(path: Path) -> TextGrid | Failed:
    try:
        return read_textgrid(path)
    except AlignmentError as error:
        return Failed(path.stem, "unreadable TextGrid", str(error))


def _likelihoods(analysis: Path) -> dict[str, float]:
    """Log-likelihood per frame of each clip that has one, by name."""
    if not analysis.is_file():
        return {}
    try:
        with analysis.open(encoding="utf-8", newline="") as file:
            values = {row["file"]: float(row["overall_log_likelihood"] or "nan") for row in csv.DictReader(file)}
    except (KeyError, ValueError) as error:
        logger.warning("%s: is not what MFA 3 writes (%r); the alignment goes without likelihoods", analysis, error)
        return {}
    return {name: value for name, value in values.items() if math.isfinite(value)}


def _require_pronounceable(utterances: Sequence[Utterance], ready: _Ready, name: str) -> None:
    """Stop where a model cannot say the front end's phones at all.

    Raises:
        AlignmentError: the model wants stress, or no clip has only phones that it knows.
    """
    spoken = [each for each in utterances if each.phones]
    faults = [unfit(each, ready.lexicon, sample_rate=1) for each in spoken]
    hopeless = [each for each in faults if each and each.reason == "no pronunciation for the model"]
    if not hopeless:
        return
    missing = {phone for each in utterances for phone in each.phones} - ready.model.phones
    stressed = {phone for phone in missing if any(f"{phone}{digit}" in ready.model.phones for digit in "012")}
    if stressed and not ready.chooses:
        raise AlignmentError(
            f"align.mfa.acoustic_model: {name} has vowels with stress only, not {', '.join(sorted(stressed)[:5])}; set "
            "text.stress: true, or give align.mfa.dictionary"
        )
    if len(hopeless) == len(spoken):
        raise AlignmentError(
            f"align.mfa.acoustic_model: {name} does not know the front end's {', '.join(sorted(missing)[:5])}, so that "
            f"no clip can be aligned ({hopeless[0].utterance_id}: {hopeless[0].detail}); give align.mfa.dictionary, "
            "another model, or null to train one"
        )


def _file(key: str, name: str | None) -> Path | None:
    """The file that a setting names.

    Raises:
        AlignmentError: it is not there.
    """
    if name is None:
        return None
    path = Path(name).expanduser().resolve()
    if not path.is_file():
        raise AlignmentError(f"align.mfa.{key}: {name} is not a file; correct the path, or set null")
    return path


def _sha256_if(path: Path | None) -> str:
    return file_sha256(path) if path else ""
