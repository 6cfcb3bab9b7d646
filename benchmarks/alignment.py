"""How fast, how lean and how exact the embedded aligner is, its training included.

    python benchmarks/alignment.py [--json] [--hours 0.1 0.4]
    python benchmarks/alignment.py [--json] --folder CORPUS TEXTGRIDS [--prefix AL-]

Speech is made by espeak-ng, which tells the true time of every phone: the sentences of alignment_sentences.txt, said by
two voices in ever other manners. No constant of the aligner was chosen on these sentences or these voices. Two sizes
tell whether time and memory grow in step with the corpus. Each size has a process to itself, so that its memory is its
own, and no workers: CPU seconds are then those of one core, of learning and aligning, without the front end and
without what is compiled on first use. `linear` is CPU seconds per hour of audio, large size over small. Memory is
the largest resident size; it holds the pages of audio that were read, 159 MB an hour, which the system can take back.

With --folder, the aligner learns English recordings (metadata.csv and wavs/, as corpora of kind csv have them), and
its boundaries are compared with those of TextGrids named after the clips, whose ids may have a prefix besides.
"""

from __future__ import annotations

import argparse
import itertools
import json
import multiprocessing
import resource
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from pipeline import prepare
from pipeline.alignment import Alignments, Spoken, align_corpus, measure, read_spoken
from pipeline.alignment_comparison import read_alignment, show_comparison
from pipeline.incremental import map_cached
from pipeline.kept_shards import ShardStore
from pipeline.parallel import ThisProcess
from pipeline.paths import Paths
from tts.alignment.comparison import compare_alignments
from tts.alignment.settings import AlignSettings
from tts.alignment.utterances import serial_map
from tts.audio.files import write_wav
from tts.corpora import csv
from tts.data.tables import PHONES, write_table
from tts.errors import AlignmentError
from tts.phones import SILENCE
from tts.text.espeak import Manner, Speech, speak
from tts.text.frontend import TextSettings

Result = TypeVar("Result")

SENTENCES = Path(__file__).with_name("alignment_sentences.txt").read_text(encoding="utf-8").splitlines()
VOICES = {"anika": Manner("en-us+anika", pitch=35, rate=150), "michael": Manner("en-us+Michael", pitch=64, rate=185)}
RATES = (1.0, 0.82, 1.15, 0.9, 1.07, 0.95, 1.2)  # of a voice's own; taken in turn with pitches, 35 manners
PITCHES = (0, -12, 18, -6, 9)  # added to a voice's own
EDGE_SECONDS = 0.1  # silence before and after
NOISE = 32768 * 10 ** (-60 / 20)  # RMS of 60 dB below full scale
SAMPLE_RATE = 22050

SPEECH = csv.Config(kind="csv", path="", columns=("id", "speaker", "text"))
RECORDINGS = csv.Config(kind="csv", path="", min_seconds=0.0, max_seconds=3600.0)
SETTINGS = AlignSettings(max_unaligned=1.0)  # what fails is told as a share
IPA, ENGLISH = TextSettings(frontend="ipa"), TextSettings(frontend="english")

GOALS = {
    "real_time_per_core": ">= 60",
    "linear": "about 1",
    "boundary_mean_ms": "<= 8",
    "boundary_median_ms": "<= 6",
    "within_20_ms": ">= 0.95",
    "aligned_share": ">= 0.995",
}


@dataclass(frozen=True)
class Cost:
    """What it takes to align a corpus.

    Attributes:
        hours: of audio.
        cpu_seconds: of one core.
        peak_bytes: of memory in use at once, by the whole process.
        metrics: of the alignment, as its stage writes them.
    """

    hours: float
    cpu_seconds: float
    peak_bytes: int
    metrics: Mapping[str, Any]

    @property
    def seconds_per_hour(self) -> float:
        """CPU seconds per hour of audio."""
        return self.cpu_seconds / self.hours


