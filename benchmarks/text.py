"""How many sentences a CPU second turns into phones, by each front end, as the stages do it.

    python benchmarks/text.py [--json] [--sentences 13100] [--workers 2] [--texts FILE]

Sentences are as many as LJSpeech's, 13,100, and about as long, 17 words: some of the demo corpus' own, drawn anew for
each; in Korean equally many letters, so more words. `normalized` is what `tts prepare` does, text after text;
`pronounced` what `tts align` does, in batches over worker processes, each of which loads its dictionaries, and that
counts. CPU seconds are those of all processes. `ipa_batched_over_single` tells how many times as many sentences a CPU
second then gives as where espeak speaks each alone.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeVar

from pipeline.alignment import read_spoken
from pipeline.parallel import open_executor
from pipeline.runtime import Runtime
from tts.alignment.utterances import ParallelMap
from tts.corpora import demo_sentences
from tts.corpora.demo_sentences import Language
from tts.data.tables import MANIFEST, write_table
from tts.text.espeak import Manner, speak
from tts.text.frontend import TextSettings, build_frontend

Item = TypeVar("Item")
Result = TypeVar("Result")

FRONT_ENDS: dict[str, tuple[TextSettings, Language]] = {
    "english": (TextSettings(frontend="english"), "en"),
    "ipa": (TextSettings(frontend="ipa"), "en"),
    "korean": (TextSettings(frontend="korean"), "ko"),
}
TEXTS: dict[Language, str] = {"en": "demo_english.txt", "ko": "demo_korean.txt"}
LONG_ENOUGH = 75  # characters, for about 17 words on average
SPOKEN_ALONE = 200  # enough to tell how long one takes


@dataclass(frozen=True)
class Cost:
    """What it takes to phonemize sentences.

    Attributes:
        sentences: how many.
        words: of all of them.
        normalize_seconds: CPU seconds to normalize them.
        cpu_seconds: to pronounce what is normalized.
        wall_seconds: of the same.
    """

    sentences: int
    words: int
    normalize_seconds: float
    cpu_seconds: float
    wall_seconds: float


@dataclass
class Metered:
    """A `ParallelMap` that adds up the CPU seconds of its workers, from their start."""

    run: ParallelMap
    seconds: dict[int, float] = field(default_factory=dict)

    def __call__(self, function: Callable[[Item], Result], items: Sequence[Item], *, label: str) -> Iterator[Result]:
        """Yield one result per item."""
        for result, process, seconds in self.run(partial(_metered, function), items, label=label):
            self.seconds[process] = max(seconds, self.seconds.get(process, 0.0))
            yield result

    def elsewhere(self) -> float:
        """CPU seconds of other processes than this."""
        return sum(seconds for process, seconds in self.seconds.items() if process != os.getpid())


def main() -> None:
    """Print sentences per CPU second."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print the figures as one JSON object, on the last line")
    parser.add_argument("--sentences", type=int, default=13100)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes")
    parser.add_argument("--texts", type=Path, help="English sentences instead, one a line, taken over and over")
    options = parser.parse_args()
    texts = {language: drawn(language, options.sentences) for language in TEXTS}
    if options.texts:
        lines = options.texts.read_text(encoding="utf-8").splitlines()
        texts["en"] = [lines[number % len(lines)] for number in range(options.sentences)]
    costs = {name: cost(settings, texts[of], of, options.workers) for name, (settings, of) in FRONT_ENDS.items()}
    show(costs)
    single = spoken_alone_per_second(texts["en"][:SPOKEN_ALONE])
    print(f"espeak speaking each alone: {single:.1f} sentences per CPU second")
    if options.json:
        print(json.dumps({name: round(value, 3) for name, value in figures(costs, single).items()}))


def drawn(language: Language, count: int) -> list[str]:
    """Join sentences of the demo corpus at random; equal arguments give equal texts."""
    written = Path(demo_sentences.__file__).with_name(TEXTS[language]).read_text(encoding="utf-8").splitlines()
    chance = random.Random(0)
    return [_long_enough(written, chance) for _ in range(count)]


def _long_enough(written: Sequence[str], chance: random.Random) -> str:
    text = chance.choice(written)
    while len(text) < LONG_ENOUGH:
        text = f"{text} {chance.choice(written)}"
    return text


def cost(settings: TextSettings, texts: Sequence[str], language: Language, workers: int) -> Cost:
    """Normalize and pronounce texts as the stages do.

    Raises:
        TextError: a text cannot be normalized.
    """
    frontend = build_frontend(settings)
    before = time.process_time()
    normal = [frontend.normalize(text, language) for text in texts]
    normalize_seconds = time.process_time() - before
    with tempfile.TemporaryDirectory() as folder, open_executor(Runtime(workers=workers)) as executor:
        write_manifest(Path(folder), normal, language)
        metered = Metered(executor.map)
        before, started = time.process_time(), time.perf_counter()
        spoken = read_spoken(Path(folder), settings, Path(folder, "work"), run=metered)
        wall_seconds = time.perf_counter() - started
        cpu_seconds = time.process_time() - before + metered.elsewhere()
    words = sum(bool(word.phones) for each in spoken for word in each.words)
    faults = [each.fault for each in spoken if each.fault]
    print(*faults, sep="\n", end="\n" if faults else "")
    return Cost(len(texts) - len(faults), words, normalize_seconds, cpu_seconds, wall_seconds)


def write_manifest(folder: Path, texts: Sequence[str], language: Language) -> None:
    """Make a corpus of normalized texts, whose sound is never asked for."""
    rows = [
        {"utterance_id": f"{number:06d}", "speaker": "nobody", "language": language, "style": "", "text": text}
        | {"normalized_text": text, "num_samples": 0, "sample_rate": 22050, "audio_sha256": "", "shard": 0, "offset": 0}
        for number, text in enumerate(texts)
    ]
    write_table(folder / "manifest.parquet", rows, MANIFEST)


def spoken_alone_per_second(texts: Sequence[str]) -> float:
    """Sentences per CPU second by espeak, loaded anew for each."""
    before = time.process_time()
    for text in texts:
        speak(text, Manner("en-us"))
    return len(texts) / (time.process_time() - before)


def figures(costs: dict[str, Cost], single: float) -> dict[str, float]:
    """Sentences per CPU second by front end and step, and what batches are good for."""
    found = {}
    for name, each in costs.items():
        found[f"{name}_normalized_per_cpu_second"] = each.sentences / each.normalize_seconds
        found[f"{name}_pronounced_per_cpu_second"] = each.sentences / each.cpu_seconds
    return {**found, "ipa_batched_over_single": found["ipa_pronounced_per_cpu_second"] / single}


def show(costs: dict[str, Cost]) -> None:
    """Print a line per front end."""
    print(f"{'':8}{'sentences':>11}{'words each':>12}{'normalized':>12}{'pronounced':>12}{'CPU s':>9}{'wall s':>9}")
    for name, each in costs.items():
        print(
            f"{name:8}{each.sentences:11,d}{each.words / each.sentences:12.1f}"
            f"{each.sentences / each.normalize_seconds:10.0f}/s{each.sentences / each.cpu_seconds:10.0f}/s"
            f"{each.cpu_seconds:9.1f}{each.wall_seconds:9.1f}"
        )


def _metered(function: Callable[[Item], Result], item: Item) -> tuple[Result, int, float]:
    result = function(item)
    return result, os.getpid(), time.process_time()


if __name__ == "__main__":
    main()
