"""Speech from text: a front end, an acoustic model and a vocoder that belong together.

synthesizer = Synthesizer.load(Path("models/acoustic"), Path("models/vocoder"), build_frontend(settings))
waveform = synthesizer.say("Good morning.", language="en", speaker="annie", style="calm")
"""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from tts.audio.mel_definition import require_equal
from tts.errors import CheckpointError, ConfigError, TextError
from tts.interfaces import AcousticModel, AttendedSpeech, Controls, Inventory, Kind, SpeakerSpace, Spoken, Vocoder
from tts.models import LoadedModel, load_model
from tts.phones import SILENCE
from tts.text.frontend import Frontend, speakable

logger = logging.getLogger(__name__)

Waveform = npt.NDArray[np.float32]

SpeakerVector = tuple[float, ...]
"""As `tts.speakers` computes it of a recording."""

_BATCH = 8
_NEUTRAL = Controls()
# A full stop or its like, any closing quotes or brackets, then space; Chinese and Japanese ones need no space.
_SENTENCE_END = re.compile(r"(?<=[.!?…])[\"'”’)\]]*\s+|(?<=[。！？])\s*")


@dataclass(frozen=True)
class Line:
    """What is to be said by whom.

    Attributes:
        phones: labels, silences included.
        speaker: name, or a vector, for voices that are told their speakers by vectors; None = the only one there is.
        style: name; None = the only one there is.
    """

    phones: tuple[str, ...]
    speaker: str | SpeakerVector | None = None
    style: str | None = None


@dataclass(frozen=True)
class Speech:
    """What was said.

    Attributes:
        waveform: [samples] in [-1, 1].
        durations: [phones] frames.
    """

    waveform: Waveform
    durations: npt.NDArray[np.int32]


class Voice:
    """Phones to waveforms: an acoustic model and a vocoder of one mel definition.

    Attributes:
        inventory: the acoustic model's symbols, speakers and styles, and the mel definition of both.
    """

    def __init__(self, acoustic: LoadedModel, vocoder: LoadedModel, *, device: torch.device | str = "cpu") -> None:
        """Pair two loaded models that are on `device`.

        Raises:
            ConfigError: their mel definitions differ.
        """
        require_equal(acoustic.inventory.mel, vocoder.inventory.mel, what="acoustic model and vocoder")
        self.inventory: Inventory = acoustic.inventory
        self._acoustic = cast(AcousticModel, acoustic.network)
        self._vocoder = cast(Vocoder, vocoder.network)
        self._device = torch.device(device)

    @classmethod
    def load(cls, acoustic: Path, vocoder: Path, *, device: torch.device | str = "cpu") -> Voice:
        """Load two model folders.

        Raises:
            CheckpointError: a folder cannot be read, or holds another kind of model.
            ConfigError: their mel definitions differ.
        """
        pair = load_of_kind(acoustic, "acoustic", device), load_of_kind(vocoder, "vocoder", device)
        return cls(*pair, device=device)

    def require_known(self, phones: Sequence[str]) -> None:
        """Refuse phones that the voice has not learned.

        Raises:
            TextError: names the first, and those that there are.
        """
        unknown = [phone for phone in phones if phone not in self.inventory.symbols]
        if unknown:
            raise TextError(
                f"the voice never heard the phone {unknown[0]!r}, it knows {' '.join(self.inventory.symbols)}; "
                "choose other words or its own language, or train with clips that hold it"
            )

    def speak(self, lines: Sequence[Line], *, controls: Controls = _NEUTRAL) -> list[Speech]:
        """Say several lines; each sounds as it would alone.

        Whoever is given by a vector has the mean and range of pitch of the known speaker who is nearest.

        Args:
            lines: what to say.
            controls: of all lines; where they are arrays, [lines, phones].

        Raises:
            ConfigError: a speaker or style is unknown, or must be named, or the voice knows its speakers by name only.
            TextError: a phone is unknown.
        """
        speeches: list[Speech] = []
        for start in range(0, len(lines), _BATCH):
            batch = lines[start : start + _BATCH]
            longest = max(len(line.phones) for line in batch)
            speeches += self._speak_batch(batch, controls.rows(start, start + _BATCH, longest).to(self._device))
        return speeches

    @torch.inference_mode()
    def vocode(self, mel: npt.NDArray[np.float32]) -> Waveform:
        """Copy-synthesis: the waveform [samples] of a log-mel [frames, mels]."""
        return self._vocode(torch.from_numpy(np.array(mel)).to(self._device))

    def copy(self, mel: npt.NDArray[np.float32], waveform: Waveform, *, speaker: str) -> Waveform:
        """Copy-synthesis of a recording [samples] of a known speaker, whose log-mel is [frames, mels]."""
        return self.vocode(mel)

    @torch.inference_mode()
    def _speak_batch(self, lines: Sequence[Line], controls: Controls) -> list[Speech]:
        if controls.noise_scale is not None:
            raise ConfigError(
                "noise_scale has no effect on an acoustic model and a vocoder; leave it out, or use an end-to-end voice"
            )
        ids = [self._phone_ids(line.phones) for line in lines]
        spoken = self._acoustic.speak(
            torch.nn.utils.rnn.pad_sequence(ids, batch_first=True).to(self._device),
            torch.tensor([len(each) for each in ids], device=self._device),
            **self._speakers([line.speaker for line in lines]),
            style_ids=self._name_ids([line.style for line in lines], self.inventory.styles, "style"),
            controls=controls,
        )
        if isinstance(spoken, AttendedSpeech):
            _warn(lines, spoken.failures)
        return [self._speech(spoken, row, num_phones=len(line.phones)) for row, line in enumerate(lines)]

    def _speech(self, spoken: Spoken, row: int, *, num_phones: int) -> Speech:
        mel = spoken.mel[row, : int(spoken.mel_lengths[row])]
        durations = spoken.durations[row, :num_phones].cpu().numpy().astype(np.int32)
        return Speech(self._vocode(mel), durations)

    def _vocode(self, mel: Tensor) -> Waveform:
        waveform: Waveform = self._vocoder(mel.T[None])[0].float().cpu().numpy()
        return waveform

    def _phone_ids(self, phones: Sequence[str]) -> Tensor:
        self.require_known(phones)
        return torch.tensor([self.inventory.symbols.index(phone) for phone in phones])

    def _speakers(self, speakers: Sequence[str | SpeakerVector | None]) -> dict[str, Tensor]:
        """Who speaks, as the acoustic model's `speak` is told."""
        given = {row: torch.tensor(each) for row, each in enumerate(speakers) if isinstance(each, tuple)}
        names = [None if isinstance(each, tuple) else each for each in speakers]
        if not given:
            return {"speaker_ids": self._name_ids(names, self.inventory.speakers, "speaker")}
        space = self._space()
        ids = [
            int(space.nearest(given[row].to(self._device)))
            if row in given
            else _position(name, self.inventory.speakers, "speaker")
            for row, name in enumerate(names)
        ]
        vectors = space.means[ids]
        for row, vector in given.items():
            vectors[row] = vector
        return {"speaker_ids": torch.tensor(ids, device=self._device), "speaker_vectors": vectors}

    def _space(self) -> SpeakerSpace:
        space: SpeakerSpace | None = getattr(self._acoustic, "speaker_vectors", None)
        if space is None:
            raise ConfigError(
                f"the voice knows its speakers by name only: {', '.join(self.inventory.speakers)}; choose one of them, "
                "or train it with model.speaker 'vector' or 'both'"
            )
        return space

    def _name_ids(self, names: Sequence[str | None], known: Sequence[str], what: str) -> Tensor:
        return torch.tensor([_position(name, known, what) for name in names], device=self._device)


