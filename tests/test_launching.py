"""`tts train` in several processes, as runtime.yaml says."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path

import pytest
import torch
from conftest import ROOT
from safetensors.torch import load_file
from test_resuming import has_ended, stage_project
from toys import exit_code, in_child

from pipeline.launching import is_to_be_launched, launch
from pipeline.runtime import Runtime
from stages.app import app
from tts.config import build
from tts.errors import ConfigError
from tts.training.processes import choose_device


def start_training(root, **runtime):
    """Fork a child that runs `tts train toy` with these values of runtime.local.yaml; what is said goes to a file."""
    (root / "runtime.local.yaml").write_text(json.dumps(runtime))

    def command():
        os.environ |= {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
        os.chdir(root)
        sys.stdout = sys.stderr = Path("said").open("w", buffering=1)  # noqa: SIM115 - until the child ends
        for number in (1, 2):
            os.dup2(sys.stdout.fileno(), number)
        try:
            app(["train", "toy"])
        except SystemExit as end:
            os._exit(end.code)

    return in_child(command)


def train(root, **runtime):
    code = exit_code(start_training(root, **runtime))
    said = (root / "said").read_text()
    assert code == 0, said
    return said


def test_two_processes_train_the_model_that_one_trains(tmp_path, toy_folders):
    alone, together = (stage_project(tmp_path / name, toy_folders) for name in ("alone", "together"))
    train(alone)
    said = train(together, processes=2)
    assert said.count("train toy: wrote models/toy") == 1
    ours, theirs = (load_file(root / "models/toy/model.safetensors") for root in (together, alone))
    assert ours.keys() == theirs.keys()
    for name, tensor in ours.items():
        assert (tensor - theirs[name]).abs().max() < 1e-5, name
    assert json.loads((together / "metrics/runs/toy.json").read_text())["steps"] == 20


def test_a_signal_saves_in_all_processes_and_one_goes_on(tmp_path, toy_folders):
    root = stage_project(tmp_path / "broken", toy_folders, steps=2000, checkpoint_every=2000)
    child = start_training(root, processes=2)
    curve = None
    while not has_ended(child) and not (curve and curve[0].stat().st_size > 200):
        curve = list(root.glob(".tts_cache/train/*/curve.csv"))
        time.sleep(0.05)
    os.kill(child, signal.SIGTERM)
    code, said = exit_code(child), (root / "said").read_text()
    assert code == 75, said
    (state,) = root.glob(".tts_cache/train/*/state-*.pt")
    assert 0 < int(state.stem.removeprefix("state-")) < 2000
    assert "train toy: stopped; run it again to go on" in said


@pytest.mark.parametrize(
    ("values", "accumulate", "devices", "message"),
    [
        (
            {"processes": 2, "device": "cuda"},
            2,
            1,
            "runtime.processes: 2 processes for 1 CUDA devices; each needs its own",
        ),
        ({"processes": 4}, 4, 3, "4 processes for 3 CUDA devices"),
        ({"processes": 2, "nodes": 2, "rendezvous": "a:1"}, 2, 0, "accumulate 2 cannot be shared by 4 processes"),
    ],
)
def test_what_cannot_be_started_is_said_before(values, accumulate, devices, message):
    runtime = build(Runtime, values, where="runtime")
    with pytest.raises(ConfigError, match=message):
        launch(["train", "toy"], runtime, accumulate=accumulate, num_devices=devices)


def test_a_process_without_a_device_of_its_own_is_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert choose_device("auto", number=1) == torch.device("cuda", 1)
    assert choose_device("cpu", number=2) == torch.device("cpu")
    with pytest.raises(ConfigError, match="process 3 of this machine finds 2 CUDA devices; each needs its own"):
        choose_device("auto", number=2)


def test_machines_must_know_where_to_meet():
    with pytest.raises(ConfigError, match="several nodes need rendezvous"):
        build(Runtime, {"nodes": 2}, where="runtime")


def test_one_process_starts_no_others_and_those_started_start_none(monkeypatch):
    assert not is_to_be_launched(Runtime())
    assert is_to_be_launched(Runtime(processes=2))
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "x")
    assert not is_to_be_launched(Runtime(processes=2))
