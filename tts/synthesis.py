"""Speech from text: a front end, an acoustic model and a vocoder that belong together.

synthesizer = Synthesizer.load(Path("models/acoustic"), Path("models/vocoder"), build_frontend(settings))
waveform = synthesizer.say("Good morning.", language="en", speaker="annie", style="calm")
"""

from __future__ import annotations

import difflib
import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from tts.audio.mel_definition import require_equal
from tts.errors import ConfigError, TextError
from tts.interfaces import (
    AcousticModel,
    AttendedSpeech,
    Controls,
    Inventory,
    SpeakerSpace,
    Spoken,
    Unconditional,
    Vocoder,
)
from tts.layers.embedding import blend, position, rows_of
from tts.layers.style_space import StyleSpace
from tts.models import LoadedModel, load_kind
from tts.phones import SILENCE
from tts.styles import Style, VoiceStyles
from tts.text.frontend import Frontend, speakable

logger = logging.getLogger(__name__)

Waveform = npt.NDArray[np.float32]

SpeakerVector = tuple[float, ...]
"""As `tts.speakers` computes it of a recording."""

Speaker = str | Mapping[str, float] | SpeakerVector
"""Who speaks: a name, a blend of names by their weights, or a vector."""

_BATCH = 8
_SHOWN = 80
"""Phones that a message lists at most."""
_NEUTRAL = Controls()
# A full stop or its like, any closing quotes or brackets, then space; Chinese and Japanese ones need no space.
_SENTENCE_END = re.compile(r"(?<=[.!?…])[\"'”’)\]]*\s+|(?<=[。！？])\s*")


