"""The aligner on sounds whose boundaries are known, and its stage on speech: near the truth, repeatable, never half."""

import dataclasses
import errno
import itertools
import json
import shutil
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT
from ruamel.yaml import YAML

from pipeline.yaml import read_yaml
from stages import align as align_stage
from stages import download, prepare
from tts.alignment.hmm import Transcript
from tts.alignment.kaldi import Aligned, Failed, Utterance, align, serial_map
from tts.alignment.settings import AlignSettings
from tts.audio.files import read_audio, write_wav
from tts.corpora import demo
from tts.data.tables import DROPPED, PHONES, read_table
from tts.errors import AlignmentError
from tts.phones import SILENCE
from tts.text.frontend import TextSettings, build_frontend

RATE = 22050


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


def buzz(hz, num_samples):
    time = np.arange(num_samples) / RATE
    return sum(np.sin(2 * np.pi * hz * harmonic * time) / harmonic for harmonic in range(1, 9))


def spoken(name, text, *, seed=0, speaker="ann", seconds=0.15):
    """A clip of a buzz for a, noise for s, a whistle for i, and a faint noise for a space."""
    draw = np.random.default_rng(seed)
    makes = {
        "a": partial(buzz, 150),
        "s": lambda count: draw.normal(size=count),
        "i": partial(buzz, 900),
        " ": lambda count: 0.005 * draw.normal(size=count),
    }
    counts = [int(RATE * seconds * draw.uniform(0.8, 1.5)) for _ in text]
    waveform = np.concatenate([makes[phone](count) for phone, count in zip(text, counts, strict=True)])
    samples = (0.1 * waveform + 1e-4 * draw.normal(size=len(waveform))).astype(np.float32)
    words = tuple(tuple(word) for word in text.split())
    sounds = Transcript(words, (True, *[False] * (len(words) - 1), True) if words else (True,))
    return Utterance(name, speaker, Sound(samples), sounds), np.cumsum([0, *counts]) / RATE


TEXTS = (" asi ia ", " isa as ", " sa sia ", " as isi ", " ia sasi ", " ais ai ", " sisa ", " aisa si ")
CORPUS = [spoken(f"u{number}", text, seed=number) for number, text in enumerate(TEXTS)]
UTTERANCES = [utterance for utterance, _ in CORPUS]
QUICK = AlignSettings(iterations=6, gaussians=60)


def test_boundaries_of_plain_sounds_are_found(tmp_path):
    results = align(UTTERANCES, AlignSettings(), tmp_path)
    assert [result.utterance_id for result in results] == [each.utterance_id for each in UTTERANCES]
    for result, text, (_, times) in zip(results, TEXTS, CORPUS, strict=True):
        assert result.phones == tuple(SILENCE if phone == " " else phone for phone in text)
        np.testing.assert_allclose(result.boundaries, times, atol=0.012)
        assert result.boundaries[-1] == times[-1]


def outcome(results):
    return [
        (each.phones, each.boundaries.tobytes(), each.log_likelihood) if isinstance(each, Aligned) else each
        for each in results
    ]


def test_an_interrupted_alignment_ends_in_the_same_bits(tmp_path):
    def dies(at):
        def run(function, items, *, label):
            if label.startswith(at):
                raise KeyboardInterrupt
            return serial_map(function, items, label=label)

        return run

    for at in ("train 0", "train 4", "align"):
        with pytest.raises(KeyboardInterrupt):
            align(UTTERANCES, QUICK, tmp_path / "broken", run=dies(at))
    assert len(list((tmp_path / "broken").glob("model-*.npz"))) == QUICK.iterations + 1
    whole = align(UTTERANCES, QUICK, tmp_path / "whole")
    assert outcome(align(UTTERANCES, QUICK, tmp_path / "broken")) == outcome(whole)


BAD = {
    "empty": (spoken("bad", "   ")[0], "no phones", "its text has nothing to align"),
    "short": (spoken("bad", "as" * 9, seconds=0.015)[0], "text too long for the audio", "18 phones in 0.3"),
    "silent": (
        dataclasses.replace(UTTERANCES[0], utterance_id="bad", audio=Sound(np.zeros(RATE, np.float32))),
        "silent audio",
        "peak 0.00000 of full scale",
    ),
}


@pytest.mark.parametrize("fault", BAD)
def test_a_bad_clip_fails_alone_and_changes_no_other(tmp_path, fault):
    bad, reason, detail = BAD[fault]
    results = align([bad, *UTTERANCES], QUICK, tmp_path / "with")
    assert isinstance(results[0], Failed)
    assert (results[0].utterance_id, results[0].reason) == ("bad", reason)
    assert detail in results[0].detail
    assert outcome(results[1:]) == outcome(align(UTTERANCES, QUICK, tmp_path / "without"))


