"""Clips on disk with what is known of them, measured in worker processes, and the table of their scores."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from pipeline.fingerprint import file_key
from pipeline.incremental import Fields, Results
from tts.audio.files import read_audio
from tts.audio.mel_definition import MelDefinition
from tts.audio.prosody import PitchSettings
from tts.metrics.duration import TimedPhones
from tts.metrics.intervals import interval
from tts.metrics.packages import installed_packages

if TYPE_CHECKING:
    from tts.metrics.speakers import KnownVoices

Row = Mapping[str, Any]

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


TOGETHER = 4
"""Clips that a worker gets at once: scores of one may take seconds."""


@dataclass(frozen=True)
class Measuring:
    """How clips are measured; picklable.

    Attributes:
        definition: frames, mel and sample rate that clips are compared in.
        metrics: names of those to compute.
        wv_mos: file of WV-MOS' weights.
        stated_rate: what the files' own rate must be, Hz; None accepts any.
    """

    definition: MelDefinition
    metrics: Collection[str]
    wv_mos: Path | None = None
    stated_rate: int | None = None

    def content(self) -> list[Any]:
        """All that scores of any clip depend on, besides code."""
        weights = self.wv_mos.stat() if self.wv_mos is not None and self.wv_mos.exists() else None
        identity = weights and [str(self.wv_mos), weights.st_size, weights.st_mtime_ns]
        return [str(self.definition), sorted(self.metrics), identity, installed_packages()]


@dataclass(frozen=True)
class ClipFiles:
    """A clip on disk to be measured; picklable. Attributes as those of `tts.metrics.scoring.Take`."""

    waveform: Path
    recording: Path | None
    in_step: bool
    pitch: PitchSettings
    predicted: TimedPhones | None = None
    aligned: TimedPhones | None = None
    text: str | None = None
    language: str = "en"
    voices: KnownVoices | None = None

    def content(self) -> list[Any]:
        """All that its scores depend on."""
        return [
            file_key(self.waveform),
            self.recording and file_key(self.recording),
            self.in_step,
            *map(str, (self.pitch, self.predicted, self.aligned)),
            self.text,
            self.language,
            self.voices and _key_of(self.voices),
        ]


def score_clip(measuring: Measuring, clip: ClipFiles) -> Fields:
    """Scores of a clip, as JSON in the field `scores`.

    Raises:
        AudioError: a file cannot be read.
    """
    # They take seconds to import, which those need not wait for whose scores are all kept.
    import torch

    from tts.metrics.scoring import Take, score

    torch.set_num_threads(1)
    rate = measuring.definition.sample_rate
    waveform, recording = (
        None if path is None else read_audio(path, sample_rate=rate, stated_rate=measuring.stated_rate)
        for path in (clip.waveform, clip.recording)
    )
    assert waveform is not None, "a clip always has a file"
    take = Take(
        waveform,
        recording,
        in_step=clip.in_step,
        predicted=clip.predicted,
        aligned=clip.aligned,
        text=clip.text,
        language=clip.language,
        voices=clip.voices,
    )
    found = score(take, measuring.definition, clip.pitch, measuring.metrics, wv_mos_weights=measuring.wv_mos)
    return {"scores": np.array(json.dumps(asdict(found)))}


def score_rows(clip: str, results: Results, metrics: Collection[str]) -> Iterator[Row]:
    """Rows of scores.parquet of a clip that is called ``<utterance_id>/<row>``."""
    name, _, row = clip.rpartition("/")
    if clip in results.rejected:
        why = results.rejected[clip]
        measured = (metric for metric in metrics if metric != "real_time_factor")
        yield from (score_row(name, row, metric, reason=f"{why.reason}: {why.detail}") for metric in measured)
        return
    found = json.loads(str(results.read(clip, "scores")))
    for metric, value in found["values"].items():
        yield score_row(name, row, metric, value=value)
    for metric, reason in found["reasons"].items():
        yield score_row(name, row, metric, reason=reason)


def score_row(name: str, row: str, metric: str, *, value: float | None = None, reason: str = "") -> Row:
    """Give a row of scores.parquet."""
    return {"utterance_id": name, "row": row, "metric": metric, "value": value, "reason": reason}


def values_by_row(scores: Sequence[Row]) -> dict[str, dict[str, dict[str, float]]]:
    """Values by row, metric and utterance, of rows that have one."""
    found: dict[str, dict[str, dict[str, float]]] = defaultdict(lambda: defaultdict(dict))
    for each in scores:
        if each["value"] is not None:
            found[each["row"]][each["metric"]][each["utterance_id"]] = each["value"]
    return found


def means_of(values: Mapping[str, Mapping[str, float]], metrics: Sequence[str], *, seed: int) -> dict[str, Any]:
    """Mean, low, high and n by metric, of values by metric and utterance; a metric without any value is absent."""
    return {
        metric: asdict(interval(list(values[metric].values()), seed=seed)) for metric in metrics if values.get(metric)
    }


def _key_of(voices: KnownVoices) -> str:
    own = b"" if voices.own is None else voices.own.tobytes()
    return hashlib.sha256(b"".join([own, *(each.tobytes() for each in voices.others)])).hexdigest()
