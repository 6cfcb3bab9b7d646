"""Interrupted and killed runs end in the bits of those that were not."""

import contextlib
import errno
import json
import os
import shutil
import signal
import socket
import time
from pathlib import Path

import pytest
import torch
import typer
from conftest import ROOT
from toys import acoustic_run, adversarial_settings, exit_code, in_child, settings, vocoder_run

from pipeline.yaml import read_yaml
from stages import train
from tts.config import build, to_plain
from tts.errors import CheckpointError, ConfigError, TrainingError
from tts.interfaces import Inventory
from tts.models import load_model
from tts.registry import load_system
from tts.training.checkpoint import exclusive, load_state, save_state
from tts.training.curve import Curve
from tts.training.export import export_model
from tts.training.processes import ALONE, Processes, joined
from tts.training.seeding import seed_everything
from tts.training.trainer import Host, Trainer


def stop_at(step):
    """A `should_stop` that is true after so many steps of this sitting."""
    calls = iter(range(1, step + 1))
    return lambda: next(calls, step) >= step


def flat(value, prefix=""):
    """Leaves of nested containers by path."""
    if isinstance(value, dict):
        return {path: leaf for key, each in value.items() for path, leaf in flat(each, f"{prefix}/{key}").items()}
    if isinstance(value, list | tuple):
        return flat(dict(enumerate(value)), prefix)
    return {prefix: value}


def assert_equal_states(ours, theirs):
    ours, theirs = flat(ours.state_dict()), flat(theirs.state_dict())
    assert ours.keys() == theirs.keys()
    for path, leaf in ours.items():
        assert torch.equal(leaf, theirs[path]) if isinstance(leaf, torch.Tensor) else leaf == theirs[path], path


def assert_resumes_exactly(make, run, folder, stops):
    """Train without a break, and with breaks after so many steps of each sitting: equal bits."""
    whole, data = make(run)
    (folder / "whole").mkdir()
    trainer = Trainer(whole, data, run, directory=folder / "whole")
    assert trainer.run()
    (folder / "broken").mkdir()
    for stop in (*stops, 10**9):
        task, data = make(run)
        host = Host(workers=2, should_stop=stop_at(stop))
        broken = Trainer(task, data, run, directory=folder / "broken", host=host)
        done = broken.run()
    assert done
    assert_equal_states(whole, task)
    assert (folder / "whole" / "curve.csv").read_bytes() == (folder / "broken" / "curve.csv").read_bytes()
    assert (trainer.progress.last, trainer.progress.best) == (broken.progress.last, broken.progress.best)
    return trainer


def test_an_interrupted_supervised_run_ends_in_the_same_bits(tmp_path, acoustic, inventory):
    assert_resumes_exactly(lambda run: acoustic_run(acoustic, inventory, run), settings(), tmp_path, stops=(1, 5, 3))


def test_an_interrupted_adversarial_run_ends_in_the_same_bits(tmp_path, recordings):
    for accumulate, optimizer in ((1, "adamw"), (2, "adamw"), (1, "radam")):
        folder = tmp_path / f"{accumulate} {optimizer}"
        folder.mkdir()
        run = adversarial_settings(accumulate=accumulate, optimizer={"name": optimizer, "lr": 0.01})
        assert_resumes_exactly(lambda run: vocoder_run(recordings, run), run, folder, stops=(3, 4))


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_low_precision_runs_resume_exactly_too(tmp_path, acoustic, inventory, precision):
    run = settings(precision=precision)
    assert_resumes_exactly(lambda run: acoustic_run(acoustic, inventory, run), run, tmp_path, stops=(5,))


