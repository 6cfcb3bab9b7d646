"""The model card of a voice: what it learned from, how good it is and where it ends, from the facts of the report.

Mitchell et al. 2019, "Model cards for model reporting", https://doi.org/10.1145/3287560.3287596.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pipeline.clip_scores import SCORES, values_by_row
from pipeline.params import Params
from pipeline.report_facts import ROWS, VoiceFacts, read_json
from pipeline.report_metrics import METRICS, number
from pipeline.report_origin import Origin
from pipeline.yaml import yaml_text
from tts.config import to_plain
from tts.corpora import licence
from tts.data.tables import MANIFEST, read_columns, read_table
from tts.metrics.settings import HIGHER_IS_BETTER

Row = Mapping[str, Any]

_NAMED = 20  # speakers
_SIZES = (
    "system",
    "corpus",
    "steps",
    "seed",
    "batch",
    "optimizer",
    "schedule",
    "loss_weights",
    "precision",
    "init_from",
)
"""Settings of a run that every system has."""


def model_card(voice: VoiceFacts, params: Params, origin: Origin) -> str:
    """Give the card as Markdown.

    Args:
        voice: what is known of it.
        params: of the project.
        origin: commit and data.

    Raises:
        DataError: a result is missing.
    """
    scores = read_table(voice.scores / "scores.parquet", SCORES)
    parts = [
        f"# {_plain(voice.name)}\n\nA text-to-speech voice: {_plain(voice.description)}\n",
        "## Data\n",
        *(_data(voice, params, corpus) for corpus in _corpora(voice, params)),
        "## Licence\n",
        *_licences(voice, params),
        "## Metrics\n",
        _metrics(voice),
        "## Limits\n",
        *(f"- {_plain(limit)}" for limit in _limits(voice, scores)),
        "\n## Training\n",
        *_training(voice, params),
        "## Origin\n",
        _table(("", ""), origin.named()),
        f"Made again by\n\n{_block('sh', chr(10).join(origin.commands))}",
    ]
    return "\n".join(parts)


def _corpora(voice: VoiceFacts, params: Params) -> list[str]:
    """Those that its runs learned from, and the one that it is heard on."""
    learned = (params.runs[run].corpus for run in voice.settings.runs if run in params.runs)
    return list(dict.fromkeys([*learned, voice.settings.corpus]))


def _data(voice: VoiceFacts, params: Params, corpus: str) -> str:
    paths = voice.paths
    found = read_json(paths.data_metrics(corpus), f"tts index {corpus}")
    columns = read_columns(paths.corpus(corpus) / "manifest.parquet", MANIFEST)
    dropped = ", ".join(f"{count} × {reason}" for reason, count in found["dropped"].items())
    rows = [
        ("corpus", f"{corpus} ({params.corpora[corpus].kind})"),
        ("clips", f"{found['clips']:,}"),
        ("hours", f"{found['hours']:.3g}"),
        *((f"{name}s", _names(columns[name])) for name in ("speaker", "language", "style")),
        ("left out", dropped or "nothing"),
    ]
    return _table(("", ""), rows)


def _names(column: Sequence[str]) -> str:
    names = sorted(set(column))
    return f"{len(names)}: {', '.join(names[:_NAMED])}{', …' if len(names) > _NAMED else ''}"


def _licences(voice: VoiceFacts, params: Params) -> Iterator[str]:
    for corpus in _corpora(voice, params):
        known = licence(params.corpora[corpus])
        yield f"- Recordings of {_plain(corpus)}: " + _plain(
            known or f"not known; state it as corpora.{corpus}.licence in params.yaml before you share this voice"
        )
    for run, system in voice.systems.items():
        if run not in params.runs:
            yield f"- {_plain(run)} ({_plain(system)}): that of the published checkpoint."
    yield "- The code that trains and speaks it is MIT; what may be done with its speech depends on the above.\n"


def _metrics(voice: VoiceFacts) -> str:
    present = [name for name in METRICS if any(name in voice.means[row] for row in ROWS)]
    most = len(voice.sentences)
    rows = [(METRICS[name].heading, *(_mean(voice.means[row].get(name), most) for row in ROWS)) for name in present]
    told = (
        f"Means over {most} sentences of the test split, with 95 % bootstrap intervals; ↑ higher is "
        "better, ↓ lower is better. Copy-synthesis is the voice's vocoder on the recordings' own mels, Griffin-Lim the "
        "same mels without a neural vocoder.\n"
    )
    meanings = "".join(f"- {METRICS[name].title}: {_plain(METRICS[name].meaning)}\n" for name in present)
    return f"{told}\n{_table(('', *ROWS.values()), rows)}\n{meanings}"


def _mean(found: Mapping[str, float] | None, most: int) -> str:
    if found is None:
        return "–"
    if found["low"] == found["high"] == 0:
        return "0"  # the recording beside itself
    count = f"n = {found['n']:.0f}" if found["n"] != most or most == 1 else ""
    interval = f"{number(found['low'])} to {number(found['high'])}" if found["n"] > 1 else ""
    return f"{number(found['mean'])} ({', '.join(filter(None, (interval, count)))})"


def _limits(voice: VoiceFacts, scores: Sequence[Row]) -> Iterator[str]:
    corpus = voice.settings.corpus
    columns = read_columns(voice.paths.corpus(corpus) / "manifest.parquet", MANIFEST)
    yield f"It was heard in {', '.join(sorted(set(columns['language'])))} alone, in the styles of {corpus}."
    yield f"Its figures are of {len(voice.sentences)} sentences like those it learned from; other texts may be worse."
    if any(name.startswith(("dnsmos", "wv_mos")) for name in voice.means["voice"]):
        yield "DNSMOS and WV-MOS are opinions that networks predict; no listener is part of these figures."
    yield from _worst(voice, scores)
    yield from _absent(scores)
    yield "It sounds like the speakers of its recordings: let nobody take its speech for theirs without their consent."


def _worst(voice: VoiceFacts, scores: Sequence[Row]) -> Iterator[str]:
    """The sentence that the first metric finds worst."""
    for metric, values in values_by_row(scores)["voice"].items():
        worst = (min if metric in HIGHER_IS_BETTER else max)(values, key=values.__getitem__)
        text = next(row["text"] for row in voice.sentences if row["utterance_id"] == worst)
        yield f"Worst by {METRICS[metric].title}: {worst}, {number(values[worst])} {METRICS[metric].unit}: “{text}”"
        return


def _absent(scores: Sequence[Row]) -> Iterator[str]:
    """Metrics that are absent, together where count and reason are one."""
    counts = Counter((row["metric"], row["reason"]) for row in scores if row["row"] == "voice" and row["reason"])
    found: dict[tuple[int, str], list[str]] = {}
    for metric in METRICS:
        for (name, reason), count in counts.items():
            if name == metric:
                found.setdefault((count, reason), []).append(METRICS[metric].title)
    for (count, reason), titles in found.items():
        yield f"Absent for {count} sentences: {', '.join(titles)}: {reason}."


def _training(voice: VoiceFacts, params: Params) -> Iterator[str]:
    for run in voice.settings.runs:
        if run not in params.runs:
            yield f"{_plain(run)}: an imported checkpoint, not trained here.\n"
            continue
        found = read_json(voice.paths.run_metrics(run), f"tts train {run}")
        rows = [
            ("steps", f"{found['steps']:,}"),
            ("device", str(found["device"])),
            ("minutes", f"{found['seconds'] / 60:.3g}"),
        ]
        rows += [(f"{name} validation loss", _loss(found[name])) for name in ("last", "best") if found[name]]
        yield f"### {_plain(run)} ({_plain(voice.systems[run])})\n\n{_table(('', ''), rows)}"
        settings = to_plain(params.runs[run])
        yield _block(
            "yaml", yaml_text({name: settings[name] for name in (*_SIZES, "model") if settings[name] is not None})
        )


def _loss(terms: Mapping[str, float]) -> str:
    return f"{terms['loss']:.4g} at step {terms['step']:.0f}"


def _table(head: Sequence[str], rows: Iterator[Sequence[str]] | Sequence[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(_plain(each) for each in row) + " |" for row in (head, *rows)]
    return "\n".join([lines[0], "|" + " --- |" * len(head), *lines[1:], ""])


def _block(language: str, text: str) -> str:
    return f"```{language}\n{text.rstrip()}\n```\n"


def _plain(text: str) -> str:
    """Text that Markdown takes as it is."""
    for special in "\\`*_[]<|":
        text = text.replace(special, f"\\{special}")
    return " ".join(text.split())
