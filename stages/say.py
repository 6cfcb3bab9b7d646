"""Speak any text with a trained voice.

Reads the two models/<run> of a voice in params.yaml, writes a WAV. Example:
``tts say "Good morning." -o morning.wav --voice demo --speaker annie=0.5,carl=0.5 --style calm=0.3,lively=0.7``. A
voice trained on speaker vectors speaks like ``--speaker-reference``, one that learned styles in the style of
``--style-reference``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

_Name = Annotated[str | None, typer.Option(help="May be left out where there is only one.")]
_Paths = list[Path] | None
_Texts = list[str] | None
_Scale = Annotated[float, typer.Option(min=0.1, max=10, help="A factor; 1 leaves it as it is.")]


def run(
    text: str,
    *,
    output: Annotated[Path, typer.Option("--output", "-o", help="WAV file to write.")],
    voice: _Name = None,
    language: Annotated[str, typer.Option(help="Of the text, as the corpus calls it.")] = "en",
    speaker: Annotated[str | None, typer.Option(help="A name, or a blend: anna=0.5,bert=0.5.")] = None,
    speaker_reference: Annotated[_Paths, typer.Option(help="Recordings of whom to speak like, not --speaker.")] = None,
    style: Annotated[str | None, typer.Option(help="A name, or a mix: calm=0.3,lively=0.7.")] = None,
    style_reference: Annotated[_Paths, typer.Option(help="Recordings whose mean style to take, not --style.")] = None,
    style_token: Annotated[_Texts, typer.Option(help="Weight of a GST token, 3=0.4, or of a head's, 1:3=0.4.")] = None,
    style_dimension: Annotated[_Texts, typer.Option(help="Move a learned style, 5=2.0, in deviations.")] = None,
    style_temperature: Annotated[float, typer.Option(min=0, help="Draw a style so many deviations around.")] = 0.0,
    seed: Annotated[int, typer.Option(help="Of what is drawn; the same seed gives the same speech.")] = 0,
    pitch_scale: _Scale = 1.0,
    pitch_semitones: Annotated[float, typer.Option(min=-24, max=24, help="On top of the scale; 12 double it.")] = 0.0,
    energy_scale: _Scale = 1.0,
    energy_db: Annotated[float, typer.Option(min=-40, max=20, help="On top of the scale; 6 double it.")] = 0.0,
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
    from pipeline.style_options import StyleOptions, name_or_blend
    from pipeline.vectors import reference_vector
    from tts.audio.files import write_wav
    from tts.errors import ConfigError
    from tts.interfaces import Controls
    from tts.synthesis import Synthesizer
    from tts.text.frontend import build_frontend

    if speaker is not None and speaker_reference:
        raise ConfigError("--speaker and --speaker-reference both say who speaks; give one of them")
    asked = StyleOptions(style, style_reference, style_token, style_dimension, style_temperature, seed)
    params, paths, runtime = load_params(Path()), Paths(Path()), load_runtime(Path())
    loaded = voice_folders(params, paths, runtime, voice).load()
    named = name_or_blend(speaker, loaded.inventory.speakers, "--speaker") if speaker else None
    waveform = Synthesizer(loaded, build_frontend(params.text)).say(
        text,
        language=language,
        speaker=reference_vector(speaker_reference) if speaker_reference else named,
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
    rate = loaded.inventory.mel.sample_rate
    with replaced_file(output) as temporary:
        write_wav(temporary, waveform, sample_rate=rate)
    typer.echo(f"say: wrote {output}, {len(waveform) / rate:.1f} s of speech")
