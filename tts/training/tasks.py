"""The ways a network learns: from its own loss, from the loss of what it generates, against a discriminator as well.

A task owns networks and optimizers. `update` is one whole step: the gradients of all its batches, then the weights
move.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from tts.errors import ConfigError
from tts.interfaces import AcousticBatch, EndToEndBatch, Generating, Inventory, Summarizing, VocoderBatch
from tts.losses.adversarial import discriminator_loss, feature_matching_loss, generator_loss, gradient_penalty
from tts.training.freezing import Freezing, training_mode
from tts.training.judging import Waveforms, at_rates_of, judge, judge_together
from tts.training.loss_schedules import weights_at
from tts.training.moments import directions_of
from tts.training.patterns import Sets
from tts.training.processes import ALONE, Processes
from tts.training.record import Record, StepReport, weighted_sum
from tts.training.seeding import seed_everything
from tts.training.settings import ADVERSARIAL_TERMS, RunSettings
from tts.training.updates import MovingAverage, Updater

Batch = AcousticBatch | VocoderBatch | EndToEndBatch

_DTYPES = {"fp32": torch.float32, "tf32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


class Task(ABC):
    """A network with its optimizer and moving average.

    Attributes:
        network: what is trained.
        freezing: says which of its parameters are not, in which steps.
    """

    def __init__(
        self,
        network: nn.Module,
        settings: RunSettings,
        processes: Processes = ALONE,
        *,
        freeze_sets: Sets | None = None,
    ) -> None:
        """Set up the optimizer.

        Args:
            network: on its device.
            settings: of the run.
            processes: those who share the batches.
            freeze_sets: of the network's system.
        """
        training_mode(network)
        self.network = network
        self.freezing = Freezing(network, settings.frozen, steps=settings.steps, sets=freeze_sets)
        self._settings, self._processes = settings, processes
        self._device = next(network.parameters()).device
        self._updater = Updater(network, settings.optimizer, settings.schedule, run=settings, processes=processes)
        self._average = MovingAverage(network, settings.ema_decay) if settings.ema_decay else None

    @property
    def train_terms(self) -> tuple[str, ...]:
        """Names of terms that a step may report."""
        return ("loss", *self._settings.loss_weights)

    @property
    def validation_terms(self) -> tuple[str, ...]:
        """Names of terms that `validate` gives."""
        told = self.network.summary_names if isinstance(self.network, Summarizing) else ()
        return tuple(dict.fromkeys(("loss", *self._own_weights(), *told)))

    def update(self, batches: Sequence[Batch], step: int) -> StepReport:
        """Make one optimizer step; weights do not move by a loss or gradient that is not finite, and the report tells.

        Args:
            batches: this process' share.
            step: steps done before.

        Raises:
            ConfigError: loss terms and `loss_weights` do not go together.
        """
        self.freezing.apply(step)
        record, weights = Record(f"step {step}"), self._own_weights(step)
        for number, batch in enumerate(self._prepare(batches)):
            self._seed(step, number)
            terms = self._own_terms(self.network, batch)
            self._learn(batch, terms, weights, record=record, share=1 / len(batches))
        return self._move(record, step)

    @torch.no_grad()
    def validate(self, batches: Sequence[Batch]) -> dict[str, float]:
        """Mean terms and weighted loss over clips, by the weights that would be exported.

        Raises:
            TrainingError: a term is not finite.
        """
        network = self.exported()
        network.eval()
        seed_everything(self._settings.seed)
        record, weights = Record("validation"), self._own_weights()
        for batch in map(self._moved, batches):
            terms = self._own_terms(network, batch)
            record.add(batch.utterance_ids, {"loss": weighted_sum(terms, weights), **terms})
        if isinstance(network, Summarizing):
            told = (batch for batch in map(self._moved, batches) if isinstance(batch, AcousticBatch))
            return record.means() | network.summary(told)
        return record.means()

    def heaviest_step(self, first: int) -> int:
        """Give the step from `first` on that takes the most memory."""
        return self.freezing.heaviest(first)

    def exported(self) -> nn.Module:
        """Give the network to keep: the moving average where there is one."""
        return self._average.network if self._average else self.network

    def state_dict(self) -> dict[str, Any]:
        """Everything that changes as the task learns; learning rates and randomness follow from the step."""
        return {
            "network": self.network.state_dict(),
            "updater": self._updater.state_dict(),
            "average": self._average.network.state_dict() if self._average else None,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a saved state."""
        self.network.load_state_dict(state["network"])
        self._updater.load_state_dict(state["updater"])
        if self._average:
            self._average.network.load_state_dict(state["average"])

    def moments(self) -> dict[str, Tensor]:
        """Give what a run needs that goes on with the optimizers (see tts.training.moments)."""
        return self._updater.moments("network") | directions_of(self.exported(), prefix="network")

    def take_moments(self, moments: Mapping[str, Tensor], *, known: Inventory, inventory: Inventory) -> None:
        """Let the optimizers, which have not moved yet, begin with what those of another run knew.

        Args:
            moments: of the other run.
            known: names by row of its tables.
            inventory: names by row of this network's.
        """
        self._updater.take_moments(moments, "network", known=known, inventory=inventory)

    def _own_weights(self, step: int | None = None) -> dict[str, float]:
        """Weights of the network's own loss terms in a step; None = the highest of each."""
        return weights_at(self._settings.loss_weights, step)

    @abstractmethod
    def _own_terms(self, network: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """Terms of the network's own loss."""

    def _learn(
        self, batch: Batch, terms: Mapping[str, Tensor], weights: Mapping[str, float], *, record: Record, share: float
    ) -> None:
        """Add the gradients of one batch to those of the step."""
        loss = weighted_sum(terms, weights)
        record.add(batch.utterance_ids, {"loss": loss, **terms})
        self._updater.backward(loss * share)

    def _move(self, record: Record, step: int, *, adversary: Record | None = None) -> StepReport:
        """Move the weights along the step's gradients."""
        self._updater.update(step, record)
        if self._average:
            self._average.update(step)
        return StepReport(record, self._updater.lr(step), adversary, self._processes)

    def _prepare(self, batches: Sequence[Batch]) -> list[Batch]:
        if not self.network.training:
            training_mode(self.network)
        return [self._moved(batch) for batch in batches]

    def _moved(self, batch: Batch) -> Batch:
        return batch if self._device.type == "cpu" else batch.to(self._device)

    def _seed(self, step: int, number: int, turn: int = 0) -> None:
        """Seed for one batch of a step, in one of its turns; which process takes it makes no difference."""
        seed_everything(self._settings.seed, step, number * self._processes.size + self._processes.rank, turn)

    def _autocast(self) -> torch.autocast:
        dtype = _DTYPES[self._settings.precision]
        return torch.autocast(self._device.type, dtype, enabled=dtype != torch.float32)


class SupervisedTask(Task):
    """Minimises the network's own loss of a batch."""

    def _own_terms(self, network: nn.Module, batch: Batch) -> dict[str, Tensor]:
        with self._autocast():
            return _call_loss(network, batch)


class GeneratorTask(Task):
    """Minimises the network's own loss of the waveform that it generates from a batch's mel."""

    def _own_terms(self, network: nn.Module, batch: Batch) -> dict[str, Tensor]:
        assert isinstance(batch, VocoderBatch)
        return _call_loss(network, batch, self._generate(network, batch)[0])

    def _generate(self, network: nn.Module, batch: VocoderBatch) -> Waveforms:
        with self._autocast():
            waveforms = network.generate(batch) if isinstance(network, Generating) else (network(batch.mel),)
        return tuple(each.float() for each in waveforms)  # spectral losses need the precision


class AdversarialTask(GeneratorTask):
    """Generates, and from `start_step` on plays against a discriminator as well.

    Each step moves the discriminator first, then the network against the moved discriminator, as HiFi-GAN does
    (https://arxiv.org/abs/2010.05646).

    Attributes:
        discriminator: from waveforms [batch, samples] to judgements, or a `MelDiscriminator`.
    """

    def __init__(
        self,
        network: nn.Module,
        discriminator: nn.Module,
        settings: RunSettings,
        processes: Processes = ALONE,
        *,
        freeze_sets: Sets | None = None,
    ) -> None:
        """Set up both optimizers.

        Args:
            network: a vocoder on its device.
            discriminator: on the same device.
            settings: of the run.
            processes: those who share the batches.
            freeze_sets: of the network's system.

        Raises:
            ConfigError: the settings describe no adversary, or give its terms no weight.
        """
        super().__init__(network, settings, processes, freeze_sets=freeze_sets)
        adversary = settings.adversary
        if adversary is None or "adversarial" not in settings.loss_weights:
            raise ConfigError("adversary: needs its settings, and a weight for 'adversarial' among loss_weights")
        self.discriminator = discriminator
        self._start_step, self._objective = adversary.start_step, adversary.objective
        self._penalty, self._turns = adversary.penalty, adversary.updates
        self._other = Updater(
            discriminator,
            adversary.optimizer,
            adversary.schedule,
            run=settings if adversary.clip_norm is None else replace(settings, clip_norm=adversary.clip_norm),
            processes=processes,
            first_step=adversary.start_step,
        )

    @property
    def train_terms(self) -> tuple[str, ...]:
        """Names of terms that a step may report."""
        return (*super().train_terms, "discriminator", *(["gradient_penalty"] if self._penalty else []))

    def update(self, batches: Sequence[Batch], step: int) -> StepReport:
        """Make one optimizer step of each of the two."""
        self.freezing.apply(step)
        segments = [batch for batch in self._prepare(batches) if isinstance(batch, VocoderBatch)]
        if step < self._start_step:
            return self._move_network(segments, step, kept=None, adversary=None)
        kept, record = self._move_discriminator(segments, step)
        self.discriminator.requires_grad_(requires_grad=False)
        report = self._move_network(segments, step, kept=kept, adversary=record)
        self.discriminator.requires_grad_(requires_grad=True)
        return report

    def heaviest_step(self, first: int) -> int:
        """Give the step from `first` on that takes the most memory, the discriminator's included."""
        return super().heaviest_step(max(first, self._start_step))

    def state_dict(self) -> dict[str, Any]:
        """Everything that changes as the two learn."""
        own = {"discriminator": self.discriminator.state_dict(), "other": self._other.state_dict()}
        return super().state_dict() | own

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a saved state."""
        super().load_state_dict(state)
        self.discriminator.load_state_dict(state["discriminator"])
        self._other.load_state_dict(state["other"])

    def moments(self) -> dict[str, Tensor]:
        """Give what a run needs that goes on with the optimizers."""
        return super().moments() | self._other.moments("discriminator")

    def take_moments(self, moments: Mapping[str, Tensor], *, known: Inventory, inventory: Inventory) -> None:
        """Let both optimizers begin with what those of another run knew."""
        super().take_moments(moments, known=known, inventory=inventory)
        self._other.take_moments(moments, "discriminator", known=known, inventory=inventory)

    def _own_weights(self, step: int | None = None) -> dict[str, float]:
        weights = super()._own_weights(step)
        return {name: weights[name] for name in weights if name not in ADVERSARIAL_TERMS}

    def _move_discriminator(self, batches: Sequence[VocoderBatch], step: int) -> tuple[Waveforms | None, Record]:
        """Give what was last generated from a lone batch, with its graph, and the discriminator's losses."""
        record = Record(f"step {step}, discriminator")
        lone = len(batches) == 1
        for turn in range(self._turns):
            for number, batch in enumerate(batches):
                self._seed(step, number, turn)
                with torch.set_grad_enabled(lone and turn == self._turns - 1):  # graphs of others would pile up
                    fake = self._generate(self.network, batch)
                loss, terms = self._adversary_loss(batch, tuple(each.detach() for each in fake))
                record.add(batch.utterance_ids, terms)
                self._other.backward(loss / len(batches))
            self._other.update(step, record)
        return (fake if lone else None), record

    def _adversary_loss(self, batch: VocoderBatch, fake: Waveforms) -> tuple[Tensor, dict[str, Tensor]]:
        """Give what the discriminator minimises, and its terms."""
        real = at_rates_of(fake, batch.waveform)
        with self._autocast():
            judged = judge_together(self.discriminator, real, fake, batch.mel)
            loss = discriminator_loss(*judged, objective=self._objective)
        if self._penalty is None:
            return loss, {"discriminator": loss}
        shares = torch.rand(len(batch.mel), 1, device=self._device)
        penalty = gradient_penalty(  # outside autocast: gradients of gradients need the precision
            lambda between: judge(self.discriminator, between, batch.mel), real, fake, shares=shares
        )
        return loss + self._penalty * penalty, {"discriminator": loss, "gradient_penalty": penalty}

    def _move_network(
        self, batches: Sequence[VocoderBatch], step: int, *, kept: Waveforms | None, adversary: Record | None
    ) -> StepReport:
        record = Record(f"step {step}")
        weights = weights_at(self._settings.loss_weights, step) if adversary else self._own_weights(step)
        for number, batch in enumerate(batches):
            if kept is None:
                self._seed(step, number, self._turns - 1)  # what the discriminator was shown last
            fake = self._generate(self.network, batch) if kept is None else kept
            terms = _call_loss(self.network, batch, fake[0])
            if adversary:
                terms |= self._judge(batch, fake)
            self._learn(batch, terms, weights, record=record, share=1 / len(batches))
        return self._move(record, step, adversary=adversary)

    def _judge(self, batch: VocoderBatch, fake: Waveforms) -> dict[str, Tensor]:
        with self._autocast(), parametrize.cached():  # the two passes are of the same normed weights
            matched = "feature_matching" in self._settings.loss_weights
            with torch.no_grad():
                real = judge(self.discriminator, at_rates_of(fake, batch.waveform), batch.mel) if matched else []
            judged = judge(self.discriminator, fake, batch.mel)
            terms = {"adversarial": generator_loss(judged, objective=self._objective)}
            return terms | ({"feature_matching": feature_matching_loss(real, judged)} if matched else {})


def _call_loss(network: nn.Module, *arguments: object) -> dict[str, Tensor]:
    terms: dict[str, Tensor] = network.loss(*arguments)  # type: ignore[operator]
    return terms
