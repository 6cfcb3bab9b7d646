"""Speak any texts with a voice into a folder; without texts, this is the stage synthesize.

Reads lines of ``id|text``, or of text alone, or a folder of .txt or .lab files, and the models of the voice, writes a
WAV for each; begun again, it makes only what is missing or has changed. Examples: ``tts synthesize demo``,
``tts synthesize demo --texts lines.txt -o sounds/ --speaker annie``.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stages import synthesize
from stages import voice_options as options

if TYPE_CHECKING:
    from pipeline.reading_aloud import Manner


def run(
    voice: Annotated[str, typer.Argument(help="A voice of params.yaml.")],
    *,
    texts: Annotated[Path | None, typer.Option(help="Lines, or a folder of .txt or .lab; else the test split.")] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Folder for sounds of --texts.")] = None,
    language: options.Language = "en",
    speaker: options.Speaker = None,
    speaker_reference: options.SpeakerReference = None,
    style: options.StyleName = None,
    style_reference: options.StyleReference = None,
    style_token: options.StyleToken = None,
    style_dimension: options.StyleDimension = None,
    style_temperature: options.StyleTemperature = 0.0,
    seed: options.Seed = 0,
    pitch_scale: options.Scale = 1.0,
    pitch_semitones: options.Semitones = 0.0,
    energy_scale: options.Scale = 1.0,
    energy_db: options.Decibels = 0.0,
    duration_scale: options.Scale = 1.0,
    noise_scale: options.NoiseScale = None,
) -> None:
    """Speak the test sentences with a voice, or any texts."""
    from pipeline.params import load_params
    from pipeline.paths import Paths
    from pipeline.reading_aloud import Manner
    from pipeline.runtime import load_runtime
    from pipeline.speaking import voice_folders
    from pipeline.voice_options import SpeakerOptions, StyleOptions
    from tts.errors import ConfigError
    from tts.interfaces import Controls

    if (texts is None) != (output is None):
        raise ConfigError("--texts and --output belong together: what is spoken, and the folder for the sounds")
    if texts is None or output is None:
        if any((speaker, speaker_reference, style, style_reference, style_token, style_dimension)):
            raise ConfigError("speakers and styles are for --texts; the test split is spoken as params.yaml says")
        synthesize.run(voice)
        return
    params, runtime = load_params(Path()), load_runtime(Path())
    folders = voice_folders(params, Paths(Path()), runtime, voice)
    who = SpeakerOptions(speaker, speaker_reference)
    asked = StyleOptions(style, style_reference, style_token, style_dimension, style_temperature, seed)
    loaded = folders.load()
    manner = Manner(
        folders,
        params.text,
        language,
        speaker=who.of(loaded.inventory.speakers),
        style=asked.of(loaded),
        controls=Controls.of(
            pitch_scale=pitch_scale,
            pitch_semitones=pitch_semitones,
            energy_scale=energy_scale,
            energy_db=energy_db,
            duration_scale=duration_scale,
            noise_scale=noise_scale,
        ),
        seed=seed,
    )
    _speak_texts(texts, manner, output)


def _speak_texts(source: Path, manner: Manner, output: Path) -> None:
    """Speak texts, and tell at the end which could not be."""
    from pipeline.parallel import ThisProcess, open_executor
    from pipeline.reading_aloud import read_aloud, read_texts
    from pipeline.runtime import load_runtime

    with open_executor(load_runtime(Path())) as workers:
        executor = workers if manner.voice.device == "cpu" else ThisProcess()  # a GPU serves one process
        said = read_aloud(read_texts(source), manner, output, executor=executor)
    spoken = f"{len(said.spoken)} spoken ({said.seconds:.1f} s of speech), {len(said.kept)} kept"
    typer.echo(f"synthesize: wrote {output}, {spoken}, {len(said.failed)} failed")
    for name, reason in said.failed.items():
        typer.secho(f"{name}: {reason}", fg="red", err=True)
    if said.failed:
        raise typer.Exit(1)
