"""`tts download` and `tts prepare` in a project folder: recordings of every make become one corpus, or say why not."""

import hashlib
import math
import tarfile

import numpy as np
import pytest
import soundfile

from pipeline.yaml import read_yaml
from stages import download, prepare
from tts.audio.files import write_wav
from tts.data.shards import ShardReader
from tts.data.tables import DROPPED, MANIFEST, PHONES, read_table
from tts.errors import ConfigError, CorpusError, DownloadError

RATE = 22050


def tone(seconds=0.5, rate=RATE):
    return (0.5 * np.sin(2 * np.pi * 440 * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


class Project:
    """A folder with params.yaml where stages run in this process; recordings of a csv corpus "mine" are in source/."""

    def __init__(self, root, preset):
        self.root = root
        self.params = read_yaml(preset)
        self.change(max_dropped=0.5, **{"corpora.mine": {"kind": "csv", "path": "source"}})
        (root / "runtime.yaml").write_text("workers: 1\n")
        (root / "source" / "wavs").mkdir(parents=True)
        self.lines = []

    def change(self, **values):
        from ruamel.yaml import YAML

        for key, value in values.items():
            *parents, last = key.split(".")
            section = self.params
            for parent in parents:
                section = section[parent]
            section[last] = value
        with (self.root / "params.yaml").open("w") as file:
            YAML(typ="safe", pure=True).dump(self.params, file)

    def add(self, name, text="Some words.", waveform=None, *, suffix="wav", rate=RATE, **options):
        waveform = tone(rate=rate) if waveform is None else waveform
        soundfile.write(self.root / f"source/wavs/{name}.{suffix}", waveform, rate, **options)
        self.write(name, text)

    def write(self, name, text="Some words."):
        self.lines.append(f"{name}|{text}\n")
        (self.root / "source/metadata.csv").write_text("".join(self.lines), encoding="utf-8")

    def prepare(self, corpus="mine"):
        download.run(corpus)
        prepare.run(corpus)
        return self.manifest(corpus)

    def manifest(self, corpus="mine"):
        rows = read_table(self.root / f"data/corpus/{corpus}/manifest.parquet", MANIFEST)
        return {row["utterance_id"]: row for row in rows}

    def dropped(self, corpus="mine"):
        rows = read_table(self.root / f"data/corpus/{corpus}/dropped.parquet", DROPPED)
        assert {row["stage"] for row in rows} <= {"prepare"}
        return {row["utterance_id"]: (row["reason"], row["detail"]) for row in rows}

    def samples(self, row, corpus="mine"):
        return ShardReader(self.root / f"data/corpus/{corpus}", "audio").read(
            row["shard"], row["offset"], row["num_samples"]
        )

    def outputs(self, corpus="mine"):
        return {path.name: path.read_bytes() for path in (self.root / "data/corpus" / corpus).iterdir()}


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


def test_a_new_clip_costs_one_clip_and_moves_no_other(project, capsys):
    project.change(**{"shards.count": 3})
    for number in range(12):
        project.add(f"clip{number}")
    before = project.prepare()
    project.add("clip99")
    after = project.prepare()
    assert "13 clips (12 reused)" in capsys.readouterr().out
    assert {name: row["shard"] for name, row in after.items() if name in before} == {
        name: row["shard"] for name, row in before.items()
    }


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


def test_every_shard_exists_and_shards_hold_the_clips_end_to_end(project):
    project.change(**{"shards.count": 5})
    for number in range(6):
        project.add(f"clip{number}", waveform=tone(0.3 + number / 10))
    rows = project.prepare().values()
    shards = [np.load(project.root / f"data/corpus/mine/audio-{shard:03d}.npy") for shard in range(5)]
    assert sum(map(len, shards)) == sum(row["num_samples"] for row in rows)


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
    assert (project.root / "data/raw/mine/wavs/a.wav").exists()


def test_relative_paths_start_from_the_project_in_experiments_too(project, tmp_path, monkeypatch):
    project.add("a")
    experiment = tmp_path / "experiment"
    experiment.mkdir()
    for name in ("params.yaml", "runtime.yaml"):
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
    assert len(list((project.root / "data/raw/lj/LJSpeech-1.1").rglob("*.wav"))) == 3


def test_written_clips_are_what_was_recorded(project):
    write_wav(project.root / "source/wavs/a.wav", tone(), sample_rate=RATE)
    project.write("a")
    row = project.prepare()["a"]
    assert np.array_equal(project.samples(row), soundfile.read(project.root / "source/wavs/a.wav", dtype="int16")[0])
