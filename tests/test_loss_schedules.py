"""Loss weights that depend on the step: known values, and that training follows them."""

import math

import pytest
from toys import acoustic_run, settings

from tts.config import build, to_plain
from tts.errors import ConfigError
from tts.training.loss_schedules import weight_at, weights_at
from tts.training.settings import RunSettings, WeightSchedule


def schedule(**values):
    return build(WeightSchedule, values, where="loss_weights.kl")


KNOWN = [
    ({"name": "constant", "value": 0.3}, {0: 0.3, 10**9: 0.3}),
    ({"name": "linear", "value": 0.2, "start": 100, "duration": 50}, {0: 0, 100: 0, 125: 0.1, 150: 0.2, 10**9: 0.2}),
    (
        {"name": "linear", "first": 4, "value": 1, "start": 10, "duration": 6},
        {0: 4, 10: 4, 12: 3, 14: 2, 16: 1, 10**9: 1},
    ),
    (
        {"name": "logistic", "value": 0.2, "start": 10000, "steepness": 0.0025},
        {0: 0.2 / (1 + math.exp(25)), 8000: 0.2 / (1 + math.exp(5)), 10000: 0.1, 10**9: 0.2},
    ),
    (
        {"name": "cyclic", "value": 1, "duration": 100},
        {0: 0, 25: 0.5, 50: 1, 99: 1, 100: 0, 125: 0.5},
    ),
    ({"name": "interval", "value": 2, "every": 100}, {0: 2, 1: 0, 99: 0, 100: 2, 200: 2}),
    ({"name": "interval", "value": 2, "every": 100, "start": 50}, {0: 0, 50: 2, 100: 0, 150: 2}),
]


@pytest.mark.parametrize(("values", "known"), KNOWN, ids=[values["name"] for values, _ in KNOWN])
def test_weights_have_known_values(values, known):
    made = schedule(**values)
    assert {step: weight_at(made, step) for step in known} == pytest.approx(known, rel=1e-6, abs=1e-12)
    assert weight_at(made, None) == max(values["value"], values.get("first", 0))


def test_numbers_stay_what_they_are():
    assert weights_at({"mel": 45.0, "kl": schedule(name="cyclic", value=1, duration=4)}, 1) == {"mel": 45.0, "kl": 0.5}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"name": "linear", "value": 1}, "schedule linear needs duration"),
        ({"name": "constant", "value": 1, "every": 3}, "every has no effect on schedule constant"),
        ({"name": "constant", "value": 1, "first": 3}, "first has no effect on schedule constant"),
        ({"name": "cyclic", "value": 1, "duration": 3, "start": 2}, "start has no effect on schedule cyclic"),
        ({"name": "linear", "valeu": 1}, r"loss_weights\.kl\.valeu: unknown key; did you mean 'value'"),
        ("much", r"loss_weights\.kl: Input should be a valid number \(value: 'much'\)"),
        ({"name": "linear", "value": -1, "duration": 3}, "greater than or equal to 0"),
    ],
)
def test_settings_without_effect_are_refused(values, message):
    with pytest.raises(ConfigError, match=message):
        settings(loss_weights={"mel": 1, "kl": values})


def test_settings_survive_a_round_trip():
    run = settings(loss_weights={"mel": 1, "kl": {"name": "cyclic", "value": 1, "duration": 4}})
    assert build(RunSettings, to_plain(run), where="runs.toy") == run


def test_some_term_must_always_count():
    rising = {"name": "linear", "value": 1, "duration": 3}
    with pytest.raises(ConfigError, match="give at least one term a constant weight"):
        settings(loss_weights={"mel": 0, "duration": rising})


def test_training_follows_the_schedule_and_validation_the_highest_weight(acoustic, inventory):
    weights = {"mel": 1, "duration": {"name": "interval", "value": 3, "every": 2}}
    task, data = acoustic_run(acoustic, inventory, settings(loss_weights=weights, accumulate=1))
    for step, weight in enumerate((3, 0, 3)):
        terms = task.update([data.batch(step)], step).terms
        assert terms["loss"] == pytest.approx(terms["mel"] + weight * terms["duration"], rel=1e-5)
    found = task.validate(data.validation)
    assert found["loss"] == pytest.approx(found["mel"] + 3 * found["duration"], rel=1e-5)
