"""The embedded corpus: sentences of our own, spoken by espeak-ng, with the true time of every phone.

Size: as many clips as are asked for, about 3 s each, 22,050 Hz. Licence: the sentences are MIT like this project;
espeak-ng (GPL-3.0) is used as a program and none of it is kept. URL: none, it is made on the spot.
"""

from __future__ import annotations

import csv
import io
import random
from collections.abc import Iterator
from dataclasses import dataclass
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
from tts.text.espeak import Manner, SpokenPhone, speak

Speaker = Literal["anika", "annie", "carl", "michael", "nils", "olga"]
Style = Literal["neutral", "calm", "excited"]

LICENCE = "the sentences are MIT, and all clips are made by espeak-ng, a synthesiser"
_LANGUAGE_VOICES = {"en": "en-us", "ko": "ko"}
# Variants that speak en-us with the very same phones, without echo (closures stay exact zeros), without clipping, and
# not by the Klatt synthesizer, whose noise differs from run to run.
_SPEAKERS: dict[Speaker, Manner] = {
    "anika": Manner("+anika", pitch=35, rate=150),
    "annie": Manner("+Annie", pitch=50, rate=175),
    "carl": Manner("", pitch=50, rate=170),
    "michael": Manner("+Michael", pitch=64, rate=185),
    "nils": Manner("+Nguyen", pitch=45, rate=180),
    "olga": Manner("+aunty", pitch=50, rate=160),
}
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
        sentences: number of utterances, each with its own text.
        noise_db: level of white noise below full scale, RMS; None leaves pauses exactly zero, which no microphone does.
        seed: of the order of sentences and of the noise.
    """

    kind: Literal["demo"]
    language: Language = "en"
    speakers: tuple[Speaker, ...] = Field(default=("annie", "carl", "nils", "olga"), min_length=1)
    styles: tuple[Style, ...] = Field(default=("neutral", "calm", "excited"), min_length=1)
    sentences: int = Field(default=300, ge=1)
    noise_db: float | None = Field(default=-60.0, le=-20.0)
    seed: int = Field(default=0, ge=0)


@dataclass(frozen=True)
class _Utterance:
    utterance_id: str
    speaker: Speaker
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
    speakers, styles = config.speakers, config.styles
    for index, text in enumerate(sentences(config.language, config.sentences, seed=config.seed)):
        speaker = speakers[index % len(speakers)]
        style = styles[index // len(speakers) % len(styles)]
        yield _Utterance(f"{speaker}-{style}-{index:05d}", speaker, style, text)


def _record(config: Config, folder: Path, utterance: _Utterance) -> list[dict[str, Any]]:
    """Write the clip of an utterance and give the rows of its phones."""
    speech = speak(utterance.text, _manner(config.language, utterance.speaker, utterance.style))
    edge = round(_EDGE_SECONDS * speech.sample_rate)
    waveform = np.pad(speech.waveform, edge).astype(np.float64)
    if config.noise_db is not None:
        seed = random.Random(f"{config.seed} {utterance.utterance_id}").getrandbits(64)
        waveform += np.random.default_rng(seed).normal(0, 32768 * 10 ** (config.noise_db / 20), len(waveform))
    samples = np.clip(np.rint(waveform), -32768, 32767).astype(np.int16)
    write_wav(folder / f"{utterance.utterance_id}.wav", samples, sample_rate=speech.sample_rate)
    return _rows(utterance.utterance_id, _with_edges(speech.phones, edge), speech.sample_rate)


def _manner(language: Language, speaker: Speaker, style: Style) -> Manner:
    voice = _SPEAKERS[speaker]
    pitch, pitch_range, rate = _STYLES[style]
    return Manner(
        _LANGUAGE_VOICES[language] + voice.voice,
        pitch=voice.pitch + pitch,
        range=voice.range + pitch_range,
        rate=round(voice.rate * rate),
    )


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
