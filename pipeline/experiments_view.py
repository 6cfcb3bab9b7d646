"""Experiments as a table on a terminal, and as a page with their voices side by side."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from html import escape
from pathlib import Path

from rich.console import Console
from rich.table import Table

from pipeline.experiments import SUCCESS, Trial, Trials, sounds_of
from pipeline.report_html import cell, data_uri, page, section, table
from tts.metrics.settings import HIGHER_IS_BETTER, METRICS

_COLUMNS = 3  # of metrics fit a terminal; the page and the JSON have all


def show_trials(trials: Trials, metric: str) -> None:
    """Print means with differences to the baseline, of a metric and the next few, and what failed."""
    names = _metrics(trials, metric)[:_COLUMNS]
    found = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    found.add_column("experiment", no_wrap=True)
    for title in ("changed", *map(_title, names)):
        found.add_column(title, overflow="fold")
    for trial in (trials.baseline, *trials.sorted_by(metric)):
        found.add_row(_name(trial), changes(trials, trial), *(shown(trials, trial, name) for name in names))
    console = Console()
    console.print(found)
    for name in trials.failed:
        console.print(f"{name} failed; `dvc queue logs {name}` says why", markup=False, highlight=False)


def page_of(trials: Trials, metric: str, cache: Path, *, sentences: int) -> str:
    """A page that loads nothing: the table, and the same sentences of every experiment, one below the other.

    Args:
        trials: what to show.
        metric: to sort by.
        cache: folder of DVC's cache, where their sounds are.
        sentences: so many, the first by name that the baseline or else the first experiment spoke.
    """
    ordered = [trials.baseline, *trials.sorted_by(metric)]
    sounds = {trial.name: sounds_of(trial, cache) for trial in ordered}
    spoken = next((found for found in sounds.values() if found), {})
    parts = [_sentence(name, ordered, sounds) for name in list(spoken)[:sentences]]
    failed = f"<p>Failed: {escape(', '.join(trials.failed))}</p>" if trials.failed else ""
    summary = f"<p>{len(trials.experiments)} experiments on the voice {escape(trials.voice)}</p>{failed}"
    return page(
        f"Experiments on {trials.voice}",
        summary,
        "",
        section("scores", "Scores", _table(trials, metric)),
        section("sounds", "Sounds", *(parts or ["<p>DVC's cache holds no sounds of them.</p>"])),
    )


def shown(trials: Trials, trial: Trial, metric: str) -> str:
    """A mean, and its difference to the baseline's where there is one."""
    value = trial.scores.get(metric)
    if value is None:
        return ""
    difference = None if trial is trials.baseline else trials.difference(trial, metric)
    return f"{value:.3f}" if difference is None else f"{value:.3f} ({difference:+.3f})"


def changes(trials: Trials, trial: Trial) -> str:
    """What an experiment changed, by the last part of each key where no other key ends so."""
    keys = {key for each in trials.experiments for key in each.changed}
    ends = Counter(key.rpartition(".")[2] for key in keys)
    short = {key: key.rpartition(".")[2] if ends[key.rpartition(".")[2]] == 1 else key for key in keys}
    return ", ".join(f"{short.get(key, key)}={value}" for key, value in trial.changed.items())


def _table(trials: Trials, metric: str) -> str:
    names = _metrics(trials, metric)
    rows = [
        [_name(trial), cell(changes(trials, trial)), *(cell(shown(trials, trial, name)) for name in names)]
        for trial in (trials.baseline, *trials.sorted_by(metric))
    ]
    head = ["experiment", "changed", *map(_title, names)]
    return table("Means, and differences to the baseline", head, rows)


def _sentence(name: str, ordered: Sequence[Trial], sounds: dict[str, dict[str, Path]]) -> str:
    figures = "".join(
        f"<figure><figcaption>{escape(trial.name)}</figcaption>"
        f'<audio controls preload="none" aria-label="{escape(f"{name}, {trial.name}", quote=True)}" '
        f'src="{data_uri("audio/wav", sounds[trial.name][name].read_bytes())}"></audio></figure>'
        for trial in ordered
        if name in sounds[trial.name]
    )
    return f'<article class="card"><h3>{escape(name)}</h3><div class="grid">{figures}</div></article>'


def _metrics(trials: Trials, first: str) -> list[str]:
    """All that something has, the one to sort by in front."""
    known = {name for trial in (trials.baseline, *trials.experiments) for name in trial.scores}
    return sorted((name for name in METRICS if name in known), key=lambda name: name != first)


def _name(trial: Trial) -> str:
    return trial.name if trial.state == SUCCESS else f"{trial.name} ({trial.state})"


def _title(metric: str) -> str:
    return f"{metric} {'↑' if metric in HIGHER_IS_BETTER else '↓'}"
