"""Make a model of a public checkpoint, which voices and fine-tuning then use like any trained run.

Reads a file that others published and what belongs to it, writes models/<run>. Nothing in the file is run. Examples:
``tts import-checkpoint g_02500000 --run public_v1 --config config.json --discriminator do_02500000``,
``tts import-checkpoint 900000.pth.tar --run public_fs2 --statistics stats.json --config model.yaml``. Then
``dvc add models/public_v1`` keeps it, and ``voices`` and ``init_from`` in params.yaml may name it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def run(
    file: Annotated[Path, typer.Argument(help="Safetensors, or what torch.save wrote.")],
    *,
    name: Annotated[str, typer.Option("--run", help="Name of the model.")],
    layout: Annotated[str | None, typer.Option(help="Left out, it is found by the tensors.")] = None,
    config: Annotated[list[Path] | None, typer.Option(help="As published, JSON or YAML; may be given often.")] = None,
    statistics: Annotated[Path | None, typer.Option(help="stats.json of FastSpeech 2.")] = None,
    speakers: Annotated[Path | None, typer.Option(help="speakers.json: names by id, or ids by name.")] = None,
    symbols: Annotated[Path | None, typer.Option(help="A symbol on each line, in the order of ids.")] = None,
    discriminator: Annotated[Path | None, typer.Option(help="do_ file of HiFi-GAN, for fine-tuning.")] = None,
    mel: Annotated[list[str] | None, typer.Option(help="FIELD=VALUE of the mel definition, to correct it.")] = None,
    license_: Annotated[str | None, typer.Option("--license", help="Kept with the model.")] = None,
    source: Annotated[str | None, typer.Option(help="URL; kept with the model.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a model of this name.")] = False,
) -> None:
    """Make a model of a public checkpoint."""
    from pipeline.importing import Files, describe, fields, import_files, require_free
    from pipeline.paths import Paths

    paths = Paths(Path())
    require_free(paths, name, force=force)
    files = Files(file, discriminator, tuple(config or ()), statistics, speakers, symbols)
    credit = {"license": license_, "source": source}
    imported = import_files(files, paths.model(name), layout=layout, mel=fields(mel or ()), credit=credit)
    for line in describe(imported):
        typer.echo(f"import-checkpoint {name}: {line}")
    typer.echo(f"import-checkpoint {name}: wrote {paths.model(name)}; `dvc add {paths.model(name)}` keeps it")
