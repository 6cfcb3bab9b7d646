"""Voice conversion of files: recordings of one speaker, given the voice of another by an end-to-end voice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from pipeline.params import Params
from pipeline.paths import Paths
from pipeline.runtime import Runtime
from pipeline.speaking import voice_folders
from pipeline.vocoding import write_sounds
from tts.audio.files import read_audio
from tts.end_to_end_voice import EndToEndVoice
from tts.errors import AudioError, ConfigError
from tts.synthesis import Waveform

Target = str | Mapping[str, float]

_MOST_SECONDS = 60  # the memory of attention grows with their square


def load_converter(params: Params, paths: Paths, runtime: Runtime, name: str | None) -> EndToEndVoice:
    """Load a voice of params.yaml that can convert; without a name, the only one that is built.

    Raises:
        ConfigError: there is no such voice, it must be named, or it is not end-to-end.
        CheckpointError: its model cannot be read.
    """
    folders = voice_folders(params, paths, runtime, name)
    voice = folders.load() if folders.vocoder is None else None
    if isinstance(voice, EndToEndVoice):
        return voice
    able = ", ".join(sorted(each for each, settings in params.voices.items() if settings.end_to_end)) or "none"
    which = "the voice" if name is None else f"--voice {name}"
    raise ConfigError(f"{which} is an acoustic model and a vocoder; only end-to-end voices convert, there is: {able}")


def convert_files(
    places: Sequence[tuple[Path, Path]], voice: EndToEndVoice, *, source: str | None, target: Target
) -> float:
    """Convert recordings; give the seconds of speech.

    Args:
        places: of each recording and of the sound made of it (see `pipeline.vocoding.find_places`).
        voice: of several speakers.
        source: who speaks in the recordings.
        target: whose voice they are given.

    Raises:
        AudioError: a file cannot be read, or is too short or too long.
        ConfigError: as `EndToEndVoice.convert`, or the source is not named.
    """
    speakers = voice.inventory.speakers
    if source is None and len(speakers) > 1:
        raise ConfigError(f"--from must name who speaks in the recordings; the voice has: {', '.join(speakers)}")
    return write_sounds(
        places,
        lambda recording: _converted(recording, voice, source or "", target),
        sample_rate=voice.inventory.mel.sample_rate,
        label="convert",
    )


def _converted(path: Path, voice: EndToEndVoice, source: str, target: Target) -> Waveform:
    rate = voice.inventory.mel.sample_rate
    waveform = read_audio(path, sample_rate=rate)
    seconds = len(waveform) / rate
    if seconds > _MOST_SECONDS:
        raise AudioError(f"{path}: lasts {seconds:.0f} s; cut it into pieces of {_MOST_SECONDS} s at most")
    try:
        return voice.convert(waveform, source=source, target=target)
    except AudioError as error:
        raise AudioError(f"{path}: {error}") from error
