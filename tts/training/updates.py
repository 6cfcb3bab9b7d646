"""How weights move: parameter groups, clipping, loss scaling, and their moving average."""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from tts.interfaces import Inventory
from tts.training.moments import StillRows, moments_of, take_moments
from tts.training.patterns import NAME_TABLES, matching
from tts.training.processes import Processes
from tts.training.record import Record
from tts.training.schedules import lr_factor
from tts.training.settings import OptimizerSettings, RunSettings, ScheduleSettings

logger = logging.getLogger(__name__)

_OPTIMIZERS: Mapping[str, Callable[..., torch.optim.Optimizer]] = {
    "adam": partial(torch.optim.Adam, fused=True),
    "adamw": partial(torch.optim.AdamW, fused=True),
    "radam": partial(torch.optim.RAdam, foreach=True),  # torch has no fused one
}


class Updater:
    """One network's optimizer, schedule, gradient clipping and loss scaling."""

    def __init__(
        self,
        network: nn.Module,
        optimizer: OptimizerSettings,
        schedule: ScheduleSettings,
        *,
        run: RunSettings,
        processes: Processes,
        first_step: int = 0,
    ) -> None:
        """Set up the optimizer over the parameters that are not frozen.

        Args:
            network: on its device.
            optimizer: of this network.
            schedule: of this network.
            run: steps, clipping and precision.
            processes: those who share the batches.
            first_step: from which the schedule counts.

        Raises:
            ConfigError: a pattern of `lr_factors` matches nothing.
        """
        self._network, self._schedule, self._run = network, schedule, run
        self._processes, self._first_step = processes, first_step
        self._optimizer = _optimizer(network, optimizer)
        self._peaks = [group["lr"] for group in self._optimizer.param_groups]
        self._base_lr = optimizer.lr
        self._parameters = [each for group in self._optimizer.param_groups for each in group["params"]]
        device = self._parameters[0].device.type
        self._scaler = torch.amp.GradScaler(device, enabled=run.precision == "fp16")
        self._still: StillRows | None = None

    def lr(self, step: int) -> float:
        """Learning rate of a step, before the factors of name patterns."""
        return self._base_lr * self._factor(step)

    def backward(self, loss: Tensor) -> None:
        """Add the gradients of a loss to those of this step."""
        self._scaler.scale(loss).backward()  # type: ignore[no-untyped-call]

    def update(self, step: int, record: Record) -> None:
        """Move the weights along the gradients and forget these; where something is not finite, nothing moves.

        Whether it is, the device alone decides: nobody waits for it, unless the optimizer is RAdam.

        Args:
            step: of the run.
            record: of what the gradients came from; takes in their norm.
        """
        gradients = [each.grad for each in self._parameters if each.grad is not None]
        self._processes.average(gradients)
        self._scaler.unscale_(self._optimizer)
        norm = torch.nn.utils.get_total_norm(gradients, foreach=True)
        record.note_norm(norm, may_overflow=self._may_overflow)
        if self._run.clip_norm is not None:
            torch.nn.utils.clip_grads_with_norm_(self._parameters, self._run.clip_norm, norm, foreach=True)
        for group, peak in zip(self._optimizer.param_groups, self._peaks, strict=True):
            group["lr"] = peak * self._factor(step)
        if self._still:
            self._still.look()
        self._move(record)
        if self._still:
            self._still.restore()
        self._optimizer.zero_grad(set_to_none=True)
        self._average_running_statistics()

    def state_dict(self) -> dict[str, Any]:
        """Optimizer moments and loss scale, and which rows of names have not been moved yet, where it matters."""
        state = {"optimizer": self._optimizer.state_dict(), "scaler": self._scaler.state_dict()}
        return state | ({"still": self._still.state_dict()} if self._still else {})

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a saved state."""
        self._optimizer.load_state_dict(state["optimizer"])
        self._scaler.load_state_dict(state["scaler"])
        if self._still:
            self._still.load_state_dict(state["still"])

    def moments(self, prefix: str) -> dict[str, Tensor]:
        """Give what the optimizer knows of each parameter (see tts.training.moments)."""
        return moments_of(self._network, self._optimizer, prefix=prefix)

    def take_moments(
        self, moments: Mapping[str, Tensor], prefix: str, *, known: Inventory, inventory: Inventory
    ) -> None:
        """Let the optimizer, which has not moved yet, begin with what another one knew."""
        take_moments(self._network, self._optimizer, moments, prefix=prefix, known=known, inventory=inventory)
        self._still = StillRows(self._network, self._optimizer)

    def _move(self, record: Record) -> None:
        if self._scaler.is_enabled():
            self._scaler.step(self._optimizer)
            self._scaler.update()
            return
        if self._optimizer.defaults.get("fused"):
            # What GradScaler tells fused optimizers, so that they themselves leave a step out.
            self._optimizer.found_inf = (~record.is_finite()).float()  # type: ignore[attr-defined]
            self._optimizer.step()
        elif record.is_finite():
            self._optimizer.step()

    def _may_overflow(self) -> bool:
        """Whether loss scaling will deal with an infinite gradient by scaling less."""
        return self._scaler.is_enabled() and self._scaler.get_scale() > 1

    def _factor(self, step: int) -> float:
        return lr_factor(self._schedule, step - self._first_step, steps=self._run.steps - self._first_step)

    def _average_running_statistics(self) -> None:
        if self._processes.size > 1:
            self._processes.average(_running_statistics(self._network))


class MovingAverage:
    """Exponential moving average of a network's weights, as a network of its own."""

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.network = copy.deepcopy(network).eval().requires_grad_(requires_grad=False)
        self._decay = decay
        self._ours: list[Tensor] = list(self.network.parameters())
        self._theirs: list[Tensor] = list(network.parameters())
        self._buffers = list(zip(self.network.buffers(), network.buffers(), strict=True))

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Take in the weights after a step; early steps count more, so that the initial weights are soon forgotten."""
        decay = min(self._decay, (1 + step) / (10 + step))
        torch._foreach_lerp_(self._ours, self._theirs, 1 - decay)
        for ours, theirs in self._buffers:
            ours.copy_(theirs)


def _optimizer(network: nn.Module, settings: OptimizerSettings) -> torch.optim.Optimizer:
    groups = [
        {"params": parameters, "lr": settings.lr * factor, "weight_decay": decay}
        for factor, named in _by_factor(network, settings)
        for decay, parameters in _by_decay(named, settings.weight_decay)
    ]
    own = {"amsgrad": True} if settings.amsgrad else {}  # RAdam takes no such argument
    make = partial(_OPTIMIZERS[settings.name], lr=settings.lr, betas=settings.betas, eps=settings.eps, **own)
    return make(groups, weight_decay=settings.weight_decay)


def _by_factor(network: nn.Module, settings: OptimizerSettings) -> Iterator[tuple[float, dict[str, nn.Parameter]]]:
    left = {name: parameter for name, parameter in network.named_parameters() if parameter.requires_grad}
    for pattern, factor in settings.lr_factors.items():
        matched = {name: left.pop(name) for name in matching(network, pattern, what="lr_factors") if name in left}
        logger.info("lr_factors %r: %d tensors at %g times the learning rate", pattern, len(matched), factor)
        yield factor, matched
    yield 1.0, left


def _by_decay(named: Mapping[str, nn.Parameter], decay: float) -> Iterator[tuple[float, list[nn.Parameter]]]:
    """Parameters by weight decay: decay alone would move the rows of names that no clip has."""
    tables = [each for name, each in named.items() if decay and name in NAME_TABLES]
    others = [each for name, each in named.items() if not (decay and name in NAME_TABLES)]
    yield from ((share, each) for share, each in ((decay, others), (0.0, tables)) if each)


def _running_statistics(network: nn.Module) -> Iterator[Tensor]:
    return (buffer for name, buffer in network.named_buffers() if name.endswith(("running_mean", "running_var")))
