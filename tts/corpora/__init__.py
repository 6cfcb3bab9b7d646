"""Corpora by kind: how each is fetched and read. One file per kind, with its size, licence and URL on top."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Annotated

from pydantic import Field

from tts.corpora import csv, demo, filelist, folder, ljspeech, vctk
from tts.corpora.recordings import Dropped, Recording, Speaker
from tts.corpora.tools import Tools
from tts.corpora.trees import Tree

CorpusConfig = Annotated[
    demo.Config | ljspeech.Config | vctk.Config | csv.Config | folder.Config | filelist.Config,
    Field(discriminator="kind"),
]
"""Settings of a corpus, a section `corpora.<name>` of params.yaml."""

KINDS: dict[str, ModuleType] = {
    "demo": demo,
    "ljspeech": ljspeech,
    "vctk": vctk,
    "csv": csv,
    "folder": folder,
    "filelist": filelist,
}
"""Each module has a `Config`, `fetch` and `read` as below; `speakers` where it knows something about them, and a
`LICENCE` where all corpora of the kind have one."""


def fetch(config: CorpusConfig, destination: Path, tools: Tools) -> None:
    """Fill an empty folder with a corpus as it is published; what lies on disk already becomes links.

    Raises:
        DownloadError: it could not be had, is not what was promised, or cannot be unpacked.
        CorpusError: it is not where the settings say.
    """
    KINDS[config.kind].fetch(config, destination, tools)


def read(config: CorpusConfig, raw: Tree) -> tuple[list[Recording], list[Dropped]]:
    """List the clips of a folder that `fetch` filled, and what cannot be used.

    Raises:
        CorpusError: the folder is not such a corpus, or two clips have one id.
    """
    found: tuple[list[Recording], list[Dropped]] = KINDS[config.kind].read(config, raw)
    return found


def speakers(config: CorpusConfig, raw: Tree) -> list[Speaker]:
    """Tell about the speakers what a folder that `fetch` filled tells; nothing, if it does not.

    Raises:
        CorpusError: the folder is not such a corpus.
    """
    module = KINDS[config.kind]
    known: list[Speaker] = module.speakers(config, raw) if hasattr(module, "speakers") else []
    return known


def licence(config: CorpusConfig) -> str | None:
    """Tell the licence of a corpus: the settings' word, or what its kind is known for; None where nobody knows."""
    known: str | None = getattr(config, "licence", None) or getattr(KINDS[config.kind], "LICENCE", None)
    return known
