"""Measure any folder of sound files, alone or beside recordings and transcripts.

Reads folders of WAV, FLAC, OGG or MP3 of any rate; recordings and transcripts are found by the clips' names. Prints
means with 95 % intervals, and why what is missing is. Works without a project. Example: ``tts score generated``,
``tts score generated --reference wavs --transcripts metadata.csv --csv scores.csv``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def run(
    folder: Annotated[Path, typer.Argument(help="Of clips; folders in it are speakers.")],
    *,
    reference: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Recordings of the same sentences, by the same names.")
    ] = None,
    transcripts: Annotated[
        Path | None,
        typer.Option(help="Lines of name|text, or a folder of text files; those beside the clips if left out."),
    ] = None,
    language: Annotated[str, typer.Option(help="Of the transcripts.")] = "en",
    in_step: Annotated[
        bool, typer.Option("--in-step", help="Clips have the recordings' own timing, as copy-synthesis has.")
    ] = False,
    metrics: Annotated[str | None, typer.Option(help="Names with commas between them; all if left out.")] = None,
    wv_mos: Annotated[Path | None, typer.Option(metavar="FILE", help="Weights of WV-MOS.")] = None,
    json: Annotated[Path | None, typer.Option(metavar="FILE", help="Write means, reasons and values.")] = None,
    csv: Annotated[Path | None, typer.Option(metavar="FILE", help="Write a line per clip and metric.")] = None,
) -> None:
    """Measure a folder of sound files."""
    from pipeline.folder_scores import Request, as_json, choose_metrics, score_folder, write_csv
    from pipeline.output import write_json
    from pipeline.parallel import open_executor
    from pipeline.runtime import load_runtime
    from pipeline.scores_table import show_scores

    root = Path()
    chosen = choose_metrics(metrics)
    request = Request(folder, reference, transcripts, language, in_step, chosen, wv_mos)
    with open_executor(load_runtime(root)) as executor:
        found = score_folder(request, root, executor)
    show_scores(found)
    if json is not None:
        write_json(json, as_json(found))
    if csv is not None:
        write_csv(csv, found)
