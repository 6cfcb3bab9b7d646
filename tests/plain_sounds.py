"""Clips that anyone could align: a buzz for a, noise for s, a whistle for i, a faint noise for a space."""

import dataclasses
import hashlib
import json
from functools import partial

import numpy as np
import pytest
from conftest import ROOT
from ruamel.yaml import YAML

from pipeline import clips
from pipeline.yaml import read_yaml
from stages import align as align_stage
from stages import download, prepare
from tts.alignment.kaldi import KaldiAligner
from tts.alignment.settings import KaldiSettings
from tts.alignment.utterances import Aligned, Utterance, serial_map
from tts.audio.files import write_wav
from tts.data.tables import DROPPED, PHONES, QUALITY, read_table
from tts.text.frontend import Word

RATE = 22050
QUICK = KaldiSettings(iterations=5, gaussians=60)


@dataclasses.dataclass(frozen=True)
class Sound:
    """A clip in memory."""

    samples: np.ndarray
    sample_rate: int = RATE

    @property
    def num_samples(self):
        return len(self.samples)

    def waveform(self):
        return self.samples


def utterance(name, samples, words, *, speaker="ann", rate=RATE):
    content = hashlib.sha256(samples.tobytes() + repr((rate, speaker, words)).encode())
    return Utterance(name, speaker, Sound(samples, rate), tuple(words), content.hexdigest())


def spoken(name, text, *, seed=0, speaker="ann", seconds=0.15, rate=RATE, pitch=1.0):
    """An utterance of a text, and the true times [letters + 1] of its letters and spaces in seconds."""
    samples, times = sound_of(text, seed=seed, seconds=seconds, rate=rate, pitch=pitch)
    return utterance(
        name, samples, [Word(word, tuple(word)) for word in text.split()], speaker=speaker, rate=rate
    ), times


def sound_of(text, *, seed=0, seconds=0.15, rate=RATE, pitch=1.0):
    draw = np.random.default_rng(seed)
    makes = {
        "a": partial(_buzz, 150 * pitch, rate),
        "i": partial(_buzz, 900 * pitch, rate),
        "s": lambda count: draw.normal(size=count),
        " ": lambda count: 0.005 * draw.normal(size=count),
    }
    counts = [int(rate * seconds * draw.uniform(0.8, 1.5)) for _ in text]
    waveform = np.concatenate([makes[letter](count) for letter, count in zip(text, counts, strict=True)])
    samples = 0.1 * waveform + 1e-4 * draw.normal(size=len(waveform))
    return samples.astype(np.float32), np.cumsum([0, *counts]) / rate


def _buzz(hz, rate, num_samples):
    time = np.arange(num_samples) / rate
    return sum(np.sin(2 * np.pi * hz * harmonic * time) / harmonic for harmonic in range(1, 9))


def align(utterances, folder, settings=QUICK, *, run=serial_map):
    """Results in the order of the ids."""
    aligner = KaldiAligner(settings)
    aligner.fit(utterances, folder, run=run)
    return sorted(aligner.align(utterances, folder, run=run), key=lambda each: each.utterance_id)


def outcome(results):
    """What can be compared to the last bit."""
    return [
        (each.utterance_id, each.phones, each.boundaries.tobytes(), each.log_likelihood)
        if isinstance(each, Aligned)
        else each
        for each in results
    ]


class Project:
    """A folder with params.yaml where stages run in this process, on the clips of a corpus "mine"."""

    def __init__(self, root):
        self.root = root
        self.params = read_yaml(ROOT / "presets" / "tiny.yaml")
        columns = ["id", "text", "language", "speaker"]
        self.params["corpora"]["mine"] = {"kind": "csv", "path": "source", "columns": columns}
        self.clips = {}

    def add(self, name, text, samples, *, language="en", speaker="ann"):
        """Write a clip, or another in its place."""
        write_wav(self._wavs / f"{name}.wav", samples, sample_rate=RATE)
        self.clips[name] = f"{name}|{text}|{language}|{speaker}\n"

    def remove(self, name):
        del self.clips[name]
        (self._wavs / f"{name}.wav").unlink()

    def say(self, **texts):
        """Write clips of plain sounds, their letters taken for phones."""
        self.params["text"] = {"frontend": "characters"}
        for name, text in texts.items():
            self.add(name, text.strip(), sound_of(text, seed=int(name[1:]))[0], speaker=name[0])

    def align(self, *, corpus="mine", workers=1):
        """Run all stages up to the alignment."""
        (self.root / "source").mkdir(exist_ok=True)
        (self.root / "source/metadata.csv").write_text("".join(self.clips.values()), encoding="utf-8")
        self.run(download, prepare, align_stage, corpus=corpus, workers=workers)

    def run(self, *stages, corpus="mine", workers=1):
        with pytest.MonkeyPatch.context() as patch, (self.root / "params.yaml").open("w") as file:
            YAML(typ="safe", pure=True).dump(self.params, file)
            (self.root / "runtime.yaml").write_text(f"workers: {workers}\n")
            (self.root / "lexicon.txt").touch()
            patch.delenv("DVC_ROOT", raising=False)
            patch.chdir(self.root)
            clips._reader.cache_clear()  # a stage is a process of its own, and so finds no corpus of before
            for stage in stages:
                stage.run(corpus)

    def rows(self, schema=PHONES, corpus="mine"):
        name = {id(PHONES): "phones", id(QUALITY): "quality", id(DROPPED): "dropped"}[id(schema)]
        return read_table(self.root / f"data/alignments/{corpus}/{name}.parquet", schema)

    def dropped(self):
        return {row["utterance_id"]: (row["reason"], row["detail"]) for row in self.rows(DROPPED)}

    def metrics(self, corpus="mine"):
        return json.loads((self.root / f"metrics/alignment-{corpus}.json").read_text())

    def outputs(self, corpus="mine"):
        folder = self.root / f"data/alignments/{corpus}"
        files = [*folder.iterdir(), self.root / f"metrics/alignment-{corpus}.json"]
        return {file.name: file.read_bytes() for file in files}

    @property
    def _wavs(self):
        folder = self.root / "source" / "wavs"
        folder.mkdir(parents=True, exist_ok=True)
        return folder
