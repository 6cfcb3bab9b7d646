"""The step that is taken back, what steps cost, and which weights are kept."""

from __future__ import annotations

import copy
import json
import logging

import pytest
import torch
from test_resuming import assert_equal_states, flat, stop_at
from toys import ToyVocoder, acoustic_run, adversarial_settings, settings, vocoder_run

from tts.errors import CheckpointError, ConfigError, TrainingError
from tts.interfaces import Inventory
from tts.training import meter as meter_module
from tts.training.meter import Meter, peak_memory
from tts.training.rehearsal import rehearse
from tts.training.sampling import LengthSampler
from tts.training.settings import BatchSettings
from tts.training.trainer import Host, Trainer


class Hungry(ToyVocoder):
    """Wants more memory than there is where a batch has more than two clips."""

    def forward(self, mel):
        if len(mel) > 2:
            torch.empty(1 << 60)
        return super().forward(mel)


def test_a_rehearsal_leaves_no_trace(acoustic, inventory, recordings):
    runs = [acoustic_run(acoustic, inventory, settings()), vocoder_run(recordings, adversarial_settings())]
    for task, data in runs:
        for step in (0, 5):
            task.update([data.batch(0), data.batch(1)], step)
            before = copy.deepcopy(flat(task.state_dict()))
            rehearse(task, data.largest(), 5)
            after = flat(task.state_dict())
            assert before.keys() == after.keys()
            for path, leaf in before.items():
                assert torch.equal(leaf, after[path]) if isinstance(leaf, torch.Tensor) else leaf == after[path], path
            assert all(each.grad is None for each in task.network.parameters())


def test_a_task_that_was_rehearsed_first_learns_the_same(acoustic, inventory):
    tasks = [acoustic_run(acoustic, inventory, settings()) for _ in range(2)]
    rehearse(tasks[0][0], tasks[0][1].largest(), 0)
    for task, data in tasks:
        for step in range(3):
            task.update([data.batch(2 * step), data.batch(2 * step + 1)], step)
    assert_equal_states(tasks[0][0], tasks[1][0])


def test_too_little_memory_is_known_before_the_first_step(tmp_path, recordings):
    run = adversarial_settings(batch={"size": 4, "segment_frames": 8})
    network = Hungry(Inventory(mel=recordings.mel_definition))
    task, data = vocoder_run(recordings, run, network=network)
    before = copy.deepcopy(network.state_dict())
    with pytest.raises(TrainingError, match=r"4 clips of up to 8 frames, does not fit.*lower batch.size"):
        Trainer(task, data, run, directory=tmp_path).run()
    assert all(torch.equal(before[name], each) for name, each in network.state_dict().items())
    assert not list(tmp_path.glob("state-*"))


def test_other_errors_of_torch_are_not_taken_for_it(acoustic, inventory):
    task, data = acoustic_run(acoustic, inventory, settings())
    task.network.loss = lambda batch: torch.zeros(2) + torch.zeros(3)
    with pytest.raises(RuntimeError, match="must match the size"):
        rehearse(task, data.largest(), 0)


@pytest.mark.parametrize("batch", [{"size": 4}, {"max_frames": 900}, {"size": 3, "max_frames": 700}])
def test_the_largest_batch_has_as_many_padded_frames_as_any(batch):
    lengths = {f"clip{number:02d}": 10 + 7 * number % 190 for number in range(45)}
    sampler = LengthSampler(lengths, BatchSettings(**batch), seed=3)

    def padded(ids):
        return len(ids) * max(lengths[name] for name in ids)

    epochs = range(20 * sampler.batches_per_epoch)
    assert padded(sampler.largest()) >= max(padded(sampler.ids(number)) for number in epochs)


def test_steps_are_measured_apart_from_the_curve(tmp_path, acoustic, inventory):
    rows, run = [], settings()
    task, data = acoustic_run(acoustic, inventory, run)
    trainer = Trainer(task, data, run, directory=tmp_path, host=Host(on_row=rows.append))
    trainer.run()
    for row in rows:
        assert row["step_seconds"] > 0
        assert 0 <= row["loader_wait_share"] <= 1
        assert row["memory_mb"] > 10
    assert "seconds" not in (tmp_path / "curve.csv").read_text()
    assert trainer.metrics()["device_hours"] == pytest.approx(trainer.metrics()["seconds"] / 3600)
    assert trainer.metrics()["peak_memory_mb"] == pytest.approx(peak_memory(torch.device("cpu")) / 1e6, rel=0.05)
    json.dumps(trainer.metrics(), allow_nan=False)


