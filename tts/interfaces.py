"""What systems, tasks and stages hand to each other.

Letters in shapes: batch, phones, frames, samples, mels.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeVar, runtime_checkable

from tts.audio.mel_definition import MelDefinition
from tts.errors import ConfigError

if TYPE_CHECKING:  # what only names these types need not wait for torch
    import numpy as np
    import numpy.typing as npt
    import torch
    from torch import Tensor, nn

B = TypeVar("B", bound="_OnDevice")

SPEAKER_VECTOR_SIZE = 256
"""Of the vectors of `tts.speakers`, which say how a voice sounds; they are of unit length."""


class _OnDevice:
    """Moves every tensor of a dataclass."""

    def to(self: B, device: torch.device) -> B:
        """Give the same batch with its tensors on `device`; from pinned memory nobody waits for the copy."""
        return self._with(lambda tensor: tensor.to(device, non_blocking=True))

    def pinned(self: B) -> B:
        """Give the same batch with its tensors in memory that a GPU may read by itself."""
        return self._with(lambda tensor: tensor.pin_memory())

    def _with(self: B, move: Callable[[Tensor], Tensor]) -> B:
        from torch import Tensor

        fields = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}  # type: ignore[arg-type]
        return type(self)(**{k: move(v) if isinstance(v, Tensor) else v for k, v in fields.items()})


@dataclass(frozen=True)
class AcousticBatch(_OnDevice):
    """Padded clips for an acoustic model; padding is zero everywhere.

    Attributes:
        utterance_ids: names, for messages.
        phones: [batch, phones] int64 indices into the symbols.
        phone_lengths: [batch] int64.
        mel: [batch, frames, mels] log-mel.
        mel_lengths: [batch] int64, frames; equals durations.sum(1).
        durations: [batch, phones] int64 frames.
        pitch: [batch, phones] or [batch, frames] Hz, 0 = unvoiced.
        energy: [batch, phones] or [batch, frames], linear L2 norm.
        speaker_ids: [batch] int64 indices into the speakers.
        style_ids: [batch] int64 indices into the styles.
        speaker_vectors: [batch, SPEAKER_VECTOR_SIZE], of each clip itself; None where the model needs none.
    """

    utterance_ids: tuple[str, ...]
    phones: Tensor
    phone_lengths: Tensor
    mel: Tensor
    mel_lengths: Tensor
    durations: Tensor
    pitch: Tensor
    energy: Tensor
    speaker_ids: Tensor
    style_ids: Tensor
    speaker_vectors: Tensor | None = None


@dataclass(frozen=True)
class VocoderBatch(_OnDevice):
    """Segments of equal length for a vocoder.

    Attributes:
        utterance_ids: names, for messages.
        mel: [batch, mels, frames] log-mel.
        waveform: [batch, samples], samples == frames * hop_length.
    """

    utterance_ids: tuple[str, ...]
    mel: Tensor
    waveform: Tensor


@dataclass(frozen=True)
class EndToEndBatch(_OnDevice):
    """Padded whole clips for a system that turns phones into waveforms; padding is zero everywhere.

    Attributes:
        utterance_ids: names, for messages.
        phones: [batch, phones] int64 indices into the symbols.
        phone_lengths: [batch] int64.
        waveform: [batch, samples] in [-1, 1], samples == longest frames * hop_length.
        frames: [batch] int64 whole hops of each waveform.
        speaker_ids: [batch] int64 indices into the speakers.
    """

    utterance_ids: tuple[str, ...]
    phones: Tensor
    phone_lengths: Tensor
    waveform: Tensor
    frames: Tensor
    speaker_ids: Tensor


@dataclass(frozen=True)
class Statistics:
    """Moments of the training split, over phones that carry the quantity.

    Attributes:
        pitch_mean, pitch_std: of ln(F0 in Hz) of voiced phones, by speaker name.
        energy_mean, energy_std: of ln(energy) of all phones, over all speakers.
        mel_mean, mel_std: over all bins and frames.
        pitch_hz_mean, pitch_hz_std: of F0 in Hz, otherwise as `pitch_mean`; empty where an older release gathered them.
        energy_linear_mean, energy_linear_std: of energy, otherwise as `energy_mean`; None where an older release did.
    """

    pitch_mean: Mapping[str, float]
    pitch_std: Mapping[str, float]
    energy_mean: float
    energy_std: float
    mel_mean: float
    mel_std: float
    pitch_hz_mean: Mapping[str, float] = dataclasses.field(default_factory=dict)
    pitch_hz_std: Mapping[str, float] = dataclasses.field(default_factory=dict)
    energy_linear_mean: float | None = None
    energy_linear_std: float | None = None


@dataclass(frozen=True)
class Inventory:
    """What a model must know of its data to be built and to be used again; saved in its config.json.

    Attributes:
        mel: the mel definition of its features.
        symbols: phones by id; empty for vocoders.
        speakers: names by id; empty for vocoders.
        styles: names by id; empty for vocoders.
        statistics: of the training split; None for vocoders.
        speaker_vectors: of each speaker's training clips together, by name; None where the model needs none. They are
            saved among its tensors.
    """

    mel: MelDefinition
    symbols: tuple[str, ...] = ()
    speakers: tuple[str, ...] = ()
    styles: tuple[str, ...] = ()
    statistics: Statistics | None = None
    speaker_vectors: Mapping[str, npt.NDArray[np.float32]] | None = dataclasses.field(default=None, compare=False)


@dataclass(frozen=True)
class Controls(_OnDevice):
    """How a sentence is to be spoken: each factor is one number, or one for each phone.

    Attributes:
        pitch_scale: factor on F0 in Hz, or [batch, phones]; of padding any positive number.
        energy_scale: factor on linear energy, or [batch, phones]; 6 dB are a factor of 2.
        duration_scale: factor on time, or [batch, phones]; 2 is half the speed.
        noise_scale: how far end-to-end systems may stray from what is most expected, 0 = not at all; None = as far as
            each does by itself.

    Raises:
        ConfigError: a factor is not positive and finite.
    """

    pitch_scale: float | Tensor = 1.0
    energy_scale: float | Tensor = 1.0
    duration_scale: float | Tensor = 1.0
    noise_scale: float | None = None

    def __post_init__(self) -> None:
        """Refuse factors that are not positive and finite."""
        for name in ("pitch_scale", "energy_scale", "duration_scale"):
            low, high = self._span(name)
            if not 0 < low <= high < float("inf"):
                found = f"{low:g}" if low == high else f"{low:g} to {high:g}"
                raise ConfigError(f"{name} must be a positive number, not {found}")
        if self.noise_scale is not None and not 0 <= self.noise_scale < float("inf"):
            raise ConfigError(f"noise_scale must be 0 or a positive number, not {self.noise_scale:g}")

    @classmethod
    def of(
        cls,
        *,
        pitch_scale: float = 1.0,
        pitch_semitones: float = 0.0,
        energy_scale: float = 1.0,
        energy_db: float = 0.0,
        duration_scale: float = 1.0,
        noise_scale: float | None = None,
    ) -> Controls:
        """Give controls where pitch and energy are in the units of music and sound too: 12 semitones double F0.

        Raises:
            ConfigError: a factor is not positive and finite.
        """
        pitch, energy = pitch_scale * 2 ** (pitch_semitones / 12), energy_scale * 10 ** (energy_db / 20)
        return cls(pitch, energy, duration_scale, noise_scale)

    def changed(self, *names: str) -> dict[str, float]:
        """Give the largest factor of each of these controls that is not 1 throughout."""
        spans = {name: self._span(name) for name in names}
        return {name: high for name, (low, high) in spans.items() if (low, high) != (1, 1)}

    def rows(self, start: int, stop: int, num_phones: int) -> Controls:
        """Those of the items from `start` to `stop`, whose longest has `num_phones`."""
        return self._with(lambda scales: scales[start:stop, :num_phones])

    def _span(self, name: str) -> tuple[float, float]:
        """The least and the largest factor of a control."""
        scale = getattr(self, name)
        return (scale, scale) if isinstance(scale, int | float) else (float(scale.min()), float(scale.max()))


@dataclass(frozen=True)
class Spoken:
    """What an acoustic model says.

    Attributes:
        mel: [batch, frames, mels], zero beyond each length.
        mel_lengths: [batch] frames.
        durations: [batch, phones] frames.
        pitch: [batch, phones] or [batch, frames] Hz, 0 = unvoiced; None = the model has none.
        energy: [batch, phones] or [batch, frames] linear; None = the model has none.
    """

    mel: Tensor
    mel_lengths: Tensor
    durations: Tensor
    pitch: Tensor | None = None
    energy: Tensor | None = None


@dataclass(frozen=True, kw_only=True)
class AttendedSpeech(Spoken):
    """What a model with attention says, and how sure one may be that it said all of it, once.

    Attributes:
        alignment: [batch, steps, phones] weights, zero beyond each item's steps.
        failures: of each item in one line, empty where nothing went wrong.
    """

    alignment: Tensor
    failures: tuple[str, ...]


class AcousticModel(Protocol):
    """Phones to mel; an nn.Module too. One of several styles has a `style_space` (see tts.layers.style_space).

    Attributes:
        level: whether the pitch and energy of its batches are those of phones or of frames.
    """

    level: Literal["phone", "frame"]

    def loss(self, batch: AcousticBatch) -> dict[str, Tensor]:
        """Named scalar loss terms, unweighted."""
        ...

    def speak(
        self, phones: Tensor, lengths: Tensor, *, speaker_ids: Tensor, style_ids: Tensor, controls: Controls
    ) -> Spoken:
        """Speak padded phones [batch, phones] freely.

        Speakers are told by ids [batch], or by weights [batch, speakers] of a blend.
        """
        ...

    def teacher_forced(self, batch: AcousticBatch) -> Tensor:
        """Mel [batch, frames, mels] that follows the recordings: their durations, or their frames before each."""
        ...


class SpeakerSpace(Protocol):
    """What an acoustic model that is told its speakers by vectors has as `speaker_vectors`.

    `speak` of such a model takes `speaker_vectors` [batch, SPEAKER_VECTOR_SIZE], which go before `speaker_ids`.

    Attributes:
        means: [speakers, SPEAKER_VECTOR_SIZE] vectors of those known by name.
    """

    means: Tensor

    def nearest(self, vectors: Tensor) -> Tensor:
        """Ids [batch] of the known speakers nearest to vectors."""
        ...


@runtime_checkable
class Illustrated(Protocol):
    """An acoustic model that has more to show than mels, for example where it attends."""

    def pictures(self, batch: AcousticBatch) -> Mapping[str, Tensor]:
        """Pictures [batch, rows, columns] by title, the first row at the bottom."""
        ...


@runtime_checkable
class Finishing(Protocol):
    """A network that takes something from the training clips once its weights are final."""

    def finish(self, batches: Iterable[AcousticBatch]) -> None:
        """Take it; every training clip is in one batch."""
        ...


@runtime_checkable
class Summarizing(Protocol):
    """A network that has more to tell of validation clips than the means of its loss terms."""

    @property
    def summary_names(self) -> tuple[str, ...]:
        """Names of what it tells."""
        ...

    def summary(self, batches: Iterable[AcousticBatch]) -> dict[str, float]:
        """Tell it of all clips together; it goes before loss terms of the same name."""
        ...


class Vocoder(Protocol):
    """Mel to waveform; an nn.Module too."""

    def __call__(self, mel: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Speak a mel.

        Args:
            mel: log-mel [batch, mels, frames]; any value beyond an item's length.
            lengths: [batch] frames of each item; None = all frames count.

        Returns:
            [batch, frames * hop_length] in [-1, 1], zero beyond an item's length.
        """
        ...


