"""Styles of a voice, as its users name them: a name, a mix of names, a recording, tokens, or a vector of their own.

styles = voice.styles
halfway = {"calm": 0.5, "lively": 0.5}
voice.speak([Line(phones, style=halfway), Line(phones, style=styles.of_recordings([waveform]))])
voice.speak([Line(phones, style=styles.varied("calm", offsets={5: k})) for k in (-2, 0, 2)])
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from tts.audio.audibility import framed, heard_frames, require_speech
from tts.audio.mel_definition import MelDefinition
from tts.audio.spectrogram import mel_spectrogram
from tts.errors import ConfigError
from tts.layers.embedding import position
from tts.layers.style_space import StyleSpace

Floats = npt.NDArray[np.float32]

StyleVector = tuple[float, ...]
"""A point of a model's style space, [dims]."""

Style = str | Mapping[str, float] | StyleVector
"""A name; weights of several names, which are made to sum to 1; or a vector."""

LEARNED_BY = "acoustic/gst_tacotron, or acoustic/tacotron2 with model.style 'vae' or 'gst'"
"""What learns styles from recordings."""

_BATCH = 16


class VoiceStyles:
    """The styles of one voice.

    Attributes:
        names: of those that have one.
        learned: whether the voice hears styles of recordings.
    """

    def __init__(
        self, names: Sequence[str], space: StyleSpace | None, mel: MelDefinition, *, device: torch.device
    ) -> None:
        """Give names to rows of a space; None = there is one style, of which no vector is known."""
        self.names, self.learned = tuple(names), space is not None and space.hear is not None
        self._space, self._mel, self._device = space, mel, device

    def told(self, styles: Sequence[Style | None]) -> dict[str, Tensor]:
        """Give what `speak` of the acoustic model is told for these styles, one for each line; None = the only one.

        Raises:
            ConfigError: a style is unknown, must be named, or has weights that make no mix.
        """
        plain = [_only_name(each) for each in styles]
        if all(each is None or isinstance(each, str) for each in plain):
            ids = [self._position(each) for each in plain]  # type: ignore[arg-type]
            return {"style_ids": torch.tensor(ids, device=self._device)}
        vectors = torch.stack([self._point(each) for each in plain])
        return {"style_ids": torch.zeros(len(styles), dtype=torch.int64, device=self._device), "style": vectors}

    def vector(self, style: Style | None) -> StyleVector:
        """Give a style as a vector.

        Raises:
            ConfigError: as `told`; or the voice has one style only.
        """
        return _kept(self._point(_only_name(style)))

    @torch.inference_mode()
    def of_mels(self, mels: Sequence[Floats]) -> Floats:
        """Styles [clips, dims] of log-mels [frames, mels].

        Raises:
            ConfigError: the voice learned no styles from recordings.
        """
        found = [self._hear(mels[start : start + _BATCH]) for start in range(0, len(mels), _BATCH)]
        styles: Floats = torch.cat(found).cpu().numpy()
        return styles

    def of_recordings(self, waveforms: Sequence[Floats]) -> StyleVector:
        """Give the mean style of recordings [samples] at the voice's sample rate.

        Raises:
            ConfigError, AudioError: as `require_audible`.
        """
        for waveform in waveforms:
            self.require_audible(waveform)
        mels = [mel_spectrogram(torch.from_numpy(each)[None], self._mel)[0].T.numpy() for each in waveforms]
        mean: Floats = np.concatenate([self.of_mels([mel]) for mel in mels]).mean(axis=0)
        return tuple(mean.tolist())

    def require_audible(self, waveform: Floats) -> None:
        """Refuse a recording [samples] of which the voice cannot hear the style.

        Raises:
            ConfigError: the voice learned no styles from recordings.
            AudioError: there is too little speech.
        """
        self._require_learned()
        require_speech(heard_frames(framed(waveform, self._mel.sample_rate)), purpose="hear a style in")

    def of_tokens(self, weights: Mapping[tuple[int | None, int], float]) -> StyleVector:
        """Give the style that is nothing but tokens of these weights; a token that is not named has 0.

        Args:
            weights: by head and token, counted from 0; the head None = all of them.

        Raises:
            ConfigError: the voice's styles are not weights of tokens, it has no such token, or a weight is no number.
        """
        space = self._require_learned()
        if space.heads is None:
            raise ConfigError("the voice's style is no weights of tokens but a latent vector; move its dimensions")
        style = torch.zeros_like(space.named[0]).view(space.heads, -1)
        for (head, token), weight in weights.items():
            _require_index(token, style.shape[1], "token")
            if head is not None:
                _require_index(head, space.heads, "head")
            style[slice(None) if head is None else head, token] = _finite(weight, f"token {token}")
        return _kept(style.flatten())

    def varied(
        self, style: Style | None, *, offsets: Mapping[int, float] | None = None, temperature: float = 0, seed: int = 0
    ) -> StyleVector:
        """Give a style that is moved along dimensions, and drawn anew around there.

        Both are counted in the standard deviation of training clips in each dimension.

        Args:
            style: where to start.
            offsets: by dimension, counted from 0.
            temperature: how far what is drawn strays; 0 = nothing is drawn, 1 = as far as training clips do.
            seed: of the draw.

        Raises:
            ConfigError: the voice learned no styles from recordings, or has no such dimension, an offset is no number,
                or the temperature is negative.
        """
        deviation = self._require_learned().deviation
        assert deviation is not None, "who hears styles knows how far they stray"
        if not 0 <= temperature < math.inf:
            raise ConfigError(f"the temperature of a style is a number from 0 on, not {temperature:g}")
        steps = temperature * torch.randn(len(deviation), generator=torch.Generator().manual_seed(seed))
        for dimension, offset in (offsets or {}).items():
            _require_index(dimension, len(steps), "dimension")
            steps[dimension] += _finite(offset, f"dimension {dimension}")
        return _kept(self._point(_only_name(style)) + steps.to(deviation) * deviation)

    def _point(self, style: Style | None) -> Tensor:
        """Give [dims]."""
        if isinstance(style, tuple):
            return self._checked(torch.tensor(style, device=self._device))
        if not isinstance(style, Mapping):
            row = self._position(style)
            return self._require_space().named[row]
        total, weights = sum(style.values()), torch.zeros(len(self.names), device=self._device)
        for name, weight in style.items():
            weights[self._position(name)] = weight / total
        return weights @ self._require_space().named

    def _require_space(self) -> StyleSpace:
        if self._space is None:
            raise ConfigError(
                f"the voice has one style, {self.names[0]!r}, and no vector of it to be mixed or replaced"
            )
        return self._space

    def _checked(self, vector: Tensor) -> Tensor:
        dims = self._require_space().named.shape[1]
        if len(vector) != dims:
            raise ConfigError(f"a style of this voice has {dims} dimensions, not {len(vector)}")
        return vector

    def _position(self, name: str | None) -> int:
        try:
            return position(name, self.names, "style")
        except ConfigError as error:
            if len(self.names) > 1:
                raise
            raise ConfigError(f"{error}; a voice learns more where the corpus labels them") from None

    def _hear(self, mels: Sequence[Floats]) -> Tensor:
        hear = self._require_learned().hear
        assert hear is not None
        tensors = [torch.from_numpy(np.array(mel)) for mel in mels]
        lengths = torch.tensor([len(mel) for mel in tensors], device=self._device)
        return hear(pad_sequence(tensors, batch_first=True).to(self._device), lengths)

    def _require_learned(self) -> StyleSpace:
        if self._space is None or self._space.hear is None:
            raise ConfigError(
                f"the voice knows styles by name only: {', '.join(self.names)}; choose or mix those, or train one that "
                f"learns them from recordings: {LEARNED_BY}"
            )
        return self._space


def _only_name(style: Style | None) -> Style | None:
    """Check the weights of a mix; one of a single name is that name."""
    if not isinstance(style, Mapping):
        return style
    for name, weight in style.items():
        if _finite(weight, f"style {name!r}") < 0:
            raise ConfigError(f"the weight of style {name!r} is {weight:g}; weights are numbers from 0 on")
    if not 0 < sum(style.values()) < math.inf:
        raise ConfigError(f"the weights of styles sum to {sum(style.values()):g}; give at least one a positive weight")
    return next(iter(style)) if len(style) == 1 else style


def _finite(value: float, what: str) -> float:
    if not math.isfinite(value):
        raise ConfigError(f"the weight of {what} is {value}, not a finite number")
    return value


def _require_index(index: int, count: int, what: str) -> None:
    if not 0 <= index < count:
        raise ConfigError(f"a style of this voice has no {what} {index}; there are 0 to {count - 1}")


def _kept(point: Tensor) -> StyleVector:
    return tuple(point.tolist())
