"""Model folders and states that are not what they should be: one clear line, exit code 1, nothing lost, no code run."""

import errno
import json
import os
import pickle
import shutil
import struct
from pathlib import Path

import pytest
import torch
from conftest import ROOT
from test_models import edit_config
from test_resuming import VOCOS, stage_project, train_in
from tiny_voice import write_models
from toys import MEL_DEFINITION, acoustic_run, exit_code, in_child, settings
from typer.testing import CliRunner

from stages.app import app
from tts.config import build, to_plain
from tts.errors import CheckpointError
from tts.interfaces import Inventory
from tts.registry import load_system
from tts.training.checkpoint import load_best, load_state, save_best, save_state
from tts.training.export import export_model, read_tensors
from tts.training.trainer import Trainer

BOMB = "bomb-went-off"


class Bomb:
    """Runs code where it is unpickled."""

    def __reduce__(self):
        return os.mkdir, (BOMB,)


def said_by(root, *arguments):
    """What a command says on its way to exit code 1, run in a forked child that works in `root`."""

    def command():
        os.chdir(root)
        done = CliRunner().invoke(app, arguments)
        Path("said").write_text(done.output)
        os._exit(done.exit_code)

    assert exit_code(in_child(command)) == 1, (root / "said").read_text()
    said = (root / "said").read_text()
    errors = [line for line in said.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1, said
    assert "Traceback" not in said
    assert not (root / BOMB).exists()
    return errors[0]


def of_another_system(folder):
    edit_config(folder, system="vocoders/hifigan")


def of_another_kind(folder):
    shutil.rmtree(folder)
    shutil.copytree(folder.with_name("tiny_vocoder"), folder)


def of_a_newer_release(folder):
    edit_config(folder, format_version=2)


def cut_off(folder):
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1000])


def cut_off_in_its_header(folder):
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:100])


def pickled(folder):
    torch.save({"weights": Bomb()}, folder / "model.safetensors")


def pickled_long_ago(folder):
    (folder / "model.safetensors").write_bytes(pickle.dumps(Bomb()))


def without_tensors(folder):
    (folder / "model.safetensors").unlink()


def without_a_key(folder):
    path = folder / "config.json"
    values = json.loads(path.read_text())
    del values["symbols"]
    path.write_text(json.dumps(values))


FILES = {
    of_a_newer_release: "format_version 2 is unknown here (1 to 1 are); update the toolkit",
    cut_off: "the file is cut off or damaged; copy it again, or export the model again",
    cut_off_in_its_header: "the file is cut off or damaged; copy it again, or export the model again",
    pickled: "pickled checkpoints are refused, since they can run code",
    pickled_long_ago: "pickled checkpoints are refused, since they can run code",
    without_tensors: "a model folder holds config.json and model.safetensors",
    without_a_key: "config.json lacks 'symbols'; export the model again",
}
STARTS = FILES | {of_another_system: "a vocoders/hifigan model cannot start a vocoders/vocos run; choose another"}
VOICES = FILES | {of_another_kind: "holds vocoders/griffin_lim, not a model of kind acoustic"}


def export_vocos(folder, **changes):
    system = load_system("vocoders/vocos")
    config = build(system.config, VOCOS | changes, where="model")
    inventory = Inventory(mel=MEL_DEFINITION)
    folder.mkdir(parents=True)
    export_model(
        folder,
        system.build(config, inventory),
        system="vocoders/vocos",
        model=to_plain(config),
        inventory=inventory,
        training={},
    )
    return folder


@pytest.fixture
def starting(tmp_path, toy_folders):
    """A project whose run `toy` starts from the run `base`, and the model folder of that."""
    root = stage_project(tmp_path / "project", toy_folders, init_from="base")
    values = json.loads((root / "params.yaml").read_text())
    values["runs"]["base"] = values["runs"]["toy"] | {"init_from": None}
    (root / "params.yaml").write_text(json.dumps(values))
    return root, export_vocos(root / "models/base")


@pytest.mark.parametrize("damage", STARTS, ids=lambda each: each.__name__)
def test_a_run_does_not_start_from_a_model_that_is_not_right(starting, damage):
    root, base = starting
    damage(base)
    said = said_by(root, "train", "toy")
    assert STARTS[damage] in said
    assert "models/base" in said
    assert not (root / "models/toy").exists()
    assert not list(root.glob(".tts_cache/train/*/state-*"))


