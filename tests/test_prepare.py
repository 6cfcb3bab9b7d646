"""`tts download` and `tts prepare` in a project folder: recordings of every make become one corpus, or say why not."""

import hashlib
import io
import math
import os
import shutil
import tarfile

import numpy as np
import pytest
import soundfile
from packing import packed_files
from recordings_of_ones_own import RATE, Project, tone

from stages import align, download, index, mel, prepare, prosody, train
from tts.audio.files import write_wav
from tts.data.tables import DROPPED, PHONES, read_table
from tts.errors import ConfigError, CorpusError, DataError, DownloadError, TrainingError


@pytest.fixture
def project(tmp_path, monkeypatch, request):
    monkeypatch.delenv("DVC_ROOT", raising=False)
    monkeypatch.chdir(tmp_path)
    return Project(tmp_path, request.path.parents[1] / "presets" / "tiny.yaml")


def test_every_make_of_recording_becomes_mono_int16_of_one_rate(project):
    project.add("8bit", subtype="PCM_U8")
    project.add("24bit", subtype="PCM_24")
    project.add("float", subtype="FLOAT")
    project.add("flac", suffix="flac", rate=16000)
    project.add("ogg", suffix="ogg", rate=48000)
    project.add("stereo", waveform=np.stack([tone(), tone()], axis=1))
    manifest = project.prepare()
    assert list(manifest) == sorted(["8bit", "24bit", "float", "flac", "ogg", "stereo"])
    for name, row in manifest.items():
        samples = project.samples(row)
        assert samples.dtype == np.int16
        assert row["sample_rate"] == RATE
        assert np.abs(samples / 32768 - tone()[: len(samples)])[500:-500].max() < 0.02, name
        assert row["audio_sha256"] == hashlib.sha256(samples.tobytes()).hexdigest()
        assert abs(row["num_samples"] - len(tone())) <= 1


def test_texts_are_normalized_and_kept_as_they_were(project):
    project.add("a", "Dr. No has 2 cats.")
    row = project.prepare()["a"]
    assert row["text"] == "Dr. No has 2 cats."
    assert row["normalized_text"] == "Doctor No has two cats."
    assert (row["speaker"], row["language"], row["style"]) == ("speaker", "en", "neutral")


def test_bad_clips_are_rows_and_the_others_are_prepared(project):
    for name in ("good1", "good2", "good3", "good4", "good5", "good6", "good7", "good8"):
        project.add(name)
    project.add("symbols", "?!…")
    project.add("short", waveform=tone(0.1))
    project.add("long", waveform=tone(31), rate=RATE)
    project.add("nan", waveform=np.where(tone() > 0.4, np.nan, tone()), subtype="FLOAT")
    project.add("truncated")
    path = project.root / "source/wavs/truncated.wav"
    path.write_bytes(path.read_bytes()[:-900])
    for name, content in {"empty": b"", "noise": b"this is no sound"}.items():
        (project.root / f"source/wavs/{name}.wav").write_bytes(content)
        project.write(name)
    assert set(project.prepare()) == {f"good{n}" for n in range(1, 9)}
    dropped = project.dropped()
    assert {name: reason for name, (reason, _) in dropped.items()} == {
        "symbols": "nothing to say",
        "short": "too short",
        "long": "too long",
        **dict.fromkeys(("nan", "truncated", "empty", "noise"), "unusable audio"),
    }
    assert dropped["short"][1] == "0.10 s, min_seconds is 0.2"
    assert "wavs/truncated.wav: is truncated" in dropped["truncated"][1]


def test_two_bad_clips_of_equal_bytes_are_told_apart(project):
    for name in ("a", "b", "c", "d", "e"):
        project.add(name)
    for name in ("x", "y"):
        (project.root / f"source/wavs/{name}.wav").touch()
        project.write(name)
    project.prepare()
    assert {name: f"{name}.wav: is an empty file" in detail for name, (_, detail) in project.dropped().items()} == {
        "x": True,
        "y": True,
    }


def test_too_many_bad_clips_stop_the_stage_and_the_old_corpus_stays(project):
    project.add("a")
    project.prepare()
    before = project.outputs()
    project.add("b", "...")
    project.change(max_dropped=0.4)
    with pytest.raises(
        CorpusError, match=r"prepare: 1 of 2 clips would be dropped.*1 × nothing to say.*b \(nothing to say"
    ):
        project.prepare()
    assert project.outputs() == before


def one_line(error, message):
    """Expect an error of a single line; to hold on to it, `as caught`, would keep the result files open."""
    return pytest.raises(error, match=rf"\A.*{message}.*\Z")