class Synthesizer:
    """Text to waveforms.

    Attributes:
        voice: says the phones.
        frontend: finds the phones.
    """

    def __init__(self, voice: Voice, frontend: Frontend) -> None:
        self.voice = voice
        self.frontend = frontend

    @classmethod
    def load(
        cls, acoustic: Path, vocoder: Path, frontend: Frontend, *, device: torch.device | str = "cpu"
    ) -> Synthesizer:
        """Load two model folders to speak what `frontend` reads.

        Raises:
            CheckpointError: a folder cannot be read, or holds another kind of model.
            ConfigError: their mel definitions differ.
        """
        return cls(Voice.load(acoustic, vocoder, device=device), frontend)

    def say(
        self,
        text: str,
        *,
        language: str,
        speaker: str | SpeakerVector | None = None,
        style: str | None = None,
        controls: Controls = _NEUTRAL,
    ) -> Waveform:
        """Speak a text of any length, sentence by sentence.

        Args:
            text: as written.
            language: of the text, as the front end calls it.
            speaker: name or vector; None = the only one there is.
            style: name; None = the only one there is.
            controls: pitch, energy and speed.

        Returns:
            [samples] in [-1, 1].

        Raises:
            ConfigError: the speaker or style is unknown, or must be named.
            TextError: nothing is left to say, or a phone is unknown.
        """
        sentences = split_sentences(self.frontend.normalize(text, language))
        lines = [Line(phones, speaker, style) for phones in self.pronounce(sentences, language)]
        return np.concatenate([speech.waveform for speech in self.voice.speak(lines, controls=controls)])

    def pronounce(self, texts: Sequence[str], language: str) -> list[tuple[str, ...]]:
        """Phones of normalized texts, with the silences that the voice has learned.

        Raises:
            TextError: a text has nothing to say, or a phone that the voice has not learned.
        """
        pronounced = self.frontend.pronounce(texts, language)
        return [self._phones(text, speakable(words)) for text, words in zip(texts, pronounced, strict=True)]

    def _phones(self, text: str, phones: tuple[str, ...]) -> tuple[str, ...]:
        if set(phones) <= {SILENCE}:
            raise TextError(f"{text!r} has nothing to say; write at least one word")
        if SILENCE not in self.voice.inventory.symbols:  # recordings cut tight have none to learn
            phones = tuple(phone for phone in phones if phone != SILENCE)
        self.voice.require_known(phones)
        return phones


def split_sentences(text: str) -> list[str]:
    """Cut a text after every mark that ends a sentence; pieces without a letter or digit join what is before them."""
    sentences: list[str] = []
    for piece in _SENTENCE_END.split(text):
        if any(each.isalnum() for each in piece) or not sentences:
            sentences.append(piece)
        else:
            sentences[-1] = f"{sentences[-1]} {piece}".strip()
    return sentences


def _warn(lines: Sequence[Line], failures: Sequence[str]) -> None:
    for line, failure in zip(lines, failures, strict=True):
        if failure:
            logger.warning("attention failed in %r: %s", " ".join(line.phones), failure)


def load_of_kind(folder: Path, kind: Kind, device: torch.device | str) -> LoadedModel:
    """Load a model folder of one kind.

    Raises:
        CheckpointError: it cannot be read, or holds another kind of model.
    """
    model = load_model(folder, device=device)
    if model.kind != kind:
        raise CheckpointError(f"{folder}: holds {model.system}, not a model of kind {kind}; name another folder")
    return model


def _position(name: str | None, known: Sequence[str], what: str) -> int:
    if name is None and len(known) <= 1:
        return 0
    if name in known:
        return known.index(name)
    problem = f"{what} must be named" if name is None else f"{what} {name!r} is unknown"
    raise ConfigError(f"{problem}; the voice has: {', '.join(known) or 'none'}")
