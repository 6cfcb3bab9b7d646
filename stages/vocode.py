"""Speak recordings by their mels (copy-synthesis), or mels that were saved.

Reads WAV, FLAC, OGG, MP3 and NPY files and models/<run>, writes WAV files. A saved mel is [mels, frames] or [frames,
mels]. Examples: ``tts vocode recordings/ -o copies/ --run demo_vocoder``,
``tts vocode mel.npy -o mel.wav --run my_hifigan --convention tacotron2``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def run(
    source: Annotated[Path, typer.Argument(help="A file, or a folder that is searched through.")],
    *,
    output: Annotated[Path, typer.Option("--output", "-o", help="WAV file for one file, else a folder.")],
    name: Annotated[str, typer.Option("--run", help="Run of a vocoder, whose models/<run> there is.")],
    convention: Annotated[
        str | None,
        typer.Option(
            help="Of saved mels: hifigan, tacotron2, vits2 or melgan; the vocoder's own where it is left out."
        ),
    ] = None,
) -> None:
    """Speak recordings or mels by a vocoder alone."""
    from pipeline.paths import Paths
    from pipeline.runtime import load_runtime
    from pipeline.vocoding import find_places, vocode_files
    from tts.models import load_kind
    from tts.training.device import prepare_device
    from tts.training.processes import choose_device
    from tts.vocoding import LongVocoder

    runtime = load_runtime(Path())
    places = find_places(source, output)
    prepare_device("fp32", num_threads=runtime.num_workers, equal_batches=False)
    model = load_kind(Paths(Path()).model(name), "vocoder", device=choose_device(runtime.device))
    vocoder = LongVocoder(model.network, model.inventory.mel)
    seconds = vocode_files(places, vocoder, convention=convention)
    typer.echo(f"vocode: wrote {output}, {len(places)} sounds, {seconds:.1f} s of speech")
