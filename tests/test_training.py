"""What a step does, and what it refuses to do."""

import copy
import math

import numpy as np
import pytest
import torch
from torch import nn
from toys import ToyAcoustic, ToyVocoder, acoustic_run, adversarial_settings, settings, vocoder_run

from tts.config import build
from tts.errors import ConfigError, TrainingError
from tts.interfaces import Inventory
from tts.layers.discriminators import DiscriminatorConfig, Discriminators
from tts.losses.adversarial import discriminator_loss
from tts.training.batching import (
    AcousticBatches,
    AcousticTraining,
    VocoderTraining,
    acoustic_validation,
)
from tts.training.judging import judge_together
from tts.training.processes import ALONE
from tts.training.record import Record
from tts.training.schedules import lr_factor
from tts.training.seeding import seed_everything
from tts.training.settings import BatchSettings, OptimizerSettings, ScheduleSettings
from tts.training.tasks import GeneratorTask
from tts.training.trainer import Trainer
from tts.training.updates import MovingAverage, Updater


@pytest.mark.parametrize("where", ["loss", "gradient"])
def test_non_finite_values_stop_before_the_update(tmp_path, acoustic, inventory, where):
    run = settings(accumulate=1)
    task, data = acoustic_run(acoustic, inventory, run)
    before = {name: tensor.clone() for name, tensor in task.network.state_dict().items() if "running" not in name}
    loss = task.network.loss

    def broken(batch):
        terms = loss(batch)
        if where == "loss":
            return {**terms, "duration": terms["duration"] * float("nan")}
        return {**terms, "duration": terms["duration"] + (terms["mel"] - terms["mel"].detach()).sqrt()}

    task.network.loss = broken
    with pytest.raises(TrainingError, match=r"not finite, on clip.*, clip.*duration") as raised:
        Trainer(task, data, run, directory=tmp_path).run()
    assert data.largest().utterance_ids[0] in str(raised.value)
    for name, tensor in before.items():
        assert torch.equal(tensor, task.network.state_dict()[name]) or name.endswith("num_batches_tracked")


@pytest.mark.parametrize(("accumulate", "optimizer"), [(1, "adamw"), (2, "adamw"), (1, "radam")])
def test_a_bad_step_moves_nothing_though_it_is_read_later(acoustic, inventory, accumulate, optimizer):
    run = settings(accumulate=accumulate, clip_norm=1.0, optimizer={"name": optimizer, "lr": 0.01})
    task, data = acoustic_run(acoustic, inventory, run)
    loss, weights = task.network.loss, task.network.symbols.weight
    shares = [[data.batch(step * accumulate + n) for n in range(accumulate)] for step in range(3)]
    task.update(shares[0], 0)
    before = [weights.detach().clone(), copy.deepcopy(task._updater._optimizer.state)]
    task.network.loss = lambda batch: {name: term * float("inf") for name, term in loss(batch).items()}
    bad = task.update(shares[1], 1)
    assert torch.equal(before[0], weights)
    assert str(before[1]) == str(task._updater._optimizer.state)
    task.network.loss = loss
    assert math.isfinite(task.update(shares[2], 2).grad_norm)
    assert not torch.equal(before[0], weights)
    with pytest.raises(TrainingError, match=rf"step 1: the loss term .* on {shares[1][0].utterance_ids[0]}"):
        _ = bad.terms


@pytest.mark.parametrize("kind", ["supervised", "adversarial"])
def test_when_steps_are_read_changes_nothing(tmp_path, acoustic, inventory, recordings, kind):
    run = settings(log_every=3) if kind == "supervised" else adversarial_settings(log_every=3)
    curves = []
    for device in ("cpu", "meta"):  # of a CPU every step is read at once, of others when a row is due
        pair = acoustic_run(acoustic, inventory, run) if kind == "supervised" else vocoder_run(recordings, run)
        (tmp_path / device).mkdir()
        trainer = Trainer(*pair, run, directory=tmp_path / device)
        trainer._device = torch.device(device)
        assert trainer.run()
        curves.append(trainer.curve_path.read_bytes())
    assert curves[0] == curves[1]


