"""What decides an alignment, as it stands under `align` in params.yaml."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from tts.config import config


@config
class AlignSettings:
    """Settings of the aligner.

    Attributes:
        backend: kaldi = GMM-HMMs of Kaldi's, trained on the corpus itself, for any language.
        frame_shift_ms: of the HMMs; refinement sees twice as many frames.
        iterations: passes of training over the corpus.
        gaussians: in all states together, at most.
        beam, retry_beam: width of the search, and of a second try. A narrow beam does not fail on long clips, it
            gives boundaries that are wrong by seconds.
        refine: move each boundary to where the spectrum changes nearby.
        fold_silence_ms: shorter silences between words become part of the phone before them.
        max_unaligned: share of clips that may fail; more stop the stage.
        seed: of the splitting of Gaussians.
    """

    backend: Literal["kaldi"] = "kaldi"
    frame_shift_ms: float = Field(default=10.0, ge=2.0, le=20.0)
    iterations: int = Field(default=16, ge=1)
    gaussians: int = Field(default=1000, ge=1)
    beam: float = Field(default=100.0, gt=0)
    retry_beam: float = Field(default=400.0, gt=0)
    refine: bool = True
    fold_silence_ms: float = Field(default=50.0, ge=0)
    max_unaligned: float = Field(default=0.01, ge=0, le=1)
    seed: int = Field(default=0, ge=0)

    def __post_init__(self) -> None:
        """Refuse a second try that could find no more than the first."""
        if self.retry_beam <= self.beam:
            raise ValueError(f"retry_beam must be wider than beam, {self.beam:g}")
