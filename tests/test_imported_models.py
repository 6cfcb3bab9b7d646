"""Imported models beside those that runs train: in params.yaml, for DVC, and on the command line."""

import json
import shutil

import pytest
import tiny_voice
import torch
from conftest import ROOT, Project
from public_checkpoints import STATS, hifigan_generator, ming024
from typer.testing import CliRunner

from pipeline.params import load_params
from pipeline.paths import Paths
from pipeline.report_facts import system_of_run
from stages.app import app
from tts.errors import CheckpointError, ConfigError

VOICE = "{acoustic: public_fs2, vocoder: public_hifigan, corpus: tiny}"


def publish(folder):
    """Write a FastSpeech 2 and a HiFi-GAN as they are published."""
    torch.save({"model": ming024()[1], "optimizer": {}}, folder / "9.pth.tar")
    torch.save({"generator": hifigan_generator()[1]}, folder / "g_00000009")
    (folder / "stats.json").write_text(json.dumps(STATS))
    (folder / "speakers.json").write_text('["ann"]')


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with the params of a project, the current one."""
    for name in ("runtime.yaml", "lexicon.txt", "presets/tiny.yaml"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / "tiny.yaml").rename(tmp_path / "params.yaml")
    publish(tmp_path)
    monkeypatch.chdir(tmp_path)
    return Project(tmp_path)


def tts(*arguments):
    """Call the command line; what it wrote when it did as it was told."""
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    return done.stdout


def refused(*arguments):
    """Call the command line; the one line that it wrote when it did not."""
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 1, done.output
    (line,) = done.stderr.strip().splitlines()
    return line


def import_both():
    beside = ("--statistics", "stats.json", "--speakers", "speakers.json")
    centered = ("--mel", "framing=centered", "--mel", "magnitude_epsilon=0", "--license", "MIT")
    acoustic = tts("import-checkpoint", "9.pth.tar", "--run", "public_fs2", *beside)
    return acoustic, tts("import-checkpoint", "g_00000009", "--run", "public_hifigan", *centered)


SAY = ("say", "Good morning.", "-o", "a.wav", "--voice", "public")


def test_imported_models_speak(folder):
    folder.set("voices.public", VOICE)
    assert "'public_fs2' is not defined" in refused(*SAY)
    acoustic, vocoder = import_both()
    for said in ("acoustic/fastspeech2, ", "it lacks none", "note: 2 heads", "dvc add models/public_fs2"):
        assert said in acoustic
    assert "80 mels from 0 to 8000 Hz, centered framing, magnitude_epsilon 0" in vocoder
    folder.set("text", "{frontend: english, stress: false, lexicon: lexicon.txt}")
    assert "so set text.stress to true" in refused(*SAY)
    folder.set("text.stress", "true")
    tts(*SAY)
    assert (folder.root / "a.wav").stat().st_size > 1000


@pytest.mark.slow
def test_dvc_keeps_imported_models_and_builds_their_voices(project, monkeypatch):
    monkeypatch.chdir(project.root)
    publish(project.root)
    import_both()
    for key in ("voices.public", "run.voices.public"):
        project.set(key, VOICE)
    project.set("text", "{frontend: english, stress: true, lexicon: lexicon.txt}")
    project.run("dvc add -q models/public_fs2 models/public_hifigan && git add models")
    assert "models/public_fs2.dvc" in project.run("git ls-files models").stdout
    monkeypatch.setattr(tiny_voice, "STYLES", ("neutral", "neutral"))
    tiny_voice.write_corpus(Paths(project.root), "tiny")
    (project.root / "data/audio").mkdir(exist_ok=True)
    project.run("dvc repro -s synthesize@public")
    assert "up to date" in project.run("dvc status synthesize@public").stdout
    shutil.rmtree(project.root / "models/public_fs2")
    assert load_params(project.root).voice("public").acoustic == "public_fs2", "though dvc has yet to fetch it"
    project.run("dvc checkout -q models/public_fs2.dvc")
    assert "up to date" in project.run("dvc status synthesize@public").stdout


def test_params_know_imported_models_by_their_folders(folder):
    import_both()
    params, paths = load_params(folder.root), Paths(folder.root)
    assert system_of_run(params, paths, "public_fs2") == "acoustic/fastspeech2, imported"
    assert system_of_run(params, paths, "tiny_acoustic") == "acoustic/fastspeech2"
    folder.set("runs.tiny_acoustic.init_from", "public_fs2")
    with pytest.raises(ConfigError, match=r"run\.acoustic\.tiny_acoustic\.init_from is None"):
        load_params(folder.root)  # the run that is built must say so as well
    folder.set("run.acoustic.tiny_acoustic.init_from", "public_fs2")
    assert load_params(folder.root).runs["tiny_acoustic"].init_from == "public_fs2"
    folder.set("voices.public", "{acoustic: public_hifigan, vocoder: public_hifigan, corpus: tiny}")
    with pytest.raises(ConfigError, match=r"voices\.public\.acoustic: run 'public_hifigan' is of kind vocoder"):
        load_params(folder.root)
    folder.set("voices.public", "{acoustic: public_fs3, vocoder: public_hifigan, corpus: tiny}")
    with pytest.raises(ConfigError, match="did you mean 'public_fs2'"):
        load_params(folder.root)
    (folder.root / "models/public_fs2/config.json").write_text("{}")
    folder.set("voices.public", VOICE)
    with pytest.raises(CheckpointError, match="names no system"):
        load_params(folder.root)


def test_a_model_is_not_overwritten_unless_asked(folder):
    importing = ("import-checkpoint", "g_00000009", "--run", "public")
    tts(*importing)
    before = (folder.root / "models/public/model.safetensors").read_bytes()
    assert "exists; take another name, or say --force" in refused(*importing)
    (folder.root / "g_00000009").write_bytes(b"")
    assert "is empty" in refused(*importing, "--force")
    assert (folder.root / "models/public/model.safetensors").read_bytes() == before
    publish(folder.root)
    tts(*importing, "--force", "--mel", "f_max=7600")
    assert json.loads((folder.root / "models/public/config.json").read_text())["mel"]["f_max"] == 7600
    assert "`tts train tiny_vocoder` writes" in refused("import-checkpoint", "g_00000009", "--run", "tiny_vocoder")
