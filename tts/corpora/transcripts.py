"""Transcripts in one text file of a line per clip, as LJSpeech has them, and the clips that belong to the lines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from tts.corpora.recordings import Dropped, Recording
from tts.corpora.trees import Tree, inside
from tts.errors import CorpusError

Column = Literal["id", "text", "normalized", "speaker", "style", "language", "ignored"]
"""What a column of a transcript file is."""

AUDIO_SUFFIXES = (".wav", ".flac", ".ogg", ".opus", ".mp3")
_LONGEST_ID = 200  # bytes; samples are files named after ids, and file names end at 255


@dataclass(frozen=True)
class Transcripts:
    """What a transcript file holds.

    Attributes:
        lines: columns of each usable line, by utterance id.
        dropped: lines that cannot be used, by utterance id, or by place where a line has none.
    """

    lines: Mapping[str, Mapping[str, str]]
    dropped: Mapping[str, Dropped]


def read_transcripts(path: Tree, columns: Sequence[Column], *, delimiter: str = "|") -> Transcripts:
    """Read a file of lines such as ``id|text|normalized``; a final "normalized" column may be absent.

    There is no quoting: texts hold quotation marks, but never the delimiter.

    Raises:
        CorpusError: the file is missing or not UTF-8, an id cannot name a file, or two lines have one id.
    """
    lines: dict[str, Mapping[str, str]] = {}
    dropped: dict[str, Dropped] = {}
    for number, line in numbered_lines(path):
        where = f"{path}:{number}"
        row, is_whole = split_line(line, columns, delimiter)
        name = without_suffix(row.get("id", ""))
        is_malformed = not is_whole or not name
        if not is_malformed:
            require_id(name, where)
        elif not _is_safe(name):
            name = f"{path.name}:{number}"
        if name in lines or name in dropped:
            raise CorpusError(f"{where}: the id {name!r} was used before; give each clip its own")
        if is_malformed:
            expected = delimiter.join(columns)
            dropped[name] = Dropped(name, "malformed line", f"{where}: {line.strip()[:80]!r} is not {expected}")
        elif not (row.get("normalized") or row["text"]):
            dropped[name] = Dropped(name, "empty transcript", where)
        else:
            lines[name] = row
    return Transcripts(lines, dropped)


def split_line(line: str, columns: Sequence[str], delimiter: str) -> tuple[dict[str, str], bool]:
    """Fields of a line by column, and whether their number is right; a final "normalized" column may be absent."""
    fields = [field.strip() for field in line.split(delimiter)]
    if columns[-1] == "normalized" and len(fields) == len(columns) - 1:
        fields.append("")
    return dict(zip(columns, fields, strict=False)), len(fields) == len(columns)


def require_id(utterance_id: str, where: str) -> str:
    """Give the id, if it can safely name a file.

    Raises:
        CorpusError: it holds a path separator or an unprintable character, starts with a dot, or is too long.
    """
    if not _is_safe(utterance_id):
        raise CorpusError(
            f"{where}: the id {utterance_id[:80]!r} cannot name a file (no slash, leading dot or control character, "
            f"at most {_LONGEST_ID} bytes); rename it"
        )
    return utterance_id


def find_audio(folder: Tree) -> dict[str, Tree]:
    """Sound files directly in a folder by name without suffix.

    Raises:
        CorpusError: the folder is missing, or two files differ in their suffix only.
    """
    if not folder.is_dir():
        raise CorpusError(f"{folder}: there is no such folder; the clips of the transcripts belong there")
    found: dict[str, Tree] = {}
    for path in inside(folder):
        if path.suffix.lower() not in AUDIO_SUFFIXES or path.name.startswith("."):
            continue
        if path.stem in found:
            raise CorpusError(f"{path}: is one clip with {found[path.stem].name}; keep one of them")
        found[path.stem] = path
    return found


def pair(
    transcripts: Transcripts, audio: Mapping[str, Tree], *, speaker: str, language: str, limit: int | None
) -> tuple[list[Recording], list[Dropped]]:
    """Join lines and clips; what has no counterpart is dropped, and counts for `limit` as the others do.

    Args:
        transcripts: lines by id.
        audio: sound files by id.
        speaker: of the clips, where no column says.
        language: the same.
        limit: use only the first so many utterances by id; None = all.
    """
    dropped = dict(transcripts.dropped)
    for name in transcripts.lines.keys() - audio.keys():
        dropped[name] = Dropped(name, "no audio", f"no sound file is named {name}")
    for name in audio.keys() - transcripts.lines.keys() - transcripts.dropped.keys():
        dropped[name] = Dropped(name, "no transcript", str(audio[name]))
    chosen = sorted(transcripts.lines.keys() | dropped.keys())[:limit]
    recordings = [
        _recording(name, transcripts.lines[name], audio[name], speaker=speaker, language=language)
        for name in chosen
        if name not in dropped
    ]
    return recordings, [dropped[name] for name in chosen if name in dropped]


def read_text(path: Tree) -> str:
    """Read a file of UTF-8, with or without a byte order mark.

    Raises:
        CorpusError: it is missing, or names the line and byte that is not UTF-8.
    """
    try:
        content = path.read_bytes()
    except (FileNotFoundError, IsADirectoryError) as error:
        raise CorpusError(f"{path}: there is no such file; the transcripts belong there") from error
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise CorpusError(
            f"{path}:{line}: byte {content[error.start]:#04x} at {error.start} is not UTF-8; convert the file"
        ) from error


def numbered_lines(path: Tree) -> Iterator[tuple[int, str]]:
    """Number and content of every line that is not blank.

    Raises:
        CorpusError: the file is missing or not UTF-8.
    """
    for number, line in enumerate(read_text(path).split("\n"), start=1):  # splitlines splits inside texts
        if line.strip():
            yield number, line


def without_suffix(name: str) -> str:
    """Name of a sound file without its suffix; an id where one is written so."""
    return name[: name.rindex(".")] if name.lower().endswith(AUDIO_SUFFIXES) else name


def _is_safe(utterance_id: str) -> bool:
    """Whether an id can name a file."""
    is_plain = utterance_id.isprintable() and not set("/\\") & set(utterance_id)
    return is_plain and utterance_id[:1] not in ("", ".") and len(utterance_id.encode()) <= _LONGEST_ID


def _recording(name: str, line: Mapping[str, str], audio: Tree, *, speaker: str, language: str) -> Recording:
    return Recording(
        utterance_id=name,
        audio=audio,
        text=line.get("normalized") or line["text"],
        speaker=line.get("speaker") or speaker,
        language=line.get("language") or language,
        style=line.get("style") or "neutral",
    )
