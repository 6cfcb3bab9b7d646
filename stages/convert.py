"""Give recordings the voice of another speaker of an end-to-end voice; their words and timing stay.

Reads WAV, FLAC, OGG and MP3 files and models/<run> of a voice in params.yaml, writes WAV files. Examples:
``tts convert anna.wav -o as_bert.wav --from anna --to bert --voice mine``,
``tts convert recordings/ -o blended/ --from anna --to bert=0.7,carl=0.3``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def run(
    source: Annotated[Path, typer.Argument(help="A recording, or a folder that is searched through.")],
    *,
    output: Annotated[Path, typer.Option("--output", "-o", help="WAV file for one file, else a folder.")],
    to: Annotated[str, typer.Option(help="Whose voice to give: a name, or a blend, anna=0.5,bert=0.5.")],
    from_: Annotated[str | None, typer.Option("--from", help="Who speaks in the recordings.")] = None,
    voice: Annotated[str | None, typer.Option(help="End-to-end; may be left out where there is only one.")] = None,
) -> None:
    """Give recordings the voice of another speaker."""
    from pipeline.converting import convert_files, load_converter
    from pipeline.params import load_params
    from pipeline.paths import Paths
    from pipeline.runtime import load_runtime
    from pipeline.vocoding import SOUNDS, find_places
    from pipeline.voice_options import name_or_blend
    from tts.training.device import prepare_device

    runtime = load_runtime(Path())
    places = find_places(source, output, kinds=SOUNDS)
    prepare_device("fp32", num_threads=runtime.num_workers, equal_batches=False)
    converter = load_converter(load_params(Path()), Paths(Path()), runtime, voice)
    target = name_or_blend(to, converter.inventory.speakers, "--to")
    seconds = convert_files(places, converter, source=from_, target=target)
    typer.echo(f"convert: wrote {output}, {len(places)} sounds, {seconds:.1f} s of speech")
