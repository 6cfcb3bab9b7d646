"""The report: one HTML file that holds everything it shows, and the same bytes for the same results."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pipeline.ledger import read_ledger
from pipeline.model_card import model_card
from pipeline.parallel import Executor
from pipeline.params import Params
from pipeline.paths import Paths
from pipeline.report_alignment import alignment_section
from pipeline.report_curves import chart, loss_terms, read_curve
from pipeline.report_dropped import dropped_table
from pipeline.report_facts import read_json, read_voice
from pipeline.report_html import (
    cell,
    charts,
    code,
    details,
    facts,
    heading,
    navigation,
    page,
    paragraph,
    section,
    table,
)
from pipeline.report_origin import Origin, origin_part, read_origin
from pipeline.report_utterances import Budget
from pipeline.report_voice import voice_section
from pipeline.yaml import yaml_text
from tts.config import to_plain


def build_report(params: Params, paths: Paths, executor: Executor) -> str:
    """Give the HTML of everything that `run` in params.yaml builds.

    Args:
        params: say what is built.
        paths: of the project.
        executor: where pictures and sounds are made.

    Raises:
        DataError: a result is missing; names the command that makes it.
    """
    voices = sorted(params.run.voices)
    links = [(f"voice-{name}", f"Voice {name}") for name in voices]
    links += [("training", "Training"), ("data", "Data"), ("origin", "Origin")]
    budget = Budget.shared_by(len(voices))
    title = f"Voices: {', '.join(voices) or 'none'}"
    return page(
        title,
        paragraph(
            "All that is heard and counted here lies in this one file; it works offline and can be sent as it is."
        ),
        navigation(links),
        *(voice_section(read_voice(params, paths, name), budget, executor) for name in voices),
        section("training", "Training", *_training(params, paths)),
        section("data", "Data", *_data(params, paths)),
        section("origin", "Origin", *_origin(params, paths)),
    )


def build_cards(params: Params, paths: Paths) -> dict[str, str]:
    """Give the model card of every voice that is built, as Markdown.

    Raises:
        DataError: a result is missing; names the command that makes it.
    """
    origin = origin_of(params, paths)
    return {name: model_card(read_voice(params, paths, name), params, origin) for name in sorted(params.run.voices)}


def origin_of(params: Params, paths: Paths) -> Origin:
    """Commit and data of everything that is built."""
    return read_origin(paths.root, {name: paths.corpus(name) / "manifest.parquet" for name in params.run.corpora})


def _origin(params: Params, paths: Paths) -> Iterator[str]:
    yield from origin_part(origin_of(params, paths))
    yield details("Params of all that is built", code(yaml_text(_used(params))))


def _training(params: Params, paths: Paths) -> Iterator[str]:
    runs = built_runs(params)
    metrics = {name: read_json(paths.run_metrics(name), f"tts train {name}") for name in runs}
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
        data = read_json(paths.data_metrics(corpus), f"tts index {corpus}")
        alignment = read_json(paths.alignment_metrics(corpus), f"tts align {corpus}")
        yield heading(f"Corpus {corpus}")
        kept = {name: value for name, value in data.items() if name != "dropped"}
        yield facts("What was kept.", _flat(kept))
        if data["dropped"]:
            yield facts("What was dropped, by stage and reason.", _flat(data["dropped"]))
        else:
            yield paragraph("No clip was dropped.")
        yield dropped_table(read_ledger(paths.index(corpus) / "dropped.parquet"), folder=str(paths.index(corpus)))
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


def built_runs(params: Params) -> list[str]:
    """Runs that are built, each once: acoustic models, vocoders, then those that start from others."""
    return list(
        dict.fromkeys(
            (
                *params.run.acoustic,
                *params.run.vocoders,
                *params.run.finetune,
                *params.run.finetune_replaying,
                *params.run.finetune_vocoders,
            )
        )
    )


def _used(params: Params) -> dict[str, Any]:
    """The params without the corpora, runs and voices that are not built."""
    plain: dict[str, Any] = to_plain(params)
    built = {"corpora": params.run.corpora, "runs": built_runs(params), "voices": params.run.voices}
    return plain | {section: _only(plain[section], names) for section, names in built.items()}


def _only(values: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    return {name: values[name] for name in names}
