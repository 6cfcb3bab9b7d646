"""Loss weights over steps: a function of the step alone, so that nothing of it has to be saved."""

from __future__ import annotations

import math
from collections.abc import Mapping

from tts.training.settings import WeightSchedule


def weights_at(weights: Mapping[str, float | WeightSchedule], step: int | None) -> dict[str, float]:
    """Weights of a step, counted from 0; None = the highest of each."""
    return {
        name: weight_at(weight, step) if isinstance(weight, WeightSchedule) else weight
        for name, weight in weights.items()
    }


def weight_at(schedule: WeightSchedule, step: int | None) -> float:
    """Weight of a step, counted from 0; None = the highest."""
    if step is None:
        return max(schedule.first, schedule.value)
    return schedule.first + (schedule.value - schedule.first) * _share(schedule, step)


def _share(schedule: WeightSchedule, step: int) -> float:
    """How far the weight is from the first to the one that is reached, from 0 to 1."""
    since = step - schedule.start
    if schedule.name == "linear":
        assert schedule.duration is not None
        return min(max(since / schedule.duration, 0.0), 1.0)
    if schedule.name == "logistic":
        assert schedule.steepness is not None
        return 0.5 * (1 + math.tanh(0.5 * schedule.steepness * since))  # the logistic function, without overflow
    if schedule.name == "cyclic":
        assert schedule.duration is not None
        return min(2 * (step % schedule.duration) / schedule.duration, 1.0)
    if schedule.name == "interval":
        assert schedule.every is not None
        return float(since >= 0 and since % schedule.every == 0)
    return 1.0
