"""Parameters that stay as they are, for the whole run or for a span of steps."""

import pytest
import torch
from test_resuming import assert_resumes_exactly, stop_at
from toys import ToyAcoustic, ToyVocoder, acoustic_run, adversarial_settings, settings, vocoder_run

from tts.config import build, to_plain
from tts.errors import ConfigError
from tts.interfaces import Inventory
from tts.training.freezing import Freezing
from tts.training.settings import RunSettings
from tts.training.trainer import Host, Trainer

SPANS = [{"pattern": "body.*", "start": 2, "end": 7}, {"pattern": "symbols.*", "start": 5}]


def copied(tensors):
    return {name: tensor.detach().clone() for name, tensor in tensors.items()}


def moved(before, module):
    """Names of parameters that are not what they were."""
    return {name for name, each in module.named_parameters() if not torch.equal(before[name], each)}


def test_frozen_parameters_and_their_statistics_stay(acoustic, inventory, caplog):
    caplog.set_level("INFO")
    task, data = acoustic_run(acoustic, inventory, settings(freeze=["body.*"]))
    before = copied(task.network.body.state_dict())
    task.update([data.batch(0), data.batch(1)], 0)
    assert all(torch.equal(tensor, before[name]) for name, tensor in task.network.body.state_dict().items())
    said = [line for line in caplog.messages if "freeze" in line]
    assert said == ["freeze 'body.*': 6 tensors, 300 values, in all steps"]
    assert sum(len(group["params"]) for group in task.state_dict()["updater"]["optimizer"]["param_groups"]) == 2


def test_a_span_of_steps_leaves_weights_moments_and_statistics_bit_equal(acoustic, inventory):
    optimizer = {"lr": 0.01, "weight_decay": 0.1}
    run = settings(freeze=[{"pattern": "body.*", "start": 2, "end": 4}], accumulate=1, optimizer=optimizer)
    task, data = acoustic_run(acoustic, inventory, run)
    body = task.network.body
    for step in range(6):
        weights, moments = copied(body.state_dict()), moments_of(task, body)
        task.update([data.batch(step)], step)
        is_frozen = step in (2, 3)
        assert body.training is not is_frozen
        assert task.network.training
        for name, tensor in body.state_dict().items():
            assert torch.equal(tensor, weights[name]) is is_frozen, (step, name)
        for ours, theirs in zip(moments_of(task, body), moments, strict=False):
            assert torch.equal(ours, theirs) is is_frozen
    assert len(moments) == 3 * len(list(body.parameters()))


def moments_of(task, module):
    states = task._updater._optimizer.state
    return [each.clone() for parameter in module.parameters() for each in states.get(parameter, {}).values()]


def test_steps_before_a_span_are_those_of_a_run_without_it(acoustic, inventory):
    networks = []
    for freeze in ([], [{"pattern": "body.*", "start": 2}]):
        task, data = acoustic_run(acoustic, inventory, settings(freeze=freeze))
        for step in range(2):
            task.update([data.batch(2 * step), data.batch(2 * step + 1)], step)
        networks.append(task.network.state_dict())
    assert all(torch.equal(networks[0][name], each) for name, each in networks[1].items())


def test_patterns_may_overlap_and_the_first_steps_may_be_frozen(inventory):
    network = ToyAcoustic(inventory)
    spans = build_spans(["body.0.*", {"pattern": "body.*", "end": 3}, {"pattern": "symbols.*", "start": 1, "end": 4}])
    freezing = Freezing(network, spans, steps=10)
    assert free(network) == {"body.2", "body.3", "speakers", "symbols"}  # what an optimizer takes in
    expected = {
        0: {"speakers", "symbols"},
        1: {"speakers"},
        3: {"body.2", "body.3", "speakers"},
        4: {"body.2", "body.3", "speakers", "symbols"},
    }
    for step in (0, 1, 2, 3, 4, 9, 2, 0):
        freezing.apply(step)
        assert free(network) == expected[max(each for each in expected if each <= step)]
    assert [freezing.heaviest(first) for first in (0, 3, 4, 8)] == [4, 4, 4, 8]


def test_a_gradient_that_is_left_over_moves_no_frozen_parameter(inventory):
    network = ToyAcoustic(inventory)
    freezing = Freezing(network, build_spans([{"pattern": "symbols.*", "start": 1}]), steps=10)
    for step, remains in ((0, True), (1, False)):
        network.symbols.weight.grad = torch.ones_like(network.symbols.weight)
        freezing.apply(step)
        assert (network.symbols.weight.grad is not None) is remains


def free(network):
    return {name.rpartition(".")[0] for name, each in network.named_parameters() if each.requires_grad}


def build_spans(freeze):
    return settings(freeze=freeze).freeze


