"""What a few validation clips look and sound like, spoken by a network that makes waveforms of phones."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from tts.audio.mel_definition import MelDefinition
from tts.audio.spectrogram import mel_spectrogram
from tts.interfaces import Controls, EndToEndBatch, SpokenWaveform
from tts.training.samples import Picture, Sample

_LONGEST = 3
"""A network that has just begun may speak without end: this many times the recording is shown and heard."""


def spoken_waveform(network: nn.Module, clip: EndToEndBatch) -> tuple[SpokenWaveform, Tensor]:
    """What a network says freely, and its waveform [1, samples], which ends where a beginner does not.

    Args:
        network: has `speak`.
        clip: a batch of one.
    """
    spoken: SpokenWaveform = network.speak(  # type: ignore[operator]
        clip.phones, clip.phone_lengths, speaker_ids=clip.speaker_ids, controls=Controls()
    )
    samples = min(int(spoken.num_samples[0]), _LONGEST * clip.waveform.shape[1])
    return spoken, spoken.waveform[:1, :samples]


class EndToEndSamples:
    """The recorded mel, and the mel of what is spoken freely."""

    def __init__(self, clips: Sequence[EndToEndBatch], definition: MelDefinition) -> None:
        """Keep what is rendered: batches of one clip each, and how their mels are made."""
        self._clips, self._definition = clips, definition

    def __call__(self, network: nn.Module) -> list[Sample]:
        """Render with a network that has `speak`."""
        device = next(network.parameters()).device
        return [self._render(network, clip.to(device)) for clip in self._clips]

    def _render(self, network: nn.Module, clip: EndToEndBatch) -> Sample:
        spoken, waveform = spoken_waveform(network, clip)
        recorded, made = (
            mel_spectrogram(each.float(), self._definition)[0].cpu().numpy() for each in (clip.waveform, waveform)
        )
        low, high = float(recorded.min()), float(recorded.max())
        starts = tuple(torch.cumsum(spoken.durations[0], 0)[:-1].tolist())
        pictures = {"recorded": Picture(recorded, low, high), "spoken freely": Picture(made, low, high, starts)}
        return Sample(clip.utterance_ids[0], pictures, waveform[0].float().cpu().numpy())
