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

from stages import voice_options as options


def run(
    text: str,
    *,
    output: Annotated[Path, typer.Option("--output", "-o", help="WAV file to write.")],
    voice: options.Name = None,
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
    """Speak a text into a WAV file."""
    from pipeline.output import replaced_file
    from pipeline.params import load_params
    from pipeline.paths import Paths
    from pipeline.runtime import load_runtime
    from pipeline.speaking import voice_folders
    from pipeline.voice_options import SpeakerOptions, StyleOptions
    from tts.audio.files import write_wav
    from tts.interfaces import Controls
    from tts.synthesis import Synthesizer
    from tts.text.frontend import build_frontend

    who = SpeakerOptions(speaker, speaker_reference)
    asked = StyleOptions(style, style_reference, style_token, style_dimension, style_temperature, seed)
    params, paths, runtime = load_params(Path()), Paths(Path()), load_runtime(Path())
    loaded = voice_folders(params, paths, runtime, voice).load()
    waveform = Synthesizer(loaded, build_frontend(params.text)).say(
        text,
        language=language,
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
    rate = loaded.inventory.mel.sample_rate
    with replaced_file(output) as temporary:
        write_wav(temporary, waveform, sample_rate=rate)
    typer.echo(f"say: wrote {output}, {len(waveform) / rate:.1f} s of speech")