@pytest.mark.parametrize(("waited", "warns"), [(0.5, True), (0.1, False)])
def test_a_loader_that_keeps_the_device_waiting_is_said(monkeypatch, caplog, waited, warns):
    monkeypatch.setattr(meter_module.time, "monotonic", lambda: 20.0)
    meter = Meter(torch.device("cpu"), 0.0)
    for _ in range(4):
        meter.note(waited)
    with caplog.at_level(logging.WARNING):
        report = meter.report()
    assert report["step_seconds"] == 5
    assert report["loader_wait_share"] == pytest.approx(waited / 5)
    assert ("no batch was ready" in caplog.text) is warns


def falling_then_rising(task, values):
    """Let a task validate to these losses, one after another, and keep its weights as they were each time."""
    seen, left = [], iter(values)

    def validate(batches):
        seen.append(copy.deepcopy(task.exported().state_dict()))
        value = next(left)
        return {"loss": value, "mel": value, "duration": -value}

    task.validate = validate
    return seen


def test_the_best_weights_are_exported_and_patience_ends_training(tmp_path, acoustic, inventory):
    run = settings(steps=12, validate_every=2, checkpoint_every=2, export="best", patience=2)
    task, data = acoustic_run(acoustic, inventory, run)
    seen = falling_then_rising(task, [3.0, 1.0, 2.0, 1.5, 0.5, 0.4])
    trainer = Trainer(task, data, run, directory=tmp_path)
    assert trainer.run()
    assert (trainer.progress.step, trainer.progress.best["step"]) == (8, 4)
    kept = task.exported().state_dict()
    assert all(torch.equal(kept[name], each) for name, each in seen[1].items())
    again, data = acoustic_run(acoustic, inventory, run)
    assert Trainer(again, data, run, directory=tmp_path).run()  # it is complete and trains no more
    assert all(torch.equal(again.exported().state_dict()[name], each) for name, each in seen[1].items())


def test_another_term_may_tell_what_is_best(tmp_path, acoustic, inventory):
    run = settings(steps=6, validate_every=2, checkpoint_every=6, best_by="duration")
    task, data = acoustic_run(acoustic, inventory, run)
    falling_then_rising(task, [1.0, 3.0, 2.0])
    trainer = Trainer(task, data, run, directory=tmp_path)
    trainer.run()
    assert trainer.progress.best == {"step": 4, "loss": 3.0, "mel": 3.0, "duration": -3.0}
    with pytest.raises(ConfigError, match="best_by: 'mcd' is no validation term; there are loss, mel, duration"):
        Trainer(task, data, settings(best_by="mcd"), directory=tmp_path)


def test_a_run_that_keeps_its_best_resumes_exactly(tmp_path, acoustic, inventory):
    run = settings(steps=12, validate_every=2, checkpoint_every=3, export="best")
    exported = []
    for stops in ((10**9,), (4, 3, 10**9)):
        folder = tmp_path / str(len(stops))
        folder.mkdir()
        for stop in stops:
            task, data = acoustic_run(acoustic, inventory, run)
            Trainer(task, data, run, directory=folder, host=Host(should_stop=stop_at(stop))).run()
        exported.append(task.exported().state_dict())
    assert all(torch.equal(exported[0][name], each) for name, each in exported[1].items())


def test_damaged_best_weights_are_said(tmp_path, acoustic, inventory):
    run = settings(steps=4, validate_every=2, checkpoint_every=2, export="best")
    task, data = acoustic_run(acoustic, inventory, run)
    Trainer(task, data, run, directory=tmp_path).run()
    path = tmp_path / "best.pt"
    path.write_bytes(path.read_bytes()[:-100])
    task, data = acoustic_run(acoustic, inventory, run)
    with pytest.raises(CheckpointError, match=r"best.pt: is damaged"):
        Trainer(task, data, run, directory=tmp_path).run()
