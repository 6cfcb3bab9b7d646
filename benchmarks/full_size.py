"""Every data stage at the size of LJSpeech: seconds, memory, a run with nothing to do, and one per cent more clips.

    python benchmarks/full_size.py [--json] [--clips 13100] [--folder /large/disk]

The demo's voices speak a corpus of kind csv, two sentences a clip: 13,100 clips are 23 h and want 25 GB of disk. A
project of its own, made from the last commit, runs `dvc repro` up to the index with the settings of the preset
ljspeech and, as README advises for large corpora, a DVC cache of hard links; then, with nothing to do, `dvc repro` and
`dvc status` (medians of five), beside the same of a project of ten stages that each write a word; then one per cent of
clips is added and it runs again, the reading of the recordings and all of DVC's own work included. Memory is the
largest of any process of a stage: `anonymous` is what it holds itself, `resident` also counts pages of files that it
maps, which the system takes back when it needs them.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from made_speech import ROOT, SAMPLE_RATE, VOICES, data_params, noisy, texts

from tts.audio.files import write_wav
from tts.text.espeak import speak

STAGES = ("download", "prepare", "align", "mel", "prosody", "index")
REPEATS = 5

GOALS = {
    "largest_anonymous_mb": "< 1500",
    "repro_nothing_to_do_seconds": "< 1",
    "status_seconds": "< 0.6",
    "added_share": "< 0.03",
}


def speak_clips(folder: Path, numbers: range) -> None:
    """Write these clips of a corpus of kind csv, and append their lines."""
    (folder / "wavs").mkdir(parents=True, exist_ok=True)
    said = list(texts(numbers))
    with ProcessPoolExecutor() as pool:
        list(pool.map(partial(_record, folder), numbers, said, chunksize=32))
    with (folder / "metadata.csv").open("a", encoding="utf-8") as file:
        file.writelines(
            f"{_name(number)}|v{number % len(VOICES)}|{text}\n" for number, text in zip(numbers, said, strict=True)
        )


def _name(number: int) -> str:
    return f"c{number:06d}"


def _record(folder: Path, number: int, text: str) -> None:
    speech = speak(text, VOICES[number % len(VOICES)])
    samples = noisy(np.pad(speech.waveform, SAMPLE_RATE // 10), number)
    write_wav(folder / "wavs" / f"{_name(number)}.wav", samples, sample_rate=speech.sample_rate)


def make_project(folder: Path, recordings: Path) -> None:
    """Clone this project, its last commit, and let its corpus be the recordings."""
    subprocess.run(["git", "clone", "--quiet", ROOT, folder], check=True)
    corpus = {"kind": "csv", "path": str(recordings), "columns": ["id", "speaker", "text"]}
    params = data_params("big", corpus)
    (folder / "params.yaml").write_text(json.dumps(params, indent=1))
    (folder / ".dvc" / "config.local").write_text(
        '[core]\n    analytics = false\n[cache]\n    type = "hardlink,copy"\n'
    )


def make_smallest_project(folder: Path) -> None:
    """Make a project of ten stages that each write a word, and run them."""
    stages = {f"s{number}": {"cmd": f"echo {number} > {number}", "outs": [str(number)]} for number in range(10)}
    for number in range(1, 10):
        stages[f"s{number}"]["deps"] = [str(number - 1)]
    folder.mkdir()
    (folder / "dvc.yaml").write_text(json.dumps({"stages": stages}))
    for command in ("git init --quiet", "dvc init --quiet", "dvc config core.analytics false", "dvc repro --quiet"):
        run(folder, *command.split())


class Memory:
    """The largest process of each stage, by what is in /proc, looked at five times a second."""

    def __init__(self) -> None:
        self.largest_mb: dict[str, dict[str, float]] = defaultdict(lambda: {"resident": 0.0, "anonymous": 0.0})

    @contextmanager
    def watching(self, session: int) -> Iterator[None]:
        """Look at every process of a session until the block ends."""
        is_over = threading.Event()
        watcher = threading.Thread(target=self._watch, args=(session, is_over))
        watcher.start()
        try:
            yield
        finally:
            is_over.set()
            watcher.join()

    def _watch(self, session: int, is_over: threading.Event) -> None:
        stage = "dvc"
        while not is_over.wait(0.2):
            for process in (each.name for each in Path("/proc").iterdir() if each.name.isdigit()):
                try:
                    if os.getsid(int(process)) != session:
                        continue
                    command = Path("/proc", process, "cmdline").read_text().split("\0")
                    status = Path("/proc", process, "status").read_text()
                except (OSError, ValueError):
                    continue  # it has ended
                stage = next((name for name in STAGES if name in command), stage)
                self._note("dvc" if command[1:2] and command[1].endswith("dvc") else stage, status)

    def _note(self, stage: str, status: str) -> None:
        for kind, field in (("resident", "VmRSS"), ("anonymous", "RssAnon")):
            found = re.search(rf"{field}:\s+(\d+) kB", status)
            if found:
                self.largest_mb[stage][kind] = max(self.largest_mb[stage][kind], int(found[1]) / 1e3)


def run(project: Path, *command: str, memory: Memory | None = None) -> tuple[float, str]:
    """Seconds of a command in the project, and what it wrote.

    Raises:
        RuntimeError: it failed.
    """
    environment = {**os.environ, "PYTHONPATH": str(project), "DVC_NO_ANALYTICS": "1"}
    environment["PATH"] = f"{Path(sys.executable).parent}:{environment['PATH']}"
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    started = time.perf_counter()
    process = subprocess.Popen(command, cwd=project, env=environment, start_new_session=True, **pipes)
    with (memory or Memory()).watching(process.pid):
        written, _ = process.communicate()
    seconds = time.perf_counter() - started
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} failed: {written[-2000:]}")
    return seconds, written


def timed(project: Path, *command: str) -> float:
    """Median seconds of a command that has nothing to do, without the watch on its memory."""
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    seconds = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        subprocess.run(command, cwd=project, env=environment, check=True, capture_output=True)
        seconds.append(time.perf_counter() - started)
    print(f"{' '.join(command)}: {min(seconds):.2f} to {max(seconds):.2f} s")
    return statistics.median(seconds)


def stage_seconds(written: str) -> dict[str, float]:
    """What the closing line of each stage says."""
    lines = re.findall(rf"^({'|'.join(STAGES)}) big: (.*), ([\d.]+) s$", written, re.MULTILINE)
    for stage, said, seconds in lines:
        print(f"{stage:10s} {seconds:>8s} s  {said}")
    return {stage: float(seconds) for stage, _, seconds in lines}


def measure(folder: Path, num_clips: int) -> dict[str, Any]:
    """Run it all below a folder."""
    recordings, project, memory = folder / "recordings", folder / "project", Memory()
    speak_clips(recordings, range(num_clips))
    make_project(project, recordings)
    full, written = run(project, "dvc", "repro", "index@big", memory=memory)
    stages = stage_seconds(written)
    make_smallest_project(folder / "smallest")
    run(project, "dvc", "repro")  # the report
    idle = {
        f"{command}_{where}": timed(folder / where, "dvc", command)
        for command in ("repro", "status")
        for where in ("project", "smallest")
    }
    num_added = max(1, round(num_clips / 100))
    speak_clips(recordings, range(num_clips, num_clips + num_added))
    fetched, _ = run(project, "dvc", "repro", "--force", "--single-item", "download@big", memory=memory)
    rest, written = run(project, "dvc", "repro", "index@big", memory=memory)
    again = stage_seconds(written)
    hours = json.loads((project / "metrics" / "data-big.json").read_text())["hours"]
    return {
        "clips": num_clips,
        "hours": hours,
        "seconds": full,
        "stage_seconds": stages,
        "added_clips": num_added,
        "added_seconds": fetched + rest,
        "added_stage_seconds": again,
        "added_share": (fetched + rest) / full,
        "repro_nothing_to_do_seconds": idle["repro_project"],
        "repro_over_smallest": idle["repro_project"] / idle["repro_smallest"],
        "status_seconds": idle["status_project"],
        "status_over_smallest": idle["status_project"] / idle["status_smallest"],
        "memory_mb": memory.largest_mb,
        "largest_anonymous_mb": max(each["anonymous"] for each in memory.largest_mb.values()),
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line")
    parser.add_argument("--clips", type=int, default=13100)
    parser.add_argument(
        "--folder", type=Path, help="an empty folder to work in, and to keep; otherwise a temporary one"
    )
    chosen = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="full-size-") as temporary:
        found = measure(chosen.folder or Path(temporary), chosen.clips)
    for name, value in found.items():
        print(f"{name:30s} {value if not isinstance(value, float) else round(value, 3)}  {GOALS.get(name, '')}")
    if chosen.json:
        print(json.dumps(found))


if __name__ == "__main__":
    main()