BAD_LINES = {
    "malformed": ("a|One.\nb|Two.|Two.|Two.\n", r"1 × malformed line. First: b \(.*metadata.csv:2: 'b\|Two"),
    "empty": ("a|One.\nb||\n", r"1 × empty transcript. First: b "),
    "nothing to say": ("a|One.\nb|?!\n", r"1 × nothing to say. First: b "),
    "without a clip": ("a|One.\nb|Two.\nc|Three.\n", r"1 of 3 clips would be dropped.*1 × no audio. First: c "),
    "without a line": ("a|One.\n", r"1 of 2 clips would be dropped.*1 × no transcript. First: b "),
    "twice": ("a|One.\nb|Two.\na|Three.\n", r"metadata.csv:3: the id 'a' was used before"),
}


@pytest.mark.parametrize("fault", BAD_LINES)
def test_a_bad_line_that_is_one_too_many_stops_the_stage_in_one_line(project, fault):
    metadata, message = BAD_LINES[fault]
    for name in ("a", "b"):
        project.add(name)
    (project.root / "source/metadata.csv").write_text(metadata, encoding="utf-8")
    project.change(max_dropped=0.0)
    with one_line(CorpusError, message):
        project.prepare()
    assert not (project.root / "data/corpus").exists()


BAD_WAVS = {
    "empty": (lambda content: b"", "is an empty file"),
    "truncated": (lambda content: content[:-900], "is truncated"),
    "without samples": (lambda content: content[:40] + bytes(4), "holds no samples"),
    "of no rate": (lambda content: content[:24] + bytes(4) + content[28:], r"cannot be read|sample rate of 0 Hz"),
}


@pytest.mark.parametrize("fault", BAD_WAVS)
def test_a_bad_wav_that_is_one_too_many_stops_the_stage_in_one_line(project, fault):
    spoil, message = BAD_WAVS[fault]
    for name in ("a", "b"):
        project.add(name)
    wav = project.root / "source/wavs/b.wav"
    wav.write_bytes(spoil(wav.read_bytes()))
    project.change(max_dropped=0.0)
    with one_line(CorpusError, rf"1 × unusable audio. First: b \(.*b\.wav: .*({message})"):
        project.prepare()
    assert not (project.root / "data/corpus").exists()


def test_a_corpus_without_clips_is_an_error(project):
    (project.root / "source/metadata.csv").touch()
    (project.root / "source/wavs/note.txt").touch()
    with pytest.raises(CorpusError, match="wavs: holds no sound files"):
        project.prepare()
    project.change(**{"corpora.mine": {"kind": "ljspeech", "url": "source"}})
    with pytest.raises(CorpusError, match=r"holds no recordings; look at corpora\.mine"):
        project.prepare()


def test_preparing_before_the_download_says_so(project):
    with pytest.raises(CorpusError, match="run `tts download mine` first"):
        prepare.run("mine")


def test_an_unknown_corpus_is_named(project):
    with pytest.raises(ConfigError, match="'mien' is not defined; did you mean 'mine'"):
        download.run("mien")


def test_equal_inputs_give_equal_bytes_and_nothing_is_computed_twice(project, capsys):
    for name in ("a", "b", "c"):
        project.add(name, f"Clip {name}.")
    project.prepare()
    before = project.outputs()
    project.prepare()
    assert project.outputs() == before
    assert "3 clips (3 reused)" in capsys.readouterr().out


def test_a_new_clip_costs_one_clip_and_one_shard(project, capsys):
    project.change(**{"shards.clips": 3})
    project.let_links_last()
    for number in range(12):
        project.add(f"clip{number:02d}")
    before = project.prepare()
    files = {path: path.stat() for path in project.shards()}
    project.add("clip99")
    after = project.prepare()
    assert "13 clips (12 reused)" in capsys.readouterr().out
    assert {name: after[name]["shard"] for name in before} == {name: row["shard"] for name, row in before.items()}
    as_they_were = [path for path, old in files.items() if os.path.samestat(path.stat(), old)]
    assert len(as_they_were) >= len(files) - 1 > 1
    assert {path.stat().st_mtime_ns for path in as_they_were} == {files[path].st_mtime_ns for path in as_they_were}


def test_shards_are_the_same_from_scratch(project):
    project.change(**{"shards.clips": 3})
    for number in range(0, 12, 2):
        project.add(f"clip{number:02d}")
    project.prepare()
    for number in range(1, 12, 2):
        project.add(f"clip{number:02d}")
    project.prepare()
    grown = project.outputs()
    shutil.rmtree(project.root / ".tts_cache")
    project.prepare()
    assert project.outputs() == grown


