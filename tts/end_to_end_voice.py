"""Voices whose phones become waveforms by one system."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import cast

import numpy as np
import numpy.typing as npt
import torch

from tts.errors import ConfigError
from tts.interfaces import Controls, EndToEnd, SpeakerSpace
from tts.models import LoadedModel, load_kind
from tts.styles import VoiceStyles
from tts.synthesis import Line, Speech, Voice, Waveform


class EndToEndVoice(Voice):
    """Phones to waveforms by one system, which knows its speakers by name; styles are not told apart.

    Attributes:
        inventory: the system's symbols, speakers, styles and mel definition.
    """

    def __init__(self, model: LoadedModel, *, device: torch.device | str = "cpu") -> None:
        """Take a loaded model that is on `device`."""
        self.inventory = model.inventory
        self._network = cast(EndToEnd, model.network)
        self._device = torch.device(device)
        self.styles = VoiceStyles(self.inventory.styles, None, self.inventory.mel, device=self._device)

    @classmethod
    def load_one(cls, folder: Path, *, device: torch.device | str = "cpu") -> EndToEndVoice:
        """Load a model folder.

        Raises:
            CheckpointError: it cannot be read, or holds another kind of model.
        """
        return cls(load_kind(folder, "end_to_end", device=device), device=device)

    @torch.inference_mode()
    def copy(self, mel: npt.NDArray[np.float32], waveform: Waveform, *, speaker: str) -> Waveform:
        """Copy-synthesis of a recording [samples]; of its log-mel, which another definition made, nothing is used."""
        samples = torch.from_numpy(np.array(waveform))[None].to(self._device)
        speaker_ids = self._speakers([speaker])["speaker_ids"]
        copied: Waveform = self._network.copy(samples, speaker_ids=speaker_ids)[0].cpu().numpy()
        return copied

    def vocode(self, mel: npt.NDArray[np.float32]) -> Waveform:
        """Refuse: there is no vocoder.

        Raises:
            ConfigError: always.
        """
        raise ConfigError("an end-to-end voice has no vocoder for mels; give its recording to `copy`")

    @torch.inference_mode()
    def _speak_batch(self, lines: Sequence[Line], controls: Controls) -> list[Speech]:
        ids = [self._phone_ids(line.phones) for line in lines]
        spoken = self._network.speak(
            torch.nn.utils.rnn.pad_sequence(ids, batch_first=True).to(self._device),
            torch.tensor([len(each) for each in ids], device=self._device),
            speaker_ids=self._speakers([line.speaker for line in lines])["speaker_ids"],
            controls=controls,
            seed=torch.initial_seed(),  # which `speak` has set
        )
        return [
            Speech(
                spoken.waveform[row, : int(spoken.num_samples[row])].cpu().numpy(),
                spoken.durations[row, : len(line.phones)].cpu().numpy().astype(np.int32),
            )
            for row, line in enumerate(lines)
        ]

    def _space(self) -> SpeakerSpace:
        raise ConfigError(
            f"the voice knows its speakers by name only: {', '.join(self.inventory.speakers)}; choose one of them"
        )
