"""Recordings of your own in a folder per speaker: ``<speaker>/<clip>.wav`` with ``<speaker>/<clip>.lab`` or ``.txt``.

Size, licence, URL: yours. After adding recordings, ``dvc repro --force --single-item download@<corpus>`` fetches them:
DVC does not watch folders outside the project.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import Field

from tts.config import config
from tts.corpora.limits import ClipLimits
from tts.corpora.recordings import Dropped, Recording, sorted_out
from tts.corpora.tools import Tools
from tts.corpora.transcripts import AUDIO_SUFFIXES, find_audio, read_text, require_id
from tts.corpora.trees import Tree, inside
from tts.errors import CorpusError

_TEXT_SUFFIXES = (".lab", ".txt")  # the first that exists counts


@config
class Config(ClipLimits):
    """Where the speakers' folders are.

    Attributes:
        path: folder that holds a folder per speaker, absolute or relative to the project.
        language: of all clips.
        limit: use only the first so many clips by id; None = all.
        licence: of the recordings, for the cards of voices that learn from them; None = not known.
    """

    kind: Literal["folder"]
    path: str
    language: str = Field(default="en", min_length=1)
    limit: int | None = Field(default=None, ge=1)
    licence: str | None = None


def fetch(config: Config, destination: Path, tools: Tools) -> None:
    """Take sound files and transcripts.

    Raises:
        CorpusError: the folder is missing, or is not one of speakers' folders.
    """
    source = tools.require_folder(config.path)
    files = {
        f"{speaker.name}/{path.name}": source / speaker.name / path.name
        for speaker in _speakers(source)
        for path in _visible(speaker)
        if path.suffix.lower() in (*AUDIO_SUFFIXES, *_TEXT_SUFFIXES)
    }
    tools.link(files, destination)


def read(config: Config, raw: Tree) -> tuple[list[Recording], list[Dropped]]:
    """List the clips that have a transcript; an id is the speaker's name and the clip's.

    Raises:
        CorpusError: a transcript is not UTF-8, a name cannot be an id, or two clips get one id.
    """
    found: dict[str, Recording | Dropped] = {}
    for speaker in _speakers(raw):
        audio, texts = find_audio(speaker), _texts(speaker)
        for clip in sorted(audio.keys() | texts.keys()):
            utterance_id = require_id(f"{speaker.name}-{clip}", str(speaker / clip))
            if utterance_id in found:
                raise CorpusError(f"{speaker / clip}: another clip is {utterance_id!r} too; rename one of them")
            found[utterance_id] = _clip(config, utterance_id, speaker.name, audio.get(clip), texts.get(clip))
    return sorted_out(found, limit=config.limit)


def _clip(
    config: Config, utterance_id: str, speaker: str, audio: Tree | None, text: Tree | None
) -> Recording | Dropped:
    if audio is None:
        return Dropped(utterance_id, "no audio", f"no sound file goes with {text}")
    if text is None:
        return Dropped(utterance_id, "no transcript", f"no .lab or .txt goes with {audio}")
    words = " ".join(read_text(text).split())
    if not words:
        return Dropped(utterance_id, "empty transcript", str(text))
    return Recording(utterance_id, audio, words, speaker=speaker, language=config.language, style="neutral")


def _speakers(folder: Tree) -> list[Tree]:
    """Folders of the speakers; sound files elsewhere would be lost without a word.

    Raises:
        CorpusError: there is a sound file outside, or a folder inside one.
    """
    speakers = [path for path in _visible(folder) if path.is_dir()]
    stray = [path for path in _visible(folder) if path.suffix.lower() in AUDIO_SUFFIXES]
    stray += [path for speaker in speakers for path in _visible(speaker) if path.is_dir()]
    if stray or not speakers:
        what = stray[0] if stray else folder
        raise CorpusError(f"{what}: the layout must be <speaker>/<clip>.wav below the corpus' folder; move the files")
    return speakers


def _texts(speaker: Tree) -> Mapping[str, Tree]:
    by_choice = [
        path for suffix in reversed(_TEXT_SUFFIXES) for path in _visible(speaker) if path.suffix.lower() == suffix
    ]
    return {path.stem: path for path in by_choice}


def _visible(folder: Tree) -> list[Tree]:
    return [path for path in inside(folder) if not path.name.startswith(".")]