def test_a_shard_of_an_earlier_run_that_is_not_whole_is_written_again(project):
    project.let_links_last()
    project.add("a")
    project.prepare()
    whole = project.outputs()
    (kept,) = (project.root / ".tts_cache/prepare/shards").glob("*.npy")
    kept.chmod(0o644)
    kept.write_bytes(kept.read_bytes()[:-2])
    project.prepare()
    assert project.outputs() == whole


def test_new_limits_and_texts_decode_nothing_again(project, capsys):
    project.add("a", "One.")
    project.add("b", "Two.", waveform=tone(0.4))
    project.prepare()
    project.change(max_dropped=0.9, **{"corpora.mine": {"kind": "csv", "path": "source", "min_seconds": 0.45}})
    project.lines[0] = "a|Three.\n"
    project.write("b2")  # a line without a clip
    assert project.prepare()["a"]["normalized_text"] == "Three."
    assert "1 clips (2 reused), 2 dropped" in capsys.readouterr().out


def test_another_rate_of_the_project_resamples(project):
    project.add("a")
    project.change(**{"audio.sample_rate": 16000})
    row = project.prepare()["a"]
    assert (row["sample_rate"], row["num_samples"]) == (16000, 8000)


def test_shards_hold_the_clips_end_to_end(project):
    project.change(**{"shards.clips": 2})
    for number in range(6):
        project.add(f"clip{number}", waveform=tone(0.3 + number / 10))
    rows = project.prepare().values()
    shards = project.shards()
    assert len(shards) == 1 + max(row["shard"] for row in rows)
    assert sum(len(np.load(path)) for path in shards) == sum(row["num_samples"] for row in rows)


def test_the_demo_corpus_keeps_its_true_phones(project):
    project.change(**{"corpora.demo": {"kind": "demo", "sentences": 4, "min_seconds": 2.0}})
    download.run("demo")
    prepare.run("demo")
    manifest = project.manifest("demo")
    rows = read_table(project.root / "data/corpus/demo/true_phones.parquet", PHONES)
    assert {row["utterance_id"] for row in rows} == set(manifest)
    for name, row in manifest.items():
        end = max(each["end_seconds"] for each in rows if each["utterance_id"] == name)
        assert math.isclose(end, row["num_samples"] / RATE, abs_tol=1e-6)


def test_a_failed_download_leaves_the_old_corpus_and_nothing_else(project):
    project.add("a")
    download.run("mine")
    wavs = project.root / "source/wavs"
    wavs.rename(project.root / "source/elsewhere")
    with pytest.raises(CorpusError, match="there is no such folder"):
        download.run("mine")
    assert [path.name for path in (project.root / "data/raw").iterdir()] == ["mine"]
    assert list(packed_files(project.root / "data/raw/mine")) == ["metadata.csv", "wavs/a.wav"]


def test_relative_paths_start_from_the_project_in_experiments_too(project, tmp_path, monkeypatch):
    project.add("a")
    experiment = tmp_path / "experiment"
    experiment.mkdir()
    for name in ("params.yaml", "runtime.yaml", "lexicon.txt"):
        (experiment / name).write_bytes((project.root / name).read_bytes())
    monkeypatch.setenv("DVC_ROOT", str(project.root))
    monkeypatch.chdir(experiment)
    download.run("mine")
    prepare.run("mine")
    assert (experiment / "data/corpus/mine/manifest.parquet").exists()
    assert not (experiment / ".tts_cache").exists()


def test_an_archive_is_downloaded_and_prepared(project, capsys):
    for name in ("LJ001-0001", "LJ001-0002", "LJ001-0003"):
        project.add(name, "Dr. No|Doctor No")
    archive = project.root / "LJSpeech-1.1.tar.bz2"
    with tarfile.open(archive, "w:bz2") as packed:
        packed.add(project.root / "source", "LJSpeech-1.1")
    settings = {
        "kind": "ljspeech",
        "url": archive.as_uri(),
        "sha256": hashlib.sha256(archive.read_bytes()).hexdigest(),
        "size": archive.stat().st_size,
        "limit": 2,
    }
    project.change(**{"corpora.lj": settings})
    assert [row["text"] for row in project.prepare("lj").values()] == ["Doctor No", "Doctor No"]
    assert "2 clips (0 reused), 0 dropped" in capsys.readouterr().out
    project.change(**{"corpora.lj": {**settings, "sha256": "0" * 64}})
    with pytest.raises(DownloadError, match=r"LJSpeech-1.1.tar.bz2: has sha256 .* and should have 000"):
        download.run("lj")
    assert len([name for name in packed_files(project.root / "data/raw/lj") if name.endswith(".wav")]) == 3


