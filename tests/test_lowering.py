"""`batch.auto`: a batch that does not fit into memory is halved until it does."""

import itertools
import json
import os
import signal
import socket
import time
from functools import partial

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from test_resuming import has_ended, stage_project, train_in
from toys import ToyAcoustic, acoustic_run, exit_code, in_child, settings

from tts.errors import CheckpointError, MemoryShortageError
from tts.training.fitting import fitted
from tts.training.lowering import lowered
from tts.training.processes import ALONE, joined
from tts.training.tasks import SupervisedTask
from tts.training.trainer import Trainer
from tts.vocoders import vocos


def batches_of(run, *, longest):
    return [(each.batch.size, each.batch.max_frames, each.accumulate) for each in lowered(run, longest=longest)]


@pytest.mark.parametrize(
    ("batch", "expected"),
    [
        ({"size": 8}, [(8, None, 1), (4, None, 2), (2, None, 4), (1, None, 8)]),
        ({"size": 5}, [(5, None, 1), (3, None, 2), (2, None, 4), (1, None, 8)]),
        ({"max_frames": 1000}, [(None, 1000, 1), (None, 500, 2), (None, 300, 4)]),
        ({"size": 4, "max_frames": 500}, [(4, 500, 1), (2, 300, 2), (1, 300, 4)]),
        ({"size": 1}, [(1, None, 1)]),
        ({"max_frames": 300}, [(None, 300, 1)]),
    ],
)
def test_batches_are_halved_down_to_one_clip(batch, expected):
    assert batches_of(settings(batch=batch, accumulate=1), longest=300) == expected


@given(size=st.integers(1, 500), accumulate=st.integers(1, 9))
def test_a_step_never_learns_from_fewer_clips(size, accumulate):
    steps = batches_of(settings(batch={"size": size}, accumulate=accumulate), longest=100)
    clips = [size * count for size, _, count in steps]
    assert clips == sorted(clips)
    assert steps[-1][0] == 1
    assert all(later * 2 <= earlier + 1 for (earlier, *_), (later, *_) in itertools.pairwise(steps))


class Hungry(ToyAcoustic):
    """Wants more memory than there is for a batch of more than `most` clips."""

    most = 2

    def loss(self, batch):
        if len(batch.utterance_ids) > self.most:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return super().loss(batch)


@pytest.fixture
def fit(tmp_path, acoustic, inventory):
    """Fit settings to the memory of `Hungry`, over the toy corpus."""

    def make(run):
        task, data = acoustic_run(acoustic, inventory, run, Hungry(inventory))
        return task, data.largest()

    return partial(fitted, make=make, longest_clip=90, directory=tmp_path, processes=ALONE)


@pytest.fixture
def train(tmp_path, acoustic, inventory):
    """Train `Hungry` to the end."""

    def to_the_end(run):
        task, data = acoustic_run(acoustic, inventory, run, Hungry(inventory))
        assert Trainer(task, data, run, directory=tmp_path).run()

    return to_the_end


def of_eight(**changes):
    return settings(**{"batch": {"size": 8, "auto": True}, "accumulate": 1, "steps": 4, **changes})


def test_the_batch_is_lowered_until_it_fits(fit, caplog):
    run = fit(of_eight())
    assert (run.batch.size, run.accumulate) == (2, 4)
    assert [record.levelname for record in caplog.records] == ["WARNING", "WARNING"]
    assert caplog.messages[0].startswith("the largest batch, 7 clips of up to")
    assert caplog.messages[0].endswith("batch.auto takes batch.size 4 in place of 8, accumulate 2 in place of 1")
    assert fit(run) == run, "what fits stays"


def test_what_does_not_fit_clip_by_clip_is_said(fit, monkeypatch):
    monkeypatch.setattr(Hungry, "most", 0)
    with pytest.raises(MemoryShortageError, match=r"one clip of \d+ frames, does not fit.*take a smaller model"):
        fit(of_eight())


def test_without_auto_the_remedy_is_said(train):
    message = r"7 clips of up to \d+ frames.*lower batch.size.*raise accumulate.*batch.auto does so"
    with pytest.raises(MemoryShortageError, match=message):
        train(of_eight(batch={"size": 8}))


def test_memory_that_others_take_meanwhile_is_missed_in_one_line(train, monkeypatch):
    update = SupervisedTask.update

    def later(task, batches, step):
        if step == 3 and len(batches) == 2:  # a rehearsal has one batch
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return update(task, batches, step)

    monkeypatch.setattr(SupervisedTask, "update", later)
    with pytest.raises(MemoryShortageError, match=r"^the batch of step 3, .*does not fit into memory \(CUDA out of"):
        train(of_eight(batch={"size": 2}, accumulate=2))


def test_a_lowered_run_goes_on_with_its_batch_and_no_other(fit, train, monkeypatch):
    run = fit(of_eight())
    train(run)
    monkeypatch.setattr(Hungry, "most", 100)
    assert fit(of_eight()) == run, "more memory than before changes nothing"
    other = fit(of_eight(batch={"size": 12, "auto": True}))
    assert other.batch.size == 12
    with pytest.raises(CheckpointError, match="holds a run of other settings"):
        train(other)


def test_processes_agree_on_the_batch_that_fits_in_each(tmp_path, fit):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])

    def together(rank):
        started = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
        os.environ.update(started, TORCHELASTIC_RUN_ID="test")
        Hungry.most = 2 if rank == "0" else 100
        with joined("cpu") as processes:
            run = fit(of_eight(accumulate=2), processes=processes)
            (tmp_path / rank).write_text(f"{run.batch.size} {run.accumulate}")

    children = [in_child(lambda rank=rank: together(rank)) for rank in ("0", "1")]
    assert [exit_code(child) for child in children] == [0, 0]
    assert [(tmp_path / rank).read_text() for rank in ("0", "1")] == ["2 8", "2 8"]


@pytest.fixture
def hungry_vocos(monkeypatch):
    """A Vocos that fits into memory with up to two clips."""
    forward = vocos.Vocos.forward

    def limited(self, mel, lengths=None):
        if len(mel) > 2 and self.training:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return forward(self, mel, lengths)

    monkeypatch.setattr(vocos.Vocos, "forward", limited)


@pytest.mark.usefixtures("hungry_vocos")
def test_the_stage_lowers_says_so_and_ends_where_the_lowered_settings_lead(tmp_path, toy_folders):
    batch, short = {"size": 8, "segment_frames": 16}, {"steps": 8, "checkpoint_every": 3}
    auto = stage_project(tmp_path / "auto", toy_folders, batch=batch | {"auto": True}, accumulate=1, **short)
    explicit = stage_project(tmp_path / "explicit", toy_folders, batch=batch | {"size": 2}, accumulate=4, **short)
    child = train_in(auto)
    while not (list(auto.glob(".tts_cache/train/*/state-*.pt")) or has_ended(child)):
        time.sleep(0.01)
    os.kill(child, signal.SIGTERM)
    assert exit_code(child) == 75
    assert [exit_code(train_in(root)) for root in (auto, explicit)] == [0, 0]
    for name in ("models/toy/model.safetensors", "models/toy/discriminator.safetensors", "metrics/runs/toy.csv"):
        assert (auto / name).read_bytes() == (explicit / name).read_bytes()
    metrics = json.loads((auto / "metrics/runs/toy.json").read_text())
    assert (metrics["batch"]["size"], metrics["batch"]["auto"], metrics["accumulate"]) == (2, True, 4)
    learned = json.loads((auto / "models/toy/config.json").read_text())["training"]["settings"]
    assert (learned["batch"]["size"], learned["accumulate"]) == (2, 4)