@runtime_checkable
class FromNoise(Protocol):
    """A vocoder that speaks from noise, of which each frame has its own, so that a piece sounds as in the whole."""

    def noise(self, frames: range) -> Tensor:
        """Noise of these frames of an utterance, as `__call__` takes it; a function of their numbers alone."""
        ...

    def __call__(self, mel: Tensor, lengths: Tensor | None = None, *, noise: Tensor | None = None) -> Tensor:
        """Speak, as `Vocoder` says; without noise, that of frames that are the first of their utterances."""
        ...


@runtime_checkable
class Generating(Protocol):
    """A vocoder that in training gives more than what it speaks, or what no mel led to."""

    def generate(self, batch: VocoderBatch) -> tuple[Tensor, ...]:
        """Waveforms [batch, samples]: first the one that `loss` takes, then the same at lower rates.

        All of them are judged, beside the recording at the same rates.
        """
        ...


@runtime_checkable
class Unconditional(Protocol):
    """A network of kind vocoder that is told nothing; it can be trained and heard, but speaks no text."""

    def sample(self, num: int, generator: torch.Generator | None = None) -> Tensor:
        """Waveforms [num, samples]; without a generator, by torch's own random numbers."""
        ...


@runtime_checkable
class MelDiscriminator(Protocol):
    """A discriminator that is shown the mel, and every waveform that was generated from it.

    Attributes:
        sees_mel: true; tells that it is one.
    """

    sees_mel: Literal[True]

    def __call__(self, waveforms: tuple[Tensor, ...], mel: Tensor) -> list[tuple[Tensor, list[Tensor]]]:
        """Judgements (see tts.losses.adversarial) of waveforms as `Generating` gives and mels [batch, mels, frames]."""
        ...


