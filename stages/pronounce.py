"""Show how a text is said, and where each word's phones come from.

Reads the text section of params.yaml, writes nothing. Example:
``tts pronounce "Dr. Xu will record {R EH1 K ER0 D}." --frontend english --lexicon my_words.txt``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def run(
    text: str,
    *,
    language: Annotated[str, typer.Option(help="Of the text, as the corpus calls it.")] = "en",
    frontend: Annotated[
        str | None, typer.Option(help="english, korean, ipa or characters; as in params.yaml if left out.")
    ] = None,
    lexicon: Annotated[Path | None, typer.Option(help="Words and phones; as in params.yaml if left out.")] = None,
) -> None:
    """Show the phones of a text, word by word."""
    from pipeline.params import load_params
    from tts.config import build, to_plain
    from tts.text.explain import explain
    from tts.text.frontend import TextSettings, build_frontend

    asked = {"frontend": frontend, "lexicon": str(lexicon) if lexicon else None}
    values = to_plain(load_params(Path()).text) | {key: value for key, value in asked.items() if value is not None}
    settings = build(TextSettings, values, where="text")
    typer.echo(explain(build_frontend(settings), text, language))
