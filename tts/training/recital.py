"""What a run's weights say of fixed clips, to be measured; nothing of it changes the run."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from itertools import chain, zip_longest
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from tts.interfaces import AcousticBatch, EndToEndBatch
from tts.training.end_to_end_samples import spoken_waveform
from tts.training.samples import spoken_mel

Floats = npt.NDArray[np.float32]


class Recited(NamedTuple):
    """A clip as a network says it: waveform [samples] in [-1, 1], or log-mel [mels, frames], to be vocoded later."""

    utterance_id: str
    sound: Floats


Recital = Callable[[nn.Module], Sequence[Recited]]
"""Says always the same clips with a network; a pure function of its weights."""


class EndToEndRecital:
    """Clips spoken freely by a network that makes waveforms of phones."""

    def __init__(self, clips: Sequence[EndToEndBatch]) -> None:
        """Keep what is said: batches of one clip each."""
        self._clips = clips

    def __call__(self, network: nn.Module) -> list[Recited]:
        """Speak with a network that has `speak`."""
        device = next(network.parameters()).device
        return [self._say(network, clip.to(device)) for clip in self._clips]

    def _say(self, network: nn.Module, clip: EndToEndBatch) -> Recited:
        _, waveform = spoken_waveform(network, clip)
        return Recited(clip.utterance_ids[0], _array(waveform[0]))


class AcousticRecital:
    """Mels of clips spoken freely by an acoustic model; a run need not wait for their waveforms."""

    def __init__(self, clips: Sequence[AcousticBatch]) -> None:
        """Keep what is said: batches of one clip each."""
        self._clips = clips

    def __call__(self, network: nn.Module) -> list[Recited]:
        """Speak with a network that has `speak`."""
        device = next(network.parameters()).device
        return [self._say(network, clip.to(device)) for clip in self._clips]

    def _say(self, network: nn.Module, clip: AcousticBatch) -> Recited:
        _, mel = spoken_mel(network, clip)
        return Recited(clip.utterance_ids[0], _array(mel.T))


class VocoderRecital:
    """Copy-synthesis of the beginnings of clips."""

    def __init__(self, mels: Mapping[str, Floats]) -> None:
        """Keep what is said: log-mels [mels, frames] by utterance id."""
        self._mels = mels

    def __call__(self, network: nn.Module) -> list[Recited]:
        """Speak with a vocoder."""
        device = next(network.parameters()).device
        return [
            Recited(name, _array(network(torch.from_numpy(mel)[None].to(device))[0]))
            for name, mel in self._mels.items()
        ]


def draw_evenly(speakers: Mapping[str, str], count: int, *, seed: int) -> list[str]:
    """So many ids at most, sorted, taken from all speakers in turn.

    Args:
        speakers: by id.
        count: how many.
        seed: of the order of each speaker's ids, which clips that are added change little.
    """
    by_speaker: dict[str, list[str]] = defaultdict(list)
    for name in sorted(speakers, key=lambda name: hashlib.sha256(f"{seed} {name}".encode()).digest()):
        by_speaker[speakers[name]].append(name)
    turns = zip_longest(*(by_speaker[speaker] for speaker in sorted(by_speaker)))
    return sorted([name for name in chain.from_iterable(turns) if name is not None][:count])


def _array(tensor: Tensor) -> Floats:
    array: Floats = tensor.float().cpu().numpy()
    return array
