"""The report: one HTML file that holds everything it shows, and the same bytes for the same results."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from pipeline.imported_models import system_of
from pipeline.params import Params, VoiceSettings
from pipeline.paths import Paths
from pipeline.report_alignment import alignment_section
from pipeline.report_curves import chart, loss_terms, read_curve
from pipeline.report_html import cell, charts, code, facts, heading, navigation, page, paragraph, section, table
from pipeline.report_voice import voice_section
from tts.config import to_plain
from tts.errors import DataError


def build_report(params: Params, paths: Paths) -> str:
    """Give the HTML of everything that `run` in params.yaml builds.

    Raises:
        DataError: a result is missing; names the command that makes it.
    """
    voices = sorted(params.run.voices)
    links = [(f"voice-{name}", f"Voice {name}") for name in voices]
    links += [("training", "Training"), ("data", "Data"), ("params", "Params")]
    title = f"Voices: {', '.join(voices) or 'none'}"
    return page(
        title,
        paragraph(
            "All that is heard and counted here lies in this one file; it works offline and can be sent as it is."
        ),
        navigation(links),
        *(_voice(params, paths, name) for name in voices),
        section("training", "Training", *_training(params, paths)),
        section("data", "Data", *_data(params, paths)),
        section("params", "Params", paragraph("What this page was made with."), code(_yaml(_used(params)))),
    )


def _voice(params: Params, paths: Paths, name: str) -> str:
    settings = params.voice(name)
    systems = {run: _system(params, paths, run) for run in settings.runs}
    made_of = " + ".join(f"{run} ({system})" for run, system in systems.items())
    return voice_section(
        name,
        f"{made_of}, heard on the test split of {settings.corpus}{_by_vector(settings)}{_in_style(settings)}.",
        means=_read_json(paths.voice_metrics(name), f"tts evaluate {name}"),
        scores=paths.scores(name),
        audio=paths.audio(name),
    )


def _by_vector(settings: VoiceSettings) -> str:
    return ", each speaker told by a vector of other recordings" if settings.speaker == "vector" else ""


def _in_style(settings: VoiceSettings) -> str:
    if isinstance(settings.style, str):
        return {"label": "", "recording": ", each sentence in the style heard in its recording"}[settings.style]
    return f", in the style {' + '.join(f'{weight:g} {name}' for name, weight in settings.style.items())}"


def _system(params: Params, paths: Paths, name: str) -> str:
    """System of a run, or of a public checkpoint that was imported."""
    return params.runs[name].system if name in params.runs else f"{system_of(paths.model(name))}, imported"


def _training(params: Params, paths: Paths) -> Iterator[str]:
    runs = _built_runs(params)
    metrics = {name: _read_json(paths.run_metrics(name), f"tts train {name}") for name in runs}
    rows = [
        [
            name,
            cell(params.training_run(name).system),
            cell(f"{found['steps']}"),
            cell(_loss(found["last"]), below=_step(found["last"])),
            cell(_loss(found["best"]), below=_step(found["best"])),
            cell(str(found["device"])),
        ]
        for name, found in metrics.items()
    ]
    head = ["run", "system", "steps", "last validation loss", "best validation loss", "device"]
    yield table("What was trained.", head, rows)
    yield paragraph("Grey: training, means since the last point. Coloured: validation.")
    for name in runs:
        curve = read_curve(paths.run_curve(name))
        terms = loss_terms(curve)
        drawn = (chart(term, curve.get(f"train_{term}", []), curve.get(f"validation_{term}", [])) for term in terms)
        yield heading(name)
        yield charts(drawn)


def _loss(terms: Mapping[str, float]) -> str:
    return f"{terms['loss']:.4g}" if terms else "–"


def _step(terms: Mapping[str, float]) -> str:
    return f"at step {terms['step']:.0f}" if terms else ""


def _data(params: Params, paths: Paths) -> Iterator[str]:
    for corpus in params.run.corpora:
        data = _read_json(paths.data_metrics(corpus), f"tts index {corpus}")
        alignment = _read_json(paths.alignment_metrics(corpus), f"tts align {corpus}")
        yield heading(f"Corpus {corpus}")
        kept = {name: value for name, value in data.items() if name != "dropped"}
        yield facts("What was kept.", _flat(kept))
        if data["dropped"]:
            yield facts("What was dropped, by stage and reason.", _flat(data["dropped"]))
        else:
            yield paragraph("No clip was dropped.")
        yield facts("How well phones were placed in time.", _flat(alignment))
        yield alignment_section(paths.corpus(corpus), paths.alignments(corpus), params.audio)


def _flat(values: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, str]]:
    """Names and values of nested mappings, in words."""
    for name, value in values.items():
        words = f"{above} {name}".strip().replace("_", " ")
        if isinstance(value, Mapping):
            yield from _flat(value, words)
        else:
            yield words, f"{value:.4g}" if isinstance(value, float) else str(value)


def _built_runs(params: Params) -> list[str]:
    """Runs that are built, each once: acoustic models, vocoders, then those that start from others."""
    return list(
        dict.fromkeys((*params.run.acoustic, *params.run.vocoders, *params.run.finetune, *params.run.finetune_vocoders))
    )


def _used(params: Params) -> dict[str, Any]:
    """The params without the corpora, runs and voices that are not built."""
    plain: dict[str, Any] = to_plain(params)
    built = {"corpora": params.run.corpora, "runs": _built_runs(params), "voices": params.run.voices}
    return plain | {section: _only(plain[section], names) for section, names in built.items()}


def _only(values: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    return {name: values[name] for name in names}


def _yaml(values: Mapping[str, Any]) -> str:
    text = io.StringIO()
    YAML().dump(values, text)
    return text.getvalue()


def _read_json(path: Path, command: str) -> Any:  # noqa: ANN401 - any JSON value
    if not path.exists():
        raise DataError(f"{path} is missing; run `{command}`")
    return json.loads(path.read_text(encoding="utf-8"))
