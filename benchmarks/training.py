"""Steps per second of training beside the loops of the public implementations, on the same clips and settings.

    python benchmarks/training.py [--json] [--steps 8] [--precision fp32] [--ablations]
        --reference CHECKOUT_OF_FASTSPEECH2 --reference CHECKOUT_OF_HIFIGAN

The references are github.com/ming024/FastSpeech2 (its LJSpeech settings, 16 clips a step) and
github.com/jik876/hifi-gan (V1 and V3, segments of 8192 samples, 2 a step on a CPU and 16 on a GPU). Clips are noise as
long as those of LJSpeech: the speed of training does not depend on what is said. Each groups clips into batches as it
does; what the references' own loaders cost is left out, in their favour, while ours read shards. A round makes one
step of each, in turn, so that a machine that slows down slows both. A ratio is the frames of speech that ours learns
from in a second over those of theirs, in all rounds together; its spread is that of single rounds. Frames, because
batches are of unequal length and an epoch has the same frames for both. The references are given autocast where the
precision is bf16 or fp16, though they know none.

- `fastspeech2_over_reference`, `hifigan_v1_over_reference`, `hifigan_v3_over_reference`: speed over theirs.
- `loader_wait_share`: of our steps' time that no batch was ready, the largest of the three.

`--ablations` leaves out one means at a time, and prints how much slower steps are without it.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from unittest import mock

import numpy as np
import torch
from feature_reading import DEFINITION, SYMBOLS, Clips, draw_clips, shard_reader
from torch.nn.utils import parametrize
from training_references import FastSpeech2Reference, HifiGanReference, find

from tts.acoustic import fastspeech2
from tts.config import build
from tts.interfaces import Inventory, Statistics, VocoderBatch
from tts.training import tasks
from tts.training.loading import prefetch
from tts.training.processes import choose_device
from tts.training.sampling import LengthSampler
from tts.training.settings import RunSettings
from tts.training.tasks import AdversarialTask, Batch, SupervisedTask, Task
from tts.vocoders import hifigan

CLIPS, CLIPS_PER_STEP = 1000, 16
STEPS = 900_000
SEGMENT_FRAMES = 32
STATISTICS = Statistics({"one": 5.0}, {"one": 0.3}, 3.0, 1.0, -5.0, 2.0)

Step = Callable[[], int]
"""Makes a step and gives the frames of speech, without padding, that it learned from."""


@dataclass
class Loop:
    """Ours, one step at a time.

    Attributes:
        task: that learns.
        batches: endless.
        seconds, waited: of all steps, and those of them that no batch was ready.
    """

    task: Task
    batches: Iterator[Batch]
    number: int = 0
    seconds: float = 0.0
    waited: float = 0.0

    def step(self) -> int:
        """Do what the trainer does for a step."""
        started = time.perf_counter()
        batch = next(self.batches)
        self.waited += time.perf_counter() - started
        report = self.task.update([batch], self.number)
        _ = report.terms, report.grad_norm
        self.number += 1
        self.seconds += time.perf_counter() - started
        return frames_of(batch)


@dataclass
class Pair:
    """Two who learn the same, with the seconds of each for a frame of speech.

    Attributes:
        ours, theirs: make a step.
        rounds: frames and seconds of ours, then of theirs.
    """

    ours: Step
    theirs: Step
    rounds: list[tuple[int, float, int, float]] = field(default_factory=list)

    def race(self, rounds: int) -> None:
        """Make steps in turn, after one of each that does not count."""
        for number in range(rounds + 1):
            measured = *timed(self.ours), *timed(self.theirs)
            if number:
                self.rounds.append(measured)

    @property
    def ratio(self) -> float:
        """Frames per second of ours over those of theirs."""
        return self._ratio(*(sum(column) for column in zip(*self.rounds, strict=True)))

    def __str__(self) -> str:
        ratios = sorted(self._ratio(*each) for each in self.rounds)
        our_frames, our_seconds, their_frames, their_seconds = (sum(each) for each in zip(*self.rounds, strict=True))
        return (
            f"{self.ratio:.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f} in {len(ratios)} rounds); "
            f"{our_frames / our_seconds:,.0f} frames/s, theirs {their_frames / their_seconds:,.0f}"
        )

    @staticmethod
    def _ratio(our_frames: float, our_seconds: float, their_frames: float, their_seconds: float) -> float:
        return (our_frames / our_seconds) / (their_frames / their_seconds)


def main() -> None:
    """Print ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print the figures as one JSON object, on the last line")
    parser.add_argument("--steps", type=int, default=8, help="of each that count")
    parser.add_argument("--precision", choices=("fp32", "tf32", "bf16", "fp16"), default="fp32")
    parser.add_argument("--reference", action="append", default=[], type=Path, help="checkout; give it twice")
    parser.add_argument("--ablations", action="store_true")
    options = parser.parse_args()
    found = find(options.reference)
    figures: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder, prepared(Path(folder), options.precision) as loops:
        for name, loop in loops.items():
            if name.split("_")[0] in found:
                theirs = reference_step(name, found[name.split("_")[0]], Path(folder), options.precision)
                pair = Pair(loop.step, theirs)
                pair.race(options.steps)
                figures[f"{name}_over_reference"] = pair.ratio
                print(f"{name}: {pair}, {options.precision}", flush=True)
            if options.ablations:
                figures |= ablated(name, loop, options.steps)
        waits = [loop.waited / loop.seconds for loop in loops.values() if loop.seconds]
    if waits:
        figures["loader_wait_share"] = max(waits)
        print(f"waited for batches: {max(waits):.2%} of the time")
    if options.json:
        print(json.dumps({name: round(value, 4) for name, value in figures.items()}))


