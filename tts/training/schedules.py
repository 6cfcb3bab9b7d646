"""Learning rates over steps: a function of the step alone, so that nothing of it has to be saved."""

from __future__ import annotations

import math

from tts.training.settings import ScheduleSettings


def lr_factor(settings: ScheduleSettings, step: int, *, steps: int) -> float:
    """Factor on the peak learning rate.

    Args:
        settings: the schedule.
        step: optimizer steps done before this one, from 0.
        steps: optimizer steps of the whole run.
    """
    number = step + 1
    warmup = settings.warmup_steps
    if number <= warmup:
        return number / warmup
    if settings.name == "cosine":
        done = (number - warmup) / max(steps - warmup, 1)
        wave = 0.5 * (1 + math.cos(math.pi * min(done, 1.0)))
        return settings.final_factor + (1 - settings.final_factor) * wave
    if settings.name == "exponential":
        return settings.decay ** ((step - warmup) // settings.decay_every)
    if settings.name == "multistep":
        passed = sum(step - warmup >= milestone for milestone in settings.milestones)
        return float(settings.decay**passed)
    if (
        settings.name == "noam"
    ):  # Vaswani et al. 2017, https://arxiv.org/abs/1706.03762, equation 3, scaled to peak at 1
        return math.sqrt(warmup / number)
    return 1.0