FASTSPEECH2 = {
    "hidden": 16,
    "encoder": {"layers": 1, "filter": 16},
    "decoder": {"layers": 1, "filter": 16},
}


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_fastspeech2_resumes_exactly(tmp_path, acoustic, inventory, precision):
    system = load_system("acoustic/fastspeech2")
    config = build(system.config, FASTSPEECH2, where="model")
    names = ("mel", "duration", "pitch", "voicing", "energy")
    run = settings(loss_weights=dict.fromkeys(names, 1.0), steps=4, checkpoint_every=2, precision=precision)

    def make(run):
        seed_everything(run.seed)
        return acoustic_run(acoustic, inventory, run, system.build(config, inventory))

    assert_resumes_exactly(make, run, tmp_path, stops=(1, 2))


HIFIGAN = {
    "channels": 16,
    "upsample_rates": [8, 8],
    "upsample_kernels": [16, 16],
    "resblock": "2",
    "resblock_kernels": [3],
    "resblock_dilations": [[1, 2]],
    "discriminator": {"periods": [2, 3], "period_channels": [2, 2, 4, 4, 4], "scales": 0},
}


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_hifigan_resumes_exactly_and_its_export_speaks_alike(tmp_path, recordings, precision):
    system = load_system("vocoders/hifigan")
    config = build(system.config, HIFIGAN, where="model")
    inventory = Inventory(mel=recordings.mel_definition)
    weights = {"mel": 45.0, "adversarial": 1.0, "feature_matching": 2.0}
    run = adversarial_settings(
        system="vocoders/hifigan",
        loss_weights=weights,
        steps=4,
        adversary={"optimizer": {"lr": 1e-3}, "start_step": 1},
        precision=precision,
    )
    tasks = []

    def make(run):
        seed_everything(run.seed)
        task, data = vocoder_run(recordings, run, system.build(config, inventory), system.build_discriminator(config))
        tasks.append(task)
        return task, data

    assert_resumes_exactly(make, run, tmp_path, stops=(2,))
    model = tmp_path / "model"
    model.mkdir()
    export_model(
        model, tasks[-1].exported(), system="vocoders/hifigan", model=to_plain(config), inventory=inventory, training={}
    )
    mel = torch.from_numpy(recordings.mel(recordings.ids[0]).T[None].copy())
    with torch.no_grad():
        assert torch.allclose(load_model(model).network(mel), tasks[-1].exported()(mel), atol=1e-6)


VOCGAN = {
    "channels": 8,
    "upsample_rates": [4, 4, 2, 2],
    "blocks": 2,
    "resolutions": [[256, 64, 256]],
    "discriminator_channels": 4,
    "scales": 2,
    "mels": 8,
}
WAVEGAN = {"latent": 8, "channels": 4, "rates": [4, 4, 4], "mels": 8}
NEW_ADVERSARIES = {
    "nested": ("vocoders/vocgan", VOCGAN, {"stft": 1.0, "adversarial": 1.0, "feature_matching": 10.0}, {}),
    "slopes": ("vocoders/wavegan", WAVEGAN, {"spectrum": 0.0, "adversarial": 1.0}, {"updates": 3}),
    "slopes beside the mel": (
        "vocoders/wavegan",
        WAVEGAN | {"condition": "mel"},
        {"mel": 1.0, "adversarial": 1.0},
        {"updates": 2},
    ),
}


@pytest.mark.parametrize("accumulate", [1, 2])
@pytest.mark.parametrize("name", NEW_ADVERSARIES)
def test_adversaries_of_many_rates_and_updates_resume_exactly(tmp_path, recordings, name, accumulate):
    system_name, model, weights, changes = NEW_ADVERSARIES[name]
    system = load_system(system_name)
    config = build(system.config, model, where="model")
    slopes = {"objective": "wgan_gp", "penalty": 10.0} if changes else {"start_step": 1}
    run = adversarial_settings(
        system=system_name,
        loss_weights=weights,
        best_by=next(iter(weights)),
        steps=4,
        accumulate=accumulate,
        clip_norm=None,
        adversary={"optimizer": {"name": "adam", "lr": 1e-3, "betas": [0.5, 0.9]}, **slopes, **changes},
    )

    def make(run):
        seed_everything(run.seed)
        network = system.build(config, Inventory(mel=recordings.mel_definition))
        return vocoder_run(recordings, run, network, system.build_discriminator(config))

    trainer = assert_resumes_exactly(make, run, tmp_path, stops=(1, 2))
    assert trainer.progress.last["step"] == 4


