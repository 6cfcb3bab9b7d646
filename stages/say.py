"""Speak any text with a trained voice.

Reads the two models/<run> of a voice in params.yaml, writes a WAV. Example:
``tts say "Good morning." -o morning.wav --voice demo --speaker annie --style calm --duration-scale 1.1``. With
``--speaker-reference recording.wav`` a voice trained on speaker vectors speaks like whoever is heard there.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

_Name = Annotated[str | None, typer.Option(help="May be left out where there is only one.")]
_Scale = Annotated[float, typer.Option(min=0.1, max=10, help="A factor; 1 leaves it as it is.")]


def run(
    text: str,
    *,
    output: Annotated[Path, typer.Option("--output", "-o", help="WAV file to write.")],
    voice: _Name = None,
    language: Annotated[str, typer.Option(help="Of the text, as the corpus calls it.")] = "en",
    speaker: _Name = None,
    speaker_reference: Annotated[
        list[Path] | None,
        typer.Option(help="Recordings of someone to speak like, in place of --speaker; may be given several times."),
    ] = None,
    style: _Name = None,
    pitch_scale: _Scale = 1.0,
    energy_scale: _Scale = 1.0,
    duration_scale: _Scale = 1.0,
    noise_scale: Annotated[
        float | None, typer.Option(min=0, help="Of end-to-end voices: how far they may stray, 0 = not at all.")
    ] = None,
) -> None:
    """Speak a text into a WAV file."""
    from pipeline.output import replaced_file
    from pipeline.params import load_params
    from pipeline.paths import Paths
    from pipeline.runtime import load_runtime
    from pipeline.speaking import voice_folders
    from pipeline.vectors import reference_vector
    from tts.audio.files import write_wav
    from tts.errors import ConfigError
    from tts.interfaces import Controls
    from tts.synthesis import Synthesizer
    from tts.text.frontend import build_frontend

    if speaker is not None and speaker_reference:
        raise ConfigError("--speaker and --speaker-reference both say who speaks; give one of them")
    params, paths, runtime = load_params(Path()), Paths(Path()), load_runtime(Path())
    loaded = voice_folders(params, paths, runtime, voice).load()
    waveform = Synthesizer(loaded, build_frontend(params.text)).say(
        text,
        language=language,
        speaker=reference_vector(speaker_reference) if speaker_reference else speaker,
        style=style,
        controls=Controls(
            pitch_scale=pitch_scale,
            energy_scale=energy_scale,
            duration_scale=duration_scale,
            noise_scale=noise_scale,
        ),
    )
    sample_rate = loaded.inventory.mel.sample_rate
    with replaced_file(output) as temporary:
        write_wav(temporary, waveform, sample_rate=sample_rate)
    typer.echo(f"say: wrote {output}, {len(waveform) / sample_rate:.1f} s of speech")
