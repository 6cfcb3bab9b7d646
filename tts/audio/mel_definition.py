"""The one mel definition and the one frame count; apart from the transforms, since torch takes seconds to import.

Two framings exist in the field and differ by half a hop:

- ``hifigan``: reflect padding of (n_fft - hop_length) / 2 on both sides; frame t is centred on sample
  ``hop_length * t + hop_length / 2``; a clip of L samples has ``L // hop_length`` frames.
- ``centered`` (Tacotron 2): reflect padding of n_fft / 2; frame t is centred on sample ``hop_length * t``; a
  clip has ``L // hop_length + 1`` frames.
"""

from __future__ import annotations

import dataclasses
from typing import Literal

from tts.config import config
from tts.errors import ConfigError


@config
class MelDefinition:
    """What a mel spectrogram is; stored with every shard and every checkpoint.

    The value of a bin is ``ln(max(mel, floor))`` of magnitudes ``sqrt(re² + im² + magnitude_epsilon)``.
    """

    sample_rate: int
    n_fft: int
    hop_length: int
    win_length: int
    n_mels: int
    f_min: float
    f_max: float
    framing: Literal["hifigan", "centered"] = "hifigan"
    magnitude_epsilon: float = 1e-9
    floor: float = 1e-5

    def __post_init__(self) -> None:
        """Refuse definitions that cannot be computed."""
        if not 0 <= self.f_min < self.f_max <= self.sample_rate / 2:
            raise ValueError(f"needs 0 <= f_min < f_max <= {self.sample_rate / 2:g} Hz, half the sample rate")
        if not 0 < self.hop_length <= self.win_length <= self.n_fft:
            raise ValueError("needs 0 < hop_length <= win_length <= n_fft")
        if self.n_fft % 2 or (self.framing == "hifigan" and self.hop_length % 2):
            raise ValueError("needs an even n_fft, and an even hop_length for hifigan framing, to pad evenly")
        if self.n_mels < 1:
            raise ValueError("needs n_mels >= 1")

    @property
    def padding(self) -> int:
        """Samples of reflect padding on each side."""
        return (self.n_fft - self.hop_length) // 2 if self.framing == "hifigan" else self.n_fft // 2

    @property
    def first_center(self) -> float:
        """Sample on which frame 0 is centred."""
        return self.hop_length / 2 if self.framing == "hifigan" else 0.0

    @property
    def frames_per_second(self) -> float:
        """Frame rate in Hz."""
        return self.sample_rate / self.hop_length


def require_equal(ours: MelDefinition, theirs: MelDefinition, *, what: str) -> None:
    """Refuse to pair two things of different mel definitions.

    Raises:
        ConfigError: names every field that differs, with both values.
    """
    pairs = ((f.name, getattr(ours, f.name), getattr(theirs, f.name)) for f in dataclasses.fields(ours))
    differing = [f"{name} {a} against {b}" for name, a, b in pairs if a != b]
    if differing:
        raise ConfigError(f"{what}: mel definitions differ in {', '.join(differing)}; rebuild one of the two")


def num_frames(num_samples: int, definition: MelDefinition) -> int:
    """Frames of a clip of `num_samples`; every stage and model uses this one rule."""
    return num_samples // definition.hop_length + (definition.framing == "centered")


def min_samples(definition: MelDefinition) -> int:
    """The shortest clip that has a frame and whose edges can be reflected, in samples."""
    return max(definition.padding + 1, definition.hop_length)