def test_kill_minus_9_loses_nothing(tmp_path, acoustic, inventory):
    run = settings()

    def die(row):
        if row["step"] >= 9:
            os.kill(os.getpid(), signal.SIGKILL)

    def killed():
        task, data = acoustic_run(acoustic, inventory, run)
        Trainer(task, data, run, directory=tmp_path / "killed", host=Host(on_row=die)).run()

    for name in ("killed", "whole"):
        (tmp_path / name).mkdir()
    assert exit_code(in_child(killed)) == -signal.SIGKILL
    assert [file.name for file in (tmp_path / "killed").glob("state-*")] == ["state-00000005.pt"]
    tasks = []
    for name in ("killed", "whole"):
        task, data = acoustic_run(acoustic, inventory, run)
        assert Trainer(task, data, run, directory=tmp_path / name).run()
        tasks.append(task)
    assert_equal_states(*tasks)
    assert (tmp_path / "killed" / "curve.csv").read_bytes() == (tmp_path / "whole" / "curve.csv").read_bytes()


def test_processes_change_nothing_but_the_order_of_sums(tmp_path, acoustic, inventory):
    run = settings(steps=6)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])

    def train(folder, processes):
        folder.mkdir(exist_ok=True)
        task, data = acoustic_run(acoustic, inventory, run, processes=processes)
        assert Trainer(task, data, run, directory=folder, host=Host(processes=processes)).run()
        return task

    def together(rank):
        started = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
        os.environ.update(started, TORCHELASTIC_RUN_ID="test")
        with joined("cpu") as processes:
            train(tmp_path / "together", processes)

    children = [in_child(lambda rank=rank: together(rank)) for rank in ("0", "1")]
    alone = train(tmp_path / "alone", ALONE).network.state_dict()
    assert [exit_code(child) for child in children] == [0, 0]
    shared = load_state(tmp_path / "together")["task"]["network"]
    for name in (name for name in alone if "running" not in name and "num_batches" not in name):
        assert torch.allclose(alone[name], shared[name], atol=1e-5), name


def test_accumulate_that_processes_cannot_share_is_refused():
    with pytest.raises(ConfigError, match="accumulate 3 cannot be shared by 2 processes"):
        Processes(rank=0, size=2).share(3)


