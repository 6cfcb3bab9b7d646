"""Recordings of your own beside one file of transcripts, as LJSpeech has them.

Size, licence, URL: yours. After adding recordings, ``dvc repro --force --single-item download@<corpus>`` fetches them:
DVC does not watch folders outside the project.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from tts.config import config
from tts.corpora.limits import ClipLimits
from tts.corpora.recordings import Dropped, Recording
from tts.corpora.tools import Tools
from tts.corpora.transcripts import Column, find_audio, pair, read_text, read_transcripts
from tts.corpora.trees import Tree
from tts.errors import CorpusError

_METADATA, _AUDIO = "metadata.csv", "wavs"  # in the copy, whatever the source calls them


@config
class Config(ClipLimits):
    """Where the recordings are and how to read their transcripts.

    Attributes:
        path: folder, absolute or relative to the project.
        metadata: the file of transcripts, a line per clip, below `path`.
        audio: the folder of sound files named after the ids, below `path`.
        columns: of a line, in order; a final "normalized" (text as read aloud) may be absent, and wins where it is not.
        delimiter: between columns; there is no quoting.
        speaker, language: of the clips, where no column says.
        limit: use only the first so many clips by id; None = all.
        licence: of the recordings, for the cards of voices that learn from them; None = not known.
    """

    kind: Literal["csv"]
    path: str
    metadata: str = _METADATA
    audio: str = _AUDIO
    columns: tuple[Column, ...] = ("id", "text", "normalized")
    delimiter: str = Field(default="|", min_length=1)
    speaker: str = Field(default="speaker", min_length=1)
    language: str = Field(default="en", min_length=1)
    limit: int | None = Field(default=None, ge=1)
    licence: str | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        named = [column for column in self.columns if column != "ignored"]
        if not {"id", "text"} <= set(named) or len(set(named)) < len(named):
            raise ValueError(
                f"columns must name id and text, and none twice but ignored; they are {list(self.columns)}"
            )


def fetch(config: Config, destination: Path, tools: Tools) -> None:
    """Take the transcripts and the sound files.

    Raises:
        CorpusError: they are not where the settings say.
    """
    source = tools.require_folder(config.path)
    read_text(source / config.metadata)  # before anything is taken
    folder = source / config.audio
    audio = find_audio(folder)
    if not audio:
        raise CorpusError(f"{folder}: holds no sound files; correct the corpus' `audio` in params.yaml")
    files = {f"{_AUDIO}/{path.name}": folder / path.name for path in audio.values()}
    tools.link({_METADATA: source / config.metadata, **files}, destination)


def read(config: Config, raw: Tree) -> tuple[list[Recording], list[Dropped]]:
    """List the clips that have a transcript.

    Raises:
        CorpusError: a file is missing or not UTF-8, an id is unusable, or two clips share one.
    """
    transcripts = read_transcripts(raw / _METADATA, config.columns, delimiter=config.delimiter)
    return pair(
        transcripts, find_audio(raw / _AUDIO), speaker=config.speaker, language=config.language, limit=config.limit
    )
