"""A voice measured beside its anchors: the recordings, and the same recordings through its vocoder and Griffin-Lim."""

from __future__ import annotations

import json
from collections import defaultdict, deque
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import torch

from pipeline.fingerprint import file_key
from pipeline.incremental import Fields, Results, map_cached
from pipeline.speaking import SPOKEN, VoiceFolders
from tts.audio.files import read_audio, write_wav
from tts.audio.mel_definition import MelDefinition, require_equal
from tts.audio.prosody import PitchSettings
from tts.config import build, to_plain
from tts.data.features import CorpusFeatures
from tts.data.tables import read_metadata, read_table, write_table
from tts.errors import DataError
from tts.interfaces import Inventory
from tts.metrics.duration import TimedPhones
from tts.metrics.intervals import interval
from tts.metrics.scoring import Take, score
from tts.metrics.settings import EvaluateSettings
from tts.metrics.speed import real_time_factor
from tts.synthesis import Line, Voice
from tts.vocoders.griffin_lim import Config as GriffinLimConfig
from tts.vocoders.griffin_lim import GriffinLim

if TYPE_CHECKING:  # worker processes import this module and need no params
    from pipeline.stage import Stage

Row = Mapping[str, Any]
Waveform = npt.NDArray[np.float32]

ROWS = ("voice", "copy_synthesis", "ground_truth", "griffin_lim")
"""The voice and its anchors: its vocoder on true mels, the recordings, and Griffin-Lim on true mels."""

SCORES = pa.schema(
    [
        ("utterance_id", pa.string()),
        ("row", pa.string()),
        ("metric", pa.string()),
        ("value", pa.float64()),
        ("reason", pa.string()),
    ]
)
"""Rows of scores.parquet; the value is null where there is a reason."""

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

    def features(self) -> CorpusFeatures:
        """Give the corpus, opened once in each process."""
        return _open(self)


@dataclass(frozen=True)
class _Clip:
    """A clip on disk to be measured; picklable. Attributes as those of `Take`; `pitch` is its speaker's."""

    waveform: Path
    recording: Path
    in_step: bool
    predicted: TimedPhones | None
    aligned: TimedPhones | None
    pitch: PitchSettings

    def content(self) -> list[Any]:
        """All that its scores depend on."""
        return [
            file_key(self.waveform),
            file_key(self.recording),
            self.in_step,
            *map(str, (self.predicted, self.aligned, self.pitch)),
        ]


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
    _write_anchors(plan, folder / "audio", spoken, current)
    pitch = read_pitch(plan.prosody)
    clips = {
        f"{each['utterance_id']}/{row}": clip for each in spoken for row, clip in _clips(plan, folder, pitch, each)
    }
    shared = (plan.features().mel_definition, plan.settings.metrics)
    results = map_cached(
        partial(_score_clip, *shared),
        clips,
        keys=current.utterance_keys({name: clip.content() for name, clip in clips.items()}, *map(str, shared)),
        store=current.store(),
        executor=current.executor,
        label=f"evaluate {current.item}",
    )
    scores = [row for name in sorted(clips) for row in _score_rows(name, results, plan.settings.metrics)]
    write_table(folder / "scores.parquet", scores, SCORES)
    _write_sentences(folder / "utterances.parquet", plan, [row["utterance_id"] for row in spoken])
    # Timings differ from run to run, so they stand in the metrics only.
    return summarize([*scores, *_speeds(plan, spoken[:_TIMED], threads=current.runtime.num_workers)], plan.settings)


def summarize(scores: Sequence[Row], settings: EvaluateSettings) -> dict[str, dict[str, Any]]:
    """Give mean, low, high and n by row and metric; a metric without any value is absent."""
    values: dict[tuple[str, str], list[float]] = defaultdict(list)
    for score_row in scores:
        if score_row["value"] is not None:
            values[score_row["row"], score_row["metric"]].append(score_row["value"])
    return {
        row: {
            metric: asdict(interval(values[row, metric], seed=settings.seed))
            for metric in settings.metrics
            if values[row, metric]
        }
        for row in ROWS
    }


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


def _write_anchors(plan: Plan, audio: Path, spoken: Sequence[Row], current: Stage) -> None:
    """Write the anchors' waveforms into ``<row>/<utterance_id>.wav``."""
    for row in ROWS[1:]:
        (audio / row).mkdir(parents=True)
    names = [each["utterance_id"] for each in spoken]
    write = partial(_write_anchors_of, plan, audio)
    deque(plan.voice.executor(current).map(write, names, label=f"anchors {current.item}"), maxlen=0)