@dataclass(frozen=True)
class SpokenWaveform:
    """What an end-to-end system says.

    Attributes:
        waveform: [batch, samples] in [-1, 1], zero beyond each length.
        num_samples: [batch].
        durations: [batch, phones] frames.
    """

    waveform: Tensor
    num_samples: Tensor
    durations: Tensor


@dataclass(frozen=True)
class Learned:
    """What an end-to-end system makes of recordings as it learns; symbols are phones and blanks between them.

    Attributes:
        waveform: [batch, samples] of one segment of each recording.
        subbands: [batch, bands, samples / bands] of the same; None where there is one band.
        starts: [batch] frames at which the segments begin.
        divergence: of what was heard from what the text foretells.
        duration: loss of the duration predictor.
        text: [batch, symbols, hidden] states of the text encoder.
        mask: [batch, symbols].
        durations: [batch, symbols] int64 frames, as aligned.
        log_durations: [batch, symbols], of the alignment.
        predicted: [batch, symbols] log-durations; they carry gradients.
    """

    waveform: Tensor
    subbands: Tensor | None
    starts: Tensor
    divergence: Tensor
    duration: Tensor
    text: Tensor
    mask: Tensor
    durations: Tensor
    log_durations: Tensor
    predicted: Tensor


class EndToEnd(Protocol):
    """Phones to waveform; an nn.Module too."""

    def num_symbols(self, num_phones: int) -> int:
        """Symbols that so many phones are read as; each takes a frame at least."""
        ...

    def learn(self, batch: EndToEndBatch, *, segment_frames: int, alignment_noise: float) -> Learned:
        """Follow recordings; `alignment_noise` is as `tts.layers.monotonic_alignment` gives it."""
        ...

    def segment(self, batch: EndToEndBatch, learned: Learned) -> Tensor:
        """Recorded samples [batch, samples] of what was decoded."""
        ...

    def loss(self, batch: EndToEndBatch, learned: Learned) -> dict[str, Tensor]:
        """Named scalar loss terms that need no adversary, unweighted."""
        ...

    def speak(
        self, phones: Tensor, lengths: Tensor, *, speaker_ids: Tensor, controls: Controls, seed: int = 0
    ) -> SpokenWaveform:
        """Speak padded phones [batch, phones] freely; each item as it would be alone.

        Speakers are told by ids [batch], or by weights [batch, speakers] of a blend.
        What is left to chance follows from the seed.
        """
        ...

    def copy(self, waveform: Tensor, *, speaker_ids: Tensor) -> Tensor:
        """Copy-synthesis of recordings [batch, samples]: whole hops of what they become in the system and back."""
        ...

    def convert(
        self, waveform: Tensor, frames: Tensor | None = None, *, from_ids: Tensor, to_ids: Tensor
    ) -> Tensor:  # fmt: skip
        """Give padded recordings [batch, samples] the voices of others; each item as it would be alone.

        Args:
            waveform: of the speakers `from_ids`.
            frames: whole hops [batch] of each recording; None = nothing is padded.
            from_ids: who speaks: ids [batch], or blends, float weights [batch, speakers] that sum to 1.
            to_ids: whose voices they are given, likewise.

        Returns:
            Whole hops of [batch, samples], zero beyond each item's end.
        """
        ...


