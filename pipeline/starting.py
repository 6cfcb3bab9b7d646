"""What a run takes of the model it starts from, beside its weights: names, recordings to replay, starts of new rows."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow.compute as pc

from pipeline.params import Params
from pipeline.paths import Paths
from tts.audio.mel_definition import require_equal
from tts.data.features import CorpusFeatures, read_inventory
from tts.data.speaker_vectors import SpeakerVectorTable
from tts.data.tables import SPEAKERS, read_table
from tts.errors import ConfigError
from tts.interfaces import Inventory
from tts.training.export import read_model
from tts.training.names import joined, known_names, require_new, require_phones
from tts.training.settings import RunSettings, SpeakerInit
from tts.training.speaker_init import SpeakerStart
from tts.training.starting import require_system

BY_VECTOR: tuple[SpeakerInit, ...] = ("nearest", "encoder_map")
"""Starts of rows that compare speakers by their vectors."""


@dataclass(frozen=True)
class Replay:
    """Old recordings that a run hears among its own.

    Attributes:
        features: of their corpus.
        ids: of the clips.
        rate: share of the batches that are of them.
    """

    features: CorpusFeatures
    ids: list[str]
    rate: float


def corpora_of(settings: RunSettings) -> list[str]:
    """Name the corpora that a run reads: its own, and that of `replay` where it is another."""
    return list(dict.fromkeys([settings.corpus, *([settings.replay.corpus] if settings.replay else [])]))


def replayed_clips(params: Params, name: str, features: CorpusFeatures, own: CorpusFeatures) -> Replay | None:
    """Choose what a vocoder hears again; it is told no speakers.

    Raises:
        ConfigError: the corpora differ in their mels, or a speaker is not in the corpus.
        DataError: no clip is left.
    """
    run = params.training_run(name)
    base = params.runs.get(run.init_from or "")
    learned = base.speakers if base and run.replay and base.corpus == run.replay.corpus else None
    return _replay(run, name, features, own, learned)


def names_from(
    params: Params, paths: Paths, name: str, own: Inventory, *, features: CorpusFeatures, replayed: CorpusFeatures
) -> tuple[Inventory, Replay | None]:
    """Join the names of a run with those of the model it starts from, and choose what is heard again.

    Args:
        params: that hold the run.
        paths: of the project.
        name: of the run.
        own: inventory of the run's corpus.
        features: of the run's corpus.
        replayed: of the corpus of `replay`, or the same.

    Raises:
        CheckpointError: the model cannot be read, or is of another system.
        ConfigError: a speaker's name may mean two voices, a phone is new and refused, or nothing can be replayed.
    """
    run = params.training_run(name)
    base = run.init_from
    assert base is not None, "only runs that start from another one have names to take"
    saved = read_model(paths.model(base))
    require_system(saved, run.system)
    known = known_names(saved, by_vector=own.speaker_vectors is not None)
    if _is_of_another_corpus(params, run):
        require_new(own.speakers, known.speakers, run.same_speakers, run=name, corpus=run.corpus, base=base)
    replay = _replay(run, name, replayed, features, saved.inventory.speakers, own.speakers)
    heard = [own, *([_inventory_of(paths, run, replay)] if replay else [])]
    if run.new_phones == "refuse":
        phones = [phone for each in heard for phone in each.symbols]
        require_phones(dict.fromkeys(phones), saved.inventory.symbols, run=name, base=base)
    if not run.keep_names:
        return joined(*heard), replay
    return replace(joined(known, *heard), mel=own.mel), replay


def speaker_start(params: Params, paths: Paths, name: str) -> SpeakerStart:
    """How new speakers start, and what the corpora of a run tell of them.

    Raises:
        ConfigError: speakers are to be compared, and those of the model are in neither corpus.
        DataError: a table is missing.
    """
    run = params.training_run(name)
    start = SpeakerStart(method=run.speaker_init, seed=run.seed)
    if run.speaker_init in BY_VECTOR:
        _require_common_corpus(params, name)
        tables = [_vectors(paths, corpus) for corpus in reversed(corpora_of(run))]
        return replace(
            start, vectors={who: vector for each in tables for who, vector in each.means(each.heard).items()}
        )
    if run.speaker_init == "by_metadata":
        files = [paths.corpus(corpus) / "speakers.parquet" for corpus in reversed(corpora_of(run))]
        rows = [row for file in files for row in read_table(file, SPEAKERS)]
        return replace(start, traits={row["speaker"]: (row["gender"] or "", row["accent"] or "") for row in rows})
    return start


def start_files(paths: Paths, settings: RunSettings) -> Iterator[Path]:
    """Files beside its features that decide what a run starts at."""
    for corpus in corpora_of(settings):
        if settings.speaker_init in BY_VECTOR:
            yield paths.vectors(corpus) / "vectors.parquet"
        if settings.speaker_init == "by_metadata":
            yield paths.corpus(corpus) / "speakers.parquet"
    if settings.init_from:
        yield from sorted(paths.model(settings.init_from).iterdir())


def _replay(
    run: RunSettings,
    name: str,
    features: CorpusFeatures,
    own: CorpusFeatures,
    known: Collection[str] | None,
    learned: Collection[str] | None = None,
) -> Replay | None:
    """What is heard again of `known` speakers (None = all) that the run does not learn itself."""
    if run.replay is None:
        return None
    where, corpus = f"runs.{name}.replay", run.replay.corpus
    require_equal(own.mel_definition, features.mel_definition, what=f"{where}: corpora {run.corpus} and {corpus}")
    speakers = _replayed_speakers(run, where, features, known, learned)
    ids = features.select("train", speakers=speakers)
    if not ids:
        raise ConfigError(
            f"{where}: no training clip of corpus {corpus!r} is of a speaker that {run.init_from} knows and this run "
            "does not learn itself; name another corpus, or remove it"
        )
    return Replay(features, ids, run.replay.rate)


def _replayed_speakers(
    run: RunSettings,
    where: str,
    features: CorpusFeatures,
    known: Collection[str] | None,
    learned: Collection[str] | None,
) -> list[str]:
    assert run.replay is not None
    if run.replay.speakers is not None:
        for name in run.replay.speakers:
            if known is not None and name not in known:
                raise ConfigError(
                    f"{where}.speakers: {run.init_from} does not know {name!r}; name speakers that it learned"
                )
        return list(run.replay.speakers)
    training = pc.equal(features.utterances.table["split"], "train")
    present = pc.unique(features.utterances.table["speaker"].filter(training)).to_pylist()
    own = (learned if learned is not None else run.speakers or present) if run.replay.corpus == run.corpus else ()
    return [name for name in present if name not in own and (known is None or name in known)]


def _inventory_of(paths: Paths, run: RunSettings, replay: Replay) -> Inventory:
    """Names of the clips that are replayed."""
    assert run.replay is not None
    features = replay.features
    rows = features.utterances.positions(replay.ids)
    speakers = pc.unique(features.utterances.table["speaker"].take(rows)).to_pylist()
    inventory = read_inventory(paths.index(run.replay.corpus), features.mel_definition, speakers=speakers)
    if features.speaker_vectors is not None:
        return replace(inventory, speaker_vectors=features.speaker_vectors.means(inventory.speakers))
    return inventory


def _vectors(paths: Paths, corpus: str) -> SpeakerVectorTable:
    features = CorpusFeatures(paths.corpus(corpus), paths.mel(corpus), index=paths.index(corpus))
    speakers = {utterance: row.speaker for utterance, row in features.utterances.items()}
    return SpeakerVectorTable(paths.vectors(corpus), speakers, features.select("train"))


def _is_of_another_corpus(params: Params, run: RunSettings) -> bool:
    """Whether the base is a run, not an imported model, and learned from another corpus."""
    base = params.runs.get(run.init_from or "")
    return base is not None and base.corpus != run.corpus


def _require_common_corpus(params: Params, name: str) -> None:
    run = params.training_run(name)
    base = params.runs.get(run.init_from or "")
    if base is None or base.corpus not in corpora_of(run):
        found = f"is a run of corpus {base.corpus!r}" if base else "is an imported model"
        raise ConfigError(
            f"runs.{name}.speaker_init {run.speaker_init} compares speakers of one corpus, here {run.corpus!r}, but "
            f"{run.init_from} {found}; put all speakers into one corpus, replay the other one, or choose another "
            "speaker_init"
        )
