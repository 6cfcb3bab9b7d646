"""`tts score`: any folder of sound files measured, alone or beside recordings and transcripts."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from pipeline.clip_scores import (
    SCORES,
    TOGETHER,
    ClipFiles,
    Measuring,
    Row,
    means_of,
    score_clip,
    score_rows,
    values_by_row,
)
from pipeline.comparison import as_json as compared_as_json
from pipeline.comparison import compare
from pipeline.fingerprint import code_key, content_key
from pipeline.incremental import Fields, Rejected, map_cached
from pipeline.known_voices import known_voices
from pipeline.output import replaced_file
from pipeline.parallel import Executor
from pipeline.paths import Paths
from tts.audio.mel_definition import MelDefinition
from tts.audio.prosody import PitchSettings
from tts.corpora.transcripts import AUDIO_SUFFIXES, read_text, read_transcripts
from tts.errors import AudioError, ConfigError, CorpusError
from tts.metrics.settings import METRICS, SPEAKER_METRICS

DEFINITION = MelDefinition(
    sample_rate=22050, n_fft=1024, hop_length=256, win_length=1024, n_mels=80, f_min=0.0, f_max=8000.0
)
"""What all clips are compared in, whatever their own rate: values of different folders then compare."""

MEASURED = tuple(name for name in METRICS if name not in ("real_time_factor", "duration_mae_ms"))
"""What can be measured of files."""

_ALONE = ("wv_mos", "wer", "cer", *SPEAKER_METRICS)
_OF_RECORDINGS = tuple(name for name in MEASURED if name in _ALONE or name.startswith("dnsmos"))
"""What recordings are measured by too, as that which clips can reach."""

_TEXT_SUFFIXES = (".txt", ".lab")


@dataclass(frozen=True)
class Request:
    """What is to be measured.

    Attributes:
        folder: of clips, with those in folders below it; a folder is a speaker.
        reference: folder of recordings of the same names; None = none.
        transcripts: file of lines ``name|text``, or folder of text files of the clips' names; None = text files
            beside the clips or the recordings.
        language: of the texts.
        in_step: whether clips were made from the recordings' own timing, as copy-synthesis is.
        metrics: of MEASURED.
        wv_mos: file of its weights.
    """

    folder: Path
    reference: Path | None = None
    transcripts: Path | None = None
    language: str = "en"
    in_step: bool = False
    metrics: Sequence[str] = MEASURED
    wv_mos: Path | None = None


@dataclass(frozen=True)
class FolderScores:
    """Scores of a folder.

    Attributes:
        request: what was asked for.
        clips: their names.
        rows: as those of scores.parquet; `clips` and `reference` are the rows.
        without_clip: names of recordings that no clip belongs to.
    """

    request: Request
    clips: Sequence[str]
    rows: Sequence[Row]
    without_clip: Sequence[str]

    @property
    def values(self) -> Mapping[str, Mapping[str, Mapping[str, float]]]:
        """Values by row, metric and clip."""
        return values_by_row(self.rows)


def score_folder(request: Request, root: Path, executor: Executor) -> FolderScores:
    """Measure all clips of a folder, and the recordings beside them; what was measured before is not measured again.

    Args:
        request: what.
        root: of the project whose work folder keeps results; elsewhere the user's cache does.
        executor: where.

    Raises:
        CorpusError: a folder is missing or holds no sound, no recording is named as a clip is, or transcripts cannot
            be read.
    """
    clips = find_sounds(request.folder)
    recordings = {} if request.reference is None else find_sounds(request.reference)
    _require_shared_names(clips, recordings, request)
    store = _store(root)
    code = code_key("pipeline.folder_scores")
    speakers = {name: _speaker(name) for name in [*clips, *recordings]}
    compared = recordings if any(name.startswith("speaker_") for name in request.metrics) else {}
    voices = known_voices(compared, speakers, code=code, store=store, executor=executor) if compared else {}
    texts = _texts(request, [*clips, *recordings])
    common = partial(ClipFiles, pitch=PitchSettings(), language=request.language)
    files = {
        f"{name}/clips": common(
            path, recordings.get(name), request.in_step, text=texts.get(name), voices=voices.get(name)
        )
        for name, path in clips.items()
    }
    files |= {
        f"{name}/reference": common(recordings[name], None, in_step=True, text=texts.get(name), voices=voices.get(name))
        for name in recordings.keys() & clips.keys()
    }
    return FolderScores(
        request,
        sorted(clips),
        _measure(files, request, code, store, executor),
        sorted(recordings.keys() - clips.keys()),
    )


def choose_metrics(names: str | None) -> tuple[str, ...]:
    """Metrics by names with commas between them, in the order of reports; all for None.

    Raises:
        ConfigError: there is no such metric of files.
    """
    if names is None:
        return MEASURED
    wanted = [name.strip() for name in names.split(",")]
    if unknown := [name for name in wanted if name not in MEASURED]:
        raise ConfigError(f"--metrics: {unknown[0]!r} is none of {', '.join(MEASURED)}")
    return tuple(name for name in MEASURED if name in wanted)


def find_sounds(folder: Path) -> dict[str, Path]:
    """Sound files of a folder and those below it, by their path in it without suffix.

    Raises:
        CorpusError: the folder is missing or holds none, or two files differ in their suffix only.
    """
    if not folder.is_dir():
        raise CorpusError(f"{folder}: there is no such folder; name one of sound files")
    found: dict[str, Path] = {}
    for path in sorted(folder.rglob("*")):
        within = path.relative_to(folder)
        if path.suffix.lower() not in AUDIO_SUFFIXES or any(part.startswith(".") for part in within.parts):
            continue
        name = within.with_suffix("").as_posix()
        if name in found:
            raise CorpusError(f"{path}: is one clip with {found[name].name}; keep one of them")
        found[name] = path
    if not found:
        raise CorpusError(f"{folder}: holds no sound files ({', '.join(AUDIO_SUFFIXES)}); name another folder")
    return found


def as_json(found: FolderScores) -> dict[str, Any]:
    """Means by row and metric, paired differences to the recordings, reasons with counts, and values by clip."""
    values = found.values
    return {
        "folder": str(found.request.folder),
        "reference": found.request.reference and str(found.request.reference),
        "rows": {row: means_of(values[row], found.request.metrics, seed=0) for row in ("clips", "reference")},
        "compared_with_reference": compared_as_json(compare(values["clips"], values["reference"])),
        "absent": absences(found),
        "values": values["clips"],
        "recordings_without_clip": list(found.without_clip),
    }


def absences(found: FolderScores) -> dict[str, dict[str, int]]:
    """How many clips lack a metric, by metric and reason."""
    counts: dict[str, dict[str, int]] = {}
    for row in found.rows:
        if row["row"] == "clips" and row["reason"]:
            of_metric = counts.setdefault(row["metric"], {})
            of_metric[row["reason"]] = of_metric.get(row["reason"], 0) + 1
    return counts


def write_csv(path: Path, found: FolderScores) -> None:
    """Write a line for each clip, row and metric, with the value or the reason why there is none."""
    with replaced_file(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, SCORES.names)
        writer.writeheader()
        writer.writerows(found.rows)


def _measure(files: Mapping[str, ClipFiles], request: Request, code: str, store: Path, executor: Executor) -> list[Row]:
    clips = Measuring(DEFINITION, request.metrics, request.wv_mos)
    alone = replace(clips, metrics=tuple(name for name in request.metrics if name in _OF_RECORDINGS))
    rows: list[Row] = []
    for row, measuring in (("clips", clips), ("reference", alone)):
        chosen = {name: each for name, each in files.items() if name.rpartition("/")[2] == row}
        keys = {name: content_key(code, measuring.content(), each.content()) for name, each in chosen.items()}
        results = map_cached(
            partial(_score_readable, measuring),
            chosen,
            keys=keys,
            store=store,
            executor=executor,
            label=f"score {row}",
            chunk=TOGETHER,
        )
        rows += [each for name in sorted(chosen) for each in score_rows(name, results, measuring.metrics)]
    return rows


def _score_readable(measuring: Measuring, clip: ClipFiles) -> Fields | Rejected:
    """Scores of a clip, or why it cannot be read."""
    try:
        return score_clip(measuring, clip)
    except AudioError as error:
        return Rejected("cannot be read", str(error))


def _require_shared_names(clips: Mapping[str, Path], recordings: Mapping[str, Path], request: Request) -> None:
    if recordings and not clips.keys() & recordings.keys():
        raise CorpusError(
            f"{request.reference}: no recording is named as a clip of {request.folder} is, such as {min(clips)}; "
            "recordings are found by their names"
        )


def _texts(request: Request, names: Sequence[str]) -> dict[str, str]:
    """Transcripts by name, of those that have one."""
    if request.transcripts is not None and request.transcripts.is_file():
        lines = read_transcripts(request.transcripts, ("id", "text", "normalized")).lines
        # Lines may give the last part of a name alone, as those of a corpus of one folder for each speaker do.
        found = {name: lines.get(name) or lines.get(name.rpartition("/")[2]) for name in names}
        return {name: line.get("normalized") or line["text"] for name, line in found.items() if line}
    if request.transcripts is not None and not request.transcripts.is_dir():
        raise CorpusError(f"{request.transcripts}: there is no such file or folder; the transcripts belong there")
    given = [request.transcripts] if request.transcripts else [request.folder, request.reference]
    files = {
        name: folder / f"{name}{suffix}"
        for folder in reversed([each for each in given if each])
        for suffix in _TEXT_SUFFIXES
        for name in names
        if (folder / f"{name}{suffix}").is_file()
    }
    return {name: read_text(path).strip() for name, path in files.items()}


def _speaker(name: str) -> str:
    return name.rpartition("/")[0]


def _store(root: Path) -> Path:
    """Where results are kept."""
    cache = Paths(root).cache if (root / "params.yaml").exists() else Path.home() / ".cache" / "tts-pipeline"
    return cache / "score" / "results"
