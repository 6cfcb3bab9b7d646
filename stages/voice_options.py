"""The options of commands that let a voice speak: who, in which style, how high, loud and fast."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Name = Annotated[str | None, typer.Option(help="May be left out where there is only one.")]
Language = Annotated[str, typer.Option(help="Of the text, as the corpus calls it.")]
Speaker = Annotated[str | None, typer.Option(help="A name, or a blend: anna=0.5,bert=0.5.")]
SpeakerReference = Annotated[list[Path] | None, typer.Option(help="Recordings of whom to speak like, not --speaker.")]
StyleName = Annotated[str | None, typer.Option(help="A name, or a mix: calm=0.3,lively=0.7.")]
StyleReference = Annotated[list[Path] | None, typer.Option(help="Recordings whose mean style to take, not --style.")]
StyleToken = Annotated[list[str] | None, typer.Option(help="Weight of a GST token, 3=0.4, or of a head's, 1:3=0.4.")]
StyleDimension = Annotated[list[str] | None, typer.Option(help="Move a learned style, 5=2.0, in deviations.")]
StyleTemperature = Annotated[float, typer.Option(min=0, help="Draw a style so many deviations around.")]
Seed = Annotated[int, typer.Option(help="Of what is drawn; the same seed gives the same speech.")]
Scale = Annotated[float, typer.Option(min=0.1, max=10, help="A factor; 1 leaves it as it is.")]
Semitones = Annotated[float, typer.Option(min=-24, max=24, help="On top of the scale; 12 double it.")]
Decibels = Annotated[float, typer.Option(min=-40, max=20, help="On top of the scale; 6 double it.")]
NoiseScale = Annotated[
    float | None, typer.Option(min=0, help="Of end-to-end voices: how far they may stray, 0 = not at all.")
]
