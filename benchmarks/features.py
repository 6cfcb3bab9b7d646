"""What mel, pitch and energy cost, beside the least they could cost and beside a public preprocessor.

    python benchmarks/features.py [--json] [--clips 400] [--reference FASTSPEECH2]

The demo's voices speak clips of two sentences, whose true phones are written as TextGrids. Then, in rounds:

- `cpu_over_floor`: CPU seconds of the stages mel and prosody, from the prepared corpus to the shards, results kept
  for the next run and tables included, over those of pyworld's DIO and StoneMask and one STFT of each clip.
- `speedup_2_processes`: wall seconds of the same stages with one worker process over those with two. Both are forked
  from a server that has imported what they need, as in a stage; its 2 s at the start of a stage are left out.
- `over_reference`: wall seconds of ming024's FastSpeech 2 preprocessor (https://github.com/ming024/FastSpeech2; a
  checkout is named with --reference) over those of our stages prepare, align, mel, prosody and index, both from the
  same WAV files and TextGrids, both with two cores: theirs may use both for their STFT, ours are two processes. It is
  run as it is, but for what today's libraries no longer accept (see `reference_modules`). How far pitch (at the same
  frames) and durations are the same, and why not all of them, is told besides (see `agreement`).
- `shards_over_files`: see feature_reading.py.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import types
import warnings
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import contextmanager, nullcontext, redirect_stdout
from io import StringIO
from itertools import islice
from multiprocessing import forkserver
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import numpy.typing as npt
import torch
from feature_reading import shards_over_files
from made_speech import SAMPLE_RATE, VOICES, data_params, noisy, texts

import pipeline.stage
from pipeline.clips import read_clips
from pipeline.fingerprint import PACKAGES, import_closure
from pipeline.parallel import ThisProcess
from pipeline.yaml import read_yaml
from tts.alignment.durations import frame_durations
from tts.audio.files import read_audio, write_wav
from tts.audio.mel_definition import MelDefinition
from tts.audio.prosody import PitchSettings, f0
from tts.audio.samples import Waveform
from tts.audio.spectrogram import stft
from tts.text.espeak import Speech, speak

CORPUS = "speech"
HOP = 256
PITCH = PitchSettings(f_min=71, f_max=800)  # what the reference has
ROUNDS = 3
CHECKED = 50  # clips whose pitch and durations are compared

GOALS = {
    "cpu_over_floor": "<= 1.25",
    "speedup_2_processes": ">= 1.8",
    "over_reference": ">= 4",
    "shards_over_files": ">= 10",
    "frames_per_10_ms": ">= 20000",
}


def make_project(folder: Path, num_clips: int) -> None:
    """Write recordings with TextGrids, and a project that imports them."""
    recordings = folder / "recordings"
    (recordings / "wavs").mkdir(parents=True)
    lines = []
    for number, text in enumerate(texts(range(num_clips))):
        speech = speak(text, VOICES[number % len(VOICES)])
        samples = noisy(speech.waveform, number)
        write_wav(recordings / "wavs" / f"c{number:05d}.wav", samples, sample_rate=speech.sample_rate)
        write_textgrid(recordings / "TextGrid" / "one" / f"c{number:05d}.TextGrid", speech)
        lines.append(f"c{number:05d}|{text}\n")
    (recordings / "metadata.csv").write_text("".join(lines), encoding="utf-8")
    params = data_params(CORPUS, {"kind": "csv", "path": str(recordings), "speaker": "one"})
    params["text"] = {"frontend": "ipa", "lexicon": None}
    params["align"] = {"backend": "textgrid", "textgrid": {"folder": str(recordings / "TextGrid")}}
    params["pitch"] = {"f_min": PITCH.f_min, "f_max": PITCH.f_max}
    (folder / "params.yaml").write_text(json.dumps(params))


def write_textgrid(path: Path, speech: Speech) -> None:
    """Write tiers of words and phones; nothing is silent at the ends, so that nobody trims them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    phones = [[each.start, each.end, each.phone, each.word] for each in speech.phones]
    phones[0][0], phones[-1][1] = 0, len(speech.waveform)
    words: list[list[Any]] = []
    for start, end, _, word in phones:
        if words and word and words[-1][2] == word:
            words[-1][1] = end
        else:
            words.append([start, end, word])
    tiers = {"words": words, "phones": [each[:3] for each in phones]}
    seconds = len(speech.waveform) / speech.sample_rate
    head = ["ooTextFile", "TextGrid", "", "0", f"{seconds}", "<exists>", f"{len(tiers)}"]
    lines = [f'File type = "{head[0]}"', f'Object class = "{head[1]}"', *head[2:]]
    for name, rows in tiers.items():
        lines += ['"IntervalTier"', f'"{name}"', "0", f"{seconds}", f"{len(rows)}"]
        for start, end, label in rows:
            lines += [f"{start / speech.sample_rate}", f"{end / speech.sample_rate}", f'"{label}"']
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


