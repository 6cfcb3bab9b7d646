"""Whether metrics put clips in the order that ears do: recordings, copy-synthesis, bad copy-synthesis, noise.

    python benchmarks/metrics_order.py --clips FOLDER [--transcripts FILE] [--limit 34] [--json]

Each recording is spoken again from its own mel by Griffin-Lim with 60 iterations and with 4, and given white noise 10
and 0 dB below it. Every metric is taken of every clip beside its recording. A metric orders two rungs where the 95 %
interval of the paired difference lies on the right side of 0. Noise at 10 dB and bad phases are bad in different ways:
what listeners would not agree on, metrics need not either.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable, Mapping
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from pipeline.clip_scores import means_of
from pipeline.comparison import Values, compare
from pipeline.folder_scores import DEFINITION, MEASURED, Request, find_sounds, score_folder
from pipeline.parallel import Executor, open_executor
from pipeline.runtime import Runtime
from tts.audio.files import read_audio, write_wav
from tts.audio.spectrogram import mel_spectrogram
from tts.interfaces import Inventory
from tts.metrics.settings import HIGHER_IS_BETTER
from tts.vocoders.griffin_lim import Config, GriffinLim

Waveform = npt.NDArray[np.float32]

LEVEL = 0.5
"""The loudest sample of every recording, so that noise clips nothing."""

_SIGNS = {1: "yes", 0: "open", -1: "NO"}


def main() -> None:
    """Print means by rung, and which neighbours each metric tells apart."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=Path, required=True, help="folder of recordings")
    parser.add_argument("--transcripts", type=Path, help="lines of name|text; without it no error rates")
    parser.add_argument("--limit", type=int, default=34, help="clips, the first by name")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, open_executor(Runtime()) as executor:
        make_rungs(options.clips, Path(folder), limit=options.limit)
        values = measure(Path(folder), options.transcripts, executor)
    if options.json:
        print(json.dumps(as_json(values)))
    else:
        print("\n".join(table(values)))


def make_rungs(clips: Path, folder: Path, *, limit: int) -> None:
    """Write each clip as it is into every rung."""
    for name, path in sorted(find_sounds(clips).items())[:limit]:
        read = read_audio(path, sample_rate=DEFINITION.sample_rate)
        recording = np.asarray(read * (LEVEL / np.abs(read).max()), np.float32)
        for rung, make in RUNGS.items():
            (folder / rung / name).parent.mkdir(parents=True, exist_ok=True)
            write_wav(folder / rung / f"{name}.wav", make(recording), sample_rate=DEFINITION.sample_rate)


def measure(folder: Path, transcripts: Path | None, executor: Executor) -> dict[str, Values]:
    """Values by rung, metric and clip."""
    metrics = [name for name in MEASURED if transcripts or name not in ("wer", "cer")]
    values = {}
    for rung in RUNGS:
        request = Request(
            folder / rung,
            folder / "ground_truth",
            transcripts,
            in_step=True,
            metrics=[m for m in metrics if m != "wv_mos"],
        )
        values[rung] = score_folder(request, folder, executor).values["clips"]
    return values


def neighbours(values: Mapping[str, Values]) -> dict[str, list[int]]:
    """Of each metric, for each rung and the next: 1 = the first is better, -1 = the next, 0 = the interval holds 0."""
    rungs = list(RUNGS)
    found: dict[str, list[int]] = {}
    for better, worse in pairwise(rungs):
        for each in compare(values[better], values[worse]):
            found.setdefault(each.metric, []).append(each.better)
    return found


def as_json(values: Mapping[str, Values]) -> dict[str, Any]:
    """Means by rung and metric, and neighbours by metric."""
    return {
        "means": {rung: means_of(of, MEASURED, seed=0) for rung, of in values.items()},
        "neighbours": neighbours(values),
    }


def table(values: Mapping[str, Values]) -> list[str]:
    """Lines: a metric, its means by rung, and whether it tells neighbours apart."""
    means = as_json(values)["means"]
    lines = [f"{'':22}" + "".join(f"{rung:>26}" for rung in RUNGS) + "  each better than the next"]
    for metric, told in neighbours(values).items():
        cells = (_shown(means[rung].get(metric)) for rung in RUNGS)
        title = f"{metric} {'↑' if metric in HIGHER_IS_BETTER else '↓'}"
        lines.append(
            f"{title:22}" + "".join(f"{cell:>26}" for cell in cells) + "  " + ", ".join(_SIGNS[each] for each in told)
        )
    return lines


def _shown(mean: Mapping[str, float] | None) -> str:
    return "" if mean is None else f"{mean['mean']:.3f} [{mean['low']:.3f}, {mean['high']:.3f}]"


@torch.inference_mode()
def _griffin_lim(recording: Waveform, *, iterations: int) -> Waveform:
    network = GriffinLim(Config(iterations=iterations), Inventory(mel=DEFINITION))
    waveform: Waveform = network(mel_spectrogram(torch.from_numpy(recording)[None], DEFINITION))[0].numpy()
    return waveform


def _noisy(recording: Waveform, *, snr_db: float) -> Waveform:
    noise = np.random.default_rng(0).normal(size=len(recording))
    gain = np.sqrt(np.square(recording, dtype=np.float64).mean()) * 10 ** (-snr_db / 20)
    return np.asarray(recording + gain * noise, np.float32)


RUNGS: dict[str, Callable[[Waveform], Waveform]] = {
    "ground_truth": lambda recording: recording,
    "griffin_lim_60": partial(_griffin_lim, iterations=60),
    "griffin_lim_4": partial(_griffin_lim, iterations=4),
    "noise_10_db": partial(_noisy, snr_db=10),
    "noise_0_db": partial(_noisy, snr_db=0),
}
"""From good to bad."""


if __name__ == "__main__":
    main()
