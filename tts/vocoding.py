"""A vocoder's waveform piece by piece, the same as at once: for streams, and for recordings that are long."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import chain

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from tts.audio.mel_definition import MelDefinition
from tts.interfaces import FromNoise

Mel = npt.NDArray[np.float32]
Waveform = npt.NDArray[np.float32]

_FIRST_PROBE, _LAST_PROBE = 33, 257  # frames
_PIECE_FRAMES = 2048
_SAME = 1e-4  # of full scale: rounding of sums, not another sound


@dataclass(frozen=True)
class Context:
    """Frames around a frame that its samples depend on.

    Attributes:
        left: before it.
        right: after it.
    """

    left: int
    right: int


@torch.inference_mode()
def context_of(vocoder: nn.Module, definition: MelDefinition) -> Context | None:
    """Find how far a vocoder looks.

    One frame of a mel is no number, which spreads to every sample that depends on it, whatever the layers between.

    Args:
        vocoder: in evaluation mode.
        definition: of its mels.

    Returns:
        None where pieces would not make the whole: it looks further than 128 frames, or starts from what depends on a
        frame's place in the piece, as Griffin-Lim does.
    """
    num_frames = _FIRST_PROBE
    while num_frames <= _LAST_PROBE:
        mel = torch.zeros(1, definition.n_mels, num_frames, device=_device(vocoder))
        middle = num_frames // 2
        mel[:, :, middle] = torch.nan
        frames = vocoder(mel)[0].isnan().view(num_frames, definition.hop_length).any(1).nonzero()
        first, last = int(frames.min()), int(frames.max())
        if first > 0 and last < num_frames - 1:
            context = Context(left=last - middle, right=middle - first)
            return context if _is_the_same_elsewhere(vocoder, definition, context, num_frames) else None
        num_frames = 2 * num_frames - 1
    return None


def _is_the_same_elsewhere(vocoder: nn.Module, definition: MelDefinition, context: Context, num_frames: int) -> bool:
    """Whether frames sound the same when they stand one frame earlier."""
    levels = np.random.default_rng(0).uniform(-8, 0, (1, definition.n_mels, num_frames))
    mel = torch.tensor(levels, dtype=torch.float32, device=_device(vocoder))
    first, last = (each * definition.hop_length for each in (context.left + 1, num_frames - context.right))
    here = vocoder(mel)[0, first:last]
    earlier = _speak(vocoder, mel[:, :, 1:], first=1)[0, first - definition.hop_length :]
    return torch.allclose(here, earlier[: len(here)], atol=_SAME)


def _speak(vocoder: nn.Module, mel: Tensor, *, first: int) -> Tensor:
    """Waveforms [batch, samples] of a mel whose first frame has this number in its utterance."""
    frames = range(first, first + mel.shape[2])
    own = {"noise": vocoder.noise(frames)} if isinstance(vocoder, FromNoise) else {}
    waveforms: Tensor = vocoder(mel, **own)
    return waveforms


def _device(vocoder: nn.Module) -> torch.device:
    return next(chain(vocoder.parameters(), vocoder.buffers())).device


class LongVocoder:
    """Speaks mels that come in pieces, and long ones in pieces of its own, so that its memory does not grow with them.

    Attributes:
        definition: of its mels.
    """

    def __init__(self, network: nn.Module, definition: MelDefinition) -> None:
        """Take a vocoder.

        Args:
            network: the vocoder, in evaluation mode.
            definition: of its mels.
        """
        self._network = network
        self.definition = definition

    @cached_property
    def context(self) -> Context | None:
        """How far the vocoder looks, found when a mel first comes in pieces; None = only a whole mel can be spoken."""
        return context_of(self._network, self.definition)

    def __call__(self, mel: Mel) -> Waveform:
        """Give the waveform [frames * hop_length] of a mel [frames, mels]."""
        pieces = np.split(mel, range(_PIECE_FRAMES, len(mel), _PIECE_FRAMES))
        return np.concatenate(list(self.stream(pieces)))

    def stream(self, mels: Iterable[Mel]) -> Iterator[Waveform]:
        """Yield the waveform of a mel that comes in pieces [frames, mels], as soon as each sample is known.

        Together the waveforms are the one of the whole mel, but for rounding. Without a context, all comes at the end.
        """
        kept = np.empty((0, self.definition.n_mels), np.float32)
        first, spoken, hop_length = 0, 0, self.definition.hop_length  # number of the first kept; frames spoken of them
        for mel, is_last in _with_last(mels):
            kept = np.concatenate((kept, mel))
            end = len(kept) if is_last else self._num_sure(len(kept))
            if end > spoken:
                yield self._vocode(kept, first)[spoken * hop_length : end * hop_length]
                start = 0 if is_last or self.context is None else max(0, end - self.context.left)
                first, kept, spoken = first + start, kept[start:], end - start

    def _num_sure(self, num_frames: int) -> int:
        """Frames that nothing can change any more that comes after these."""
        return max(0, num_frames - self.context.right) if self.context else 0

    @torch.inference_mode()
    def _vocode(self, mel: Mel, first: int) -> Waveform:
        batch = torch.from_numpy(np.ascontiguousarray(mel.T))[None].to(_device(self._network))
        waveform: Waveform = _speak(self._network, batch, first=first)[0].float().cpu().numpy()
        return waveform


def _with_last(mels: Iterable[Mel]) -> Iterator[tuple[Mel, bool]]:
    """Mels, and whether each is the last."""
    waiting: Mel | None = None
    for mel in mels:
        if waiting is not None:
            yield waiting, False
        waiting = mel
    if waiting is not None:
        yield waiting, True