@contextmanager
def inside(folder: Path):  # noqa: ANN201 - a context
    """Work in a folder."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def run_stages(project: Path, stages: Sequence[str], *, workers: int) -> float:
    """Wall seconds of stages that find nothing kept."""
    import stages as commands

    (project / "runtime.yaml").write_text(f"workers: {workers}\n")
    for name in stages:
        shutil.rmtree(project / ".tts_cache" / name, ignore_errors=True)
    started = time.perf_counter()
    with inside(project), redirect_stdout(StringIO()):
        for name in stages:
            __import__(f"stages.{name}")
            getattr(commands, name).run(CORPUS)
    return time.perf_counter() - started


def cpu_seconds(project: Path, stages: Sequence[str]) -> float:
    """CPU seconds of the same, all of it done in this process, whose CPU time can be told."""
    before = time.process_time()
    with mock.patch.object(pipeline.stage, "open_executor", return_value=nullcontext(ThisProcess())):
        run_stages(project, stages, workers=1)
    return time.process_time() - before


def floor_seconds(project: Path) -> float:
    """CPU seconds of DIO, StoneMask and one STFT of each clip."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pyworld
    definition = mel_definition(project)
    clips = read_clips(project / "data" / "corpus" / CORPUS).values()
    before = time.process_time()
    for clip in clips:
        waveform = clip.waveform()
        stft(torch.from_numpy(waveform)[None], definition)
        samples = waveform.astype(np.float64)
        period = 1000 * HOP / SAMPLE_RATE
        raw, seconds = pyworld.dio(samples, SAMPLE_RATE, f0_floor=PITCH.f_min, f0_ceil=PITCH.f_max, frame_period=period)
        pyworld.stonemask(samples, raw, seconds, SAMPLE_RATE)
    return time.process_time() - before


def mel_definition(project: Path, **changed: Any) -> MelDefinition:  # noqa: ANN401 - any setting
    """The project's, or one that differs from it."""
    return MelDefinition(**{**read_yaml(project / "params.yaml")["audio"], **changed})


def costs(project: Path) -> dict[str, float]:
    """CPU over the floor, and wall seconds of one process over those of two."""
    over, speedup = [], []
    for number in range(ROUNDS + 1):
        floor, cpu = floor_seconds(project), cpu_seconds(project, ("mel", "prosody"))
        one, two = (run_stages(project, ("mel", "prosody"), workers=workers) for workers in (1, 2))
        print(f"floor {floor:.1f} s CPU, ours {cpu:.1f} s CPU, {one:.1f} s wall, {two:.1f} s with two processes")
        if number:  # the first round compiles and loads
            over.append(cpu / floor)
            speedup.append(one / two)
    return {**spread("cpu_over_floor", over), **spread("speedup_2_processes", speedup)}


def spread(name: str, values: Sequence[float]) -> dict[str, float]:
    """Median, least and greatest."""
    return {name: statistics.median(values), f"{name}_low": min(values), f"{name}_high": max(values)}