def main() -> None:
    """Print what the options ask for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print the figures as one JSON object, on the last line")
    parser.add_argument("--hours", type=float, nargs=2, default=(0.1, 0.4), help="of speech, small and large size")
    parser.add_argument("--folder", nargs=2, metavar=("CORPUS", "TEXTGRIDS"), help="compare with TextGrids instead")
    parser.add_argument("--prefix", default="", help="of the clips' ids, which the TextGrids' names lack")
    options = parser.parse_args()
    if options.folder:
        figures = agreement(options.folder[0], options.folder[1], options.prefix)
    else:
        costs = [cost_of_speech(hours) for hours in options.hours]
        show_costs(*costs)
        figures = ratios(*costs)
        show_figures(figures)
    if options.json:
        print(json.dumps({name: round(value, 4) for name, value in figures.items()}))


def cost_of_speech(hours: float) -> Cost:
    """Speak so many hours, and align them."""
    with tempfile.TemporaryDirectory() as folder:
        raw, corpus = Path(folder, "raw"), Path(folder, "corpus")
        in_fresh_process(write_speech, raw, hours)
        in_fresh_process(prepare_corpus, SPEECH, raw, IPA, corpus)
        return in_fresh_process(cost_of_aligning, corpus, Path(folder))


def in_fresh_process(function: Callable[..., Result], *arguments: object) -> Result:
    """Call a function in a process that has done nothing else; this one must stay small, for it would count too."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


def write_speech(folder: Path, hours: float) -> None:
    """Fill a new folder with metadata.csv, wavs/ and true_phones.parquet."""
    (folder / "wavs").mkdir(parents=True)
    lines, phones, seconds = [], [], 0.0
    for number, (speaker, manner, text) in enumerate(spoken_in_turn()):
        if seconds >= hours * 3600:
            break
        name, speech = f"{speaker}-{number:05d}", speak(text, manner)
        samples = recorded(speech, np.random.default_rng(number))
        write_wav(folder / "wavs" / f"{name}.wav", samples, sample_rate=speech.sample_rate)
        lines.append(f"{name}|{speaker}|{text}\n")
        phones += phone_rows(name, speech)
        seconds += len(samples) / speech.sample_rate
    (folder / "metadata.csv").write_text("".join(lines), encoding="utf-8")
    write_table(folder / "true_phones.parquet", sorted(phones, key=lambda row: str(row["utterance_id"])), PHONES)


def spoken_in_turn() -> Iterator[tuple[str, Manner, str]]:
    """Give every sentence by one of the voices, then by the next, in new manners without end."""
    for turn in itertools.count():
        for number, text in enumerate(SENTENCES):
            speaker = list(VOICES)[(turn + number) % len(VOICES)]
            own, manner = VOICES[speaker], turn // len(VOICES)
            pitch, rate = PITCHES[manner % len(PITCHES)], RATES[manner % len(RATES)]
            yield speaker, replace(own, pitch=own.pitch + pitch, rate=round(own.rate * rate)), text


def recorded(speech: Speech, rng: np.random.Generator) -> npt.NDArray[np.int16]:
    """Samples as a microphone would have them: with silence at both ends, and noise."""
    waveform = np.pad(speech.waveform, edge(speech)).astype(np.float64)
    waveform += rng.normal(0, NOISE, len(waveform))
    return np.clip(np.rint(waveform), -32768, 32767).astype(np.int16)


def phone_rows(name: str, speech: Speech) -> list[dict[str, Any]]:
    """Rows of PHONES, of the recorded samples."""
    first, last = edge(speech), len(speech.waveform) + edge(speech)
    spoken = [(each.phone, each.start + first, each.end + first, each.word) for each in speech.phones]
    rows = [(SILENCE, 0, first, ""), *spoken, (SILENCE, last, last + first, "")]
    return [
        {
            "utterance_id": name,
            "position": position,
            "phone": phone,
            "start_seconds": start / speech.sample_rate,
            "end_seconds": end / speech.sample_rate,
            "word": word,
        }
        for position, (phone, start, end, word) in enumerate(rows)
    ]


def edge(speech: Speech) -> int:
    """Samples of silence at each end."""
    return round(EDGE_SECONDS * speech.sample_rate)


def prepare_corpus(config: csv.Config, raw: Path, text: TextSettings, corpus: Path) -> None:
    """Make a csv corpus what `tts prepare` makes of it; what cannot be used is named.

    Raises:
        CorpusError: the folder is not such a corpus.
    """
    found, unread = prepare.read_recordings(config, raw)
    texts, silent = prepare.normalize(found, text, corpus / "texts", "")
    audio = {each.utterance_id: each.audio for each in found if each.utterance_id in texts}
    results = map_cached(
        partial(prepare.samples_of, sample_rate=SAMPLE_RATE),
        audio,
        keys={name: str(number) for number, name in enumerate(audio)},
        store=corpus / "results",
        executor=ThisProcess(),
        label="prepare",
    )
    dropped = [*unread, *silent, *prepare.unusable(results, config, SAMPLE_RATE)]
    for each in dropped:
        print(f"left out: {each.utterance_id}: {each.reason}: {each.detail}")
    lost = {each.utterance_id for each in dropped}
    kept = [each for each in found if each.utterance_id not in lost]
    prepared = prepare.Prepared(kept, texts, results, SAMPLE_RATE)
    shards = ShardStore(corpus / "shards", ThisProcess(), links=False)
    prepare.write_corpus(corpus, prepared, shards, shard_clips=128)
    prepare.copy_true_phones(raw, corpus, prepared)


