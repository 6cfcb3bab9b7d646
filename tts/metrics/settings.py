"""What the evaluate stage measures."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from tts.config import config

MetricName = Literal[
    "mcd_db",
    "log_f0_rmse",
    "log_f0_correlation",
    "vuv_error",
    "energy_mae_db",
    "duration_mae_ms",
    "mel_l1",
    "mr_stft",
    "stoi",
    "estoi",
    "pesq",
    "dnsmos_ovrl",
    "dnsmos_sig",
    "dnsmos_bak",
    "dnsmos_p808",
    "wv_mos",
    "wer",
    "cer",
    "speaker_similarity",
    "speaker_similarity_other",
    "speaker_accuracy",
    "real_time_factor",
]

METRICS: tuple[MetricName, ...] = MetricName.__args__  # type: ignore[attr-defined]
"""Every metric, in the order of the report."""

HIGHER_IS_BETTER = frozenset(
    (
        *("log_f0_correlation", "stoi", "estoi", "pesq", "wv_mos", "speaker_similarity", "speaker_accuracy"),
        *("dnsmos_ovrl", "dnsmos_sig", "dnsmos_bak", "dnsmos_p808"),
    )
)

SPEAKER_METRICS: tuple[MetricName, ...] = ("speaker_similarity", "speaker_similarity_other", "speaker_accuracy")
"""What compares a clip with speakers."""

_ON_REQUEST = ("pesq", "wv_mos", "wer", "cer", *SPEAKER_METRICS)
"""They take long, or need what is not installed with the rest."""

USUAL_METRICS: tuple[MetricName, ...] = tuple(name for name in METRICS if name not in _ON_REQUEST)
"""What is measured where nobody says what."""


@config
class EvaluateSettings:
    """How voices are measured.

    Attributes:
        num_utterances: of the test split, at most.
        metrics: those to compute.
        wv_mos: file of WV-MOS' weights, for the metric of this name.
        seed: of the bootstrap intervals.
    """

    num_utterances: int = Field(default=30, gt=0)
    metrics: tuple[MetricName, ...] = USUAL_METRICS
    wv_mos: str | None = Field(default=None, min_length=1)
    seed: int = Field(default=0, ge=0)
