"""The training loop: step, validate, save, log. It knows neither models nor files' places."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, nullcontext
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

from tts.config import to_plain
from tts.errors import CheckpointError, ConfigError
from tts.training.checkpoint import exclusive, load_best, load_state, save_best, save_state
from tts.training.curve import Curve
from tts.training.energy import EnergyMeter
from tts.training.loading import prefetch
from tts.training.meter import Meter, peak_memory
from tts.training.processes import ALONE, Processes
from tts.training.progress import Show, training_bar
from tts.training.recital import Recital, Recited
from tts.training.record import StepReport
from tts.training.rehearsal import rehearse
from tts.training.samples import Sample, Sampler, render
from tts.training.settings import RunSettings
from tts.training.shortage import shortage_explained
from tts.training.tasks import Batch, Task

logger = logging.getLogger(__name__)

Terms = dict[str, float]

_STEPS_BETWEEN_QUESTIONS = 10


@dataclass(frozen=True)
class TrainingData:
    """What to learn from.

    Attributes:
        batch: makes the training batch of a running number; a pure function, called from threads.
        largest: makes a batch that takes as much memory as any.
        validation: fixed batches.
        samples: renders a few fixed clips with a network.
        recital: says the clips that are measured.
    """

    batch: Callable[[int], Batch]
    largest: Callable[[], Batch]
    validation: Sequence[Batch]
    samples: Sampler = lambda _: ()
    recital: Recital = lambda _: ()


@dataclass(frozen=True)
class Host:
    """What runs the training and may change no result.

    Attributes:
        workers: threads that make batches.
        processes: those who share the batches of a step.
        should_stop: asked after every step; then the state is saved and training ends early.
        on_row: told every row of the curve.
        on_samples: told a step and what its weights make of the sampled clips.
        on_recital: told a step and how its weights say the clips that are measured.
    """

    workers: int = 1
    processes: Processes = ALONE
    should_stop: Callable[[], bool] = lambda: False
    on_row: Callable[[Mapping[str, float]], None] = lambda _: None
    on_samples: Callable[[int, Sequence[Sample]], None] = lambda *_: None
    on_recital: Callable[[int, Sequence[Recited]], None] = lambda *_: None


@dataclass
class Progress:
    """How far a run is; saved with its state.

    Attributes:
        step: steps done.
        seconds: spent on them, over all sittings.
        waited: seconds of these that no batch was ready.
        reciting: seconds of these that the clips to be measured were spoken.
        joules: taken by all processes, over all sittings; NaN where one of these had nothing to tell it.
        last, best: validation terms with their step; best by the term that the settings name.
        worse: validations since the best one.
        sums, counts: of training terms since the last row of the curve.
    """

    step: int = 0
    seconds: float = 0.0
    waited: float = 0.0
    reciting: float = 0.0
    joules: float = 0.0
    last: Terms = field(default_factory=dict)
    best: Terms = field(default_factory=dict)
    worse: int = 0
    sums: Terms = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)


class Trainer:
    """One run, from the state in its folder to the end or to an interruption."""

    def __init__(
        self, task: Task, data: TrainingData, settings: RunSettings, *, directory: Path, host: Host = Host()
    ) -> None:  # fmt: skip
        """Take up a run.

        Args:
            task: freshly built; takes on the saved state if there is one.
            data: to learn from.
            settings: of the run.
            directory: existing folder of this run alone, which outlives interruptions.
            host: what runs it.
        """
        self._task, self._data, self._settings = task, data, settings
        self._directory, self._host = directory, host
        self._share = host.processes.share(settings.accumulate)
        self._device = next(task.network.parameters()).device
        self.progress = Progress()
        self._unread: list[StepReport] = []
        self._since = time.monotonic()
        self._meter, self._energy = Meter(self._device), EnergyMeter(self._device)
        if settings.best_by not in task.validation_terms:
            known = ", ".join(task.validation_terms)
            raise ConfigError(f"best_by: {settings.best_by!r} is no validation term; there are {known}")

    @property
    def curve_path(self) -> Path:
        """The CSV file of the run's curve."""
        return self._directory / "curve.csv"

    def run(self) -> bool:
        """Train; tells whether the run is complete.

        Raises:
            CheckpointError: the folder's states are damaged, or belong to other settings.
            TrainingError: a loss or gradient is not finite, and the last saved state stands; or another process trains
                in the folder.
        """
        with exclusive(self._directory) if self._host.processes.is_first else nullcontext():
            self.progress = self._resumed()
            if not self._is_complete:
                self._go_on()
            if self._is_complete and self._settings.export == "best":
                self._task.exported().load_state_dict(load_best(self._directory))
        return self._is_complete

    def _go_on(self) -> None:
        rehearse(self._task, self._data.largest(), self._task.heaviest_step(self.progress.step))
        self._since, self._meter = time.monotonic(), Meter(self._device)
        self._energy.spent()
        first, total = self.progress.step, self._settings.steps
        if first == 0 and self._settings.init_from is not None:
            self._recite()
        with self._curve() as curve, self._batches(first) as batches, training_bar(first, total) as show:
            self._train(curve, batches, show)

    @property
    def _is_complete(self) -> bool:
        return self.progress.step == self._settings.steps or self._is_out_of_patience

    @property
    def _is_out_of_patience(self) -> bool:
        return self._settings.patience is not None and self.progress.worse >= self._settings.patience

    def metrics(self) -> dict[str, Any]:
        """Last and best validation terms, what the run took and, if known, its energy, and the batches that fitted."""
        progress = self.progress
        cuda = self._device.type == "cuda"
        return {
            "steps": progress.step,
            "seconds": progress.seconds,
            "steps_per_second": progress.step / progress.seconds if progress.seconds else 0.0,
            "loader_wait_share": progress.waited / progress.seconds if progress.seconds else 0.0,
            **({"evaluation_share": progress.reciting / progress.seconds} if progress.reciting else {}),
            "device": torch.cuda.get_device_name(self._device) if cuda else self._device.type,
            "device_hours": progress.seconds * self._host.processes.size / 3600,
            "peak_memory_mb": peak_memory(self._device) / 1e6,
            "batch": to_plain(self._settings.batch),
            "accumulate": self._settings.accumulate,
            **self._energy_metrics(),
            "last": progress.last,
            "best": progress.best,
        }

    def _energy_metrics(self) -> dict[str, Any]:
        if math.isnan(self.progress.joules):
            return {}
        return {"energy_kwh": self.progress.joules / 3.6e6, "energy_counted": self._energy.counted}

    def _train(self, curve: Curve | None, batches: Iterator[Batch], show: Show) -> None:
        for step in range(self.progress.step, self._settings.steps):
            taken = self._next(batches)
            with shortage_explained(taken[0], what=f"the batch of step {step}"):  # others may take memory meanwhile
                report = self._task.update(taken, step)
            self._unread.append(report)
            self.progress.step += 1
            if self._device.type == "cpu" or self._is_due(self._settings.log_every):
                self._read()
                show(step + 1, loss=report.terms["loss"], lr=report.lr, wait=self._meter.wait_share)
            self._do_what_is_due(report, curve)
            if self._is_out_of_patience:
                logger.info(
                    "no better %s in %d validations; training ends", self._settings.best_by, self.progress.worse
                )
            if self._is_out_of_patience or self._is_told_to_stop():
                self._save(curve)
                break

    def _do_what_is_due(self, report: StepReport, curve: Curve | None) -> None:
        settings = self._settings
        validation: Terms = {}
        if self._is_due(settings.validate_every):
            validation = self._validate()
            self._sample()
            if settings.evaluate is not None and self._is_due(settings.evaluate.every):
                self._recite()
        if validation or self._is_due(settings.log_every):
            self._log(report, validation, curve)
        if self._is_due(settings.checkpoint_every):
            self._save(curve)

    def _is_told_to_stop(self) -> bool:
        """Whether any process was; several on GPUs ask one another seldom, since the answer waits for the device."""
        processes = self._host.processes
        if processes.size > 1 and self._device.type == "cuda" and self.progress.step % _STEPS_BETWEEN_QUESTIONS:
            return False
        return processes.any(claim=self._host.should_stop())

    def _is_due(self, every: int) -> bool:
        return self.progress.step % every == 0 or self.progress.step == self._settings.steps

    def _read(self) -> None:
        """Wait for the steps that the device was given, and take in what they did."""
        progress = self.progress
        for report in self._unread:
            for name, value in report.terms.items():
                progress.sums[name] = progress.sums.get(name, 0.0) + value
                progress.counts[name] = progress.counts.get(name, 0) + 1
            _ = report.grad_norm  # which refuses what is not finite
        self._unread = []

    def _validate(self) -> Terms:
        terms = self._task.validate(self._data.validation)
        self.progress.last = {"step": self.progress.step, **terms}
        key, progress = self._settings.best_by, self.progress
        is_better = terms[key] < progress.best.get(key, math.inf)
        progress.worse = 0 if is_better else progress.worse + 1
        if is_better:
            progress.best = progress.last
            if self._settings.export == "best" and self._host.processes.is_first:
                save_best(self._directory, self._task.exported().state_dict())
        logger.info("step %d: validation %s", self.progress.step, ", ".join(f"{k} {v:.4g}" for k, v in terms.items()))
        return terms

    def _sample(self) -> None:
        if self._host.processes.is_first:
            found = render(self._data.samples, self._task.exported(), seed=self._settings.seed)
            if found:
                self._host.on_samples(self.progress.step, found)

    def _recite(self) -> None:
        """Say the clips that are measured; of several processes, the first does."""
        if self._settings.evaluate is None or not self._host.processes.is_first:
            return
        started = time.monotonic()
        found = render(self._data.recital, self._task.exported(), seed=self._settings.seed)
        if found:
            self._host.on_recital(self.progress.step, found)
        self.progress.reciting += time.monotonic() - started

    def _log(self, report: StepReport, validation: Terms, curve: Curve | None) -> None:
        self._read()
        progress = self.progress
        row = {
            "step": progress.step,
            **{f"train_{name}": total / progress.counts[name] for name, total in progress.sums.items()},
            **{f"validation_{name}": value for name, value in validation.items()},
            "lr": report.lr,
            "grad_norm": report.grad_norm,
        }
        progress.sums, progress.counts = {}, {}
        self._energy.look()
        if curve is not None:
            curve.append(row)
            self._host.on_row({**row, **self._meter.report()})

    def _next(self, batches: Iterator[Batch]) -> list[Batch]:
        """This process' batches of a step."""
        started = time.monotonic()
        taken = [next(batches) for _ in self._share]
        waited = time.monotonic() - started
        self.progress.waited += waited
        self._meter.note(waited)
        return taken

    def _batches(self, first_step: int) -> closing[Generator[Batch, None, None]]:
        every = self._settings.accumulate
        steps = range(first_step, self._settings.steps)
        indices = (step * every + number for step in steps for number in self._share)
        return closing(prefetch(self._made, indices, workers=self._host.workers))

    def _made(self, index: int) -> Batch:
        batch = self._data.batch(index)
        return batch.pinned() if self._device.type == "cuda" else batch

    @contextmanager
    def _curve(self) -> Iterator[Curve | None]:
        """Open the curve, in the process that writes."""
        if not self._host.processes.is_first:
            yield None
            return
        task = self._task
        names = [f"train_{name}" for name in task.train_terms] + [
            f"validation_{name}" for name in task.validation_terms
        ]
        columns = ["step", *names, "lr", "grad_norm"]
        with closing(Curve(self.curve_path, columns, after_step=self.progress.step)) as curve:
            yield curve

    def _save(self, curve: Curve | None) -> None:
        self._read()
        now = time.monotonic()
        self.progress.seconds += now - self._since
        self.progress.joules += self._host.processes.total(self._energy.spent())
        self._since = now
        if curve is not None:
            curve.flush()
            state = {"settings": self._settings.decisive, "progress": asdict(self.progress)}
            save_state(self._directory, self.progress.step, {**state, "task": self._task.state_dict()})
        self._host.processes.wait()

    def _resumed(self) -> Progress:
        state = load_state(self._directory)
        if state is None:
            return Progress()
        if state["settings"] != self._settings.decisive:
            raise CheckpointError(
                f"{self._directory}: holds a run of other settings; give each run a folder of its own"
            )
        self._task.load_state_dict(state["task"])
        progress = Progress(**state["progress"])
        logger.info("going on from step %d of %d", progress.step, self._settings.steps)
        return progress