def _write_anchors_of(plan: Plan, audio: Path, name: str) -> None:
    if plan.voice.device == "cpu":
        torch.set_num_threads(1)  # sums in another order would make the bytes depend on the machine's cores
    features = plan.features()
    definition, mel = features.mel_definition, features.mel(name)
    recording, speaker = features.audio(name), features.utterances[name].speaker
    anchors = {
        "copy_synthesis": plan.voice.load().copy(mel, recording, speaker=speaker),
        "ground_truth": recording,
        "griffin_lim": _griffin_lim(definition, mel),
    }
    for row, waveform in anchors.items():
        write_wav(audio / row / f"{name}.wav", waveform, sample_rate=definition.sample_rate)


def _clips(plan: Plan, folder: Path, pitch: Mapping[str, PitchSettings], spoken: Row) -> Iterator[tuple[str, _Clip]]:
    features, name = plan.features(), spoken["utterance_id"]
    predicted = TimedPhones(spoken["phones"], spoken["durations"])
    aligned = TimedPhones(list(features.utterances[name].phones), features.prosody(name).durations.tolist())
    files = {row: folder / "audio" / row / f"{name}.wav" for row in ROWS[1:]}
    clip = partial(_Clip, recording=files["ground_truth"], pitch=pitch[features.utterances[name].speaker])
    yield "voice", clip(plan.spoken / f"{name}.wav", in_step=False, predicted=predicted, aligned=aligned)
    for row, file in files.items():
        yield row, clip(file, in_step=True, predicted=None, aligned=None)


def _score_clip(definition: MelDefinition, metrics: Collection[str], clip: _Clip) -> Fields:
    torch.set_num_threads(1)
    rate = definition.sample_rate
    waveform, recording = (
        read_audio(path, sample_rate=rate, stated_rate=rate) for path in (clip.waveform, clip.recording)
    )
    take = Take(waveform, recording, in_step=clip.in_step, predicted=clip.predicted, aligned=clip.aligned)
    return {"scores": np.array(json.dumps(asdict(score(take, definition, clip.pitch, metrics))))}


def _score_rows(clip: str, results: Results, metrics: Collection[str]) -> Iterator[Row]:
    """Rows of scores.parquet of a clip."""
    name, _, row = clip.rpartition("/")
    if clip in results.rejected:
        why = results.rejected[clip]
        measured = (metric for metric in metrics if metric != "real_time_factor")
        yield from (_score_row(name, row, metric, reason=f"{why.reason}: {why.detail}") for metric in measured)
        return
    found = json.loads(str(results.read(clip, "scores")))
    for metric, value in found["values"].items():
        yield _score_row(name, row, metric, value=value)
    for metric, reason in found["reasons"].items():
        yield _score_row(name, row, metric, reason=reason)


def _speeds(plan: Plan, spoken: Sequence[Row], *, threads: int) -> list[Row]:
    """Real-time factors, phones or mels to samples, one clip at a time, with nothing else running."""
    if "real_time_factor" not in plan.settings.metrics:
        return []
    torch.set_num_threads(threads)
    features, voice = plan.features(), plan.voice.load()
    rows = []
    for each in spoken:
        name = each["utterance_id"]
        utterance, mel = features.utterances[name], features.mel(name)
        line = Line(tuple(each["phones"]), utterance.speaker, utterance.style)
        makers = {
            "voice": partial(_say, voice, line),
            "copy_synthesis": partial(voice.copy, mel, features.audio(name), speaker=utterance.speaker),
            "griffin_lim": partial(_griffin_lim, features.mel_definition, mel),
        }
        for row, make in makers.items():
            factor = real_time_factor(make, sample_rate=features.mel_definition.sample_rate)
            rows.append(_score_row(name, row, "real_time_factor", value=factor))
    return rows


def _say(voice: Voice, line: Line) -> Waveform:
    return voice.speak([line])[0].waveform


def _score_row(name: str, row: str, metric: str, *, value: float | None = None, reason: str = "") -> Row:
    return {"utterance_id": name, "row": row, "metric": metric, "value": value, "reason": reason}


@torch.inference_mode()
def _griffin_lim(definition: MelDefinition, mel: Waveform) -> Waveform:
    waveform: Waveform = _griffin_lim_network(definition)(torch.from_numpy(np.array(mel)).T[None])[0].numpy()
    return waveform


@lru_cache(maxsize=1)
def _griffin_lim_network(definition: MelDefinition) -> GriffinLim:
    return GriffinLim(GriffinLimConfig(), Inventory(mel=definition))


@lru_cache(maxsize=1)
def _open(plan: Plan) -> CorpusFeatures:
    return CorpusFeatures(plan.corpus, plan.mel, prosody=plan.prosody, index=plan.index)
