"""All metrics of one clip: alone, beside its text, and beside its recording."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from tts.audio.mel_definition import MelDefinition, min_samples
from tts.audio.prosody import PitchSettings, f0
from tts.audio.spectrogram import frame_energy, magnitude, mel_from_magnitude
from tts.metrics.cepstral import mel_cepstra, mel_cepstral_distortion
from tts.metrics.duration import TimedPhones, duration_mae_ms
from tts.metrics.energy import energy_mae_db
from tts.metrics.intelligibility import stoi
from tts.metrics.measurable import NotMeasurableError
from tts.metrics.naturalness import dnsmos
from tts.metrics.perceived_quality import pesq
from tts.metrics.pitch import log_f0_correlation, log_f0_rmse, voicing_error
from tts.metrics.recognition import recognise
from tts.metrics.speakers import KnownVoices, speaker_vector
from tts.metrics.spectral import mel_l1, multi_resolution_stft
from tts.metrics.transcription import character_error_rate, word_error_rate, words_of
from tts.metrics.warping import warping_path
from tts.metrics.wv_mos import wv_mos

Waveform = npt.NDArray[np.float32]


_MOST_OUT_OF_STEP_SECONDS = 0.1


@dataclass(frozen=True)
class Take:
    """A clip to be measured, and what is known of it.

    Attributes:
        waveform: [samples] in [-1, 1].
        recording: [samples] likewise, of the same words; None where there is none.
        in_step: whether the two are simultaneous: made from the recording's own mel, not from text.
        predicted: phones and frames, where a model chose them.
        aligned: phones and frames of the recording.
        text: what is said; None where that is not known.
        language: of the text.
        voices: speakers to compare with; None where none are known.
    """

    waveform: Waveform
    recording: Waveform | None
    in_step: bool
    predicted: TimedPhones | None = None
    aligned: TimedPhones | None = None
    text: str | None = None
    language: str = "en"
    voices: KnownVoices | None = None


@dataclass(frozen=True)
class Scores:
    """What could be measured, and why the rest could not.

    Attributes:
        values: by metric.
        reasons: by metric; none has a value too.
    """

    values: Mapping[str, float]
    reasons: Mapping[str, str]


def score(
    take: Take,
    definition: MelDefinition,
    pitch: PitchSettings,
    metrics: Collection[str],
    *,
    wv_mos_weights: Path | None = None,
) -> Scores:
    """Measure a clip by those of the metrics that one clip suffices for (all but `real_time_factor`).

    Args:
        take: the clip and its recording.
        definition: frames and mel that both are compared in.
        pitch: search range of F0.
        metrics: names to compute.
        wv_mos_weights: file of its weights, for the metric of this name.
    """
    comparison = _Comparison(take, definition, pitch, wv_mos_weights)
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

    def __init__(
        self, take: Take, definition: MelDefinition, pitch: PitchSettings, wv_mos_weights: Path | None
    ) -> None:
        self._take = take
        self._definition = definition
        self._pitch = pitch
        self._wv_mos_weights = wv_mos_weights

    def measures(self) -> dict[str, Callable[[], float]]:
        along_path: dict[str, Callable[[_Frames, _Frames], float]] = {
            "mcd_db": lambda ours, theirs: mel_cepstral_distortion(ours.cepstra, theirs.cepstra),
            "log_f0_rmse": lambda ours, theirs: log_f0_rmse(ours.pitch, theirs.pitch),
            "log_f0_correlation": lambda ours, theirs: log_f0_correlation(ours.pitch, theirs.pitch),
            "vuv_error": lambda ours, theirs: voicing_error(ours.pitch, theirs.pitch),
            "energy_mae_db": lambda ours, theirs: energy_mae_db(ours.energy, theirs.energy),
            "mel_l1": lambda ours, theirs: mel_l1(ours.mel, theirs.mel),
        }
        in_step: dict[str, Callable[[Waveform, Waveform, int], float]] = {
            "mr_stft": lambda ours, theirs, _: multi_resolution_stft(ours, theirs),
            "stoi": stoi,
            "estoi": partial(stoi, extended=True),
            "pesq": pesq,
        }
        opinions = ("dnsmos_ovrl", "dnsmos_sig", "dnsmos_bak", "dnsmos_p808")
        return {
            **{name: partial(self._along_path, compare) for name, compare in along_path.items()},
            **{name: partial(self._in_step, compare) for name, compare in in_step.items()},
            "duration_mae_ms": self._duration_mae_ms,
            **{name: partial(self._opinion, name) for name in opinions},
            "wv_mos": lambda: wv_mos(self._take.waveform, self._rate, self._wv_mos_weights),
            "wer": lambda: word_error_rate(self._said, self._heard),
            "cer": lambda: character_error_rate(self._said, self._heard),
            "speaker_similarity": lambda: self._voices.similarity(self._vector),
            "speaker_similarity_other": lambda: self._voices.similarity_other(self._vector),
            "speaker_accuracy": lambda: self._voices.accuracy(self._vector),
        }

    @property
    def _rate(self) -> int:
        return self._definition.sample_rate

    @property
    def _recording(self) -> Waveform:
        if self._take.recording is None:
            raise NotMeasurableError("there is no recording to compare with")
        return self._take.recording

    def _along_path(self, compare: Callable[[_Frames, _Frames], float]) -> float:
        return compare(*self._paired)

    @cached_property
    def _paired(self) -> tuple[_Frames, _Frames]:
        ours, theirs = self._frames(self._take.waveform), self._frames(self._recording)
        path = warping_path(ours.cepstra, theirs.cepstra)
        return ours.at(path[0]), theirs.at(path[1])

    def _frames(self, waveform: Waveform) -> _Frames:
        if len(waveform) < min_samples(self._definition):
            raise NotMeasurableError(f"a clip of {len(waveform)} samples is shorter than a frame")
        magnitudes = magnitude(torch.from_numpy(np.array(waveform))[None], self._definition)
        mel = mel_from_magnitude(magnitudes, self._definition)[0].T.numpy()
        pitch = f0(waveform, self._definition, self._pitch)
        return _Frames(mel, mel_cepstra(mel), pitch, frame_energy(magnitudes)[0].numpy())

    def _in_step(self, compare: Callable[[Waveform, Waveform, int], float]) -> float:
        ours, theirs = self._take.waveform, self._recording
        if not self._take.in_step:
            raise NotMeasurableError("a voice chooses its own timing, so samples have no counterpart")
        apart = abs(len(ours) - len(theirs)) / self._rate
        if apart > _MOST_OUT_OF_STEP_SECONDS:
            raise NotMeasurableError(f"the clip is not in step with its recording: lengths differ by {apart:.1f} s")
        return compare(ours, theirs, self._rate)

    def _duration_mae_ms(self) -> float:
        if self._take.predicted is None or self._take.aligned is None:
            raise NotMeasurableError("no durations were predicted")
        return duration_mae_ms(
            self._take.predicted, self._take.aligned, frames_per_second=self._definition.frames_per_second
        )

    def _opinion(self, name: str) -> float:
        return self._opinions[name]

    @cached_property
    def _opinions(self) -> dict[str, float]:
        return dnsmos(self._take.waveform, self._rate)

    @cached_property
    def _said(self) -> list[str]:
        if self._take.text is None:
            raise NotMeasurableError("there is no transcript")
        return words_of(self._take.text, self._take.language)

    @cached_property
    def _heard(self) -> list[str]:
        return recognise(self._take.waveform, self._rate, language=self._take.language).split()

    @property
    def _voices(self) -> KnownVoices:
        if self._take.voices is None:
            raise NotMeasurableError("there are no recordings of speakers to compare with")
        return self._take.voices

    @cached_property
    def _vector(self) -> Waveform:
        return speaker_vector(self._take.waveform, self._rate)
