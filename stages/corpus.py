"""Look through recordings and transcripts before training on them.

Reads data/raw/<corpus> or any folder, changes nothing, writes one HTML page. Example: ``tts corpus check demo``,
``tts corpus check ~/recordings --strict --json found.json``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def check(
    source: Annotated[
        str, typer.Argument(help="A downloaded corpus of params.yaml, or a folder (./name is a folder).")
    ],
    *,
    output: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Where the page goes; data/corpus-check-<name>.html if left out."),
    ] = None,
    json: Annotated[Path | None, typer.Option(metavar="FILE", help="Write findings and figures to a file.")] = None,
    language: Annotated[
        str | None, typer.Option(help="Of a folder's texts, such as en; guessed by the script if left out.")
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 1 if there is more than notes.")] = False,
) -> None:
    """Find clipping, noise, cut-off speech, misfitting transcripts, duplicates and more; change nothing."""
    from pipeline.corpus_check import as_json, check_source, find_source
    from pipeline.corpus_page import corpus_page
    from pipeline.corpus_table import show
    from pipeline.output import replaced_file, write_json
    from pipeline.parallel import open_executor
    from pipeline.runtime import load_runtime

    root = Path()
    with open_executor(load_runtime(root)) as executor:
        found = check_source(find_source(source, root, language=language), executor)
    show(found)
    in_project = Path("data") if (root / "params.yaml").exists() else root
    place = output or in_project / f"corpus-check-{found.source.name}.html"
    with replaced_file(place) as temporary:
        temporary.write_text(corpus_page(found), encoding="utf-8")
    if json is not None:
        write_json(json, as_json(found))
    typer.echo(f"wrote {place}")
    if strict and found.has_warnings:
        raise typer.Exit(1)