@pytest.mark.parametrize("size", [1, 3])
def test_real_and_generated_are_judged_in_one_pass_as_in_two(size):
    panel = DiscriminatorConfig(
        periods=(2, 3), period_channels=(4, 4, 8, 8, 8), scales=2, scale_channels=(16,) * 7, resolutions=((64, 16, 64),)
    )
    judge = seeded(Discriminators, panel).eval()  # spectral norms then stay as they are
    real, fake = torch.randn(size, 512), torch.randn(size, 512)
    apart, together = (judge(real), judge(fake)), judge_together(judge, (real,), (fake,), torch.zeros(size, 8, 2))
    for ours, theirs in zip(together, apart, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)
    assert discriminator_loss(*together).item() == pytest.approx(discriminator_loss(*apart).item(), rel=1e-5)


def test_fp16_skips_a_step_whose_scaled_gradient_overflows(acoustic, inventory):
    task, data = acoustic_run(acoustic, inventory, settings(precision="fp16", accumulate=1))
    task._updater._scaler = torch.amp.GradScaler("cpu", init_scale=2.0**120)
    before = task.network.symbols.weight.detach().clone()
    task.update([data.batch(0)], 0)
    assert torch.equal(before, task.network.symbols.weight)
    assert task._updater._scaler.get_scale() == 2.0**119


@pytest.mark.parametrize(
    ("weights", "message"),
    [({"mel": 1.0}, "terms duration without a weight"), ({"mel": 1.0, "duration": 1.0, "pitch": 1.0}, "pitch without")],
)
def test_terms_and_weights_must_go_together(acoustic, inventory, weights, message):
    task, data = acoustic_run(acoustic, inventory, settings(loss_weights=weights))
    with pytest.raises(ConfigError, match=message):
        task.update([data.batch(0)], 0)


def test_a_weight_of_zero_only_logs(acoustic, inventory):
    task, data = acoustic_run(acoustic, inventory, settings(loss_weights={"mel": 1.0, "duration": 0.0}))
    terms = task.update([data.batch(0)], 0).terms
    assert terms["loss"] == pytest.approx(terms["mel"])
    assert terms["duration"] > 0


REFUSED = {
    "batch.size 99 is more than the 28 clips": ({"size": 99}, "acoustic"),
    "has no effect on acoustic": ({"size": 4, "segment_frames": 8}, "acoustic"),
    "more than batch.max_frames 50": ({"size": 4, "max_frames": 50}, "acoustic"),
    "segment_frames is required": ({"size": 4}, "vocoder"),
    "no training clip has 500 frames": ({"size": 4, "segment_frames": 500}, "vocoder"),
    "max_frames has no effect on vocoders": ({"size": 4, "segment_frames": 8, "max_frames": 9}, "vocoder"),
}


@pytest.mark.parametrize("message", REFUSED)
def test_batches_that_cannot_be_are_refused(acoustic, recordings, inventory, message):
    values, kind = REFUSED[message]

    def start():
        if kind == "acoustic":
            acoustic_run(acoustic, inventory, settings(batch=values))
        else:
            vocoder_run(recordings, adversarial_settings(batch=values))

    with pytest.raises((TrainingError, ConfigError), match=message):
        start()


def test_empty_splits_are_refused(acoustic, inventory):
    reader, batching = AcousticBatches(acoustic, inventory, "phone"), BatchSettings(size=2)
    with pytest.raises(TrainingError, match="training split is empty"):
        AcousticTraining(reader, {}, batching, seed=1)
    with pytest.raises(TrainingError, match="validation split is empty"):
        acoustic_validation(reader, {}, batching)


SETTINGS_REFUSED = {
    "loss_weights are all 0": {"loss_weights": {"mel": 0.0}},
    "start_step 12 is never reached": {"adversary": {"optimizer": {"lr": 1.0}, "start_step": 12}},
    "nothing has a weight in the steps before it": {
        "loss_weights": {"wave": 0.0, "adversarial": 1.0},
        "adversary": {"optimizer": {"lr": 1.0}, "start_step": 2},
    },
    "objective wgan_gp needs penalty": {"adversary": {"optimizer": {"lr": 1.0}, "objective": "wgan_gp"}},
    "penalty has no effect on objective hinge": {
        "adversary": {"optimizer": {"lr": 1.0}, "objective": "hinge", "penalty": 10.0}
    },
    "decay has no effect on schedule cosine": {"schedule": {"name": "cosine", "decay": 0.5}},
    "decay_every has no effect on schedule multistep": {
        "schedule": {"name": "multistep", "decay": 0.5, "milestones": [3], "decay_every": 2}
    },
    "milestones, one at least, go with schedule multistep": {"schedule": {"milestones": [3]}},
    "milestones must rise from 1 on": {"schedule": {"name": "multistep", "milestones": [5, 5]}},
    "amsgrad has no effect on radam": {"optimizer": {"name": "radam", "lr": 1.0, "amsgrad": True}},
    "noam needs warmup_steps": {"schedule": {"name": "noam"}},
    "did you mean 'warmup_steps'": {"schedule": {"warm_up_steps": 3}},
}


