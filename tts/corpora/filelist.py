"""Recordings of your own in any folders, named with their texts in files of lines such as ``path|text|speaker|style``.

Size, licence, URL: yours. Lists that other toolkits made are read by naming their columns: ``[path, speaker, text]`` is
VITS's, ``[path, text]`` Tacotron 2's. After adding recordings, ``dvc repro --force --single-item download@<corpus>``
fetches them: DVC does not watch folders outside the project.
"""

from __future__ import annotations

import posixpath
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import Field

from tts.config import config
from tts.corpora.limits import ClipLimits
from tts.corpora.recordings import Dropped, Recording, sorted_out
from tts.corpora.tools import Tools
from tts.corpora.transcripts import numbered_lines, require_id, split_line, without_suffix
from tts.corpora.trees import Tree, inside
from tts.errors import CorpusError

Column = Literal["path", "id", "text", "normalized", "speaker", "style", "language", "ignored"]
"""What a column of a filelist is."""

_AUDIO, _LISTS = "audio", "filelists"  # in the copy
_MALFORMED = "malformed line"


@dataclass(frozen=True)
class _Listed:
    """What a line says of a clip, `path` being that of its sound file from the root on."""

    utterance_id: str
    path: str
    text: str
    speaker: str
    language: str
    style: str


@config
class Config(ClipLimits):
    """Where the filelists are and how to read them.

    Attributes:
        filelists: one or more, for example of training and validation; absolute or relative to the project.
        root: folder that the paths in them start from, absolute or relative to the project; None = the filelists' own.
        columns: of a line, in order; a final "normalized" (text as read aloud) may be absent, and wins where it is not.
            "id" names the clip; without it, a/1.wav is the clip a-1.
        delimiter: between columns; there is no quoting.
        speaker, style, language: of the clips, where no column says.
        speakers, styles: names by the codes that stand in the columns, such as {0: neutral, 1: happy}; where empty,
            the columns hold names.
        limit: use only the first so many clips by id; None = all.
        licence: of the recordings, for the cards of voices that learn from them; None = not known.
    """

    kind: Literal["filelist"]
    filelists: tuple[str, ...] = Field(min_length=1)
    root: str | None = None
    columns: tuple[Column, ...] = ("path", "text", "speaker", "style")
    delimiter: str = Field(default="|", min_length=1)
    speaker: str = Field(default="speaker", min_length=1)
    style: str = Field(default="neutral", min_length=1)
    language: str = Field(default="en", min_length=1)
    speakers: dict[str, str] = Field(default_factory=dict)
    styles: dict[str, str] = Field(default_factory=dict)
    limit: int | None = Field(default=None, ge=1)
    licence: str | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        named = [column for column in self.columns if column != "ignored"]
        if not {"path", "text"} <= set(named) or len(set(named)) < len(named):
            raise ValueError(
                f"columns must name path and text, and none twice but ignored; they are {list(self.columns)}"
            )
        if self.root is None and len({posixpath.dirname(each) for each in self.filelists}) > 1:
            raise ValueError("the filelists are in several folders; say with root which one their paths start from")


def fetch(config: Config, destination: Path, tools: Tools) -> None:
    """Take the filelists and the sound files that they name.

    Raises:
        CorpusError: they are not where the settings say, or a line cannot be read (see `read`).
    """
    root = tools.require_folder(config.root or posixpath.dirname(config.filelists[0]) or ".", setting="root")
    filelists = [tools.locate(each) for each in config.filelists]
    listed = [each.path for each in _clips(config, filelists).values() if isinstance(each, _Listed)]
    audio = {f"{_AUDIO}/{path}": found for path in listed if (found := _find(root, path))}
    if listed and not audio:
        raise CorpusError(
            f"{root}: holds none of the {len(listed)} sound files that are listed, such as {listed[0]}; "
            "correct the corpus' `root` in params.yaml"
        )
    numbered = {f"{_LISTS}/{number:03d}-{path.name}": path for number, path in enumerate(filelists)}
    tools.link({**numbered, **audio}, destination)


