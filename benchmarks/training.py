"""Steps per second of training beside the loops of the public implementations, on the same clips and settings.

    python benchmarks/training.py [--json] [--steps 8] [--precision fp32] [--ablations] [--memory]
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

`--ablations` leaves out one means at a time, and prints how much slower steps are without it. `--memory` makes 1,000
steps of a small FastSpeech 2 and a small HiFi-GAN instead, and prints how much the memory in use has grown since the
hundredth: `memory_growth_mb`, the larger of the two.
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
from tts.layers.postnet import PostNetConfig
from tts.layers.transformer import TransformerConfig
from tts.training import tasks
from tts.training.judging import judge
from tts.training.loading import prefetch
from tts.training.meter import peak_memory
from tts.training.processes import choose_device
from tts.training.record import Record
from tts.training.sampling import LengthSampler
from tts.training.settings import RunSettings
from tts.training.tasks import AdversarialTask, Batch, SupervisedTask, Task
from tts.training.updates import Updater
from tts.vocoders import hifigan

CLIPS, CLIPS_PER_STEP = 1000, 16
STEPS = 900_000
STEPS_OF_MEMORY, STEPS_OF_WARM_UP = 1000, 100
SEGMENT_FRAMES = 32
STACK = TransformerConfig(layers=1, filter=64)
PUBLIC = fastspeech2.SYSTEM.configurations["ming024_ljspeech"]
SMALL = fastspeech2.Config(hidden=32, encoder=STACK, decoder=STACK, postnet=PostNetConfig(hidden=32))
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
    parser.add_argument("--memory", action="store_true")
    options = parser.parse_args()
    figures = memory_growth() if options.memory else speed(options)
    if options.json:
        print(json.dumps({name: round(value, 4) for name, value in figures.items()}))


def speed(options: argparse.Namespace) -> dict[str, float]:
    """Print and give ratios, and what was waited."""
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
            else:
                seconds = [timed(loop.step)[1] for _ in range(options.steps + 1)][1:]
                print(f"{name}: {len(seconds) / sum(seconds):.2f} steps/s, {options.precision}", flush=True)
            if options.ablations:
                figures |= ablated(name, loop, options.steps)
        figures["loader_wait_share"] = max(loop.waited / loop.seconds for loop in loops.values())
    print(f"waited for batches: {figures['loader_wait_share']:.2%} of the time")
    return figures


def memory_growth() -> dict[str, float]:
    """Print and give the megabytes that 900 steps add to the most that was in use before."""
    device, growth = choose_device("auto"), {}
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        loops = {
            "fastspeech2": _fastspeech2(Path(folder), draw_clips(CLIPS), "fp32", device, SMALL),
            "hifigan": _hifigan("small", "fp32", device),
        }
        for name, loop in loops.items():
            stack.enter_context(closing(loop.batches))  # type: ignore[type-var]
            for number in range(STEPS_OF_MEMORY):
                loop.step()
                if number + 1 == STEPS_OF_WARM_UP:
                    before = peak_memory(device)
            growth[name] = (peak_memory(device) - before) / 1e6
            print(
                f"{name}: {before / 1e6:,.0f} MB after {STEPS_OF_WARM_UP} steps, {growth[name]:+.1f} MB after the rest"
            )
    return {"memory_growth_mb": max(growth.values())}


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


def _fastspeech2(
    folder: Path, clips: Clips, precision: str, device: torch.device, config: fastspeech2.Config = PUBLIC
) -> Loop:
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
    network = fastspeech2.SYSTEM.build(config, inventory)
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


@contextmanager
def _without_fused_optimizer(loop: Loop) -> Iterator[None]:
    updaters = [loop.task._updater, *([loop.task._other] if isinstance(loop.task, AdversarialTask) else [])]
    groups = [group for updater in updaters for group in updater._optimizer.param_groups]
    for group in groups:
        group["fused"] = False
    with mock.patch.object(Updater, "_move", _plain_move):
        yield
    for group in groups:
        group["fused"] = True


def _plain_move(updater: Updater, _: Record) -> None:
    updater._optimizer.found_inf = None  # type: ignore[attr-defined]
    updater._optimizer.step()


def _without_judging_together(_: Loop) -> AbstractContextManager[object]:
    return mock.patch.object(
        tasks, "judge_together", lambda who, real, fake, mel: (judge(who, real, mel), judge(who, fake, mel))
    )


def _without_kept_norms(_: Loop) -> AbstractContextManager[object]:
    return mock.patch.object(parametrize, "cached", nullcontext)


ABLATIONS: Mapping[str, Callable[[Loop], AbstractContextManager[object]]] = {
    "fused_optimizer": _without_fused_optimizer,
    "judging_together": _without_judging_together,
    "kept_norms": _without_kept_norms,
}


if __name__ == "__main__":
    main()
