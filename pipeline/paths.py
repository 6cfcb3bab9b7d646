"""Every path under data/, models/ and metrics/, once."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Paths:
    """Where things are, below the folder that holds params.yaml."""

    root: Path

    @property
    def cache(self) -> Path:
        """Untracked work in progress; DVC_ROOT makes experiments in temporary folders share it."""
        return Path(os.environ.get("DVC_ROOT", self.root)).resolve() / ".tts_cache"

    @property
    def checked_models(self) -> Path:
        """The folder of what pipeline.checked_models knows."""
        return self.cache / "checked_models"

    def raw(self, corpus: str) -> Path:
        """Give the recordings as published."""
        return self.root / "data" / "raw" / corpus

    def corpus(self, corpus: str) -> Path:
        """Give the manifest and audio shards."""
        return self.root / "data" / "corpus" / corpus

    def alignments(self, corpus: str) -> Path:
        """Give the phones in seconds."""
        return self.root / "data" / "alignments" / corpus

    def mel(self, corpus: str) -> Path:
        """Give the mel shards."""
        return self.root / "data" / "features" / corpus / "mel"

    def prosody(self, corpus: str) -> Path:
        """Give the durations, pitch and energy shards."""
        return self.root / "data" / "features" / corpus / "prosody"

    def vectors(self, corpus: str) -> Path:
        """Give the speaker vectors of the clips."""
        return self.root / "data" / "features" / corpus / "speakers"

    def index(self, corpus: str) -> Path:
        """Give the joined table, names and statistics."""
        return self.root / "data" / "features" / corpus / "index"

    def teacher_mels(self, run: str) -> Path:
        """Give the mels that an acoustic run makes while it follows its recordings."""
        return self.root / "data" / "mels" / run

    @property
    def models(self) -> Path:
        """The folder of all models."""
        return self.root / "models"

    def model(self, run: str) -> Path:
        """Give the exported model folder of a run."""
        return self.models / run

    def audio(self, voice: str) -> Path:
        """Give the synthesized samples of a voice."""
        return self.root / "data" / "audio" / voice

    def scores(self, voice: str) -> Path:
        """Give the per-utterance scores of a voice."""
        return self.root / "data" / "scores" / voice

    @property
    def report(self) -> Path:
        """The folder of the HTML report."""
        return self.root / "data" / "report"

    def data_metrics(self, corpus: str) -> Path:
        """Give the clip counts of a corpus."""
        return self.root / "metrics" / f"data-{corpus}.json"

    def alignment_metrics(self, corpus: str) -> Path:
        """Give the alignment quality of a corpus."""
        return self.root / "metrics" / f"alignment-{corpus}.json"

    def run_metrics(self, run: str) -> Path:
        """Give the last and best validation terms of a run."""
        return self.root / "metrics" / "runs" / f"{run}.json"

    def run_curve(self, run: str) -> Path:
        """Give the curves of a run."""
        return self.root / "metrics" / "runs" / f"{run}.csv"

    def run_curves(self, run: str) -> Path:
        """Give the folder of the curves of a run that `dvc plots` draws."""
        return self.root / "metrics" / "curves" / run

    def voice_metrics(self, voice: str) -> Path:
        """Give the scores of a voice beside its anchors."""
        return self.root / "metrics" / "voices" / f"{voice}.json"