@pytest.mark.parametrize("message", SETTINGS_REFUSED)
def test_settings_that_cannot_take_effect_are_refused(message):
    with pytest.raises(ConfigError, match=message):
        settings(**SETTINGS_REFUSED[message])


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ({}, {0: 1.0, 99: 1.0}),
        ({"warmup_steps": 10}, {0: 0.1, 9: 1.0, 50: 1.0}),
        ({"name": "cosine", "final_factor": 0.1}, {49: 0.55, 99: 0.1}),
        ({"name": "exponential", "decay": 0.5, "decay_every": 10}, {9: 1.0, 10: 0.5, 25: 0.25}),
        (
            {"name": "multistep", "decay": 0.5, "milestones": [10, 40]},
            {0: 1, 9: 1, 10: 0.5, 39: 0.5, 40: 0.25, 99: 0.25},
        ),
        ({"name": "multistep", "decay": 0.1, "milestones": [3], "warmup_steps": 4}, {1: 0.5, 6: 1.0, 7: 0.1}),
        ({"name": "noam", "warmup_steps": 4}, {0: 0.25, 3: 1.0, 15: 0.5, 63: 0.25}),
    ],
)
def test_schedules_have_their_known_values(schedule, expected):
    settings = build(ScheduleSettings, schedule, where="schedule")
    assert {step: pytest.approx(lr_factor(settings, step, steps=100)) for step in expected} == expected


def test_the_learning_rate_follows_its_schedule_and_the_factors_of_names(acoustic, inventory):
    optimizer = {"lr": 0.01, "lr_factors": {"symbols.*": 0.5, "body.*": 0.1}}
    task, data = acoustic_run(acoustic, inventory, settings(optimizer=optimizer, accumulate=1))
    rates = [task.update([data.batch(step)], step).lr for step in range(12)]
    assert rates[:3] == pytest.approx([0.01 / 3, 0.02 / 3, 0.01])
    assert rates[-1] < 1e-9
    task.update([data.batch(0)], 2)
    assert [group["lr"] for group in task._updater._optimizer.param_groups] == pytest.approx([0.005, 0.001, 0.01])


def test_with_amsgrad_the_second_moment_never_shrinks():
    def moved(**values):
        network = nn.Linear(1, 1, bias=False)
        nn.init.zeros_(network.weight)
        optimizer = build(OptimizerSettings, {"name": "adam", "lr": 1.0, "betas": [0.0, 0.5], **values}, where="")
        made = Updater(network, optimizer, ScheduleSettings(), run=settings(), processes=ALONE)._optimizer
        for gradient in (8.0, 1.0):
            network.weight.grad = torch.full((1, 1), gradient)
            made.step()
        return -network.weight.item()

    # Second moments are 32 and 16.5, to be divided by 0.5 and 0.75; the first step is 1 whatever the gradient.
    assert moved() == pytest.approx(1 + 1 / (16.5 / 0.75) ** 0.5)
    assert moved(amsgrad=True) == pytest.approx(1 + 1 / (32 / 0.75) ** 0.5)