@dataclass(frozen=True)
class Line:
    """What is to be said by whom.

    Attributes:
        phones: labels, silences included.
        speaker: name, weights of several names, which are made to sum to 1, or a vector, for voices that are told their
            speakers by vectors; None = the only one there is.
        style: name, mix of names, or vector (see `tts.styles`); None = the only one there is.
    """

    phones: tuple[str, ...]
    speaker: Speaker | None = None
    style: Style | None = None


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
        styles: what may be done with its styles.
    """

    def __init__(self, acoustic: LoadedModel, vocoder: LoadedModel, *, device: torch.device | str = "cpu") -> None:
        """Pair two loaded models that are on `device`.

        Raises:
            ConfigError: their mel definitions differ, or the vocoder takes no mel.
        """
        if isinstance(vocoder.network, Unconditional):
            raise ConfigError(
                f"{vocoder.system}: was trained without a mel, so it speaks no text; choose another vocoder"
            )
        require_equal(acoustic.inventory.mel, vocoder.inventory.mel, what="acoustic model and vocoder")
        self.inventory: Inventory = acoustic.inventory
        self._acoustic = cast(AcousticModel, acoustic.network)
        self._vocoder = cast(Vocoder, vocoder.network)
        self._device = torch.device(device)
        space: StyleSpace | None = getattr(acoustic.network, "style_space", None)
        self.styles = VoiceStyles(self.inventory.styles, space, self.inventory.mel, device=self._device)

    @classmethod
    def load(cls, acoustic: Path, vocoder: Path, *, device: torch.device | str = "cpu") -> Voice:
        """Load two model folders.

        Raises:
            CheckpointError: a folder cannot be read, or holds another kind of model.
            ConfigError: their mel definitions differ.
        """
        pair = load_kind(acoustic, "acoustic", device=device), load_kind(vocoder, "vocoder", device=device)
        return cls(*pair, device=device)

    def require_known(self, phones: Sequence[str]) -> None:
        """Refuse phones that the voice has not learned.

        Raises:
            TextError: names the first, and those that there are.
        """
        symbols = self.inventory.symbols
        unknown = next((phone for phone in phones if phone not in symbols), None)
        if unknown is None:
            return
        remedy = "choose other words or its own language, or train with clips that hold it"
        if f"{unknown}1" in symbols:
            remedy = f"it tells {unknown}0 from {unknown}1, so set text.stress to true"
        raise TextError(f"the voice never heard the phone {unknown!r}, it knows {_shown(symbols, unknown)}; {remedy}")

    def speak(self, lines: Sequence[Line], *, controls: Controls = _NEUTRAL, seed: int = 0) -> list[Speech]:
        """Say several lines; each sounds as it would alone, and the same each time.

        Whoever is given by a vector has the mean and range of pitch of the known speaker who is nearest, unless the
        model learned pitch beside those of all speakers together.

        Args:
            lines: what to say.
            controls: of all lines; where they are arrays, [lines, phones].
            seed: of what a model draws, if it does.

        Raises:
            ConfigError: a speaker or style is unknown, or must be named, or the voice knows its speakers by name only.
            TextError: a phone is unknown.
        """
        speeches: list[Speech] = []
        for start in range(0, len(lines), _BATCH):
            batch = lines[start : start + _BATCH]
            longest = max(len(line.phones) for line in batch)
            with _seeded(self._device, seed):  # anew for each batch, so that a line does not depend on those before
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
            **self.styles.told([line.style for line in lines]),
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

    def _speakers(self, speakers: Sequence[Speaker | None]) -> dict[str, Tensor]:
        """Who speaks, as the acoustic model's `speak` is told."""
        given = {row: torch.tensor(each) for row, each in enumerate(speakers) if isinstance(each, tuple)}
        ids = self._speaker_ids(speakers)
        if not given:
            return {"speaker_ids": ids}
        vectors = rows_of(self._space().means, ids).clone()
        for row, vector in given.items():
            vectors[row] = vector
        return {"speaker_ids": ids, "speaker_vectors": vectors}

    def _speaker_ids(self, speakers: Sequence[Speaker | None]) -> Tensor:
        """Ids [lines], or weights [lines, speakers] where one is a blend; a vector has those of who is nearest."""
        known = self.inventory.speakers
        told = [blend(each, known, "speaker") if isinstance(each, Mapping) else self._row(each) for each in speakers]
        if not any(isinstance(each, Tensor) for each in told):
            return torch.tensor(told, device=self._device)
        single = torch.eye(len(known))
        weights = [each if isinstance(each, Tensor) else single[each] for each in told]
        return torch.stack(weights).to(self._device)

    def _row(self, speaker: str | SpeakerVector | None) -> int:
        if isinstance(speaker, tuple):
            return int(self._space().nearest(torch.tensor(speaker, device=self._device)))
        return position(speaker, self.inventory.speakers, "speaker")

    def _space(self) -> SpeakerSpace:
        space: SpeakerSpace | None = getattr(self._acoustic, "speaker_vectors", None)
        if space is None:
            raise ConfigError(
                f"the voice knows its speakers by name only: {', '.join(self.inventory.speakers)}; choose one of them, "
                "or train it with model.speaker 'vector' or 'both'"
            )
        return space


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
        speaker: Speaker | None = None,
        style: Style | None = None,
        controls: Controls = _NEUTRAL,
        seed: int = 0,
    ) -> Waveform:
        """Speak a text of any length, sentence by sentence.

        Args:
            text: as written.
            language: of the text, as the front end calls it.
            speaker: name, weights of several names, or vector; None = the only one there is.
            style: name, mix of names, or vector; None = the only one there is.
            controls: pitch, energy and speed.
            seed: of what a model draws, if it does.

        Returns:
            [samples] in [-1, 1].

        Raises:
            ConfigError: the speaker or style is unknown, or must be named.
            TextError: nothing is left to say, or a phone is unknown.
        """
        sentences = split_sentences(self.frontend.normalize(text, language))
        lines = [Line(phones, speaker, style) for phones in self.pronounce(sentences, language)]
        return np.concatenate([speech.waveform for speech in self.voice.speak(lines, controls=controls, seed=seed)])

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


@contextmanager
def _seeded(device: torch.device, seed: int) -> Iterator[None]:
    """Let torch draw from a seed, and go on afterwards as if it had not."""
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield


def _shown(symbols: Sequence[str], unknown: str) -> str:
    if len(symbols) <= _SHOWN:
        return " ".join(symbols)
    return f"{len(symbols)} others, of which {' '.join(difflib.get_close_matches(unknown, symbols, cutoff=0))} are near"


def _warn(lines: Sequence[Line], failures: Sequence[str]) -> None:
    for line, failure in zip(lines, failures, strict=True):
        if failure:
            logger.warning("attention failed in %r: %s", " ".join(line.phones), failure)