def timed(step: Step) -> tuple[int, float]:
    """Frames and seconds of a step, its work on a GPU included."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    started = time.perf_counter()
    frames = step()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return frames, time.perf_counter() - started


def frames_of(batch: Batch) -> int:
    """Mel frames without padding."""
    if isinstance(batch, VocoderBatch):
        return batch.mel.shape[0] * batch.mel.shape[2]
    return int(batch.mel_lengths.sum())


@contextmanager
def prepared(folder: Path, precision: str) -> Iterator[dict[str, Loop]]:
    """Yield our loops by name."""
    device = choose_device("auto")
    with ExitStack() as stack:
        clips = draw_clips(CLIPS)
        loops = {"fastspeech2": _fastspeech2(folder, clips, precision, device)}
        loops |= {f"hifigan_{each}": _hifigan(each, precision, device) for each in ("v1", "v3")}
        for loop in loops.values():
            stack.enter_context(closing(loop.batches))  # type: ignore[type-var]
        yield loops


def _fastspeech2(folder: Path, clips: Clips, precision: str, device: torch.device) -> Loop:
    values = {
        "system": "acoustic/fastspeech2",
        "loss_weights": dict.fromkeys(("mel", "mel_postnet", "duration", "pitch", "voicing", "energy"), 1.0),
        "optimizer": {"name": "adam", "lr": 1e-3, "betas": [0.9, 0.98], "eps": 1e-9},
        "schedule": {"name": "noam", "warmup_steps": 4000},
        "batch": {"size": CLIPS_PER_STEP},
        "clip_norm": 1.0,
    }
    settings = _settings(values, precision)
    inventory = Inventory(DEFINITION, SYMBOLS, ("one",), ("plain",), STATISTICS)
    network = fastspeech2.SYSTEM.build(fastspeech2.SYSTEM.configurations["ming024_ljspeech"], inventory)
    read, sampler = shard_reader(folder / "shards", clips), LengthSampler(clips.frames, settings.batch, seed=0)
    batches = prefetch(lambda index: read(sampler.ids(index)), range(STEPS), workers=1)
    return Loop(SupervisedTask(network.to(device), settings), batches)


def _hifigan(version: str, precision: str, device: torch.device) -> Loop:
    optimizer = {"name": "adamw", "lr": 2e-4, "betas": [0.8, 0.99], "weight_decay": 0.01}
    values = {
        "system": "vocoders/hifigan",
        "loss_weights": {"mel": 45.0, "adversarial": 1.0, "feature_matching": 2.0},
        "optimizer": optimizer,
        "adversary": {"optimizer": optimizer},
        "batch": {"size": segments_per_step(device), "segment_frames": SEGMENT_FRAMES},
    }
    settings = _settings(values, precision)
    config = hifigan.SYSTEM.configurations[version]
    network = hifigan.SYSTEM.build(config, Inventory(DEFINITION))
    assert hifigan.SYSTEM.build_discriminator is not None
    discriminator = hifigan.SYSTEM.build_discriminator(config)
    batches = prefetch(partial(segments, size=segments_per_step(device)), range(STEPS), workers=1)
    return Loop(AdversarialTask(network.to(device), discriminator.to(device), settings), batches)


def _settings(values: Mapping[str, object], precision: str) -> RunSettings:
    return build(RunSettings, {**values, "corpus": "noise", "steps": STEPS, "precision": precision}, where="run")


def segments_per_step(device: torch.device) -> int:
    """Segments of a step: as many as the paper's, or as a CPU can bear."""
    return 16 if device.type == "cuda" else 2


