"""What a few clips of the validation split look and sound like while a run learns; nothing of it changes the run."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from tts.audio.mel_definition import MelDefinition
from tts.audio.spectrogram import mel_spectrogram
from tts.errors import TtsError
from tts.interfaces import AcousticBatch, Controls, Illustrated, Spoken, Unconditional

logger = logging.getLogger(__name__)

Floats = npt.NDArray[np.float32]
Made = TypeVar("Made")

_LONGEST = 3
"""A network that has just begun may speak without end: this many times the recording is shown and heard."""

_SHORT = 4
"""Among so many clips, one is short."""


@dataclass(frozen=True)
class Picture:
    """What is to be drawn.

    Attributes:
        values: [rows, columns], the first row at the bottom.
        low, high: values of the darkest and the brightest colour.
        marks: columns before which a phone begins.
    """

    values: Floats
    low: float
    high: float
    marks: tuple[int, ...] = ()


@dataclass(frozen=True)
class Sample:
    """What a network makes of a clip.

    Attributes:
        utterance_id: of the clip.
        pictures: by their titles.
        waveform: [samples] in [-1, 1].
    """

    utterance_id: str
    pictures: Mapping[str, Picture]
    waveform: Floats


Sampler = Callable[[nn.Module], Sequence[Sample]]
"""Renders always the same clips with a network; a pure function of its weights."""


def spoken_mel(network: nn.Module, clip: AcousticBatch) -> tuple[Spoken, Tensor]:
    """What an acoustic model says freely, and its mel [frames, mels], which ends where a beginner does not.

    Args:
        network: has `speak`.
        clip: a batch of one.
    """
    spoken: Spoken = network.speak(  # type: ignore[operator]
        clip.phones,
        clip.phone_lengths,
        speaker_ids=clip.speaker_ids,
        style_ids=clip.style_ids,
        controls=Controls(),
    )
    return spoken, spoken.mel[0, : min(int(spoken.mel_lengths[0]), _LONGEST * len(clip.mel[0]))]


class AcousticSamples:
    """The recorded mel, the mel that follows the recording, and the mel that is spoken freely, which is heard too."""

    def __init__(self, clips: Sequence[AcousticBatch], vocoder: nn.Module) -> None:
        """Keep what is rendered.

        Args:
            clips: batches of one clip each.
            vocoder: one that needs no training; an acoustic model has no voice of its own.
        """
        self._clips, self._vocoder = clips, vocoder

    def __call__(self, network: nn.Module) -> list[Sample]:
        """Render with a network that has `speak` and `teacher_forced`."""
        device = next(network.parameters()).device
        self._vocoder.to(device)
        return [self._render(network, clip.to(device)) for clip in self._clips]

    def _render(self, network: nn.Module, clip: AcousticBatch) -> Sample:
        spoken, mel = spoken_mel(network, clip)
        followed: Tensor = network.teacher_forced(clip)  # type: ignore[operator]
        recorded = _array(clip.mel[0].T)
        low, high = float(recorded.min()), float(recorded.max())
        given, predicted = _starts(clip.durations[0]), _starts(spoken.durations[0])
        pictures = {
            "recorded": Picture(recorded, low, high, given),
            "with the recording's durations": Picture(_array(followed[0].T), low, high, given),
            "spoken freely": Picture(_array(mel.T), low, high, predicted),
        }
        if isinstance(network, Illustrated):
            pictures |= {title: _whole_range(each[0]) for title, each in network.pictures(clip).items()}
        return Sample(clip.utterance_ids[0], pictures, _array(self._vocoder(mel.T[None])[0]))


class VocoderSamples:
    """Copy-synthesis: the recorded mel, and the mel of the waveform that is made of it."""

    def __init__(self, mels: Mapping[str, Floats], definition: MelDefinition) -> None:
        """Keep what is rendered: log-mels [mels, frames] by utterance id, of this definition."""
        self._mels, self._definition = mels, definition

    def __call__(self, network: nn.Module) -> list[Sample]:
        """Render with a vocoder; one that takes no mel makes as many waveforms as there are clips."""
        if isinstance(network, Unconditional):
            return [self._sample(network, f"sample {number}") for number in range(1, 1 + len(self._mels))]
        device = next(network.parameters()).device
        return [self._render(network, name, torch.from_numpy(mel)[None].to(device)) for name, mel in self._mels.items()]

    def _sample(self, network: Unconditional, name: str) -> Sample:
        waveform = network.sample(1).float()
        return Sample(
            name, {"generated": _whole_range(mel_spectrogram(waveform, self._definition)[0])}, _array(waveform[0])
        )

    def _render(self, network: nn.Module, name: str, mel: Tensor) -> Sample:
        waveform: Tensor = network(mel)
        recorded, copied = _array(mel[0]), _array(mel_spectrogram(waveform.float(), self._definition)[0])
        low, high = float(recorded.min()), float(recorded.max())
        pictures = {"recorded": Picture(recorded, low, high), "copy-synthesis": Picture(copied, low, high)}
        return Sample(name, pictures, _array(waveform[0]))


def choose_clips(lengths: Mapping[str, int], count: int) -> list[str]:
    """So many ids at most, evenly spaced among those of the shortest clips: these tell as much, and sooner.

    Args:
        lengths: frames by id.
        count: how many; sorted ids begin with the speaker in most corpora, so that several are heard.
    """
    num_short = max(len(lengths) // _SHORT, min(count, len(lengths)))
    short = sorted(sorted(lengths, key=lambda name: (lengths[name], name))[:num_short])
    count = min(count, num_short)
    return [short[number * num_short // count] for number in range(count)]


@torch.no_grad()
def render(sampler: Callable[[nn.Module], Sequence[Made]], network: nn.Module, *, seed: int) -> Sequence[Made]:
    """Render samples and leave network and random numbers as they were; none, with a warning, if that fails.

    Args:
        sampler: gives the samples, or what is to be measured.
        network: that would be exported.
        seed: of what the network draws, the same at each rendering.
    """
    device = next(network.parameters()).device
    devices = [device] if device.type == "cuda" else []
    with _in_evaluation(network), torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed)
        try:
            return sampler(network)
        except (RuntimeError, TtsError) as error:  # torch's, of memory for example; a sample is worth no run
            reason = str(error).strip().partition("\n")[0]
            logger.warning("validation samples could not be rendered (%s); training goes on without them", reason)
            return []


@contextmanager
def _in_evaluation(network: nn.Module) -> Iterator[None]:
    """Evaluation mode for a while; then each module is in the mode it was in, as frozen ones may differ."""
    modes = [(module, module.training) for module in network.modules()]
    network.eval()
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode


def _starts(durations: Tensor) -> tuple[int, ...]:
    """Columns where phones begin, but for the first."""
    return tuple(durations.cumsum(0)[:-1].tolist())


def _whole_range(picture: Tensor) -> Picture:
    values = _array(picture)
    return Picture(values, float(values.min()), float(values.max()))


def _array(tensor: Tensor) -> Floats:
    array: Floats = tensor.float().cpu().numpy()
    return array
