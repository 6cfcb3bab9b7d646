"""What the evaluate stage measures."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from tts.config import config

MetricName = Literal[
    "mcd_db",
    "log_f0_rmse",
    "vuv_error",
    "energy_mae_db",
    "duration_mae_ms",
    "mel_l1",
    "mr_stft",
    "dnsmos_ovrl",
    "dnsmos_sig",
    "dnsmos_bak",
    "dnsmos_p808",
    "real_time_factor",
]

METRICS: tuple[MetricName, ...] = MetricName.__args__  # type: ignore[attr-defined]
"""Every metric, in the order of the report."""


@config
class EvaluateSettings:
    """How voices are measured.

    Attributes:
        num_utterances: of the test split, at most.
        metrics: those to compute.
        seed: of the bootstrap intervals.
    """

    num_utterances: int = Field(default=30, gt=0)
    metrics: tuple[MetricName, ...] = METRICS
    seed: int = Field(default=0, ge=0)
