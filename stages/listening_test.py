"""Have people listen: a blind page that plays voices under no name, and what its results amount to.

Works with voices of a project, their anchors, and any folders of sounds. The page is one file that can be sent to
listeners; the key beside it tells who speaks and stays here. Examples:
``tts listening-test make demo demo:ground_truth -o listen.html``,
``tts listening-test summarize results-*.csv --key listen.key.json``.
"""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer


class _Kind(str, Enum):
    both = "both"
    mos = "mos"
    ab = "ab"


def make(
    systems: Annotated[
        list[str], typer.Argument(help="Voices, voice:ground_truth and the like, or folders; name=folder names one.")
    ],
    *,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE")] = Path("listening-test.html"),
    kind: Annotated[_Kind, typer.Option(help="Opinions of single clips, preferences of two, or both.")] = _Kind.both,
    sentences: Annotated[int, typer.Option(min=1, help="How many that all systems say.")] = 10,
    seed: Annotated[int, typer.Option(help="Of the choice of sentences and the order.")] = 0,
) -> None:
    """Write a page for listeners, and the key that tells who speaks."""
    from pipeline.listening_test import draw_test, find_systems, listening_page
    from pipeline.output import replaced_file, write_json

    test = draw_test(find_systems(systems, Path()), num_sentences=sentences, kind=kind.value, seed=seed)
    with replaced_file(output) as temporary:
        temporary.write_text(listening_page(test), encoding="utf-8")
    key = output.with_suffix(".key.json")
    write_json(key, test.key)
    typer.echo(f"wrote {output}: {len(test.rated)} clips to rate, {len(test.paired)} pairs; send it to listeners")
    typer.echo(f"wrote {key}: who speaks in which clip; keep it")


def summarize(
    results: Annotated[list[Path], typer.Argument(help="CSV files that listeners downloaded from the page.")],
    *,
    key: Annotated[Path, typer.Option(metavar="FILE", help="Written beside the page.")] = Path(
        "listening-test.key.json"
    ),
    json: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the summary to a file.")] = None,
) -> None:
    """Print mean opinions and preferences with 95 % intervals over listeners and sentences."""
    from pipeline.listening_results import read_key, read_results, show_summary
    from pipeline.listening_results import summarize as amount_to
    from pipeline.output import write_json

    known = read_key(key)
    found = amount_to(read_results(results, known), known["clips"])
    show_summary(found)
    if json is not None:
        write_json(json, found.plain())
