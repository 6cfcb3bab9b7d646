"""VCTK 0.92: 110 speakers of English in many accents read about 400 sentences each; the usual multi-speaker corpus.

Size: 44,455 clips, about 44 hours, 48,000 Hz, each by one or two microphones; 11.7 GB packed, about half of it
unpacked for one microphone. Licence: CC BY 4.0. URL: https://doi.org/10.7488/ds/2645

Gaps that are known: the texts of p315 (172 clips) were lost, and some recordings of p362 are missing. Those clips are
listed as dropped, but `max_dropped` does not count them. p280 and p315 have no recordings by the second microphone.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Literal

from pydantic import Field

from tts.config import config
from tts.corpora.archives import fetch_archive
from tts.corpora.downloads import Archive
from tts.corpora.limits import ClipLimits
from tts.corpora.recordings import Dropped, Recording, Speaker, sorted_out
from tts.corpora.tools import Tools
from tts.corpora.transcripts import numbered_lines, read_text
from tts.corpora.trees import Tree, inside
from tts.errors import CorpusError

_AUDIO, _TEXTS, _SPEAKERS = "wav48_silence_trimmed", "txt", "speaker-info.txt"
LICENCE = "CC BY 4.0"
_WITHOUT_TEXTS = ("p315",)
_WITHOUT_SOME_AUDIO = ("p362",)
_WITHOUT_MIC2 = ("p280", "p315")
_SPEAKER = re.compile(
    r"""(?P<speaker>\S+) (\s+(?P<age>\d+))? (\s+(?P<gender>[FM])\b)? (\s+(?P<accent>[^\s(]+))?
    (?P<region>[^(]*) (\((?P<comments>[^)]*))?""",
    re.VERBOSE,
)


@config
class Config(ClipLimits):
    """Where the archive is, what it must be, and which part of it to use.

    Attributes:
        url: http(s):// or file:// URL, path of the archive, or path of the folder already unpacked.
        mirrors: the same, tried in turn when `url` fails.
        sha256: of the archive.
        size: of the archive, bytes; None = unknown.
        microphone: "mic1", omni-directional (DPA 4035), has low rumble, is that of earlier releases and has every
            speaker; "mic2" is a condenser of wide band (Sennheiser MKH 800). Speakers whom mic2 lacks, p280 is one, are
            taken from mic1.
        speakers: names such as p225; None = all. Others are not even unpacked.
        limit: use only the first so many clips by id; None = all.
    """

    kind: Literal["vctk"]
    url: str = "https://datashare.ed.ac.uk/bitstream/handle/10283/3443/VCTK-Corpus-0.92.zip"
    mirrors: tuple[str, ...] = ("https://datashare.is.ed.ac.uk/bitstream/handle/10283/3443/VCTK-Corpus-0.92.zip",)
    sha256: str = Field(
        default="f96258be9fdc2cbff6559541aae7ea4f59df3fcaf5cf963aae5ca647357e359c", pattern="^[0-9a-f]{64}$"
    )
    size: int | None = Field(default=11_747_302_977, ge=1)
    microphone: Literal["mic1", "mic2"] = "mic1"
    speakers: tuple[str, ...] | None = Field(default=None, min_length=1)
    limit: int | None = Field(default=None, ge=1)


def fetch(config: Config, destination: Path, tools: Tools) -> None:
    """Unpack the chosen part of the verified archive, or take it from the folder already unpacked.

    Raises:
        DownloadError: no source has the archive, or it cannot be unpacked.
        CorpusError: it is not VCTK 0.92, or lacks a chosen speaker.
    """
    archive = Archive(sources=(config.url, *config.mirrors), sha256=config.sha256, size=config.size)
    fetch_archive(archive, destination, tools, wanted=partial(_is_wanted, config))
    _require_speakers(config, destination)


def read(config: Config, raw: Tree) -> tuple[list[Recording], list[Dropped]]:
    """List the clips of the chosen speakers by the chosen microphone.

    Raises:
        CorpusError: the folder is not VCTK 0.92, lacks a chosen speaker, or a transcript is not UTF-8.
    """
    folder = _require_speakers(config, raw)
    audio = {
        path.stem.removesuffix(f"_{_microphone(config, speaker)}"): path
        for speaker, path in _files(config, folder, _AUDIO, ".flac")
    }
    texts = {path.stem: path for _, path in _files(config, folder, _TEXTS, ".txt")}
    clips = {name: _clip(name, audio.get(name), texts.get(name)) for name in audio.keys() | texts.keys()}
    return sorted_out(clips, limit=config.limit)


def speakers(config: Config, raw: Tree) -> list[Speaker]:
    """Tell what speaker-info.txt tells of each speaker.

    Raises:
        CorpusError: the folder is not VCTK 0.92.
    """
    path = _corpus_folder(raw) / _SPEAKERS
    if not path.is_file():
        raise CorpusError(f"{path}: is missing, though VCTK 0.92 has it; unpack the archive again")
    lines = numbered_lines(path)
    found = (_SPEAKER.match(line.strip()) for _, line in lines)
    return [_speaker(each.groupdict("")) for each in found if each and each["speaker"] != "ID"]


def _is_wanted(config: Config, name: str) -> bool:
    """Whether a member belongs to the chosen speakers and microphone, or tells about the corpus."""
    path = PurePosixPath(name)
    speaker = path.parent.name
    if not {_AUDIO, _TEXTS} & set(path.parts):
        return True
    is_chosen = path.name.startswith(f"{speaker}_") and (config.speakers is None or speaker in config.speakers)
    return is_chosen and (_AUDIO not in path.parts or path.stem.endswith(f"_{_microphone(config, speaker)}"))


def _microphone(config: Config, speaker: str) -> str:
    return "mic1" if speaker in _WITHOUT_MIC2 else config.microphone


def _files(config: Config, folder: Tree, kind: str, suffix: str) -> Iterator[tuple[str, Tree]]:
    """Speaker and file of all wanted ones in the folders of the speakers."""
    for speaker in inside(folder / kind):
        for path in inside(speaker):
            if path.suffix == suffix and _is_wanted(config, f"{kind}/{speaker.name}/{path.name}"):
                yield speaker.name, path


def _clip(name: str, audio: Tree | None, text: Tree | None) -> Recording | Dropped:
    speaker = name.partition("_")[0]
    if audio is None:
        return Dropped(name, "no audio", f"no recording goes with {text}", speaker in _WITHOUT_SOME_AUDIO)
    if text is None:
        return Dropped(name, "no transcript", f"no text goes with {audio}", speaker in _WITHOUT_TEXTS)
    words = " ".join(read_text(text).split())
    if not words:
        return Dropped(name, "empty transcript", str(text))
    return Recording(name, audio, words, speaker=speaker, language="en", style="neutral")


def _corpus_folder(raw: Tree) -> Tree:
    """The folder that holds those of the corpus, whether or not the archive was packed with it."""
    found = [folder for folder in (raw, *inside(raw)) if (folder / _AUDIO).is_dir()]
    if len(found) != 1:
        raise CorpusError(
            f"{raw}: holds {len(found)} folders {_AUDIO} where VCTK 0.92 has one; correct the corpus' `url`"
        )
    return found[0]


def _require_speakers(config: Config, raw: Tree) -> Tree:
    """Give the corpus' folder, if it has what was chosen; a name that is misspelt would leave out a voice unsaid."""
    folder = _corpus_folder(raw)
    known = [each.speaker for each in speakers(config, raw)]
    for name in config.speakers or ():
        if name not in known:
            near = " ".join(difflib.get_close_matches(name, known, n=1, cutoff=0)) or "none"
            raise CorpusError(
                f"{raw}: VCTK has no speaker {name!r}, the nearest is {near}; correct the corpus' `speakers`"
            )
    return folder


def _speaker(known: Mapping[str, str]) -> Speaker:
    return Speaker(
        speaker=known["speaker"],
        age=int(known["age"]) if known["age"] else None,
        gender=known["gender"],
        accent=_words(known["accent"]),
        region=_words(known["region"]),
        comments=known["comments"].strip(),
    )


def _words(text: str) -> str:
    return " ".join(text.replace(",", " ").split())