def read(config: Config, raw: Tree) -> tuple[list[Recording], list[Dropped]]:
    """List the clips of all filelists.

    Raises:
        CorpusError: a filelist is missing or not UTF-8, a path leads outside or is listed twice, two clips have one id,
            an id cannot name a file, or a code has no name.
    """
    clips = _clips(config, inside(raw / _LISTS))
    found = {name: _found(clip, raw / _AUDIO) if isinstance(clip, _Listed) else clip for name, clip in clips.items()}
    return sorted_out(found, limit=config.limit)


def _found(clip: _Listed, root: Tree) -> Recording | Dropped:
    audio = root / clip.path
    if not audio.is_file():
        return Dropped(clip.utterance_id, "no audio", f"there is no sound file {clip.path}")
    return Recording(clip.utterance_id, audio, clip.text, clip.speaker, clip.language, clip.style)


def _clips(config: Config, filelists: Sequence[Tree]) -> dict[str, _Listed | Dropped]:
    """What every line gives, by id."""
    clips: dict[str, _Listed | Dropped] = {}
    first: dict[str, str] = {}
    for where, line in _lines(filelists):
        clip = _clip(config, line, where)
        for name in _own(clip):
            if name in first:
                raise CorpusError(
                    f"{where}: {line.strip()[:80]!r} is the clip {clip.utterance_id!r} as {first[name]} is; "
                    "list it once, rename it, or give each clip its own id in a column"
                )
            first[name] = where
        clips[clip.utterance_id] = clip
    return clips


def _own(clip: _Listed | Dropped) -> list[str]:
    """What no other clip may have as well: an id, which holds no slash, and a path, here with one."""
    if isinstance(clip, _Listed):
        return [clip.utterance_id, f"./{clip.path}"]
    return [] if clip.reason == _MALFORMED else [clip.utterance_id]


def _lines(filelists: Sequence[Tree]) -> Iterator[tuple[str, str]]:
    """Place and content of every line that is not blank."""
    return ((f"{path}:{number}", line) for path in filelists for number, line in numbered_lines(path))


def _clip(config: Config, line: str, where: str) -> _Listed | Dropped:
    row, is_whole = split_line(line, config.columns, config.delimiter)
    if not is_whole or not row["path"]:
        expected = config.delimiter.join(config.columns)
        detail = f"{where}: {line.strip()[:80]!r} is not {expected}"
        return Dropped(Path(where).name, _MALFORMED, detail)
    path = _inside(config, row["path"], where)
    name = require_id(row.get("id") or without_suffix(path).replace("/", "-"), where)
    text = row.get("normalized") or row["text"]
    if not text:
        return Dropped(name, "empty transcript", where)
    return _Listed(
        utterance_id=name,
        path=path,
        text=text,
        speaker=_named(row.get("speaker"), config.speakers, f"{where}: `speakers`") or config.speaker,
        language=row.get("language") or config.language,
        style=_named(row.get("style"), config.styles, f"{where}: `styles`") or config.style,
    )


def _inside(config: Config, path: str, where: str) -> str:
    """The path of a sound file from the root on.

    Raises:
        CorpusError: it leads outside.
    """
    plain = posixpath.normpath(path.replace("\\", "/"))  # lists are written on Windows, too
    if config.root is not None and posixpath.isabs(config.root) and posixpath.isabs(plain):
        plain = posixpath.relpath(plain, config.root)
    if posixpath.isabs(plain) or plain.split("/")[0] == "..":
        raise CorpusError(
            f"{where}: {path[:200]!r} leads outside {config.root or 'the folder of the filelist'}; "
            "set the corpus' `root` in params.yaml to a folder that holds all sound files, absolute if the paths are"
        )
    return plain


def _named(code: str | None, names: Mapping[str, str], where: str) -> str:
    """What a code stands for; "" where there is none."""
    if not code or not names:
        return code or ""
    if code not in names:
        raise CorpusError(f"{where} of the corpus have no name for {code!r}, but for {', '.join(names)}; add it")
    return names[code]


def _find(root: Path, path: str) -> Path | None:
    """The sound file, its name in the same or the other Unicode form: archives made on macOS decompose Hangul."""
    forms = (path, unicodedata.normalize("NFC", path), unicodedata.normalize("NFD", path))
    return next((root / form for form in forms if (root / form).is_file()), None)