def cost_of_aligning(corpus: Path, work: Path) -> Cost:
    """Learn and align a prepared corpus of espeak's."""
    spoken = read_spoken(corpus, IPA, work, run=serial_map)
    align(spoken[:1], work / "first")  # what is made on first use is made
    before = cpu_seconds()
    alignments = align(spoken, work / "all")
    seconds = cpu_seconds() - before
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return Cost(hours_of(spoken), seconds, used, measure(alignments, corpus))


def align(spoken: list[Spoken], work: Path) -> Alignments:
    """Learn and align by the embedded aligner, in this process."""
    return align_corpus(spoken, SETTINGS, work, run=serial_map)


def cpu_seconds() -> float:
    """Of this process and the children it has waited for, in user and system mode."""
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def hours_of(spoken: list[Spoken]) -> float:
    """Hours of audio."""
    return sum(each.clip.num_samples / each.clip.sample_rate for each in spoken) / 3600


def ratios(small: Cost, large: Cost) -> dict[str, float]:
    """Figures of the large size, and how they grow from the small one."""
    errors, within = large.metrics["boundary_error_ms"], large.metrics["boundary_within"]
    return {
        "real_time_per_core": 3600 / large.seconds_per_hour,
        "linear": large.seconds_per_hour / small.seconds_per_hour,
        "memory_growth": large.peak_bytes / small.peak_bytes,
        **{f"boundary_{name}_ms": value for name, value in errors.items()},
        **{f"within_{limit}": share for limit, share in within.items()},
        "aligned_share": large.metrics["aligned_share"],
    }


def show_costs(*costs: Cost) -> None:
    """Print a line per size."""
    print(
        f"{'hours':>8}{'clips':>8}{'CPU s':>9}{'CPU s/h':>9}{'x real time':>13}"
        f"{'peak MB':>9}{'mean ms':>9}{'median':>8}"
    )
    for cost in costs:
        errors = cost.metrics["boundary_error_ms"]
        print(
            f"{cost.hours:8.3f}{cost.metrics['clips']:8d}{cost.cpu_seconds:9.2f}{cost.seconds_per_hour:9.1f}"
            f"{3600 / cost.seconds_per_hour:13.1f}{cost.peak_bytes / 1e6:9.0f}"
            f"{errors['mean']:9.2f}{errors['median']:8.2f}"
        )


def show_figures(figures: Mapping[str, float]) -> None:
    """Print a line per figure, with its goal."""
    for name, value in figures.items():
        print(f"{name:24}{value:10.3f}  {GOALS.get(name, ''):>10}")


def agreement(folder: str, textgrids: str, prefix: str) -> dict[str, float]:
    """Align recordings of English, and print and give how far the boundaries are from those of TextGrids.

    Raises:
        CorpusError: the folder is not such a corpus.
        AlignmentError: there are no TextGrids, or none is of a clip of the corpus.
    """
    with tempfile.TemporaryDirectory() as work:
        corpus = Path(work, "corpus")
        prepare_corpus(RECORDINGS, Path(folder), ENGLISH, corpus)
        spoken = read_spoken(corpus, ENGLISH, Path(work, "spoken"), run=serial_map)
        before = cpu_seconds()
        alignments = align(spoken, Path(work, "all"))
        seconds = cpu_seconds() - before
    named = read_alignment(textgrids, Paths(Path()), known=(), executor=ThisProcess())
    theirs = {f"{prefix}{name}": rows for name, rows in named.items()}
    if theirs.keys().isdisjoint(alignments.kept):
        examples = f"{min(alignments.kept, default='none')}, {min(theirs)}"
        raise AlignmentError(f"{textgrids}: has no clip of {folder} ({examples}); name the --prefix that it lacks")
    found = compare_alignments({name: alignments.kept[name] for name in theirs if name in alignments.kept}, theirs)
    show_comparison(found, folder, textgrids)
    return {
        "real_time_per_core": hours_of(spoken) * 3600 / seconds,
        "aligned_share": len(alignments.kept) / alignments.num_clips,
        "clips_compared": found["clips"]["both"],
        "boundaries_compared": found["boundaries"],
        **{f"{name}_ms": value for name, value in found["difference_ms"].items()},
        **{f"within_{limit}": share for limit, share in found["within"].items()},
    }


if __name__ == "__main__":
    main()
