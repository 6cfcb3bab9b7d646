"""A voice measured beside its anchors: the recordings, and the same recordings through its vocoder and Griffin-Lim."""

from __future__ import annotations

import json
import platform
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import torch

from pipeline.anchors import ANCHORS, griffin_lim, write_anchors
from pipeline.clip_scores import (
    SCORES,
    TOGETHER,
    ClipFiles,
    Measuring,
    means_of,
    score_clip,
    score_row,
    score_rows,
    values_by_row,
)
from pipeline.fingerprint import code_key, content_key
from pipeline.incremental import map_cached
from pipeline.kept import Kept
from pipeline.known_voices import known_voices
from pipeline.speaking import SPOKEN, VoiceFolders
from tts.audio.mel_definition import require_equal
from tts.audio.prosody import PitchSettings
from tts.config import build, to_plain
from tts.data.features import CorpusFeatures
from tts.data.tables import read_metadata, read_table, write_table
from tts.errors import DataError
from tts.metrics.duration import TimedPhones
from tts.metrics.settings import SPEAKER_METRICS, EvaluateSettings
from tts.metrics.speakers import KnownVoices
from tts.metrics.speed import real_time_factor
from tts.synthesis import Line, Voice

if TYPE_CHECKING:  # worker processes import this module and need no params
    from pipeline.stage import Stage

Row = Mapping[str, Any]
Waveform = npt.NDArray[np.float32]

ROWS = ("voice", *ANCHORS)
"""The voice and its anchors: its vocoder on true mels, the recordings, and Griffin-Lim on true mels."""

SENTENCES = pa.schema([(name, pa.string()) for name in ("utterance_id", "speaker", "style", "language", "text")])
"""Rows of utterances.parquet, which carries the mel definition in its metadata."""

_TIMED = 8  # clips are enough to see a voice's speed


@dataclass(frozen=True)
class Plan:
    """What is measured, and how; picklable, for worker processes.

    Attributes:
        voice: its models.
        spoken: data/audio/<voice>.
        corpus, mel, prosody, index: folders of the corpus.
        settings: metrics and seed.
    """

    voice: VoiceFolders
    spoken: Path
    corpus: Path
    mel: Path
    prosody: Path
    index: Path
    settings: EvaluateSettings

    def measuring(self) -> Measuring:
        """How clips are measured."""
        definition, weights = self.features().mel_definition, self.settings.wv_mos
        return Measuring(
            definition, self.settings.metrics, Path(weights) if weights else None, stated_rate=definition.sample_rate
        )

    def features(self) -> CorpusFeatures:
        """Give the corpus, opened once in each process."""
        return _open(self)


def evaluate(plan: Plan, folder: Path, current: Stage) -> dict[str, dict[str, Any]]:
    """Measure every utterance that a voice spoke; give the means by row and metric, as in metrics/voices/<voice>.json.

    Args:
        plan: what to measure.
        folder: an existing, empty folder for scores.parquet, utterances.parquet and the anchors' audio.
        current: gives the workers, and keeps the scores of clips that stay the same.

    Raises:
        DataError: the voice said nothing, or something that is not in the corpus.
        ConfigError: its mel definition is not the corpus'.
    """
    spoken = _read_spoken(plan)
    names = [row["utterance_id"] for row in spoken]
    write_anchors(plan, folder / "audio", names, current)
    measuring = plan.measuring()
    clips = dict(_clips(plan, folder, spoken, _voices(plan, folder, spoken, current)))
    results = map_cached(
        partial(score_clip, measuring),
        clips,
        keys=current.utterance_keys({name: clip.content() for name, clip in clips.items()}, *measuring.content()),
        store=current.store(),
        executor=current.executor,
        label=f"evaluate {current.item}",
        chunk=TOGETHER,
    )
    scores = [row for name in sorted(clips) for row in score_rows(name, results, plan.settings.metrics)]
    write_table(folder / "scores.parquet", scores, SCORES)
    _write_sentences(folder / "utterances.parquet", plan, names)
    # Timings differ from run to run, so they stand in the metrics only.
    return summarize([*scores, *_kept_speeds(plan, spoken[:_TIMED], current)], plan.settings)


def summarize(scores: Sequence[Row], settings: EvaluateSettings) -> dict[str, dict[str, Any]]:
    """Give mean, low, high and n by row and metric; a metric without any value is absent."""
    values = values_by_row(scores)
    return {row: means_of(values[row], settings.metrics, seed=settings.seed) for row in ROWS}


def read_pitch(prosody: Path) -> dict[str, PitchSettings]:
    """How the pitch of each speaker's recordings was measured; a voice is compared with them, and so measured alike.

    Raises:
        DataError: the folder is of an older version.
    """
    path = prosody / "prosody.parquet"
    stored = read_metadata(path).get("pitch")
    if stored is None:
        raise DataError(f"{path}: does not tell how pitch was measured; run `tts prosody` again")
    return {name: build(PitchSettings, each, where="pitch") for name, each in json.loads(stored).items()}


