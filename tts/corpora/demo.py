"""The embedded corpus: sentences of our own, spoken by espeak-ng, with the true time of every phone.

Size: as many clips as are asked for, about 3 s each, 22,050 Hz. Licence: the sentences are MIT like this project;
espeak-ng (GPL-3.0) is used as a program and none of it is kept. URL: none, it is made on the spot.
"""

from __future__ import annotations

import csv
import io
import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import Field

from tts.audio.files import write_wav
from tts.config import config
from tts.corpora.demo_sentences import Language, sentences
from tts.corpora.limits import ClipLimits
from tts.corpora.recordings import Dropped, Recording
from tts.corpora.tools import Tools
from tts.corpora.transcripts import read_text
from tts.corpora.trees import Tree
from tts.data.tables import PHONES, write_table
from tts.errors import CorpusError
from tts.phones import SILENCE
from tts.text.espeak import Manner, Speech, SpokenPhone, speak

NamedSpeaker = Literal["anika", "annie", "boris", "carl", "ian", "michael", "nils", "olga", "quincy", "steph"]
Style = Literal["neutral", "calm", "excited"]

LICENCE = "the sentences are MIT, and all clips are made by espeak-ng, a synthesiser"
_LANGUAGE_VOICES = {"en": "en-us", "ko": "ko"}
# Variants that speak en-us with the very same phones, without echo (closures stay exact zeros), without clipping, and
# not by the Klatt synthesizer, whose noise differs from run to run.
_SPEAKERS: dict[NamedSpeaker, Manner] = {
    "anika": Manner("+anika", pitch=35, rate=150),
    "annie": Manner("+Annie", pitch=50, rate=175),
    "boris": Manner("+boris", pitch=50, rate=165),
    "carl": Manner("", pitch=50, rate=170),
    "ian": Manner("+ian", pitch=50, rate=170),
    "michael": Manner("+Michael", pitch=64, rate=185),
    "nils": Manner("+Nguyen", pitch=45, rate=180),
    "olga": Manner("+aunty", pitch=50, rate=160),
    "quincy": Manner("+quincy", pitch=55, rate=180),
    "steph": Manner("+steph", pitch=50, rate=175),
}
# Others of that kind, for speakers who are made up.
_VARIANTS = (
    "Alex", "belinda", "boris", "Denis", "f1", "grandma", "grandpa", "ian", "iven3", "iven4", "kaukovalta", "m1", "m3",
    "m4", "m5", "m6", "m7", "m8", "marcelo", "Mario", "max", "Mike", "quincy", "rob", "robert", "shelby", "steph",
    "travis", "victor", "zac",
)  # fmt: skip
_MADE_PITCHES, _MADE_RATES, _MADE_TRACTS = (25.0, 75.0), (150.0, 190.0), (0.84, 1.2)
# Multiples of these fill a cube evenly, however many are taken (the powers of the root of x^4 = x + 1).
_EVEN_STEPS = tuple(1.2207440846 ** -(axis + 1) for axis in range(3))
# Added to pitch and range, multiplied to rate.
_STYLES: dict[Style, tuple[int, int, float]] = {
    "neutral": (0, 0, 1.0),
    "calm": (-12, -30, 0.82),
    "excited": (18, 30, 1.15),
}
_EDGE_SECONDS = 0.1  # silence before and after: recordings have it, and voices learn to start from it
_METADATA_COLUMNS = ("utterance_id", "speaker", "style", "language", "text")


@config
class Config(ClipLimits):
    """What is spoken, by whom, and how.

    Attributes:
        language: of the sentences.
        speakers, styles: of the tables in this file; utterances take them in turn.
        made_speakers: so many more, called made-000 and so on: each is a variant of espeak's voice with a pitch, a rate
            and a length of the vocal tract of its own. Fewer of them are the first of more.
        sentences: number of utterances, each with its own text.
        noise_db: level of white noise below full scale, RMS; None leaves pauses exactly zero, which no microphone does.
        seed: of the order of sentences and of the noise.
    """

    kind: Literal["demo"]
    language: Language = "en"
    speakers: tuple[NamedSpeaker, ...] = ("annie", "carl", "nils", "olga")
    made_speakers: int = Field(default=0, ge=0, le=1000)
    styles: tuple[Style, ...] = Field(default=("neutral", "calm", "excited"), min_length=1)
    sentences: int = Field(default=300, ge=1)
    noise_db: float | None = Field(default=-60.0, le=-20.0)
    seed: int = Field(default=0, ge=0)

    def __post_init__(self) -> None:
        """Refuse a corpus that nobody speaks."""
        if not self.speakers and not self.made_speakers:
            raise ValueError("speakers is empty and made_speakers is 0; name a speaker, or let some be made up")


@dataclass(frozen=True)
class _Voice:
    """A speaker's manner, and the length of their vocal tract as a factor: formants and pitch fall by it."""

    manner: Manner
    tract: float = 1.0


@dataclass(frozen=True)
class _Utterance:
    utterance_id: str
    speaker: str
    voice: _Voice
    style: Style
    text: str


