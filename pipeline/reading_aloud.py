"""Texts of a file or folder, spoken into a folder; what was spoken before is kept.

A text is a line of a file, ``id|text`` or only the text, or a file .txt or .lab of a folder. A list beside the sounds
tells what each was made of and which bytes it has: a sound is kept where both are as they were, and made anew where the
text, the voice or an option changed, or where somebody changed the sound.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from pipeline.fingerprint import code_key, content_key, file_key
from pipeline.output import replaced_file
from pipeline.parallel import Executor
from pipeline.speaking import VoiceFolders
from tts.audio.files import write_wav
from tts.corpora.transcripts import numbered_lines, read_text, require_id
from tts.errors import CorpusError, TextError
from tts.interfaces import Controls
from tts.styles import Style
from tts.synthesis import Speaker, Synthesizer
from tts.text.frontend import TextSettings, build_frontend

Waveform = npt.NDArray[np.float32]

_SUFFIXES = (".txt", ".lab")
_LIST = ".synthesized.jsonl"


@dataclass(frozen=True)
class Manner:
    """Who speaks, and how; picklable, for worker processes.

    Attributes:
        voice: its models.
        text: front end.
        language: of the texts.
        speaker: name, weights of several names, or a vector; None = the only one there is.
        style: name, mix, or vector; None = the only one there is.
        controls: pitch, energy and speed.
        seed: of what is drawn.
    """

    voice: VoiceFolders
    text: TextSettings
    language: str = "en"
    speaker: Speaker | None = None
    style: Style | None = None
    controls: Controls = field(default_factory=Controls)
    seed: int = 0

    def key(self) -> str:
        """Key of all that a sound depends on, but for its text."""
        lexicon = self.text.lexicon and file_key(Path(self.text.lexicon))
        how = [self.language, self.speaker, self.style, str(self.controls), self.seed]
        code = code_key("pipeline.reading_aloud")
        return content_key(code, self.voice.key(), asdict(self.text), lexicon, *how)


@dataclass(frozen=True)
class Said:
    """What became of texts.

    Attributes:
        spoken: names of those that were spoken now.
        kept: names of those that had been before.
        failed: why there is no sound, by name.
        seconds: of speech that was made now.
    """

    spoken: list[str]
    kept: list[str]
    failed: dict[str, str]
    seconds: float


def read_texts(source: Path) -> dict[str, str]:
    """Texts by name, "" where there is none.

    Raises:
        CorpusError: there are none, two have one name, or a name cannot name a file.
    """
    found: dict[str, str] = {}
    for name, text, where in _files(source) if source.is_dir() else _lines(source):
        if name in found:
            raise CorpusError(f"{where}: the name {name!r} was used before; give each text its own")
        found[name] = text
    if not found:
        raise CorpusError(f"{source}: holds no text; give a file of lines, or a folder of .txt or .lab files")
    return found


def read_aloud(texts: Mapping[str, str], manner: Manner, folder: Path, *, executor: Executor) -> Said:
    """Speak texts into ``<name>.wav``; one that cannot be spoken costs the others nothing.

    Args:
        texts: by name.
        manner: in which they are spoken.
        folder: for the sounds and the list of them; it may hold those of an earlier call.
        executor: where they are spoken.

    Raises:
        ConfigError: the voice has no such speaker or style.
    """
    shared = manner.key()
    keys = {name: content_key(shared, text) for name, text in texts.items()}
    listed = _read_list(folder)
    kept = [name for name in texts if listed.get(name) == [keys[name], _digest(folder / f"{name}.wav")]]
    missing = {name: texts[name] for name in texts.keys() - set(kept)}
    names, spoken, failed, samples = sorted(missing), [], {}, 0
    rate = manner.voice.load().inventory.mel.sample_rate
    results = executor.map(partial(_say, manner), [missing[name] for name in names], label="synthesize")
    for name, result in zip(names, results, strict=True):
        if isinstance(result, str):
            failed[name] = result
            continue
        _write(folder, name, keys[name], result, rate)
        spoken.append(name)
        samples += len(result)
    return Said(spoken, kept, failed, samples / rate)


def _files(folder: Path) -> Iterator[tuple[str, str, str]]:
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in _SUFFIXES and not path.name.startswith("."):
            yield path.relative_to(folder).with_suffix("").as_posix(), read_text(path).strip(), str(path)


def _lines(path: Path) -> Iterator[tuple[str, str, str]]:
    for number, line in numbered_lines(path):
        name, bar, text = line.partition("|")
        where = f"{path}:{number}"
        if bar:
            yield require_id(name.strip(), where), text.strip(), where
        else:
            yield f"{number:04d}", line.strip(), where


def _say(manner: Manner, text: str) -> Waveform | str:
    """Speak a text alone and by one thread, so that nothing beside it changes its bytes; or say why it cannot be."""
    if manner.voice.device == "cpu":
        torch.set_num_threads(1)
    try:
        return _synthesizer(manner.voice, manner.text).say(
            text,
            language=manner.language,
            speaker=manner.speaker,
            style=manner.style,
            controls=manner.controls,
            seed=manner.seed,
        )
    except TextError as error:
        return str(error)


def _write(folder: Path, name: str, key: str, waveform: Waveform, rate: int) -> None:
    path = folder / f"{name}.wav"
    with replaced_file(path) as temporary:
        write_wav(temporary, waveform, sample_rate=rate)
    with (folder / _LIST).open("a", encoding="utf-8") as file:
        file.write(json.dumps([name, key, _digest(path)]) + "\n")


def _read_list(folder: Path) -> dict[str, list[str]]:
    """Key and digest of each sound; a line that was cut off by the end of its process tells of none."""
    path, found = folder / _LIST, {}
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        try:
            name, *of_it = json.loads(line)
        except json.JSONDecodeError:
            continue
        found[name] = of_it
    return found


def _digest(path: Path) -> str | None:
    return file_key(path) if path.exists() else None


@lru_cache(maxsize=1)
def _synthesizer(voice: VoiceFolders, text: TextSettings) -> Synthesizer:
    return Synthesizer(voice.load(), build_frontend(text))