def beside_reference(project: Path, checkout: Path) -> dict[str, float]:
    """Wall seconds of the reference over ours, in turn, and how far the results are the same."""
    ratios = []
    for number in range(ROUNDS + 1):
        output = project / "reference"
        shutil.rmtree(output, ignore_errors=True)
        theirs = run_reference(project, checkout, output)
        ours = run_stages(project, ("prepare", "align", "mel", "prosody", "index"), workers=2)
        print(f"reference {theirs:.1f} s, ours {ours:.1f} s")
        if number:
            ratios.append(theirs / ours)
    return {**spread("over_reference", ratios), **agreement(project, output)}


def run_reference(project: Path, checkout: Path, output: Path) -> float:
    """Wall seconds of the reference, its imports not counted."""
    raw = project / "reference_raw" / "one"
    if not raw.exists():
        raw.mkdir(parents=True)
        for wav in (project / "recordings" / "wavs").iterdir():
            (raw / wav.name).symlink_to(wav)
            (raw / f"{wav.stem}.lab").write_text("text")
    output.mkdir()
    (output / "TextGrid").symlink_to(project / "recordings" / "TextGrid")
    command = [sys.executable, __file__, "--run-reference", str(checkout), str(raw.parent), str(output)]
    environment = {**os.environ, "OMP_NUM_THREADS": "2"}
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    return float(done.stdout.splitlines()[-1])


def reference_main(checkout: str, raw: str, output: str) -> None:
    """Run the reference in this process and print its seconds."""
    sys.modules.update(reference_modules())
    sys.path.insert(0, checkout)
    from preprocessor.preprocessor import Preprocessor  # type: ignore[import-not-found]

    level = {"feature": "frame_level", "normalization": False}
    stft_settings = {"filter_length": 1024, "hop_length": HOP, "win_length": 1024}
    mel = {"n_mel_channels": 80, "mel_fmin": 0, "mel_fmax": 8000}
    audio = {"sampling_rate": SAMPLE_RATE}
    steps = {"val_size": 10, "audio": audio, "stft": stft_settings, "mel": mel, "pitch": level, "energy": level}
    preprocessor = Preprocessor({"path": {"raw_path": raw, "preprocessed_path": output}, "preprocessing": steps})
    started = time.perf_counter()
    preprocessor.build_from_path()
    print(time.perf_counter() - started)


def reference_modules() -> Mapping[str, types.ModuleType]:
    """What the reference needs to run today: keywords that were positions, no GPU, and a reader of TextGrids.

    The reader stands in for `tgt` and reads only what `write_textgrid` writes, which costs less.
    """
    import librosa.filters
    import librosa.util

    mel, pad_center = librosa.filters.mel, librosa.util.pad_center
    librosa.filters.mel = lambda sr, n_fft, n_mels, low, high: mel(
        sr=sr, n_fft=n_fft, n_mels=n_mels, fmin=low, fmax=high
    )
    librosa.util.pad_center = lambda data, size, **options: pad_center(data, size=size, **options)
    torch.Tensor.cuda = lambda self, *arguments, **options: self  # type: ignore[method-assign]
    tgt = types.ModuleType("tgt")
    tgt.io = types.SimpleNamespace(read_textgrid=_StandIn)  # type: ignore[attr-defined]
    return {"tgt": tgt}


class _StandIn:
    def __init__(self, path: str) -> None:
        self._lines = Path(path).read_text(encoding="utf-8").splitlines()

    def get_tier_by_name(self, name: str) -> types.SimpleNamespace:
        start = self._lines.index(f'"{name}"')
        fields = iter(self._lines[start + 4 :])
        rows = islice(zip(fields, fields, fields, strict=False), int(self._lines[start + 3]))
        found = [(float(begin), float(end), text.strip('"') or "sp") for begin, end, text in rows]
        objects = [types.SimpleNamespace(start_time=begin, end_time=end, text=text) for begin, end, text in found]
        return types.SimpleNamespace(_objects=objects)


