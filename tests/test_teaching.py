"""Mels of an acoustic run that follows the recordings, and vocoders that learn from them."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from test_resuming import VOCOS
from toys import adversarial_settings, settings

from pipeline.params import load_params
from pipeline.paths import Paths
from pipeline.teacher_mels import read_teacher, write_teacher_mels
from pipeline.training import content_of, read_run
from pipeline.yaml import read_yaml
from stages import teach, train
from tts.config import to_plain
from tts.data.features import CorpusFeatures
from tts.data.splits import SplitSettings
from tts.errors import ConfigError, DataError

ROOT = Path(__file__).parents[1]
STACK = {"layers": 1, "heads": 2, "filter": 16, "kernels": [3, 1], "dropout": 0.0}
ACOUSTIC = {"hidden": 16, "encoder": STACK, "decoder": STACK}
SPLIT = SplitSettings(seed=1, validation=0.1, test=0.1)


def write_params(root, **changes):
    acoustic = settings(
        system="acoustic/fastspeech2",
        corpus="demo",
        model=ACOUSTIC,
        loss_weights=dict.fromkeys(("mel", "duration", "pitch", "voicing", "energy"), 1.0),
        **{"steps": 2, "speakers": ["bob"], **changes},
    )
    vocoder = adversarial_settings(
        system="vocoders/vocos",
        corpus="demo",
        model=VOCOS,
        loss_weights={"mel": 1.0, "stft": 1.0, "adversarial": 1.0, "feature_matching": 1.0},
        steps=6,
    )
    tuned = replace(vocoder, init_from="vocoder", mels_from="acoustic")
    runs = {"acoustic": acoustic, "vocoder": vocoder, "tuned": tuned}
    values = read_yaml(ROOT / "presets" / "demo.yaml")
    values |= {"runs": {name: to_plain(run) for name, run in runs.items()}, "run": {"corpora": ["demo"]}, "voices": {}}
    (root / "params.yaml").write_text(json.dumps(values))


@pytest.fixture(scope="module")
def trained(tmp_path_factory, toy_folders):
    """A project folder with an acoustic run and a vocoder run that were trained for a few steps."""
    root = tmp_path_factory.mktemp("project")
    places = {"corpus": "data/corpus/demo"} | {n: f"data/features/demo/{n}" for n in ("mel", "prosody", "index")}
    for name, place in places.items():
        shutil.copytree(toy_folders[name], root / place)
    (root / places["prosody"] / "prosody.parquet").touch()  # runs know it by its bytes, and read the index
    (root / "runtime.yaml").write_text(json.dumps({"workers": 1, "device": "cpu", "wandb": "disabled", "samples": 0}))
    write_params(root)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        train.run("acoustic")
        train.run("vocoder")
        teach.run("acoustic")
    return root


def teacher_of(root):
    paths = Paths(root)
    run = load_params(root).acoustic_run("acoustic")
    return read_teacher(paths, run, paths.model("acoustic"), device=torch.device("cpu"))


def test_mels_have_the_frames_of_the_recordings_and_are_those_of_the_model(trained):
    paths, teacher = Paths(trained), teacher_of(trained)
    taught = CorpusFeatures(paths.corpus("demo"), paths.teacher_mels("acoustic"), split=SPLIT)
    real = CorpusFeatures(paths.corpus("demo"), paths.mel("demo"), split=SPLIT)
    assert taught.mel_definition == real.mel_definition
    assert taught.ids == teacher.ids
    assert set(taught.utterances.table["speaker"].to_pylist()) == {"bob"}
    for name in taught.ids[:4]:
        assert taught.mel(name).shape == real.mel(name).shape
        assert not np.allclose(taught.mel(name), real.mel(name))
        np.testing.assert_allclose(taught.mel(name), teacher.mels([name])[name], atol=1e-5)


def test_splits_are_those_of_the_recordings(trained):
    paths = Paths(trained)
    taught, real = (CorpusFeatures(paths.corpus("demo"), mel, split=SPLIT)
                    for mel in (paths.teacher_mels("acoustic"), paths.mel("demo")))  # fmt: skip
    for split in ("train", "validation", "test"):
        assert taught.select(split) == real.select(split, speakers=["bob"])


def test_an_interrupted_call_goes_on_and_ends_with_the_same_bytes(trained, tmp_path):
    teacher, whole = teacher_of(trained), Paths(trained).teacher_mels("acoustic")
    work = tmp_path / "work"
    work.mkdir()
    shutil.copy(whole / "mel-000.npy", work)
    before = (work / "mel-000.npy").stat().st_mtime_ns
    write_teacher_mels(tmp_path / "out", teacher, work=work)
    assert (work / "mel-000.npy").stat().st_mtime_ns == before
    names = sorted(file.name for file in whole.iterdir())
    assert names == sorted(file.name for file in (tmp_path / "out").iterdir())
    assert all((whole / name).read_bytes() == (tmp_path / "out" / name).read_bytes() for name in names)


def test_a_vocoder_learns_from_them_and_begins_anew_when_they_change(trained, monkeypatch):
    monkeypatch.chdir(trained)
    params, paths = load_params(trained), Paths(trained)
    run = read_run(params, paths, "tuned")
    taught = CorpusFeatures(paths.corpus("demo"), paths.teacher_mels("acoustic"), split=params.split)
    batch = run.data(run.task(torch.device("cpu"), None).network).batch(0)
    name, frames = batch.utterance_ids[0], batch.mel[0].T.numpy()
    assert any(np.array_equal(taught.mel(name, start, len(frames)), frames) for start in range(len(taught.mel(name))))
    before = content_of(params, paths, "tuned")
    train.run("tuned")
    assert (trained / "models" / "tuned" / "model.safetensors").exists()
    table = paths.teacher_mels("acoustic") / "mel.parquet"
    kept = table.read_bytes()
    table.write_bytes(kept + b" ")
    assert content_of(params, paths, "tuned") != before
    table.write_bytes(kept)


def test_without_them_it_says_what_to_run(trained, tmp_path):
    shutil.copytree(trained, tmp_path / "copy", ignore=shutil.ignore_patterns("mels"))
    with pytest.raises(DataError, match=r"data/mels/acoustic/mel.parquet is missing; run `tts teach acoustic`"):
        read_run(load_params(tmp_path / "copy"), Paths(tmp_path / "copy"), "tuned")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tuned": {"mels_from": "vocoder"}}, "runs.tuned.mels_from: run 'vocoder' is of kind vocoder, not acoustic"),
        (
            {"tuned": {"mels_from": "acustic"}},
            "runs.tuned.mels_from: 'acustic' is not defined; did you mean 'acoustic'",
        ),
        (
            {"acoustic": {"mels_from": "acoustic"}},
            "runs.acoustic.mels_from: run 'acoustic' is of kind acoustic, not vocoder",
        ),
        ({"tuned": {"corpus": "other"}}, "acoustic follows the recordings of 'demo', not those of 'other'"),
    ],
)
def test_what_cannot_be_learned_from_is_refused(trained, tmp_path, changes, message):
    values = read_yaml(trained / "params.yaml")
    values["corpora"]["other"] = values["corpora"]["demo"]
    for name, change in changes.items():
        values["runs"][name] |= change
    (tmp_path / "params.yaml").write_text(json.dumps(values))
    with pytest.raises(ConfigError) as raised:
        load_params(tmp_path)
    assert message in str(raised.value)


def test_only_acoustic_runs_teach(trained):
    with pytest.raises(ConfigError, match="run 'vocoder' is of kind vocoder"):
        load_params(trained).acoustic_run("vocoder")