def test_where_a_span_begins_and_ends_is_said_once(tmp_path, acoustic, inventory, caplog):
    caplog.set_level("INFO")
    run = settings(freeze=[*SPANS, {"pattern": "speakers.*", "end": 1}])
    for stop in (3, 10**9):
        task, data = acoustic_run(acoustic, inventory, run)
        Trainer(task, data, run, directory=tmp_path, host=Host(should_stop=stop_at(stop))).run()
    said = [line for line in caplog.messages if "freeze" in line]
    plan = [
        "freeze 'body.*': 6 tensors, 300 values, in steps 2 to 6",
        "freeze 'symbols.*': 1 tensors, 32 values, from step 5 on",
        "freeze 'speakers.*': 1 tensors, 16 values, in steps 0 to 0",
    ]
    assert said == [
        *plan,
        "step 1: freeze 'speakers.*' ends: 1 tensors, 16 values",
        "step 2: freeze 'body.*' begins: 6 tensors, 300 values",
        *plan,
        "step 5: freeze 'symbols.*' begins: 1 tensors, 32 values",
        "step 7: freeze 'body.*' ends: 6 tensors, 300 values",
    ]


@pytest.mark.parametrize("freeze", [SPANS, ["symbols.*", *SPANS[:1]]])
def test_a_run_interrupted_in_the_midst_of_a_span_ends_in_the_same_bits(tmp_path, acoustic, inventory, freeze):
    run = settings(freeze=freeze, optimizer={"lr": 0.01, "weight_decay": 0.1})
    assert_resumes_exactly(lambda run: acoustic_run(acoustic, inventory, run), run, tmp_path, stops=(4, 2, 1))


class TwoParts(ToyVocoder):
    def __init__(self, inventory):
        super().__init__(inventory)
        self.last = torch.nn.Conv1d(64, 64, 1)

    def forward(self, mel):
        return torch.tanh(self.last(self.drop(self.conv(mel))).transpose(1, 2).flatten(1))


def test_an_adversary_learns_on_while_parts_of_the_network_are_frozen(tmp_path, recordings):
    run = adversarial_settings(freeze=[{"pattern": "conv.*", "start": 3, "end": 8}], accumulate=1)

    def make(run):
        torch.manual_seed(1)
        return vocoder_run(recordings, run, TwoParts(Inventory(mel=recordings.mel_definition)))

    assert_resumes_exactly(make, run, tmp_path, stops=(5, 1))
    task, data = make(run)
    for step in (2, 5, 9):
        before = copied(task.network.state_dict()), copied(task.discriminator.state_dict())
        task.update([data.batch(step)], step)
        parts = {name.split(".")[0] for name in moved(before[0], task.network)}
        assert parts == ({"last"} if step == 5 else {"conv", "last"})
        assert bool(moved(before[1], task.discriminator)) is (step >= 4)
        assert all(each.requires_grad for each in task.discriminator.parameters())


def test_memory_is_tried_in_the_step_that_moves_most(tmp_path, acoustic, inventory, recordings):
    late = [{"pattern": "body.*", "end": 6}]
    runs = {
        6: (settings(freeze=late), lambda run: acoustic_run(acoustic, inventory, run)),
        4: (adversarial_settings(), lambda run: vocoder_run(recordings, run)),
    }
    for expected, (run, make) in runs.items():
        task, data = make(run)
        tried, update = [], task.update
        task.update = lambda batches, step, tried=tried, update=update: tried.append(step) or update(batches, step)
        folder = tmp_path / str(expected)
        folder.mkdir()
        Trainer(task, data, run, directory=folder).run()
        assert tried == [expected, *range(12)]


REFUSED = {
    "'encoder.*' matches no parameter; names begin with body, speakers, symbols": ["encoder.*"],
    "leave nothing to train in step 0": ["*"],
    "leave nothing to train in step 6": [{"pattern": "body.*", "start": 4, "end": 8}, {"pattern": "s*", "start": 6}],
}


@pytest.mark.parametrize("message", REFUSED)
def test_patterns_that_match_nothing_or_everything_are_refused(inventory, message):
    with pytest.raises(ConfigError, match=message.replace("*", r"\*")):
        Freezing(ToyAcoustic(inventory), build_spans(REFUSED[message]), steps=12)


SPANS_REFUSED = {
    "freeze.0: end 4 leaves no step from start 4 on": {"pattern": "a", "start": 4, "end": 4},
    "freeze 'a': start 12 is never reached in 12 steps": {"pattern": "a", "start": 12},
    "freeze.0.strat: unknown key; did you mean 'start'": {"pattern": "a", "strat": 1},
    "freeze.0.pattern: is required": {"start": 1},
    "freeze.0.start: Input should be greater than or equal to 0": {"pattern": "a", "start": -1},
}


@pytest.mark.parametrize("message", SPANS_REFUSED)
def test_spans_that_never_take_effect_are_refused(message):
    with pytest.raises(ConfigError, match=message):
        build_spans([SPANS_REFUSED[message]])


def test_a_pattern_alone_is_a_span_over_the_whole_run():
    assert build_spans(["a.*"]) == build_spans([{"pattern": "a.*", "start": 0, "end": None}])
    run = settings(freeze=["a.*", {"pattern": "b", "end": 2}])
    assert build(RunSettings, to_plain(run), where="") == run
