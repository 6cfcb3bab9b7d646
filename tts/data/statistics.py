"""Moments of the training split, for normalisation inside the models."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from tts.errors import DataError
from tts.interfaces import Statistics

Floats = npt.NDArray[np.floating]


@dataclass
class Moments:
    """Running count, sum and sum of squares."""

    count: int = 0
    total: float = 0.0
    squares: float = 0.0

    def add(self, values: Floats) -> None:
        """Take in values."""
        wide = np.asarray(values, dtype=np.float64)
        self.count += wide.size
        self.total += float(wide.sum())
        self.squares += float(np.square(wide).sum())

    def add_all(self, other: Moments) -> None:
        """Take in the values that another took in."""
        self.count += other.count
        self.total += other.total
        self.squares += other.squares

    @property
    def mean(self) -> float:
        """The mean of all values taken in."""
        return self.total / self.count

    @property
    def std(self) -> float:
        """Population standard deviation, at least 1e-3 so that nothing is divided by 0."""
        return max(math.sqrt(max(self.squares / self.count - self.mean**2, 0.0)), 1e-3)


@dataclass
class StatisticsBuilder:
    """Gathers clips one at a time.

    Attributes:
        pitch, pitch_hz: of ln(F0) and of F0, by speaker.
        energy, energy_linear: of ln(energy) and of energy.
        mel: of the log-mel.
    """

    pitch: dict[str, Moments] = field(default_factory=dict)
    pitch_hz: dict[str, Moments] = field(default_factory=dict)
    energy: Moments = field(default_factory=Moments)
    energy_linear: Moments = field(default_factory=Moments)
    mel: Moments = field(default_factory=Moments)

    def add(self, speaker: str, *, pitch: Floats, energy: Floats, mel: Floats) -> None:
        """Take in one clip: pitch per phone in Hz (0 = unvoiced), energy per phone, mel [frames, mels]."""
        voiced, heard = pitch[pitch > 0], energy[energy > 0]
        self.pitch.setdefault(speaker, Moments()).add(np.log(voiced))
        self.pitch_hz.setdefault(speaker, Moments()).add(voiced)
        self.energy.add(np.log(heard))
        self.energy_linear.add(heard)
        self.mel.add(mel)

    def add_all(self, other: StatisticsBuilder) -> None:
        """Take in the clips that another took in."""
        for mine, others in ((self.pitch, other.pitch), (self.pitch_hz, other.pitch_hz)):
            for speaker, moments in others.items():
                mine.setdefault(speaker, Moments()).add_all(moments)
        self.energy.add_all(other.energy)
        self.energy_linear.add_all(other.energy_linear)
        self.mel.add_all(other.mel)

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> StatisticsBuilder:
        """Make what `dataclasses.asdict` took apart."""
        pitch, pitch_hz = (
            {name: Moments(**each) for name, each in plain[key].items()} for key in ("pitch", "pitch_hz")
        )
        energy, energy_linear, mel = (Moments(**plain[key]) for key in ("energy", "energy_linear", "mel"))
        return cls(pitch, pitch_hz, energy, energy_linear, mel)

    def build(self, speakers: Iterable[str]) -> Statistics:
        """Moments of all clips; a speaker without a voiced phone is an error.

        Raises:
            DataError: names the speaker.
        """
        for speaker in speakers:
            if speaker not in self.pitch or self.pitch[speaker].count == 0:
                raise DataError(
                    f"speaker {speaker} has no voiced phone in the training split; check pitch.f_min and f_max"
                )
        return Statistics(
            pitch_mean={name: self.pitch[name].mean for name in speakers},
            pitch_std={name: self.pitch[name].std for name in speakers},
            energy_mean=self.energy.mean,
            energy_std=self.energy.std,
            mel_mean=self.mel.mean,
            mel_std=self.mel.std,
            pitch_hz_mean={name: self.pitch_hz[name].mean for name in speakers},
            pitch_hz_std={name: self.pitch_hz[name].std for name in speakers},
            energy_linear_mean=self.energy_linear.mean,
            energy_linear_std=self.energy_linear.std,
        )