def test_accumulated_batches_weigh_as_one_large_one(acoustic, inventory):
    class Plain(ToyAcoustic):
        def __init__(self, inventory):
            super().__init__(inventory)
            self.body = nn.Linear(8, 8)

    def trained(size, accumulate):
        run = settings(
            batch={"size": size}, accumulate=accumulate, optimizer={"name": "adam", "lr": 0.01}, clip_norm=None
        )
        task, _ = acoustic_run(acoustic, inventory, run, network=seeded(Plain, inventory))
        reader = AcousticBatches(acoustic, inventory, "phone")
        ids = sorted(acoustic.ids, key=lambda name: acoustic.utterances[name].num_frames)[:8]
        task.update([reader.read(ids[start : start + size]) for start in range(0, 8, size)], 0)
        return task.network.body.weight.detach()

    assert torch.allclose(trained(8, 1), trained(4, 2), atol=1e-6)


def seeded(make, *arguments):
    seed_everything(5)
    return make(*arguments)


def test_the_discriminator_waits_for_its_step_and_is_never_moved_by_the_network(recordings):
    task, data = vocoder_run(recordings, adversarial_settings(accumulate=1))
    before = {name: tensor.clone() for name, tensor in task.discriminator.state_dict().items()}
    early = task.update([data.batch(0)], 3)
    assert all(torch.equal(tensor, task.discriminator.state_dict()[name]) for name, tensor in before.items())
    assert set(early.terms) == {"loss", "wave"}
    late = task.update([data.batch(1)], 4)
    assert set(late.terms) == {"loss", "wave", "adversarial", "feature_matching", "discriminator"}
    assert all(parameter.grad is None for parameter in task.discriminator.parameters())
    assert not torch.equal(before["conv.weight"], task.discriminator.conv.weight)


def test_the_discriminator_may_have_a_gradient_limit_of_its_own(recordings):
    moved = []
    for changes in ({}, {"clip_norm": 1e-3}, {"clip_norm": 1e-3, "optimizer": {"name": "radam", "lr": 0.1}}):
        adversary = {"optimizer": {"name": "adam", "lr": 0.1, "eps": 1.0}, **changes}
        task, data = vocoder_run(recordings, adversarial_settings(accumulate=1, adversary=adversary, clip_norm=1.0))
        before = [each.detach().clone() for net in (task.network, task.discriminator) for each in net.parameters()]
        task.update([data.batch(0)], 0)
        after = [each for net in (task.network, task.discriminator) for each in net.parameters()]
        moved.append([(a - b).norm().item() for a, b in zip(after, before, strict=True)])
    size = len(list(task.network.parameters()))
    # With so large an eps a step is as long as its gradient.
    assert sum(moved[1][size:]) < 0.1 * sum(moved[0][size:])
    assert moved[1][0] == pytest.approx(moved[0][0], rel=0.5)
    assert sum(moved[2][size:]) > 0


def test_radam_holds_its_first_steps_back_and_then_is_adam():
    """Five steps without adaptation, then Adam's times the rectification, Liu et al. 2020, algorithm 2."""
    weight = nn.Linear(1, 1, bias=False)
    start = weight.weight.item()
    run = settings(optimizer={"name": "radam", "lr": 0.1}, clip_norm=None, schedule={"name": "constant"}, accumulate=1)
    updater = Updater(weight, run.optimizer, run.schedule, run=run, processes=ALONE)
    places = [start]
    for step in range(7):
        loss = 100.0 * weight.weight.sum()
        record = Record(f"step {step}")
        record.add(("a",), {"loss": loss})
        updater.backward(loss)
        updater.update(step, record)
        places.append(weight.weight.item())
    steps = -np.diff(places)
    np.testing.assert_allclose(steps[:5], 0.1 * 100, rtol=1e-4)  # of a constant gradient the bias-corrected mean
    infinity = 2 / (1 - 0.999) - 1
    for number in (6, 7):
        decay = 0.999**number
        length = infinity - 2 * number * decay / (1 - decay)
        rectified = ((length - 4) * (length - 2) * infinity / ((infinity - 4) * (infinity - 2) * length)) ** 0.5
        assert steps[number - 1] == pytest.approx(0.1 * rectified, rel=1e-2)


SLOPES = {"optimizer": {"lr": 0.02}, "objective": "wgan_gp", "penalty": 10.0, "updates": 3}


