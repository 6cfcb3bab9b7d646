"""Voices whose phones become waveforms by one system."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

import numpy as np
import numpy.typing as npt
import torch

from tts.errors import AudioError, ConfigError
from tts.interfaces import Controls, EndToEnd, SpeakerSpace
from tts.layers.embedding import blend, position
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

    @torch.inference_mode()
    def convert(self, waveform: Waveform, *, source: str, target: str | Mapping[str, float]) -> Waveform:
        """Give a recording the voice of another speaker; its words and its timing stay, and nothing is drawn.

        All of it is heard at once, in memory that grows with the square of its length: about a GB for a minute.

        Args:
            waveform: [samples] at the voice's sample rate.
            source: who speaks in it.
            target: whose voice it is given: a name, or weights of several names, which are made to sum to 1.

        Returns:
            Its whole hops, [samples] in [-1, 1].

        Raises:
            ConfigError: the voice has one speaker only or does not know these, or weights make no blend.
            AudioError: the recording is shorter than one window of the mel.
        """
        known = self.inventory.speakers
        if len(known) < 2:
            raise ConfigError("the voice has one speaker only, so there is nobody to convert to; take one of several")
        least = self.inventory.mel.n_fft
        if len(waveform) < least:
            raise AudioError(f"has {len(waveform)} samples, too few to convert; needs {least} at least, one window")
        samples = torch.from_numpy(np.array(waveform))[None].to(self._device)
        from_ids = torch.tensor([position(source, known, "source speaker")], device=self._device)
        shares = {target: 1.0} if isinstance(target, str) else target
        weights = blend(shares, known, "target speaker").to(self._device)
        converted: Waveform = self._network.convert(samples, from_ids=from_ids, to_ids=weights[None])[0].cpu().numpy()
        return converted

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