def _read_spoken(plan: Plan) -> list[Row]:
    spoken = read_table(plan.spoken / "synthesized.parquet", SPOKEN)
    if not spoken:
        raise DataError(f"{plan.spoken}: holds no utterance; run `tts synthesize` again")
    features = plan.features()
    unknown = [row["utterance_id"] for row in spoken if row["utterance_id"] not in features.utterances]
    if unknown:
        raise DataError(f"{plan.spoken}: {unknown[0]} is not in {plan.index}; run `tts synthesize` again")
    require_equal(
        plan.voice.load().inventory.mel, features.mel_definition, what=f"{plan.voice.acoustic} and {plan.mel}"
    )
    return list(spoken)


def _write_sentences(path: Path, plan: Plan, names: Sequence[str]) -> None:
    features = plan.features()
    rows = [{column: getattr(features.utterances[name], column) for column in SENTENCES.names} for name in names]
    metadata = {"mel_definition": json.dumps(to_plain(features.mel_definition))}
    write_table(path, rows, SENTENCES, metadata=metadata)


def _clips(
    plan: Plan, folder: Path, spoken: Sequence[Row], voices: Mapping[str, KnownVoices]
) -> Iterator[tuple[str, ClipFiles]]:
    """Clips to be measured, called ``<utterance_id>/<row>``."""
    features, pitch = plan.features(), read_pitch(plan.prosody)
    for each in spoken:
        name = each["utterance_id"]
        said = features.utterances[name]
        files = {row: folder / "audio" / row / f"{name}.wav" for row in ROWS[1:]}
        clip = partial(
            ClipFiles,
            recording=files["ground_truth"],
            pitch=pitch[said.speaker],
            text=said.text,
            language=said.language,
            voices=voices.get(name),
        )
        predicted = TimedPhones(each["phones"], each["durations"])
        aligned = TimedPhones(list(said.phones), features.prosody(name).durations.tolist())
        yield f"{name}/voice", clip(plan.spoken / f"{name}.wav", in_step=False, predicted=predicted, aligned=aligned)
        yield from ((f"{name}/{row}", clip(file, in_step=True)) for row, file in files.items())


def _voices(plan: Plan, folder: Path, spoken: Sequence[Row], current: Stage) -> dict[str, KnownVoices]:
    """The speakers that clips are compared with, by utterance id; none where nobody asks."""
    if not set(SPEAKER_METRICS) & set(plan.settings.metrics):
        return {}
    utterances = plan.features().utterances
    names = [each["utterance_id"] for each in spoken]
    return known_voices(
        {name: folder / "audio" / "ground_truth" / f"{name}.wav" for name in names},
        {name: utterances[name].speaker for name in names},
        code=code_key("pipeline.known_voices"),
        store=current.store(),
        executor=current.executor,
    )


def _kept_speeds(plan: Plan, spoken: Sequence[Row], current: Stage) -> list[Row]:
    """Real-time factors as they were measured when this machine first ran this voice on these clips."""
    threads = current.runtime.num_workers
    if "real_time_factor" not in plan.settings.metrics:
        return []
    said = [(row["utterance_id"], row["phones"]) for row in spoken]
    key = content_key(code_key("stages.evaluate"), plan.voice.key(), said, threads, platform.node())
    kept = Kept(current.paths.cache / "evaluate" / "speeds")
    if key not in kept:
        kept.keep([(key, _speeds(plan, spoken, threads=threads))])
    return list(kept.read(key))


def _speeds(plan: Plan, spoken: Sequence[Row], *, threads: int) -> list[Row]:
    """Real-time factors, phones or mels to samples, one clip at a time, with nothing else running."""
    torch.set_num_threads(threads)
    features, voice = plan.features(), plan.voice.load()
    rows = []
    for each in spoken:
        name = each["utterance_id"]
        utterance, mel = features.utterances[name], features.mel(name)
        # Whom a voice does not know by name it speaks as fast as those it knows.
        known = utterance.speaker if utterance.speaker in voice.inventory.speakers else voice.inventory.speakers[0]
        line = Line(tuple(each["phones"]), known, utterance.style)
        makers = {
            "voice": partial(_say, voice, line),
            "copy_synthesis": partial(voice.copy, mel, features.audio(name), speaker=utterance.speaker),
            "griffin_lim": partial(griffin_lim, features.mel_definition, mel),
        }
        for row, make in makers.items():
            factor = real_time_factor(make, sample_rate=features.mel_definition.sample_rate)
            rows.append(score_row(name, row, "real_time_factor", value=factor))
    return rows


def _say(voice: Voice, line: Line) -> Waveform:
    return voice.speak([line])[0].waveform


@lru_cache(maxsize=1)
def _open(plan: Plan) -> CorpusFeatures:
    return CorpusFeatures(plan.corpus, plan.mel, prosody=plan.prosody, index=plan.index)