def agreement(project: Path, output: Path) -> dict[str, float]:
    """Shares of equal values in some clips: pitch within 0.001 %, and durations.

    Their frames are centred on multiples of the hop as to pitch and mel, but phones are cut half a hop off them: pitch
    is compared with framing "centered", durations with framing "hifigan", in which a boundary is rounded as theirs.
    What still differs has three causes, each of which is left out of a further share:

    - `pitch_equal_same_samples`: they keep int(end * rate) samples, one too few where the product is rounded down;
      here our pitch is measured on what they keep, too.
    - `durations_equal_but_last`: with them a clip's last phone ends at its length in hops rounded, which may be a frame
      more than the `L // hop` that the framing has.
    - `durations_equal_untied`: besides, a frame that is centred on a boundary is the next phone's with us; they round
      half to even, so it goes to either side.
    """
    found: dict[str, list[npt.NDArray[np.bool_]]] = defaultdict(list)
    for wav in sorted((project / "recordings" / "wavs").iterdir())[:CHECKED]:
        waveform = read_audio(wav, sample_rate=SAMPLE_RATE)
        grid = _StandIn(str(output / "TextGrid" / "one" / f"{wav.stem}.TextGrid")).get_tier_by_name("phones")
        ends = np.array([each.end_time for each in grid._objects])
        pitch = np.load(output / "pitch" / f"one-pitch-{wav.stem}.npy")
        durations = np.load(output / "duration" / f"one-duration-{wav.stem}.npy")
        found["pitch_equal"].append(_same_pitch(project, waveform, pitch))
        kept = waveform[: int(SAMPLE_RATE * ends[-1])]
        found["pitch_equal_same_samples"].append(_same_pitch(project, kept, pitch))
        same = frame_durations(ends, len(waveform), mel_definition(project)) == durations
        tied = np.isclose(ends * SAMPLE_RATE / HOP % 1, 0.5, rtol=0, atol=1e-6)
        untied = ~(tied | np.append(False, tied[:-1]))[:-1]
        found["durations_equal"].append(same)
        found["durations_equal_but_last"].append(same[:-1])
        found["durations_equal_untied"].append(same[:-1][untied])
    return {name: float(np.concatenate(parts).mean()) for name, parts in found.items()}


def _same_pitch(project: Path, waveform: Waveform, theirs: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    ours = f0(waveform, mel_definition(project, framing="centered"), PITCH)[: len(theirs)]
    return np.abs(ours - theirs) <= 1e-5 * theirs


def measure(folder: Path, num_clips: int, checkout: Path | None) -> dict[str, float]:
    """All figures."""
    torch.set_num_threads(1)
    # Workers import this script again, so that what it has imported is part of what they need.
    ours = [name for name in sys.modules if name.partition(".")[0] in PACKAGES]
    needed = ["pipeline.local_executor", "pipeline.mel", *import_closure("pipeline.prosody")]
    multiprocessing.set_forkserver_preload([*ours, *needed])
    forkserver.ensure_running()
    project = folder / "project"
    make_project(project, num_clips)
    run_stages(project, ("download", "prepare", "align"), workers=2)
    found = costs(project)
    if checkout:
        found |= beside_reference(project, checkout)
    (folder / "reading").mkdir()
    return found | shards_over_files(folder / "reading")


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line")
    parser.add_argument("--clips", type=int, default=400)
    parser.add_argument("--reference", type=Path, metavar="PATH", help="a checkout of ming024/FastSpeech2")
    parser.add_argument("--run-reference", nargs=3, help=argparse.SUPPRESS)
    chosen = parser.parse_args(arguments)
    if chosen.run_reference:
        reference_main(*chosen.run_reference)
        return
    with tempfile.TemporaryDirectory(prefix="features-") as folder:
        found = measure(Path(folder), chosen.clips, chosen.reference)
    for name, value in found.items():
        print(f"{name:30s} {value:10.3f}  {GOALS.get(name, '')}")
    if chosen.json:
        print(json.dumps(found))


if __name__ == "__main__":
    main()
