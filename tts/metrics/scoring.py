"""All metrics of one clip beside its recording."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
import numpy.typing as npt
import torch

from tts.audio.mel_definition import MelDefinition, min_samples
from tts.audio.prosody import PitchSettings, f0
from tts.audio.spectrogram import frame_energy, magnitude, mel_from_magnitude
from tts.metrics.cepstral import mel_cepstra, mel_cepstral_distortion
from tts.metrics.duration import TimedPhones, duration_mae_ms
from tts.metrics.energy import energy_mae_db
from tts.metrics.measurable import NotMeasurableError
from tts.metrics.naturalness import dnsmos
from tts.metrics.pitch import log_f0_rmse, voicing_error
from tts.metrics.spectral import mel_l1, multi_resolution_stft
from tts.metrics.warping import warping_path

Waveform = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Take:
    """A clip to be measured, and the recording of the same words.

    Attributes:
        waveform: [samples] in [-1, 1].
        recording: [samples] likewise.
        in_step: whether the two are simultaneous: made from the recording's own mel, not from text.
        predicted: phones and frames, where a model chose them.
        aligned: phones and frames of the recording.
    """

    waveform: Waveform
    recording: Waveform
    in_step: bool
    predicted: TimedPhones | None = None
    aligned: TimedPhones | None = None


@dataclass(frozen=True)
class Scores:
    """What could be measured, and why the rest could not.

    Attributes:
        values: by metric.
        reasons: by metric; none has a value too.
    """

    values: Mapping[str, float]
    reasons: Mapping[str, str]


def score(take: Take, definition: MelDefinition, pitch: PitchSettings, metrics: Collection[str]) -> Scores:
    """Measure a clip by those of the metrics that one clip suffices for (all but `real_time_factor`).

    Args:
        take: the clip and its recording.
        definition: frames and mel that both are compared in.
        pitch: search range of F0.
        metrics: names to compute.
    """
    comparison = _Comparison(take, definition, pitch)
    values: dict[str, float] = {}
    reasons: dict[str, str] = {}
    for name, measure in comparison.measures().items():
        if name not in metrics:
            continue
        try:
            values[name] = measure()
        except NotMeasurableError as reason:
            reasons[name] = str(reason)
    return Scores(values, reasons)


@dataclass(frozen=True)
class _Frames:
    """A clip frame by frame: mel [frames, mels], cepstra [frames, 13], F0 and energy [frames]."""

    mel: npt.NDArray[np.float32]
    cepstra: npt.NDArray[np.float64]
    pitch: npt.NDArray[np.float32]
    energy: npt.NDArray[np.float32]

    def at(self, frames: npt.NDArray[np.intp]) -> _Frames:
        return _Frames(self.mel[frames], self.cepstra[frames], self.pitch[frames], self.energy[frames])


class _Comparison:
    """What several metrics need, computed when the first one asks."""

    def __init__(self, take: Take, definition: MelDefinition, pitch: PitchSettings) -> None:
        self._take = take
        self._definition = definition
        self._pitch = pitch

    def measures(self) -> dict[str, Callable[[], float]]:
        along_path: dict[str, Callable[[_Frames, _Frames], float]] = {
            "mcd_db": lambda ours, theirs: mel_cepstral_distortion(ours.cepstra, theirs.cepstra),
            "log_f0_rmse": lambda ours, theirs: log_f0_rmse(ours.pitch, theirs.pitch),
            "vuv_error": lambda ours, theirs: voicing_error(ours.pitch, theirs.pitch),
            "energy_mae_db": lambda ours, theirs: energy_mae_db(ours.energy, theirs.energy),
            "mel_l1": lambda ours, theirs: mel_l1(ours.mel, theirs.mel),
        }
        opinions = ("dnsmos_ovrl", "dnsmos_sig", "dnsmos_bak", "dnsmos_p808")
        return {
            **{name: partial(self._along_path, compare) for name, compare in along_path.items()},
            "mr_stft": self._mr_stft,
            "duration_mae_ms": self._duration_mae_ms,
            **{name: partial(self._opinion, name) for name in opinions},
        }

    def _along_path(self, compare: Callable[[_Frames, _Frames], float]) -> float:
        return compare(*self._paired)

    @cached_property
    def _paired(self) -> tuple[_Frames, _Frames]:
        ours, theirs = self._frames(self._take.waveform), self._frames(self._take.recording)
        path = warping_path(ours.cepstra, theirs.cepstra)
        return ours.at(path[0]), theirs.at(path[1])

    def _frames(self, waveform: Waveform) -> _Frames:
        if len(waveform) < min_samples(self._definition):
            raise NotMeasurableError(f"a clip of {len(waveform)} samples is shorter than a frame")
        magnitudes = magnitude(torch.from_numpy(np.array(waveform))[None], self._definition)
        mel = mel_from_magnitude(magnitudes, self._definition)[0].T.numpy()
        pitch = f0(waveform, self._definition, self._pitch)
        return _Frames(mel, mel_cepstra(mel), pitch, frame_energy(magnitudes)[0].numpy())

    def _mr_stft(self) -> float:
        if not self._take.in_step:
            raise NotMeasurableError("a voice chooses its own timing, so samples have no counterpart")
        return multi_resolution_stft(self._take.waveform, self._take.recording)

    def _duration_mae_ms(self) -> float:
        if self._take.predicted is None or self._take.aligned is None:
            raise NotMeasurableError("no durations were predicted: the timing is the recording's")
        return duration_mae_ms(
            self._take.predicted, self._take.aligned, frames_per_second=self._definition.frames_per_second
        )

    def _opinion(self, name: str) -> float:
        return self._opinions[name]

    @cached_property
    def _opinions(self) -> dict[str, float]:
        return dnsmos(self._take.waveform, self._definition.sample_rate)
