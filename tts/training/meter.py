"""What steps cost: their time, the share of it that no batch was ready, and memory."""

from __future__ import annotations

import logging
import resource
import sys
import time
from dataclasses import dataclass, field

import torch

logger = logging.getLogger(__name__)

_TOO_LONG = 0.05
"""Share of the time that a loader may keep a device waiting."""

_ENOUGH_SECONDS = 10.0
"""The first batches are always waited for; in so much time they no longer count."""


@dataclass
class Meter:
    """Steps since they were last reported.

    Attributes:
        device: that computes.
    """

    device: torch.device
    _since: float = field(default_factory=time.monotonic)
    _waited: float = 0.0
    _steps: int = 0

    def note(self, waited: float) -> None:
        """Take in a step, for whose batches so many seconds were waited."""
        self._waited += waited
        self._steps += 1

    @property
    def wait_share(self) -> float:
        """Share of the time since the last report that no batch was ready."""
        return self._waited / max(time.monotonic() - self._since, 1e-9)

    def report(self) -> dict[str, float]:
        """Seconds of a step, the share of them that was waited, and the most memory there was in use, MB.

        Nothing of it goes into a run's curve, which is the same wherever and however often it is made.
        """
        now = time.monotonic()
        seconds = max(now - self._since, 1e-9)
        share = self.wait_share
        if share > _TOO_LONG and seconds > _ENOUGH_SECONDS:
            logger.warning(
                "no batch was ready %.0f %% of the time; raise workers in runtime.yaml, or use a faster disk",
                100 * share,
            )
        found = {
            "step_seconds": seconds / max(self._steps, 1),
            "loader_wait_share": share,
            "memory_mb": peak_memory(self.device) / 1e6,
        }
        self._since, self._waited, self._steps = now, 0.0, 0
        return found


def peak_memory(device: torch.device) -> int:
    """The most memory in use so far, bytes: of a GPU what torch gave out, otherwise of this process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