def test_weights_of_other_shapes_are_named_up_to_five(starting):
    root, base = starting
    shutil.rmtree(base)
    export_vocos(base, channels=24, intermediate=32)
    said = said_by(root, "train", "toy")
    assert "models/base: the weights do not fit the network: " in said
    assert said.count("expected [") == said.count(" is [") == 5
    assert "backbone.blocks.0.dwconv.bias is [24], expected [16]" in said
    assert said.endswith(" more)")


@pytest.mark.parametrize("damage", VOICES, ids=lambda each: each.__name__)
def test_a_voice_does_not_speak_with_a_model_that_is_not_right(tmp_path, damage):
    shutil.copy(ROOT / "presets" / "tiny.yaml", tmp_path / "params.yaml")
    (tmp_path / "runtime.yaml").write_text(json.dumps({"workers": 1, "device": "cpu"}))
    folders = [tmp_path / "models" / name for name in ("tiny_acoustic", "tiny_vocoder")]
    write_models(*folders)
    damage(folders[0])
    said = said_by(tmp_path, "say", "Hello.", "--output", "said.wav", "--speaker", "ann", "--style", "calm")
    assert VOICES[damage] in said
    assert "models/tiny_acoustic" in said
    assert not (tmp_path / "said.wav").exists()


def test_a_whole_file_with_a_header_that_looks_pickled_is_not_called_so(tmp_path):
    path = tmp_path / "model.safetensors"
    path.write_bytes(struct.pack("<Q", 0x0280) + b"{")  # its first byte is that of a pickle
    with pytest.raises(CheckpointError, match="cut off or damaged"):
        read_tensors(path)


@pytest.mark.parametrize("save", [save_best, lambda folder, state: save_state(folder, 1, state)])
def test_code_in_a_state_is_refused_and_never_run(tmp_path, monkeypatch, save):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "work").mkdir()
    save(tmp_path / "work", {"settings": {}, "task": Bomb()})
    with pytest.raises(CheckpointError, match=r"\.pt: holds more than tensors and plain values; it may run code"):
        load_best(tmp_path / "work") if save is save_best else load_state(tmp_path / "work")
    assert not Path(BOMB).exists()


def test_code_in_the_state_of_a_run_ends_the_stage_in_one_line(tmp_path, toy_folders):
    root = stage_project(tmp_path / "project", toy_folders)
    assert exit_code(in_child(lambda: interrupt_at_once(root))) == 75
    (work,) = root.glob(".tts_cache/train/*")
    save_state(work, 2, {"task": Bomb()})
    assert "may run code and is refused" in said_by(root, "train", "toy")
    (work / "state-00000002.pt").unlink()
    assert exit_code(train_in(root)) == 0, "what was saved before is still there"


def interrupt_at_once(root):
    os.chdir(root)
    original = Trainer.__init__

    def stopping(self, *arguments, host, **options):
        original(self, *arguments, host=type(host)(should_stop=lambda: True), **options)

    Trainer.__init__ = stopping
    os._exit(CliRunner().invoke(app, ["train", "toy"]).exit_code)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full, a file on a full disk")
def test_a_run_whose_disk_is_full_goes_on_from_its_last_state(tmp_path, acoustic, inventory):
    run = settings()
    tasks = []
    for name in ("full", "whole"):
        (tmp_path / name).mkdir()
    (tmp_path / "full" / "state-00000010.tmp").symlink_to("/dev/full")
    task, data = acoustic_run(acoustic, inventory, run)
    with pytest.raises(OSError, match="No space left on device") as caught:
        Trainer(task, data, run, directory=tmp_path / "full").run()
    assert caught.value.errno == errno.ENOSPC
    assert [file.name for file in (tmp_path / "full").glob("state-*")] == ["state-00000005.pt"]
    for name in ("full", "whole"):
        task, data = acoustic_run(acoustic, inventory, run)
        assert Trainer(task, data, run, directory=tmp_path / name).run()
        tasks.append(task.state_dict()["network"])
    assert all(torch.equal(each, tasks[1][name]) for name, each in tasks[0].items())
    curves = [(tmp_path / name / "curve.csv").read_bytes() for name in ("full", "whole")]
    assert curves[0] == curves[1]
