"""Every vocoder after the same CPU seconds of training on the demo corpus, beside Griffin-Lim: a table for Markdown.

    python benchmarks/vocoder_table.py [--seconds 120] [--clips 10] [--runs demo_vocos demo_hifigan]
        [--folder FOLDER] [--json]

Run it in a project whose mels of the demo corpus are made (`make demo`, or `dvc repro mel@demo`). Trains the runs that
`presets/demo_vocoders.yaml` builds, each for the same seconds of one core, with the trainer of `tts train`; speaks the
mels of the test split, which none of them learned from, and measures what is spoken beside the recordings with the
metrics of `evaluate`. All seconds, those of real-time factors too, are what one core worked, so that others on the
machine change little. WaveGAN as published is left out: it is told no mel.

`MCD less Griffin-Lim's` is the mean of paired differences with its 95 % interval; below 0 throughout, a vocoder beats
Griffin-Lim. A vocoder that does not needs more than these seconds. With `--folder`, models, sounds and rows are kept
there, and rows that it holds are not made again.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from pipeline.params import Params
from pipeline.paths import Paths
from pipeline.training import Run, read_run
from pipeline.yaml import read_yaml
from tts.audio.files import write_wav
from tts.audio.mel_definition import MelDefinition
from tts.audio.prosody import PitchSettings
from tts.config import build
from tts.data.features import CorpusFeatures
from tts.interfaces import Inventory
from tts.metrics.intervals import paired_difference
from tts.metrics.scoring import Take, score
from tts.models import load_kind
from tts.training.processes import ALONE
from tts.training.trainer import Host, Trainer
from tts.vocoders.griffin_lim import SYSTEM as GRIFFIN_LIM

PRESET = Path(__file__).parents[1] / "presets" / "demo_vocoders.yaml"
METRICS = {"mel_l1": "mel L1", "mr_stft": "MR-STFT", "mcd_db": "MCD dB", "dnsmos_ovrl": "DNSMOS OVRL"}
BASELINE, RECORDINGS = "griffin_lim", "recordings"
ENDLESS = 10**9
"""Steps; the clock ends the runs."""

Waveform = npt.NDArray[np.float32]
Speak = Callable[[str], Waveform]


@dataclass(frozen=True)
class Row:
    """What is known of one vocoder.

    Attributes:
        name: of its run.
        scores: by metric and clip.
        real_time_factor: of one core; about 0 where recordings are only read.
        parameters: as it speaks; None where nothing was learned.
        steps: of training.
        seconds: of one core, that these took.
    """

    name: str
    scores: Mapping[str, Mapping[str, float]]
    real_time_factor: float
    parameters: int | None = None
    steps: int | None = None
    seconds: float | None = None

    def mean(self, metric: str) -> float:
        """Of all clips."""
        return statistics.fmean(self.scores[metric].values())


@dataclass(frozen=True)
class Options:
    """What is measured.

    Attributes:
        runs: of the preset.
        seconds: of one core, that each is trained for.
        clips: of the test split, at most.
    """

    runs: tuple[str, ...]
    seconds: float
    clips: int


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=120, help="of one core, for each vocoder")
    parser.add_argument("--clips", type=int, default=10, help="of the test split, at most")
    parser.add_argument("--runs", nargs="+", help="of the preset; all where it is left out")
    parser.add_argument("--folder", type=Path, help="keeps models, sounds and rows; otherwise a temporary one")
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line")
    chosen = parser.parse_args(arguments)
    torch.set_num_threads(1)
    params = build(Params, read_yaml(PRESET), where="")
    wanted = Options(tuple(chosen.runs or params.run.vocoders), chosen.seconds, chosen.clips)
    with tempfile.TemporaryDirectory(prefix="vocoders-") as temporary:
        rows = measure(params, Path(), chosen.folder or Path(temporary), wanted)
    print("\n".join(table(rows)))
    if chosen.json:
        print(json.dumps(figures(rows)))


def measure(params: Params, root: Path, folder: Path, options: Options) -> list[Row]:
    """Rows of the recordings, of Griffin-Lim, and of runs; each is kept in the folder as soon as it is known.

    Args:
        params: that hold the runs.
        root: of the project with the corpus.
        folder: for models, sounds and rows; kept rows are read.
        options: what is measured.
    """
    runs = {name: _opened(params, root, name) for name in options.runs}
    test = _Test.of(next(iter(runs.values())).features, params.pitch, options.clips, folder)
    makers: dict[str, Callable[[], Row]] = {
        RECORDINGS: lambda: test.row(RECORDINGS, test.features.audio),
        BASELINE: lambda: test.row(BASELINE, test.voice(_griffin_lim(test.features.mel_definition))),
        **{name: partial(_trained, test, name, run, options.seconds) for name, run in runs.items()},
    }
    return [_kept(folder / f"{name}.json", make) for name, make in makers.items()]


def table(rows: Sequence[Row]) -> list[str]:
    """Lines of a Markdown table."""
    baseline = next(row for row in rows if row.name == BASELINE)
    titles = ["vocoder", *METRICS.values(), "MCD less Griffin-Lim's", "parameters", "real-time factor", "steps",
              "steps/s"]  # fmt: skip
    lines = [f"| {' | '.join(titles)} |", "|---" * len(titles) + "|"]
    for row in rows:
        scores = [f"{row.mean(metric):.3f}" for metric in METRICS]
        cells = [row.name, *scores, _against(row, baseline), *_costs(row)]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def figures(rows: Sequence[Row]) -> dict[str, Any]:
    """Means by metric, and costs, by name."""
    costs = ("parameters", "steps", "seconds", "real_time_factor")
    return {
        row.name: {metric: row.mean(metric) for metric in METRICS} | {cost: asdict(row)[cost] for cost in costs}
        for row in rows
    }


def _against(row: Row, baseline: Row) -> str:
    if row.name in (BASELINE, RECORDINGS):
        return ""
    found = paired_difference(row.scores["mcd_db"], baseline.scores["mcd_db"])
    return f"{found.mean:+.2f} ({found.low:+.2f} to {found.high:+.2f})"


def _costs(row: Row) -> list[str]:
    return [
        "" if row.parameters is None else f"{row.parameters:,}",
        "" if row.name == RECORDINGS else f"{row.real_time_factor:.3f}",
        "" if row.steps is None else f"{row.steps:,}",
        "" if row.steps is None or row.seconds is None else f"{row.steps / row.seconds:.2f}",
    ]


def _kept(path: Path, make: Callable[[], Row]) -> Row:
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asdict(make())), encoding="utf-8")
        print(f"measured {path.stem}", flush=True)
    return Row(**json.loads(path.read_text(encoding="utf-8")))


def _opened(params: Params, root: Path, name: str) -> Run:
    run = read_run(params, Paths(root), name)
    settings = replace(run.settings, steps=ENDLESS, validate_every=ENDLESS, checkpoint_every=ENDLESS)
    return replace(run, settings=settings)


def _trained(test: _Test, name: str, run: Run, seconds: float) -> Row:
    folder = test.folder / "models" / name
    steps, spent = train(run, folder, seconds=seconds)
    network = load_kind(folder, "vocoder").network
    parameters = sum(each.numel() for each in network.parameters())
    return replace(test.row(name, test.voice(network)), parameters=parameters, steps=steps, seconds=spent)


def train(run: Run, folder: Path, *, seconds: float) -> tuple[int, float]:
    """Train a run until the seconds of one core are over; give its steps and the seconds that it took.

    Args:
        run: of which only the clock ends the training.
        folder: for its model.
        seconds: of one core.
    """
    task = run.task(torch.device("cpu"), ALONE)
    start = time.process_time()
    host = Host(should_stop=lambda: time.process_time() - start >= seconds)
    with tempfile.TemporaryDirectory() as work:
        trainer = Trainer(task, run.data(task.network), run.settings, directory=Path(work), host=host)
        trainer.run()
    spent = time.process_time() - start
    folder.mkdir(parents=True, exist_ok=True)
    run.export(folder, task, steps=trainer.progress.step)
    return trainer.progress.step, spent


def _griffin_lim(mel: MelDefinition) -> nn.Module:
    return GRIFFIN_LIM.build(GRIFFIN_LIM.configurations["published"], Inventory(mel=mel)).eval()


@dataclass(frozen=True)
class _Test:
    """Clips that nobody learned from.

    Attributes:
        features: of their corpus.
        pitch: search range of F0, which metrics are asked for with.
        clips: their ids.
        folder: for sounds.
    """

    features: CorpusFeatures
    pitch: PitchSettings
    clips: tuple[str, ...]
    folder: Path

    @classmethod
    def of(cls, features: CorpusFeatures, pitch: PitchSettings, most: int, folder: Path) -> _Test:
        """At most so many clips of the test split, spread evenly over it."""
        ids = features.select("test")
        places = np.linspace(0, len(ids) - 1, min(most, len(ids))).round().astype(int)
        return cls(features, pitch, tuple(ids[place] for place in places), folder)

    def voice(self, network: nn.Module) -> Speak:
        """How a vocoder speaks a clip's mel."""

        @torch.inference_mode()
        def speak(name: str) -> Waveform:
            mel = np.array(self.features.mel(name), np.float32)
            waveform: Waveform = network(torch.from_numpy(mel.T.copy())[None])[0].numpy()
            return waveform

        return speak

    def row(self, name: str, speak: Speak) -> Row:
        """Scores and speed of who speaks."""
        speak(self.clips[0])  # what is made on first use is made
        start = time.process_time()
        spoken = {clip: speak(clip) for clip in self.clips}
        seconds = time.process_time() - start
        factor = seconds * self.features.mel_definition.sample_rate / sum(map(len, spoken.values()))
        return Row(name, self._scores(self.folder / name, spoken), factor)

    def _scores(self, folder: Path, spoken: Mapping[str, Waveform]) -> dict[str, dict[str, float]]:
        """Scores by metric and clip; the sounds are kept."""
        folder.mkdir(parents=True, exist_ok=True)
        found: dict[str, dict[str, float]] = {metric: {} for metric in METRICS}
        definition = self.features.mel_definition
        for name, waveform in spoken.items():
            write_wav(folder / f"{name}.wav", waveform, sample_rate=definition.sample_rate)
            take = Take(waveform, self.features.audio(name), in_step=True)
            for metric, value in score(take, definition, self.pitch, list(METRICS)).values.items():
                found[metric][name] = value
        return found


if __name__ == "__main__":
    main()
