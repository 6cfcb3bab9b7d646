"""Settings that every kind of corpus has: how long a usable clip is."""

from __future__ import annotations

from pydantic import Field

from tts.config import config


@config
class ClipLimits:
    """How long clips may be; others are dropped by `tts prepare`, each with a row in the ledger.

    Attributes:
        min_seconds: shorter clips hold no sentence.
        max_seconds: longer clips would set the memory of a training batch.
    """

    min_seconds: float = Field(default=0.2, ge=0)
    max_seconds: float = Field(default=30.0, gt=0)

    def __post_init__(self) -> None:
        if self.min_seconds >= self.max_seconds:
            raise ValueError(f"min_seconds ({self.min_seconds:g}) must be below max_seconds ({self.max_seconds:g})")

    def why_not(self, seconds: float) -> tuple[str, str] | None:
        """Reason and detail why a clip of this length is left out; None where it is not."""
        if seconds < self.min_seconds:
            return "too short", f"{seconds:.2f} s, min_seconds is {self.min_seconds:g}"
        if seconds > self.max_seconds:
            return "too long", f"{seconds:.2f} s, max_seconds is {self.max_seconds:g}"
        return None
