"""LJSpeech: one woman reads seven books of non-fiction; the usual corpus of single-speaker papers.

Size: 13,100 clips, 24 hours, 22,050 Hz, 2.7 GB packed, 3.8 GB unpacked. Licence: public domain.
URL: https://keithito.com/LJ-Speech-Dataset
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from tts.config import config
from tts.corpora.archives import fetch_archive
from tts.corpora.downloads import Archive
from tts.corpora.limits import ClipLimits
from tts.corpora.recordings import Dropped, Recording
from tts.corpora.tools import Tools
from tts.corpora.transcripts import find_audio, pair, read_transcripts
from tts.corpora.trees import Tree, folders
from tts.errors import CorpusError

LICENCE = "public domain"
_METADATA = "metadata.csv"


@config
class Config(ClipLimits):
    """Where the archive is and what it must be.

    Attributes:
        url: http(s):// or file:// URL, path of the archive, or path of the folder already unpacked.
        mirrors: the same, tried in turn when `url` fails.
        sha256: of the archive.
        size: of the archive, bytes; None = unknown.
        speaker: name of the one speaker.
        limit: use only the first so many clips by id; None = all.
    """

    kind: Literal["ljspeech"]
    url: str = "https://data.keithito.com/data/speech/LJSpeech-1.1.tar.bz2"
    mirrors: tuple[str, ...] = ()
    sha256: str = Field(
        default="be1a30453f28eb8dd26af4101ae40cbf2c50413b1bb21936cbcdc6fae3de8aa5", pattern="^[0-9a-f]{64}$"
    )
    size: int | None = Field(default=2_748_572_632, ge=1)
    speaker: str = Field(default="LJ", min_length=1)
    limit: int | None = Field(default=None, ge=1)


def fetch(config: Config, destination: Path, tools: Tools) -> None:
    """Unpack the verified archive, or take the folder already unpacked.

    Raises:
        DownloadError: no source has the archive, or it cannot be unpacked.
    """
    archive = Archive(sources=(config.url, *config.mirrors), sha256=config.sha256, size=config.size)
    fetch_archive(archive, destination, tools)


def read(config: Config, raw: Tree) -> tuple[list[Recording], list[Dropped]]:
    """List the clips with the transcripts as they are read aloud, numbers and abbreviations in words.

    Raises:
        CorpusError: the folder is not LJSpeech.
    """
    found = [folder for folder in folders(raw) if (folder / _METADATA).is_file()]
    if len(found) != 1:
        raise CorpusError(
            f"{raw}: holds {len(found)} files {_METADATA} where LJSpeech has one; correct the corpus' `url`"
        )
    transcripts = read_transcripts(found[0] / _METADATA, ("id", "text", "normalized"))
    audio = find_audio(found[0] / "wavs")
    return pair(transcripts, audio, speaker=config.speaker, language="en", limit=config.limit)
