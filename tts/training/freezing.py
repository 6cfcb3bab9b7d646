"""Parameters that stay as they are for a span of steps: which ones is a function of the step, so nothing is saved."""

from __future__ import annotations

import logging
from bisect import bisect_right
from collections.abc import Sequence

from torch import nn

from tts.errors import ConfigError
from tts.training.patterns import Sets, matching
from tts.training.settings import Freeze

logger = logging.getLogger(__name__)


class Freezing:
    """The frozen parameters of one network, step by step.

    Where spans begin or end, the steps fall into stretches in which the frozen parameters are the same.
    """

    def __init__(self, network: nn.Module, spans: Sequence[Freeze], *, steps: int, sets: Sets | None = None) -> None:
        """Match the patterns, say what they match, and freeze what is frozen in every step.

        The other parameters are left free until `apply`, so that an optimizer made meanwhile takes them in.

        Args:
            network: whose parameters.
            spans: patterns and steps.
            steps: of the run.
            sets: the system's `freeze_sets`.

        Raises:
            ConfigError: a pattern matches nothing, or in some step nothing is left to train.
        """
        self._network, self._spans = network, spans
        self._matched = [matching(network, span.pattern, what="freeze", sets=sets) for span in spans]
        self._free = {name: each for name, each in network.named_parameters() if each.requires_grad}
        edges = {edge for span in spans for edge in (span.start, span.end or steps)}
        self._starts = sorted(edge for edge in edges | {0} if edge < steps)
        self._frozen = [self._frozen_at(start) for start in self._starts]
        self._stretch = -1
        self._require_something_free()
        for span, names in zip(spans, self._matched, strict=True):
            logger.info("freeze %r: %s, %s", span.pattern, self._size(names), _steps(span))
        self._fix(set.intersection(*self._frozen))

    def apply(self, step: int) -> None:
        """Freeze what is frozen in this step, free the rest, and set training mode accordingly.

        A span that begins or ends is said when the step before was of this sitting too.
        """
        stretch = bisect_right(self._starts, step) - 1
        if stretch == self._stretch:
            return
        if 0 < stretch == self._stretch + 1:
            self._say(step)
        self._stretch = stretch
        self._fix(self._frozen[stretch])
        training_mode(self._network)

    def heaviest(self, first: int) -> int:
        """The step from `first` on that moves the most values, and so takes the most memory."""
        return max([first, *(start for start in self._starts if start > first)], key=self._num_free)

    def _fix(self, frozen: set[str]) -> None:
        for name, parameter in self._free.items():
            parameter.requires_grad = name not in frozen
            if name in frozen:
                parameter.grad = None  # an optimizer leaves parameters without a gradient as they are

    def _frozen_at(self, step: int) -> set[str]:
        spans = zip(self._spans, self._matched, strict=True)
        return {name for span, names in spans if span.holds(step) for name in names}

    def _num_free(self, step: int) -> int:
        frozen = self._frozen_at(step)
        return sum(each.numel() for name, each in self._free.items() if name not in frozen)

    def _require_something_free(self) -> None:
        for start, frozen in zip(self._starts, self._frozen, strict=True):
            if self._free.keys() <= frozen:
                raise ConfigError(f"freeze: the patterns leave nothing to train in step {start}; remove one")

    def _say(self, step: int) -> None:
        for span, names in zip(self._spans, self._matched, strict=True):
            if step in (span.start, span.end):
                what = "begins" if step == span.start else "ends"
                logger.info("step %d: freeze %r %s: %s", step, span.pattern, what, self._size(names))

    def _size(self, names: Sequence[str]) -> str:
        values = sum(self._network.get_parameter(name).numel() for name in names)
        return f"{len(names)} tensors, {values} values"


def training_mode(network: nn.Module) -> None:
    """Set to training mode, but for modules whose every parameter is frozen: their running statistics stay too."""
    network.train()
    for module in network.modules():
        own = list(module.parameters())
        if own and not any(parameter.requires_grad for parameter in own):
            module.eval()


def _steps(span: Freeze) -> str:
    if span.end is None:
        return f"from step {span.start} on" if span.start else "in all steps"
    return f"in steps {span.start} to {span.end - 1}"