def fetch(config: Config, destination: Path, tools: Tools) -> None:
    """Speak the corpus into a folder: wavs/, metadata.csv and true_phones.parquet.

    Raises:
        TtsError: espeak-ng cannot be loaded.
    """
    utterances = sorted(_utterances(config), key=lambda each: each.utterance_id)
    (destination / "wavs").mkdir(parents=True, exist_ok=True)
    rows = tools.run(partial(_record, config, destination / "wavs"), utterances)
    write_table(destination / "true_phones.parquet", [row for each in rows for row in each], PHONES)
    with (destination / "metadata.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter="|", lineterminator="\n")
        writer.writerow(_METADATA_COLUMNS)
        writer.writerows((u.utterance_id, u.speaker, u.style, config.language, u.text) for u in utterances)


def read(config: Config, raw: Tree) -> tuple[list[Recording], list[Dropped]]:
    """List the clips of a folder that `fetch` filled; none is ever dropped here.

    Raises:
        CorpusError: the folder holds no metadata.
    """
    path = raw / "metadata.csv"
    if not path.is_file():
        raise CorpusError(f"{path} is missing; run `tts download` for this corpus")
    rows = csv.DictReader(io.StringIO(read_text(path), newline=""), delimiter="|")
    recordings = [Recording(audio=raw / "wavs" / f"{row['utterance_id']}.wav", **row) for row in rows]
    return recordings, []


def _utterances(config: Config) -> Iterator[_Utterance]:
    voices, styles = _voices(config), config.styles
    speakers = list(voices)
    for index, text in enumerate(sentences(config.language, config.sentences, seed=config.seed)):
        speaker = speakers[index % len(speakers)]
        style = styles[index // len(speakers) % len(styles)]
        yield _Utterance(f"{speaker}-{style}-{index:05d}", speaker, voices[speaker], style, text)


def _voices(config: Config) -> dict[str, _Voice]:
    named = {name: _Voice(_SPEAKERS[name]) for name in config.speakers}
    return named | {f"made-{number:03d}": _made_voice(number) for number in range(config.made_speakers)}


def _made_voice(number: int) -> _Voice:
    shares = [(0.5 + number * step) % 1 for step in _EVEN_STEPS]
    pitch, rate, tract = (
        low * (high / low) ** share
        for share, (low, high) in zip(shares, (_MADE_PITCHES, _MADE_RATES, _MADE_TRACTS), strict=True)
    )
    variant = _VARIANTS[number % len(_VARIANTS)]
    return _Voice(Manner(f"+{variant}", pitch=round(pitch), rate=round(rate)), tract)


def _record(config: Config, folder: Path, utterance: _Utterance) -> list[dict[str, Any]]:
    """Write the clip of an utterance and give the rows of its phones."""
    tract = utterance.voice.tract
    manner = _manner(config.language, utterance.voice.manner, utterance.style)
    # A longer tract is a record that plays slower: speaking faster by as much keeps the time.
    speech = _slower(speak(utterance.text, replace(manner, rate=round(manner.rate * tract))), tract)
    edge = round(_EDGE_SECONDS * speech.sample_rate)
    waveform = np.pad(speech.waveform, edge).astype(np.float64)
    if config.noise_db is not None:
        seed = random.Random(f"{config.seed} {utterance.utterance_id}").getrandbits(64)
        waveform += np.random.default_rng(seed).normal(0, 32768 * 10 ** (config.noise_db / 20), len(waveform))
    samples = np.clip(np.rint(waveform), -32768, 32767).astype(np.int16)
    write_wav(folder / f"{utterance.utterance_id}.wav", samples, sample_rate=speech.sample_rate)
    return _rows(utterance.utterance_id, _with_edges(speech.phones, edge), speech.sample_rate)


def _manner(language: Language, speaker: Manner, style: Style) -> Manner:
    pitch, pitch_range, rate = _STYLES[style]
    return Manner(
        _LANGUAGE_VOICES[language] + speaker.voice,
        pitch=speaker.pitch + pitch,
        range=speaker.range + pitch_range,
        rate=round(speaker.rate * rate),
    )


def _slower(speech: Speech, factor: float) -> Speech:
    """Speech that lasts `factor` times as long and is as much lower, as a record at another speed."""
    if factor == 1:
        return speech
    import soxr  # here, because few corpora need it

    waveform = soxr.resample(speech.waveform, 1.0, factor)
    ends = [*(min(round(each.end * factor), len(waveform)) for each in speech.phones[:-1]), len(waveform)]
    phones = (
        replace(each, start=start, end=end)
        for each, start, end in zip(speech.phones, [0, *ends[:-1]], ends, strict=True)
    )
    return Speech(waveform, speech.sample_rate, tuple(phones))


def _with_edges(phones: tuple[SpokenPhone, ...], edge: int) -> list[tuple[str, int, int, str]]:
    """Phones between two silences of `edge` samples, as (phone, start, end, word)."""
    end = phones[-1].end + edge
    spoken = [(each.phone, each.start + edge, each.end + edge, each.word) for each in phones]
    return [(SILENCE, 0, edge, ""), *spoken, (SILENCE, end, end + edge, "")]


def _rows(utterance_id: str, phones: list[tuple[str, int, int, str]], sample_rate: int) -> list[dict[str, Any]]:
    return [
        {
            "utterance_id": utterance_id,
            "position": position,
            "phone": phone,
            "start_seconds": start / sample_rate,
            "end_seconds": end / sample_rate,
            "word": word,
        }
        for position, (phone, start, end, word) in enumerate(phones)
    ]