def segments(index: int, *, size: int) -> VocoderBatch:
    """Segments of noise."""
    draw = np.random.default_rng(index)
    waveform = draw.uniform(-0.5, 0.5, (size, SEGMENT_FRAMES * DEFINITION.hop_length)).astype(np.float32)
    mel = draw.normal(-5, 2, (size, DEFINITION.n_mels, SEGMENT_FRAMES)).astype(np.float32)
    ids = tuple(f"{index}-{number}" for number in range(size))
    return VocoderBatch(ids, torch.from_numpy(mel), torch.from_numpy(waveform))


def reference_step(name: str, checkout: Path, folder: Path, precision: str) -> Step:
    """A step of the public implementation."""
    device = choose_device("auto")
    if name == "fastspeech2":
        clips = draw_clips(CLIPS)
        return FastSpeech2Reference(checkout, folder, clips, CLIPS_PER_STEP, device, precision).step
    make = partial(segments, size=segments_per_step(device))
    return HifiGanReference(checkout, name.split("_")[1], make, device, precision).step


def ablated(name: str, loop: Loop, steps: int) -> dict[str, float]:
    """Print and give seconds of a step without each means over those with it."""
    figures = {}
    for means, without in ABLATIONS.items():
        pair = Pair(loop.step, partial(_step_in, without, loop))
        pair.race(steps)
        print(f"{name} without {means.replace('_', ' ')}: {pair}", flush=True)
        figures[f"{name}_without_{means}"] = pair.ratio
    return figures


def _step_in(context: Callable[[Loop], AbstractContextManager[object]], loop: Loop) -> int:
    with context(loop):
        return loop.step()


def _without_fused_optimizer(loop: Loop) -> AbstractContextManager[object]:
    return _fused(loop, fused=False)


@contextmanager
def _fused(loop: Loop, *, fused: bool) -> Iterator[None]:
    updaters = [loop.task._updater, *([loop.task._other] if isinstance(loop.task, AdversarialTask) else [])]
    groups = [group for updater in updaters for group in updater._optimizer.param_groups]
    for group in groups:
        group["fused"] = fused
    yield
    for group in groups:
        group["fused"] = not fused


def _without_judging_together(_: Loop) -> AbstractContextManager[object]:
    return mock.patch.object(tasks, "_judge_together", lambda judge, real, fake: (judge(real), judge(fake)))


def _without_kept_norms(_: Loop) -> AbstractContextManager[object]:
    return mock.patch.object(parametrize, "cached", nullcontext)


ABLATIONS: Mapping[str, Callable[[Loop], AbstractContextManager[object]]] = {
    "fused_optimizer": _without_fused_optimizer,
    "judging_together": _without_judging_together,
    "kept_norms": _without_kept_norms,
}


if __name__ == "__main__":
    main()