BAD_ARCHIVES = {
    "other": (lambda content: content, "0" * 64, r"has sha256 \w+ and should have 0000"),
    "truncated": (lambda content: content[: len(content) // 2], None, r"lj\.tar"),
    "leaving its folder": (lambda content: content, None, r"'\.\./evil'"),
}


@pytest.mark.parametrize("fault", BAD_ARCHIVES)
def test_a_bad_archive_is_one_line_and_leaves_nothing(project, fault):
    spoil, sha256, message = BAD_ARCHIVES[fault]
    project.add("a")
    archive = project.root / "lj.tar.bz2"
    with tarfile.open(archive, "w:bz2") as packed:
        packed.add(project.root / "source", "LJSpeech-1.1")
        if fault == "leaving its folder":
            packed.addfile(tarfile.TarInfo("../evil"), io.BytesIO())
    archive.write_bytes(spoil(archive.read_bytes()))
    sha256 = sha256 or hashlib.sha256(archive.read_bytes()).hexdigest()
    project.change(**{"corpora.lj": {"kind": "ljspeech", "url": "lj.tar.bz2", "sha256": sha256, "size": None}})
    with one_line(DownloadError, message):
        download.run("lj")
    assert list((project.root / "data/raw").iterdir()) == []
    assert not list(project.root.rglob("evil"))


HOLDS_OUT = {"split.validation": 0.0, "split.test": 0.49, "split.seed": 3}
"""By this seed "Some words." is a test text and "third" is not."""


def index_tiny(project, **settings):
    """Make everything up to the index of the corpus "tiny", which is the clips in source/."""
    config = {"kind": "csv", "path": "source", "columns": ["id", "text", "speaker"]}
    project.change(**{"corpora.tiny": config, "align.kaldi": {"iterations": 2}, **settings})
    for stage in (download, prepare, align, mel, prosody, index):
        stage.run("tiny")


def test_a_corpus_of_one_held_out_clip_gets_no_index(project):
    project.add("only", "Some words.|ann")
    with one_line(DataError, "training split is empty; add recordings or lower split"):
        index_tiny(project, **HOLDS_OUT)
    assert sorted(path.name for path in (project.root / "data/features/tiny").iterdir()) == ["mel", "prosody"]


@pytest.mark.parametrize("run", ["tiny_acoustic", "tiny_vocoder"])
def test_a_corpus_of_one_clip_is_indexed_and_training_says_what_it_lacks(project, run):
    project.add("only", "Some words.|ann")
    index_tiny(project, **{"split.validation": 0.0, "split.test": 0.0, f"runs.{run}.batch.size": 1})
    with one_line(TrainingError, "validation split is empty; raise split.validation"):
        train.run(run)
    assert not (project.root / "models").exists()


def test_a_speaker_whose_clips_are_all_held_out_is_named(project):
    project.add("a", "Some words.|ann")
    project.add("b", "third|bob")
    index_tiny(project, **HOLDS_OUT, **{"runs.tiny_acoustic.batch.size": 1})
    with one_line(DataError, "no training clip is of ann; add recordings, .* the run's `speakers`"):
        train.run("tiny_acoustic")


def test_clips_without_a_frame_or_a_voice_are_rows_of_their_stages(project):
    project.add("good", "Good words.|ann", tone(0.8))
    project.add("brief", "No|ann", tone(0.3))
    project.add("whistle", "Some words.|ann", np.sin(np.arange(RATE)).astype(np.float32) / 2)
    project.add("good2", "More words.|ann", tone(0.9))
    index_tiny(project, **{"audio.n_fft": 16384, "split.validation": 0.0, "split.test": 0.0})
    rows = read_table(project.root / "data/features/tiny/index/dropped.parquet", DROPPED)
    assert {(row["utterance_id"], row["stage"]): row["reason"] for row in rows} == {
        ("brief", "mel"): "too short for a frame",
        ("brief", "prosody"): "too short for a frame",
        ("whistle", "prosody"): "no voiced frame",
    }


def test_written_clips_are_what_was_recorded(project):
    write_wav(project.root / "source/wavs/a.wav", tone(), sample_rate=RATE)
    project.write("a")
    row = project.prepare()["a"]
    assert np.array_equal(project.samples(row), soundfile.read(project.root / "source/wavs/a.wav", dtype="int16")[0])
