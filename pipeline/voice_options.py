"""Whom and which style the options of commands that speak ask for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tts.errors import AudioError, ConfigError

if TYPE_CHECKING:  # the command line answers before torch is there
    from tts.styles import Style, StyleVector
    from tts.synthesis import Speaker, Voice


_EXAMPLES = {
    "--style": "calm=0.3,lively=0.7",
    "--style-token": "3=0.4",
    "--style-dimension": "5=2.0",
    "--to": "anna=0.5,bert=0.5",
    "--speaker": "anna=0.5,bert=0.5",
}


@dataclass(frozen=True)
class SpeakerOptions:
    """As they were typed.

    Attributes:
        name: or weights of names, anna=0.5,bert=0.5.
        recordings: of whom to speak like.

    Raises:
        ConfigError: both are given.
    """

    name: str | None
    recordings: Sequence[Path] | None

    def __post_init__(self) -> None:
        """Refuse two who speak."""
        if self.name is not None and self.recordings:
            raise ConfigError("--speaker and --speaker-reference both say who speaks; give one of them")

    def of(self, known: Sequence[str]) -> Speaker | None:
        """Give whom they ask for; None = nobody in particular.

        Args:
            known: names that the voice knows.

        Raises:
            ConfigError: a blend cannot be read, or the encoder's weights are absent.
            AudioError: a recording cannot be read, or has too little speech.
        """
        if self.recordings:
            from pipeline.vectors import reference_vector

            return reference_vector(self.recordings)
        return name_or_blend(self.name, known, "--speaker") if self.name is not None else None


@dataclass(frozen=True)
class StyleOptions:
    """As they were typed.

    Attributes:
        style: a name, or a mix such as ``calm=0.3,lively=0.7``.
        references: recordings whose mean style it is.
        tokens: such as ``3=0.4``, of all heads, or ``1:3=0.4``, of head 1.
        dimensions: such as ``5=2.0``, in standard deviations of training clips.
        temperature: how far a style that is drawn anew strays; 0 = none is drawn.
        seed: of the draw.
    """

    style: str | None = None
    references: Sequence[Path] | None = None
    tokens: Sequence[str] | None = None
    dimensions: Sequence[str] | None = None
    temperature: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse options that contradict each other."""
        given = {"--style": self.style, "--style-reference": self.references, "--style-token": self.tokens}
        named = [name for name, value in given.items() if value]
        if len(named) > 1:
            raise ConfigError(f"{' and '.join(named)} contradict each other; give one of them")

    def of(self, voice: Voice) -> Style | None:
        """Give the style that is asked for; None = the only one there is.

        Raises:
            ConfigError: the voice has no such style, or an option is not what it should be.
            AudioError: a reference cannot be read, or has too little speech.
        """
        style = self._start(voice)
        if not self.dimensions and not self.temperature:
            return style
        offsets = {
            _index(key): value for key, value in numbers_by_name(self.dimensions or (), "--style-dimension").items()
        }
        return voice.styles.varied(style, offsets=offsets, temperature=self.temperature, seed=self.seed)

    def _start(self, voice: Voice) -> Style | None:
        if self.references:
            return _heard(voice, self.references)
        if self.tokens:
            weights = numbers_by_name(self.tokens, "--style-token")
            return voice.styles.of_tokens({_head_and_token(key): weight for key, weight in weights.items()})
        if self.style is None or "=" not in self.style or self.style in voice.styles.names:
            return self.style
        return numbers_by_name(self.style.split(","), "--style")


def _heard(voice: Voice, references: Sequence[Path]) -> StyleVector:
    from tts.audio.files import read_audio

    waveforms = []
    for path in references:
        waveform = read_audio(path, sample_rate=voice.inventory.mel.sample_rate)
        try:
            voice.styles.require_audible(waveform)
        except AudioError as error:
            raise AudioError(f"{path}: {error}") from error
        waveforms.append(waveform)
    return voice.styles.of_recordings(waveforms)


def name_or_blend(text: str, known: Sequence[str], option: str) -> str | dict[str, float]:
    """Give a speaker's name, or the weights of a blend such as ``anna=0.5,bert=0.5``.

    Raises:
        ConfigError: it is neither.
    """
    if "=" not in text or text in known:
        return text
    return numbers_by_name(text.split(","), option)


def numbers_by_name(texts: Sequence[str], option: str) -> dict[str, float]:
    """Read texts such as ``name=number``.

    Raises:
        ConfigError: a text is none, or a name is there twice; names the option.
    """
    numbers: dict[str, float] = {}
    for text in texts:
        name, number = _name_and_number(text, option)
        if name in numbers:
            raise ConfigError(f"{option} names {name!r} twice; give it one number")
        numbers[name] = number
    return numbers


def _name_and_number(text: str, option: str) -> tuple[str, float]:
    name, _, number = text.rpartition("=")
    try:
        if name:
            return name.strip(), float(number)
    except ValueError:
        pass
    raise ConfigError(f"{option}: {text!r} is not a name with a number; write {_EXAMPLES[option]}")


def _head_and_token(text: str) -> tuple[int | None, int]:
    head, colon, token = text.rpartition(":")
    return _index(head) if colon else None, _index(token)


def _index(text: str) -> int:
    if not text.isdecimal():
        raise ConfigError(f"{text!r} is no number of a token, head or dimension; they are counted from 0")
    return int(text)
