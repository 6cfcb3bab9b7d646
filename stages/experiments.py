"""Compare DVC's experiments on a voice with the commit that they start from.

Reads what `dvc exp show` tells and the sounds in DVC's cache. Prints a table, best first, and which experiments failed,
as the queue's own exit code does not tell; ``--page`` writes one HTML file with their sounds. Examples:
``tts experiments --sort mcd_db``, ``tts experiments --voice demo --page experiments.html``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def run(
    *,
    voice: Annotated[str | None, typer.Option(help="May be left out where there is only one.")] = None,
    sort: Annotated[str, typer.Option(help="Metric to sort by.")] = "mcd_db",
    page: Annotated[Path | None, typer.Option(metavar="FILE", help="Write a page with players.")] = None,
    sentences: Annotated[int, typer.Option(min=1, help="To hear on the page.")] = 4,
    json: Annotated[Path | None, typer.Option(metavar="FILE", help="Write all of it as JSON.")] = None,
) -> None:
    """Compare experiments with their baseline, and tell which failed."""
    from pipeline.experiments import as_json, cache_folder, read_trials, show_experiments
    from pipeline.experiments_view import page_of, show_trials
    from pipeline.output import replaced_file, write_json
    from pipeline.params import load_params
    from tts.errors import ConfigError

    root = Path()
    voices = sorted(load_params(root).run.voices)
    if voice is None and len(voices) != 1:
        raise ConfigError(f"--voice: name one of run.voices in params.yaml: {', '.join(voices) or 'there is none'}")
    trials = read_trials(show_experiments(root), voice or voices[0])
    show_trials(trials, sort)
    if page is not None:
        html = page_of(trials, sort, cache_folder(root), sentences=sentences)
        with replaced_file(page) as temporary:
            temporary.write_text(html, encoding="utf-8")
    if json is not None:
        write_json(json, as_json(trials, sort))