def hopeless(speaker):
    """A clip with hardly a frame for each state, none of them like its phones: every path is outside the beam."""
    utterance, _ = spoken("v", " " + "a" * 60, seconds=0.03, speaker=speaker)
    return dataclasses.replace(utterance, transcript=Transcript((tuple("si" * 30),), (True, True)))


@pytest.mark.parametrize("speaker", ["ann", "bob"])
def test_a_clip_that_says_something_else_fails_alone(tmp_path, speaker):
    narrow = dataclasses.replace(QUICK, beam=1.0, retry_beam=2.0)
    results = align([*UTTERANCES, hopeless(speaker)], narrow, tmp_path)
    assert [each.utterance_id for each in results if isinstance(each, Failed)] == ["v"]
    assert results[-1].reason == "no alignment found"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full, a file on a full disk")
def test_a_full_disk_is_said_and_the_next_run_is_whole(tmp_path):
    (tmp_path / "cepstra").mkdir()
    (tmp_path / "cepstra" / "000000.tmp").symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left on device") as caught:
        align(UTTERANCES, QUICK, tmp_path)
    assert caught.value.errno == errno.ENOSPC
    (tmp_path / "cepstra" / "000000.tmp").unlink()
    assert outcome(align(UTTERANCES, QUICK, tmp_path)) == outcome(align(UTTERANCES, QUICK, tmp_path / "other"))


@pytest.mark.parametrize("utterances", [[], [BAD["silent"][0]]])
def test_nothing_to_train_on_trains_nothing(tmp_path, utterances):
    assert [type(each) for each in align(utterances, QUICK, tmp_path)] == [Failed] * len(utterances)
    assert not list(tmp_path.glob("model-*"))


def test_when_no_clip_has_a_path_training_stops_with_advice(tmp_path):
    narrow = dataclasses.replace(QUICK, beam=1.0, retry_beam=2.0)
    with pytest.raises(AlignmentError, match=r"no clip has a path within a beam of 2; .*raise align.retry_beam"):
        align([hopeless("ann")], narrow, tmp_path)


# The stage, on corpora that are spoken and prepared for it


class Project:
    """A folder with params.yaml where stages run in this process."""

    def __init__(self, root):
        self.root = root
        self.params = read_yaml(ROOT / "presets" / "tiny.yaml")

    def run(self, *stages, corpus="tiny", workers=1):
        with pytest.MonkeyPatch.context() as patch, (self.root / "params.yaml").open("w") as file:
            YAML(typ="safe", pure=True).dump(self.params, file)
            (self.root / "runtime.yaml").write_text(f"workers: {workers}\n")
            patch.delenv("DVC_ROOT", raising=False)
            patch.chdir(self.root)
            for stage in stages:
                stage.run(corpus)

    def lines(self, corpus="mine", **clips):
        """Make a csv corpus of clips of the tiny one, each (text, language, samples)."""
        (self.root / "source" / "wavs").mkdir(parents=True)
        for name, (_, _, samples) in clips.items():
            write_wav(self.root / "source" / "wavs" / f"{name}.wav", samples, sample_rate=RATE)
        lines = [f"{name}|{text}|{language}\n" for name, (text, language, _) in clips.items()]
        (self.root / "source" / "metadata.csv").write_text("".join(lines), encoding="utf-8")
        self.params["corpora"][corpus] = {"kind": "csv", "path": "source", "columns": ["id", "text", "language"]}

    def rows(self, schema=PHONES, name="phones", corpus="mine"):
        return read_table(self.root / f"data/alignments/{corpus}/{name}.parquet", schema)

    def outputs(self, corpus="mine"):
        folder = self.root / f"data/alignments/{corpus}"
        files = [*folder.iterdir(), self.root / f"metrics/alignment-{corpus}.json"]
        return {file.name: file.read_bytes() for file in files}


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    project = Project(tmp_path_factory.mktemp("tiny"))
    project.run(download, prepare, align_stage)
    return project


@pytest.fixture(scope="module")
def clips(tiny):
    """Text, language and samples of each clip of the tiny corpus."""
    recordings, _ = demo.read(None, tiny.root / "data/raw/tiny")
    return {
        each.utterance_id: (each.text, each.language, read_audio(each.audio, sample_rate=RATE)) for each in recordings
    }


