"""`tts corpus check`: read recordings of any kind, measure them, and tell what may be wrong."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.parallel import Executor
from pipeline.params import load_params
from pipeline.paths import Paths
from pipeline.prepare import read_recordings
from tts.corpora import csv, folder
from tts.corpora.packs import open_packs
from tts.corpora.recordings import Dropped, Recording
from tts.corpora.transcripts import AUDIO_SUFFIXES, find_audio
from tts.corpora.trees import Tree
from tts.errors import CorpusError
from tts.lint.checks import check
from tts.lint.findings import Clip, Finding
from tts.lint.lost import lost
from tts.lint.measuring import measure_recording
from tts.lint.robust import by_speaker
from tts.lint.sounds import Unreadable
from tts.lint.suggestions import Suggestion, suggest
from tts.lint.texts import scripts

_METADATA = "metadata.csv"


@dataclass(frozen=True)
class Source:
    """Recordings to be checked.

    Attributes:
        name: of the corpus or folder.
        what: what it was read as, for people.
        recordings: their texts are "" where there are no transcripts.
        dropped: what has no counterpart.
    """

    name: str
    what: str
    recordings: Sequence[Recording]
    dropped: Sequence[Dropped]


@dataclass(frozen=True)
class Checked:
    """A corpus with all that was found.

    Attributes:
        source: what was checked.
        clips: those that could be read.
        findings: warnings first, then notes.
        suggestions: for params.yaml.
    """

    source: Source
    clips: Sequence[Clip]
    findings: Sequence[Finding]
    suggestions: Sequence[Suggestion]

    @property
    def has_warnings(self) -> bool:
        """Whether anything found is more than a note."""
        return any(not each.check.is_note for each in self.findings)


def find_source(source: str, root: Path, *, language: str | None) -> Source:
    """Find what is to be checked.

    Args:
        source: a corpus of params.yaml that was downloaded, or a folder; `./name` is always a folder.
        root: of the project, which need not be one where a folder is meant.
        language: of a folder's texts; None = Korean where most letters are Hangul, otherwise English if Latin.

    Raises:
        ConfigError: params.yaml is not as it should be.
        CorpusError: there is neither such a corpus nor such a folder, it holds no sound, or is not laid out as it must.
    """
    if (root / "params.yaml").exists():
        params = load_params(root)
        if source in params.corpora:
            recordings, dropped = read_recordings(params.corpora[source], open_packs(Paths(root).raw(source)))
            return Source(source, f"corpus of kind {params.corpora[source].kind}", recordings, dropped)
    path = (root / Path(source).expanduser()).resolve()
    if not path.is_dir():
        raise CorpusError(f"{source}: is neither a corpus of params.yaml nor a folder; correct the name or the path")
    found = _read_folder(path, language or "en")
    return found if language else dataclasses.replace(found, recordings=_with_language(found.recordings))


def _read_folder(path: Path, language: str) -> Source:
    if (path / _METADATA).exists():
        settings = csv.Config(kind="csv", path=str(path), language=language)
        return Source(path.name, f"folder with {_METADATA}", *csv.read(settings, path))
    speakers = {each: find_audio(each) for each in sorted(path.iterdir()) if _is_visible_folder(each)}
    if not any(each.suffix.lower() in AUDIO_SUFFIXES for each in path.iterdir()) and any(speakers.values()):
        recordings, dropped = folder.read(folder.Config(kind="folder", path=str(path), language=language), path)
        if recordings:
            return Source(path.name, "folder of speakers", recordings, dropped)
        sounds = [
            _sound(f"{each.name}-{name}", audio, each.name, language)
            for each, found in speakers.items()
            for name, audio in found.items()
        ]
    else:
        sounds = [_sound(name, audio, path.name, language) for name, audio in find_audio(path).items()]
    if not sounds:
        raise CorpusError(f"{path}: holds no sound files, no folders of them and no {_METADATA}; name another folder")
    return Source(path.name, "sound files without transcripts", sounds, [])


def _sound(name: str, audio: Tree, speaker: str, language: str) -> Recording:
    return Recording(name, audio, "", speaker=speaker, language=language, style="neutral")


def _is_visible_folder(path: Path) -> bool:
    return path.is_dir() and not path.name.startswith(".")


def _with_language(recordings: Sequence[Recording]) -> list[Recording]:
    counts = scripts([each.text for each in recordings])
    script = counts.most_common(1)[0][0] if counts else "LATIN"
    language = {"LATIN": "en", "HANGUL": "ko"}.get(script, "und")
    return [dataclasses.replace(each, language=language) if each.language == "en" else each for each in recordings]


def check_source(source: Source, executor: Executor) -> Checked:
    """Measure every clip and look through all."""
    recordings = source.recordings
    measured = executor.map(measure_recording, recordings, label=f"check {source.name}", on_crash=_crashed)
    clips: list[Clip] = []
    unreadable: dict[str, Unreadable] = {}
    for recording, found in zip(recordings, measured, strict=True):
        if isinstance(found, Unreadable):
            unreadable[recording.utterance_id] = found
        else:
            clips.append(found)
    findings = [*lost(source.dropped, unreadable), *check(clips)]
    num_lost = len(source.dropped) + len(unreadable)
    return Checked(source, clips, findings, suggest(clips, num_lost=num_lost))


def _crashed(recording: Recording, how: str) -> Unreadable:
    return Unreadable(f"{recording.audio}: reading it killed the process ({how}); export it again")


def as_json(checked: Checked) -> dict[str, Any]:
    """All that was found and measured, as plain values."""
    return {
        "name": checked.source.name,
        "read_as": checked.source.what,
        "speakers": {
            group[0].speaker: {
                "clips": len(group),
                "seconds": sum(clip.sound.seconds for clip in group),
                "speech_seconds": sum(clip.sound.active_seconds for clip in group),
            }
            for group in by_speaker(checked.clips)
        },
        "findings": [
            {**dataclasses.asdict(each.check), "cases": [_plain(case) for case in each.cases]}
            for each in checked.findings
        ],
        "suggestions": [dataclasses.asdict(each) for each in checked.suggestions],
        "clips": {clip.utterance_id: _plain(clip.sound) for clip in checked.clips},
    }


def _plain(value: Any) -> dict[str, Any]:  # noqa: ANN401 - any dataclass
    left_out = ("fingerprint", "severity")
    fields = (field.name for field in dataclasses.fields(value) if field.name not in left_out)
    return {name: getattr(value, name) for name in fields}