Kind = Literal["acoustic", "vocoder", "end_to_end"]


@dataclass(frozen=True)
class System:
    """A system's entry, written once at the end of its own file as `SYSTEM`.

    Attributes:
        kind: what it turns into what.
        config: its `Config`, a class made by `tts.config.config`.
        build: makes the network from a Config and an Inventory.
        task: how it is trained: supervised (by the network's `loss` of a batch), adversarial (by its `loss` of a
            batch and the waveform generated from it, and `build_discriminator`), or None: nothing to train.
        build_discriminator: for adversarial systems.
        configurations: published configurations by name, for parameter counts and presets.
        freeze_sets: what `freeze` can name: patterns (fnmatch) of its parameters by the set's name. A set names what
            stays frozen, ``all_but_<set>`` that all else does; some of its patterns may be of other configurations.
        mels: what those of them hear that are not made for 22,050 Hz, 80 mels and a hop_length of 256.
    """

    kind: Kind
    config: type[Any]
    build: Callable[[Any, Inventory], nn.Module]
    task: Literal["supervised", "adversarial"] | None
    build_discriminator: Callable[[Any], nn.Module] | None = None
    configurations: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    freeze_sets: Mapping[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)
    mels: Mapping[str, MelDefinition] = dataclasses.field(default_factory=dict)
