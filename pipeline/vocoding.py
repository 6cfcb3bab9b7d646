"""Copy-synthesis of files: recordings by their mels, and mels that were saved."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from pipeline.output import replaced_file
from pipeline.progress import track
from tts.audio.conventions import CONVENTIONS, converted
from tts.audio.files import read_audio, write_wav
from tts.audio.mel_definition import MelDefinition
from tts.audio.spectrogram import mel_spectrogram
from tts.errors import AudioError, ConfigError
from tts.vocoding import LongVocoder, Waveform

Mel = npt.NDArray[np.float32]

_SAVED_MEL = ".npy"
SOUNDS = (".wav", ".flac", ".ogg", ".mp3")
"""Endings of files that are recordings."""

_KINDS = (*SOUNDS, _SAVED_MEL)


def vocode_files(places: Sequence[tuple[Path, Path]], vocoder: LongVocoder, *, convention: str | None = None) -> float:
    """Speak recordings and saved mels; give the seconds of speech.

    Args:
        places: of each file and of the sound made of it (see `find_places`).
        vocoder: speaks.
        convention: that saved mels were written in, a name of `tts.audio.conventions`; None = the vocoder's own.

    Raises:
        AudioError: a file cannot be read, or is too short.
        ConfigError: a mel is not what the vocoder learned from.
    """
    definition = vocoder.definition
    return write_sounds(
        places,
        lambda source: vocoder(read_mel(source, definition, convention)),
        sample_rate=definition.sample_rate,
        label="vocode",
    )


def write_sounds(
    places: Sequence[tuple[Path, Path]], make: Callable[[Path], Waveform], *, sample_rate: int, label: str
) -> float:
    """Write a sound of each file; give the seconds of all.

    Args:
        places: of each file and of the sound made of it.
        make: gives the waveform [samples] of a file.
        sample_rate: of the waveforms, Hz.
        label: of the progress bar.
    """
    num_samples = 0
    for source, place in track(places, label=label, total=len(places)):
        waveform = make(source)
        with replaced_file(place) as temporary:
            write_wav(temporary, waveform, sample_rate=sample_rate)
        num_samples += len(waveform)
    return num_samples / sample_rate


def find_places(source: Path, output: Path, *, kinds: Sequence[str] = _KINDS) -> list[tuple[Path, Path]]:
    """Find what is to be spoken, and where its sound goes.

    Args:
        source: a file, or a folder that is searched through.
        output: a .wav file for a file; else a folder, where sounds have the places that their sources have.
        kinds: endings of the files of a folder that are meant.

    Raises:
        ConfigError: there is nothing to speak, or a sound would replace its source or another sound.
    """
    if source.is_dir():
        files = sorted(path for path in source.rglob("*") if path.suffix.lower() in kinds)
        places = [(path, (output / path.relative_to(source)).with_suffix(".wav")) for path in files]
    else:
        name = output if output.suffix.lower() == ".wav" else output / f"{source.stem}.wav"
        places = [(source, name)]
    if not places:
        raise ConfigError(f"{source}: holds no file that ends in {', '.join(kinds)}")
    _require_apart(places)
    return places


def read_mel(path: Path, definition: MelDefinition, convention: str | None = None) -> Mel:
    """Give the mel [frames, mels] of a recording, or one that was saved as [frames, mels] or [mels, frames].

    Raises:
        AudioError: the file cannot be read, holds what is no number, or is too short.
        ConfigError: its convention is unknown, or another than the vocoder's in more than its unit.
    """
    if path.suffix.lower() != _SAVED_MEL:
        waveform = read_audio(path, sample_rate=definition.sample_rate)
        return mel_spectrogram(torch.from_numpy(waveform)[None], definition)[0].T.numpy()
    mel = _saved(path, definition.n_mels)
    if convention is None:
        return mel
    if convention not in CONVENTIONS:
        raise ConfigError(f"--convention {convention!r} is unknown; there is: {', '.join(CONVENTIONS)}")
    return converted(mel, CONVENTIONS[convention], definition, what=f"the vocoder and {path}")


def _saved(path: Path, n_mels: int) -> Mel:
    try:
        found = np.load(path, allow_pickle=False)
    except FileNotFoundError as error:
        raise AudioError(f"{path}: does not exist") from error
    except (ValueError, EOFError) as error:
        raise AudioError(f"{path}: cannot be read as an array ({error}); save it by numpy.save") from error
    mel = found[0] if found.ndim == 3 and len(found) == 1 else found
    if mel.ndim != 2 or n_mels not in mel.shape or not mel.size:
        raise AudioError(f"{path}: has shape {found.shape}, where one mel has [{n_mels}, frames] or [frames, {n_mels}]")
    if mel.shape[0] == n_mels:
        mel = mel.T
    if not np.isfinite(mel).all():
        frame = int(np.flatnonzero(~np.isfinite(mel).all(axis=1))[0])
        raise AudioError(f"{path}: frame {frame} holds NaN or infinity; save the mel again")
    return np.ascontiguousarray(mel, dtype=np.float32)


def _require_apart(places: Sequence[tuple[Path, Path]]) -> None:
    sources = {source.resolve() for source, _ in places}
    taken: dict[Path, Path] = {}
    for source, place in places:
        if place.resolve() in sources:
            raise ConfigError(f"{place} would replace a recording that it is made of; choose another output")
        if place in taken:
            raise ConfigError(f"{taken[place]} and {source} would both become {place}; rename one of them")
        taken[place] = source