def test_boundaries_of_real_speech_are_near_their_true_times(tiny):
    """Measured: median 4.1 ms, mean 14.7 ms, 86 % within 20 ms; a minute and a half of speech teaches no more."""
    metrics = json.loads((tiny.root / "metrics/alignment-tiny.json").read_text())
    assert (metrics["aligned_share"], metrics["clips"]) == (1, 24)
    assert metrics["boundaries"] > 600
    assert metrics["boundary_error_ms"]["median"] < 6
    assert metrics["boundary_error_ms"]["mean"] < 20
    assert metrics["boundary_within"]["20_ms"] > 0.8
    assert 0.08 < metrics["silence_share"] < 0.13


def test_every_clip_is_covered_by_the_phones_of_its_text(tiny, clips):
    frontend = build_frontend(TextSettings(frontend="ipa"))
    found = itertools.groupby(tiny.rows(corpus="tiny"), key=lambda row: row["utterance_id"])
    for name, rows in [(name, list(group)) for name, group in found]:
        text, language, samples = clips[name]
        assert [row["position"] for row in rows] == list(range(len(rows)))
        assert (rows[0]["start_seconds"], rows[-1]["end_seconds"]) == (0, len(samples) / RATE)
        assert all(before["end_seconds"] == after["start_seconds"] for before, after in itertools.pairwise(rows))
        assert all(row["start_seconds"] < row["end_seconds"] for row in rows)
        words = frontend.pronounce([frontend.normalize(text, language)], language)[0]
        owned = [(phone, word.text) for word in words for phone in word.phones]
        assert [(row["phone"], row["word"]) for row in rows if row["phone"] != SILENCE] == owned


@pytest.mark.parametrize("workers", [1, 2])
def test_a_second_run_gives_the_same_bytes_with_more_workers_too(tiny, workers):
    before = tiny.outputs("tiny")
    shutil.rmtree(tiny.root / ".tts_cache" / "align")
    tiny.run(align_stage, workers=workers)
    assert tiny.outputs("tiny") == before


@pytest.fixture
def project(tmp_path):
    return Project(tmp_path)


def test_bad_clips_are_rows_with_their_reasons(project, clips):
    text, language, samples = next(iter(clips.values()))
    bad = {
        "hasty": (text, language, samples[: RATE // 2]),
        "silent": (text, language, np.zeros_like(samples)),
        "strange": (text, "klingonese", samples),
    }
    project.lines(**{**dict(list(clips.items())[:6]), **bad})
    project.params["align"]["max_unaligned"] = 0.4
    project.run(download, prepare, align_stage, corpus="mine")
    dropped = {row["utterance_id"]: (row["stage"], row["reason"]) for row in project.rows(DROPPED, "dropped")}
    assert dropped == {
        "hasty": ("align", "text too long for the audio"),
        "silent": ("align", "silent audio"),
        "strange": ("align", "cannot be pronounced"),
    }
    assert all(row["detail"] for row in project.rows(DROPPED, "dropped"))
    assert {row["utterance_id"] for row in project.rows()} == set(list(clips)[:6])
    metrics = json.loads((project.root / "metrics/alignment-mine.json").read_text())
    assert metrics["aligned_share"] == pytest.approx(6 / 9)
    assert "boundaries" not in metrics  # its true times are not known


def test_too_many_bad_clips_stop_the_stage_and_the_old_alignments_stay(project, clips):
    text, language, samples = next(iter(clips.values()))
    project.lines(good=(text, language, samples), bad=(text, language, samples[: RATE // 2]))
    project.params["align"]["max_unaligned"] = 0.5
    project.run(download, prepare, align_stage, corpus="mine")
    before = project.outputs()
    project.params["align"]["max_unaligned"] = 0.4
    message = r"\A1 of 2 clips could not be aligned.*1 × text too long for the audio.*bad \(.*in 0\.50 s\).*\Z"
    with pytest.raises(AlignmentError, match=message):
        project.run(align_stage, corpus="mine")
    assert project.outputs() == before
    assert [path.name for path in (project.root / "data/alignments").iterdir()] == ["mine"]


def test_a_corpus_of_one_clip_is_aligned(project, clips):
    project.lines(only=next(iter(clips.values())))
    project.run(download, prepare, align_stage, corpus="mine")
    assert {row["utterance_id"] for row in project.rows()} == {"only"}


def test_a_corpus_of_one_bad_clip_is_an_error_whatever_the_limit(project, clips):
    text, language, samples = next(iter(clips.values()))
    project.lines(only=(text, language, np.zeros_like(samples)))
    project.params["align"]["max_unaligned"] = 1.0
    with pytest.raises(AlignmentError, match=r"1 of 1 clips could not be aligned.*silent audio"):
        project.run(download, prepare, align_stage, corpus="mine")
    assert not (project.root / "data/alignments").exists()