def test_the_last_two_states_are_kept_and_a_damaged_one_falls_back(tmp_path, caplog):
    for step in (1, 2, 3):
        save_state(tmp_path, step, {"step": step, "weights": torch.full((1000,), float(step))})
    assert sorted(file.name for file in tmp_path.iterdir()) == ["state-00000002.pt", "state-00000003.pt"]
    newest = tmp_path / "state-00000003.pt"
    content = bytearray(newest.read_bytes())
    content[len(content) // 2] ^= 1
    newest.write_bytes(content)
    assert load_state(tmp_path)["step"] == 2
    assert "state-00000003.pt is damaged" in caplog.text


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full, a file on a full disk")
def test_a_full_disk_is_said_and_the_states_before_stay(tmp_path):
    save_state(tmp_path, 1, {"step": 1})
    (tmp_path / "state-00000002.tmp").symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left on device") as caught:
        save_state(tmp_path, 2, {"step": 2, "weights": torch.zeros(100_000)})
    assert caught.value.errno == errno.ENOSPC
    assert [file.name for file in tmp_path.iterdir()] == ["state-00000001.pt"]
    assert load_state(tmp_path) == {"step": 1}


@pytest.mark.parametrize("keep", [0, 100])
def test_cut_states_are_an_error_when_none_is_whole(tmp_path, keep):
    save_state(tmp_path, 1, {"step": 1})
    path = tmp_path / "state-00000001.pt"
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(CheckpointError, match="every saved state is damaged; delete the folder"):
        load_state(tmp_path)


def test_no_state_is_none(tmp_path):
    assert load_state(tmp_path) is None


def test_a_folder_of_other_settings_is_refused(tmp_path, acoustic, inventory):
    run = settings(steps=2)
    task, data = acoustic_run(acoustic, inventory, run)
    Trainer(task, data, run, directory=tmp_path).run()
    with pytest.raises(CheckpointError, match="holds a run of other settings"):
        Trainer(task, data, settings(steps=3), directory=tmp_path).run()


def test_two_processes_cannot_train_one_run(tmp_path, acoustic, inventory):
    run = settings(steps=2)
    task, data = acoustic_run(acoustic, inventory, run)
    with exclusive(tmp_path), pytest.raises(TrainingError, match=f"process {os.getpid()} trains this run"):
        Trainer(task, data, run, directory=tmp_path).run()
    assert Trainer(task, data, run, directory=tmp_path).run()


def test_the_curve_forgets_steps_that_are_done_again_and_half_lines(tmp_path):
    path = tmp_path / "curve.csv"
    curve = Curve(path, ["step", "train_loss", "lr"], after_step=0)
    for step in (1, 2, 3):
        curve.append({"step": step, "train_loss": step / 3})
    curve.close()
    with path.open("a") as file:
        file.write("4,0.1")
    Curve(path, ["step", "train_loss", "lr"], after_step=2).close()
    assert path.read_text() == "step,train_loss,lr\n1,0.333333,\n2,0.666667,\n"


VOCOS = {
    "channels": 16,
    "intermediate": 16,
    "layers": 1,
    "resolutions": [[256, 64, 256]],
    "discriminator": {"periods": [], "scales": 0, "resolutions": [[256, 64, 256]], "resolution_channels": 2},
}


def stage_project(root, toy_folders, **changes):
    """A project folder whose features are the small corpus, with one vocoder run."""
    places = {"corpus": "data/corpus/demo", "mel": "data/features/demo/mel"}
    for name, place in places.items():
        shutil.copytree(toy_folders[name], root / place)
    values = read_yaml(ROOT / "presets" / "demo.yaml")
    run = to_plain(
        adversarial_settings(
            system="vocoders/vocos",
            corpus="demo",
            model=VOCOS,
            loss_weights={"mel": 1.0, "stft": 1.0, "adversarial": 1.0, "feature_matching": 1.0},
            **{"steps": 20, "checkpoint_every": 6, **changes},
        )
    )
    values |= {"runs": {"toy": run}, "run": {"corpora": ["demo"]}, "voices": {}}
    (root / "params.yaml").write_text(json.dumps(values))
    (root / "runtime.yaml").write_text(json.dumps({"workers": 1, "device": "cpu", "wandb": "disabled"}))
    return root


def train_in(root):
    """Fork a child that runs `tts train toy` in a project folder."""

    def command():
        os.chdir(root)
        with contextlib.suppress(typer.Exit) as _:
            train.run("toy")
            os._exit(0)
        os._exit(train.INTERRUPTED)

    return in_child(command)


def test_a_terminated_stage_says_so_and_goes_on_to_the_same_model(tmp_path, toy_folders):
    whole, broken = (stage_project(tmp_path / name, toy_folders) for name in ("whole", "broken"))
    child = train_in(broken)
    while not (list(broken.glob(".tts_cache/train/*/state-*.pt")) or has_ended(child)):
        time.sleep(0.01)
    os.kill(child, signal.SIGTERM)
    assert exit_code(child) == 75
    assert not (broken / "models" / "toy").exists()
    assert [exit_code(train_in(root)) for root in (broken, whole)] == [0, 0]
    for name in (
        "models/toy/model.safetensors",
        "models/toy/discriminator.safetensors",
        "models/toy/config.json",
        "metrics/runs/toy.csv",
    ):
        assert (broken / name).read_bytes() == (whole / name).read_bytes()
    metrics = json.loads((broken / "metrics/runs/toy.json").read_text())
    assert metrics["last"]["step"] == metrics["steps"] == 20
    assert {"seconds", "steps_per_second", "device", "best"} <= metrics.keys()
    assert load_model(broken / "models/toy").network(torch.zeros(1, 8, 20)).shape == (1, 20 * 64)


def test_fewer_steps_make_another_run_and_the_first_one_keeps_its_state(tmp_path, toy_folders):
    root = stage_project(tmp_path, toy_folders, steps=2000)
    child = train_in(root)
    while not (list(root.glob(".tts_cache/train/*/state-*.pt")) or has_ended(child)):
        time.sleep(0.01)
    os.kill(child, signal.SIGTERM)
    assert exit_code(child) == 75
    kept = set(root.glob(".tts_cache/train/*/state-*.pt"))
    values = json.loads((root / "params.yaml").read_text())
    values["runs"]["toy"]["steps"] = 5
    (root / "params.yaml").write_text(json.dumps(values))
    assert exit_code(train_in(root)) == 0
    assert json.loads((root / "metrics/runs/toy.json").read_text())["steps"] == 5
    assert kept < set(root.glob(".tts_cache/train/*/state-*.pt"))


def has_ended(child):
    return os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


_JUDGES = {"scales": 2, "channels": 4, "strides": [4], "max_channels": 8}
_SPECTRA = {"resolutions": [[256, 64, 256]]}
OTHERS = {
    "vocoders/melgan": {"channels": 16, "upsample_rates": [8, 8], "blocks": 1, "discriminator": _JUDGES},
    "vocoders/multiband_melgan": {
        **{"channels": 16, "upsample_rates": [4, 4], "blocks": 1, "discriminator": _JUDGES},
        "subband_resolutions": [[64, 16, 64]],
    },
    "vocoders/parallel_wavegan": {
        **{"layers": 2, "stacks": 1, "residual_channels": 4, "gate_channels": 4, "skip_channels": 4},
        **{"upsample_rates": [8, 8], "discriminator_layers": 3, "discriminator_channels": 4},
    },
}


@pytest.mark.parametrize("name", OTHERS)
def test_other_adversarial_vocoders_resume_exactly_and_their_exports_speak_alike(tmp_path, recordings, name):
    system = load_system(name)
    config = build(system.config, OTHERS[name] | _SPECTRA, where="model")
    inventory = Inventory(mel=recordings.mel_definition)
    terms = {"mel": 0.0, "stft": 1.0, "adversarial": 4.0, "feature_matching": 1.0}
    weights = terms | ({"subband_stft": 1.0} if name == "vocoders/multiband_melgan" else {})
    optimizer = {"name": "radam", "lr": 1e-3}
    adversary = {"optimizer": optimizer, "start_step": 1, "clip_norm": 1.0, "objective": "hinge"}
    run = adversarial_settings(system=name, loss_weights=weights, optimizer=optimizer, steps=3, adversary=adversary)
    tasks = []

    def make(run):
        seed_everything(run.seed)
        task, data = vocoder_run(recordings, run, system.build(config, inventory), system.build_discriminator(config))
        tasks.append(task)
        return task, data

    assert_resumes_exactly(make, run, tmp_path, stops=(2,))
    model = tmp_path / "model"
    model.mkdir()
    network = tasks[-1].exported()
    export_model(model, network, system=name, model=to_plain(config), inventory=inventory, training={})
    mel = torch.from_numpy(recordings.mel(recordings.ids[0]).T[None].copy())
    with torch.no_grad():
        torch.testing.assert_close(load_model(model).network(mel), network(mel), atol=1e-6, rtol=0)
