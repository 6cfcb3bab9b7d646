"""Weights & Biases beside a run, and out of its way."""

import json
import shutil
import time
import wave

import pytest
from conftest import Project
from PIL import Image
from wandb.sdk.mailbox.mailbox_handle import ServerResponseError
from wandb_files import read_records

from pipeline.provenance import Provenance
from pipeline.tracking import tracked


def test_curves_are_kept_offline_below_the_folder(tmp_path):
    with tracked("toy", {"steps": 2}, key="abc", mode="offline", directory=tmp_path / "wandb") as tracker:
        for step in (1, 2):
            tracker.row({"step": step, "train_loss": 1 / step})
    (file,) = (tmp_path / "wandb").rglob("*.wandb")
    deadline = time.monotonic() + 20
    while b"train_loss" not in file.read_bytes():  # wandb's own process writes when it gets to it
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.fixture
def drawn(tmp_path):
    """Files of the samples of two steps."""
    folders = [tmp_path / f"step-{step:08d}" for step in (1, 2)]
    for number, folder in enumerate(folders):
        folder.mkdir()
        Image.new("RGB", (20, 10), (number, 0, 0)).save(folder / "ann-001.png")
        with wave.open(str(folder / "ann-001.wav"), "wb") as file:
            file.setparams((1, 2, 8000, 0, "NONE", ""))
            file.writeframes(bytes([number]) * 800)
    return folders


def test_what_is_kept_offline_is_all_that_a_later_sync_needs(tmp_path, drawn):
    origin = Provenance(experiment="fast-lark", baseline="0123456", commit="89abcde", is_dirty=True)
    directory = tmp_path / "wandb"
    arguments = {"key": "abc", "mode": "offline", "directory": directory, "origin": origin}
    with tracked("toy", {"optimizer": {"lr": 0.5}}, **arguments) as tracker:
        for step, folder in enumerate(drawn, 1):
            tracker.samples(step, folder)
            tracker.row({"step": step, "train_loss": 1 / step})
        tracker.evaluation({"step": 1, "mcd_db": 7.5})
    kept = {file.name: file.read_bytes() for folder in drawn for file in folder.iterdir()}
    for folder in drawn:
        shutil.rmtree(folder)  # as those of older steps are
    (file,) = directory.rglob("*.wandb")
    records = read_records(file)
    (run,) = [record.run for record in records if record.HasField("run")]
    assert (run.run_id, run.display_name, run.run_group) == ("abc", "fast-lark/toy", "0123456")
    assert list(run.tags) == ["fast-lark"]
    config = {each.key: json.loads(each.value_json) for each in run.config.update}
    assert config["optimizer"] == {"lr": 0.5}
    assert config["dvc"] == {"experiment": "fast-lark", "baseline": "0123456"}
    assert config["git"] == {"commit": "89abcde", "dirty": True}
    rows = [history(record) for record in records if record.HasField("history")]
    assert [(row["_step"], row["train_loss"]) for row in rows] == [(1, 1.0), (2, 0.5)]
    measured = [row for row in rows if "evaluation/mcd_db" in row]
    assert [(row["evaluation/step"], row["evaluation/mcd_db"]) for row in measured] == [(1, 7.5)]
    media = [row[key] for row in rows for key in ("pictures/ann-001", "sounds/ann-001")]
    assert [each["_type"] for each in media] == ["image-file", "audio-file"] * 2
    found = [(file.parent / "files" / each["path"]).read_bytes() for each in media]
    assert found[2:] == [kept["ann-001.png"], kept["ann-001.wav"]]
    assert any(record.HasField("exit") for record in records), "the run is told to have ended"


def history(record):
    """Values of a row by key; those of media are mappings."""
    row = {}
    for each in record.history.item:
        *parents, last = each.nested_key or [each.key]
        place = row
        for key in parents:
            place = place.setdefault(key, {})
        place[last] = json.loads(each.value_json)
    return row


def test_a_folder_that_cannot_be_made_does_not_stop_a_run(tmp_path, caplog):
    (tmp_path / "file").touch()
    with tracked("toy", {}, key="abc", mode="offline", directory=tmp_path / "file" / "wandb") as tracker:
        tracker.row({"step": 1, "train_loss": 1.0})
    assert "training goes on without it" in caplog.text


def test_a_service_that_refuses_the_run_does_not_stop_it(tmp_path, caplog, monkeypatch):
    """As after `kill -9`, while the service of the killed run still holds its id."""

    def refuse(**_):
        raise ServerResponseError("run ID abc is in use")

    monkeypatch.setattr("wandb.init", refuse)
    with tracked("toy", {}, key="abc", mode="offline", directory=tmp_path / "wandb") as tracker:
        tracker.row({"step": 1, "train_loss": 1.0})
    assert "run ID abc is in use; training goes on without it" in caplog.text


def test_disabled_tracking_writes_nothing(tmp_path):
    with tracked("toy", {}, key="abc", mode="disabled", directory=tmp_path) as tracker:
        tracker.row({"step": 1, "train_loss": 1.0})
    assert list(tmp_path.iterdir()) == []


TOY_STAGE = """
from pathlib import Path
from pipeline.paths import Paths
from pipeline.provenance import read_provenance
from pipeline.tracking import tracked

directory, origin = Paths(Path()).cache / "wandb", read_provenance(Path())
with tracked("toy", {}, key="abc", mode="offline", directory=directory, origin=origin) as tracker:
    tracker.row({"step": 1, "train_loss": 1.0})
Path("out").write_text(str(Path().resolve()))
"""
TOY_DVC = "stages: {toy: {cmd: python toy.py, params: [lr], metrics: [{out: {cache: false}}]}}"


@pytest.mark.slow
def test_an_experiment_in_a_temporary_folder_leaves_its_run_in_the_project(tmp_path):
    project = Project(tmp_path)
    for name, text in {
        "toy.py": TOY_STAGE,
        "dvc.yaml": TOY_DVC,
        "params.yaml": "lr: 1",
        ".gitignore": ".tts_cache",
    }.items():
        (tmp_path / name).write_text(text)
    project.run("git init -q && dvc init -q && git add -A && git -c user.name=t -c user.email=t@t commit -qm start")
    project.run("dvc exp run --temp -S lr=2 -n fast-lark")
    assert not (tmp_path / "out").exists(), "the stage ran elsewhere"
    (file,) = (tmp_path / ".tts_cache" / "wandb").rglob("*.wandb")
    (run,) = [record.run for record in read_records(file) if record.HasField("run")]
    commit = project.run("git rev-parse --short=7 HEAD").stdout.strip()
    assert (run.display_name, run.run_group) == ("fast-lark/toy", commit)