def test_a_discriminator_that_moves_more_often_meets_other_noise_each_time(recordings):
    run = adversarial_settings(adversary=SLOPES, accumulate=1)
    task, data = vocoder_run(recordings, run)
    heard, moved = [], []
    task.discriminator.register_forward_pre_hook(lambda _, arguments: heard.append(arguments[0].detach().clone()))
    before = task.discriminator.conv.weight.detach().clone()
    move = task._other.update
    task._other.update = lambda *arguments: (
        move(*arguments),
        moved.append(task.discriminator.conv.weight.sum().item()),
    )
    terms = task.update([data.batch(0)], 0).terms
    assert (
        {"discriminator", "gradient_penalty", "adversarial", "feature_matching"} <= terms.keys() <= {*task.train_terms}
    )
    assert len(set(moved)) == 3
    assert not torch.equal(before, task.discriminator.conv.weight)
    together = [each for each in heard if len(each) == 8]  # four real segments, then four generated ones
    assert len(together) == 3
    assert all(torch.equal(each[:4], together[0][:4]) for each in together)
    assert not torch.equal(together[0][4:], together[1][4:])
    assert torch.equal(heard[-1], together[-1][4:])  # the network learns from what was judged last


def test_accumulated_batches_are_judged_as_they_were_generated(recordings):
    task, data = vocoder_run(recordings, adversarial_settings(adversary=SLOPES, accumulate=2))
    made = []
    generate = task._generate
    task._generate = lambda *arguments: made.append(generate(*arguments)) or made[-1]
    task.update([data.batch(0), data.batch(1)], 0)
    *_, first, second, first_again, second_again = [each.detach() for (each,) in made]
    assert torch.equal(first, first_again)
    assert torch.equal(second, second_again)


def test_a_gradient_that_is_not_finite_in_an_early_update_is_told(recordings):
    task, data = vocoder_run(recordings, adversarial_settings(adversary=SLOPES, accumulate=1))
    move, count = task._other.update, iter(range(3))

    def broken(step, record):
        if next(count) == 0:
            task.discriminator.conv.weight.grad.fill_(float("inf"))
        move(step, record)

    task._other.update = broken
    before = {name: tensor.clone() for name, tensor in task.discriminator.state_dict().items()}
    report = task.update([data.batch(0)], 0)
    with pytest.raises(TrainingError, match="step 0, discriminator: the gradient is not finite"):
        _ = report.grad_norm
    assert all(torch.equal(tensor, before[name]) for name, tensor in task.discriminator.state_dict().items())


def test_features_need_not_match(recordings):
    task, data = vocoder_run(recordings, adversarial_settings(loss_weights={"wave": 1.0, "adversarial": 1.0}))
    assert task.update([data.batch(0), data.batch(1)], 5).terms.keys() == {
        "loss",
        "wave",
        "adversarial",
        "discriminator",
    }


def test_a_vocoder_without_adversary_learns_from_its_own_loss(recordings):
    run = adversarial_settings(adversary=None, loss_weights={"wave": 1.0}, accumulate=1)
    task = GeneratorTask(seeded(ToyVocoder, Inventory(mel=recordings.mel_definition)), run)
    plan = VocoderTraining(recordings, recordings.select("train"), run.batch, seed=1)
    before = task.validate([plan(0)])["loss"]
    for step in range(12):
        task.update([plan(0)], step)
    assert task.validate([plan(0)])["loss"] < before


def test_the_moving_average_has_its_known_values():
    network = nn.Sequential(nn.Linear(1, 1), nn.BatchNorm1d(1))
    nn.init.zeros_(network[0].weight)
    average = MovingAverage(network, 0.5)
    nn.init.ones_(network[0].weight)
    network[1].running_mean.fill_(3.0)
    values = []
    for step in (0, 1, 100):
        average.update(step)
        values.append(average.network[0].weight.item())
    # Decays of 1/10, 2/11, and 0.5 once (1 + step) / (10 + step) is above it.
    assert values == pytest.approx([1 - 0.1, 1 - 0.1 * 2 / 11, 1 - 0.1 * 2 / 11 * 0.5])
    assert average.network[1].running_mean.item() == 3.0


def test_validation_is_of_the_moving_average_and_always_the_same(acoustic, inventory):
    task, data = acoustic_run(acoustic, inventory, settings())
    task.update([data.batch(0), data.batch(1)], 0)
    assert task.validate(data.validation) == task.validate(data.validation)
    assert task.exported() is not task.network
    assert not torch.equal(task.exported().symbols.weight, task.network.symbols.weight)
