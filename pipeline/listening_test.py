"""A blind listening test: a page that does not know what it plays, and a key that does."""

from __future__ import annotations

import hashlib
import itertools
import json
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from pipeline.folder_scores import find_sounds
from pipeline.paths import Paths
from pipeline.report_facts import ROWS
from pipeline.report_html import data_uri, document
from pipeline.report_pictures import Floats, lossless_sound
from pipeline.web_files import web_file
from tts.audio.files import decode
from tts.errors import AudioError, ConfigError, CorpusError
from tts.lint.measuring import measure

Kind = Literal["both", "mos", "ab"]

LEVEL_DB = -26.0
"""Active speech level of all clips, dB of full scale, as in tests by ITU-T P.800; less where one would be too loud."""

_HEADROOM_DB = 0.1


@dataclass(frozen=True)
class Clip:
    """What is heard.

    Attributes:
        system: who speaks.
        sentence: name of the file without its suffix.
        path: the file.
    """

    system: str
    sentence: str
    path: Path


@dataclass(frozen=True)
class ListeningTest:
    """Clips under names that tell nothing, and what is asked about them.

    Attributes:
        seed: of the draw of sentences and names.
        clips: by such names.
        rated: names, each to be given 1 to 5.
        paired: names, two systems saying the same sentence.
    """

    seed: int
    clips: Mapping[str, Clip]
    rated: Sequence[str]
    paired: Sequence[tuple[str, str]]

    @property
    def identifier(self) -> str:
        """What results and key have in common."""
        content = [(name, *map(str, (clip.system, clip.sentence))) for name, clip in sorted(self.clips.items())]
        return hashlib.sha256(json.dumps([self.seed, content]).encode()).hexdigest()[:12]

    @property
    def key(self) -> dict[str, Any]:
        """What must not stand in the page: who speaks in which clip."""
        clips = {name: {"system": clip.system, "sentence": clip.sentence} for name, clip in self.clips.items()}
        return {"test": self.identifier, "seed": self.seed, "clips": clips}


def find_systems(sources: Sequence[str], root: Path) -> dict[str, dict[str, Path]]:
    """Sound files by system and sentence.

    Args:
        sources: a voice of the project, its anchor such as demo:ground_truth, or a folder of sounds; a name of one's
            own may stand before it, as in ours=folder.
        root: of the project.

    Raises:
        ConfigError: two systems have one name.
        CorpusError: there is no such voice or folder, or it holds no sounds.
    """
    found: dict[str, dict[str, Path]] = {}
    for source in sources:
        title, _, place = source.rpartition("=")
        folder = _folder(place, root)
        name = title or (place if _is_of_voice(place, root) else folder.name)
        if name in found:
            raise ConfigError(f"{source}: {name!r} stands for two systems; give one a name of its own, name={place}")
        found[name] = find_sounds(folder)
    return found


def draw_test(systems: Mapping[str, Mapping[str, Path]], *, num_sentences: int, kind: Kind, seed: int) -> ListeningTest:
    """Choose sentences that all systems say, and give their clips names that tell nothing.

    Args:
        systems: sound files by system and sentence.
        num_sentences: how many, at most.
        kind: of questions.
        seed: of the choice and the names.

    Raises:
        ConfigError: preferences need two systems.
        CorpusError: no sentence is said by all.
    """
    if kind == "ab" and len(systems) < 2:
        raise ConfigError("--kind ab compares systems; name two or more")
    common = sorted(set.intersection(*(set(files) for files in systems.values())))
    if not common:
        raise CorpusError(f"{', '.join(systems)}: have no file name in common; sentences are found by their names")
    rng = random.Random(seed)
    sentences = sorted(rng.sample(common, min(num_sentences, len(common))))
    clips = [Clip(system, each, files[each]) for system, files in systems.items() for each in sentences]
    rng.shuffle(clips)
    names = {f"clip-{number:03d}": clip for number, clip in enumerate(clips)}
    by_content = {(clip.system, clip.sentence): name for name, clip in names.items()}
    pairs = [
        (by_content[first, each], by_content[second, each])
        for first, second in itertools.combinations(systems, 2)
        for each in sentences
    ]
    pairs = [pair if rng.random() < 0.5 else pair[::-1] for pair in pairs]
    return ListeningTest(seed, names, sorted(names) if kind != "ab" else [], sorted(pairs) if kind != "mos" else [])


def listening_page(test: ListeningTest) -> str:
    """Give the HTML of a test: the sounds at one level, no name of a system or a file.

    Raises:
        AudioError: a clip cannot be read, or nobody speaks in it.
    """
    content = {
        "test": test.identifier,
        "rated": test.rated,
        "paired": test.paired,
        "clips": {name: data_uri(*sound) for name, sound in _levelled(test.clips)},
    }
    data = json.dumps(content).replace("</", "<\\/")
    body = f'{web_file("listening.html")}<script type="application/json" id="content">{data}</script>'
    return document("Listening test", body, styles=("report.css", "listening.css"), scripts=("listening.js",))


def _levelled(clips: Mapping[str, Clip]) -> Iterator[tuple[str, tuple[str, bytes]]]:
    sounds = {name: _sound(clip.path) for name, clip in clips.items()}
    room = min(level - 20 * np.log10(np.abs(waveform).max()) for waveform, _, level in sounds.values())
    target = min(LEVEL_DB, float(room) - _HEADROOM_DB)
    for name, (waveform, rate, level) in sounds.items():
        gain = np.float32(10 ** ((target - level) / 20))
        yield name, lossless_sound(waveform * gain, sample_rate=rate)


def _sound(path: Path) -> tuple[Floats, int, float]:
    """Samples, their rate, and their level in dB."""
    channels, rate = decode(path)
    level = measure(channels, rate, encoding="").level_db
    if level is None:
        raise AudioError(f"{path}: nobody speaks in it; leave it out of the test")
    mono: Floats = channels.mean(axis=1, dtype=np.float32)
    return mono, rate, level


def _folder(place: str, root: Path) -> Path:
    voice, _, anchor = place.partition(":")
    if not _is_of_voice(place, root):
        return Path(place)
    if anchor in ("", "voice"):
        return Paths(root).audio(voice)
    if anchor not in ROWS:
        raise ConfigError(f"{place}: {anchor!r} is none of {', '.join(ROWS)}")
    return Paths(root).scores(voice) / "audio" / anchor


def _is_of_voice(place: str, root: Path) -> bool:
    return "/" not in place and Paths(root).audio(place.partition(":")[0]).is_dir()
