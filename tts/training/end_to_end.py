"""How systems that turn phones into waveforms learn: from segments of whole clips, against two kinds of adversaries.

Kim et al. 2021, VITS, section 2.4, https://arxiv.org/abs/2106.06103; Kong et al. 2023, VITS2, section 2.1,
https://arxiv.org/abs/2307.16430.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from tts.errors import ConfigError
from tts.interfaces import EndToEnd, EndToEndBatch, Inventory, Learned
from tts.layers.adversaries import Adversaries
from tts.layers.monotonic_alignment import alignment_noise_scale
from tts.losses.adversarial import discriminator_loss, feature_matching_loss, generator_loss
from tts.losses.reconstruction import masked_mean
from tts.training.judging import halves
from tts.training.loss_schedules import weights_at
from tts.training.patterns import Sets
from tts.training.processes import ALONE, Processes
from tts.training.record import Record, StepReport
from tts.training.settings import ADVERSARIAL_TERMS, RunSettings
from tts.training.tasks import Batch, Task
from tts.training.updates import Updater

PLAYED_TERMS = (*ADVERSARIAL_TERMS, "duration_adversarial")
"""Loss terms that come from the play; the last one where durations are judged."""


class EndToEndTask(Task):
    """Learns from segments, and from `start_step` on plays against discriminators of waveforms and durations as well.

    Each step moves the discriminators first, then the network against the moved ones.

    Attributes:
        discriminator: an `Adversaries`; None = there is no play.
    """

    def __init__(
        self,
        network: nn.Module,
        discriminator: Adversaries | None,
        settings: RunSettings,
        processes: Processes = ALONE,
        *,
        freeze_sets: Sets | None = None,
    ) -> None:
        """Set up the optimizers.

        Args:
            network: on its device.
            discriminator: on the same device; None where the settings describe no adversary.
            settings: of the run.
            processes: those who share the batches.
            freeze_sets: of the network's system.

        Raises:
            ConfigError: a term of the play has no weight, or there is no segment.
        """
        super().__init__(network, settings, processes, freeze_sets=freeze_sets)
        if settings.batch.segment_frames is None:
            raise ConfigError("batch.segment_frames is required for end-to-end systems; 32 is usual")
        self._segment_frames, self.discriminator = settings.batch.segment_frames, discriminator
        self._play = None if discriminator is None else _Play(discriminator, settings, processes)

    @property
    def train_terms(self) -> tuple[str, ...]:
        """Names of terms that a step may report."""
        return (*super().train_terms, *(self._play.own_terms if self._play else ()))

    def update(self, batches: Sequence[Batch], step: int) -> StepReport:
        """Make one optimizer step of the network and, once they play, of its adversaries."""
        self.freezing.apply(step)
        clips = [batch for batch in self._prepare(batches) if isinstance(batch, EndToEndBatch)]
        if self._play is None or step < self._play.start_step:
            return self._move_network(clips, step, kept=None, judging=None)
        kept, judging = self._move_adversaries(self._play, clips, step)
        self._play.discriminator.requires_grad_(requires_grad=False)
        report = self._move_network(clips, step, kept=kept, judging=judging)
        self._play.discriminator.requires_grad_(requires_grad=True)
        return report

    def heaviest_step(self, first: int) -> int:
        """Give the step from `first` on that takes the most memory, the adversaries' included."""
        return super().heaviest_step(max(first, self._play.start_step) if self._play else first)

    def state_dict(self) -> dict[str, Any]:
        """Everything that changes as they learn."""
        return super().state_dict() | (self._play.state_dict() if self._play else {})

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a saved state."""
        super().load_state_dict(state)
        if self._play:
            self._play.load_state_dict(state)

    def moments(self) -> dict[str, Tensor]:
        """Give what a run needs that goes on with the optimizers."""
        return super().moments() | (self._play.updater.moments("discriminator") if self._play else {})

    def take_moments(self, moments: Mapping[str, Tensor], *, known: Inventory, inventory: Inventory) -> None:
        """Let the optimizers begin with what those of another run knew."""
        super().take_moments(moments, known=known, inventory=inventory)
        if self._play:
            self._play.updater.take_moments(moments, "discriminator", known=known, inventory=inventory)

    def _own_weights(self, step: int | None = None) -> dict[str, float]:
        weights = super()._own_weights(step)
        return {name: weights[name] for name in weights if self._play is None or name not in PLAYED_TERMS}

    def _own_terms(self, network: nn.Module, batch: Batch) -> dict[str, Tensor]:
        assert isinstance(batch, EndToEndBatch)
        return _system(network).loss(batch, self._learn_from(network, batch, alignment_noise=0.0))

    def _learn_from(self, network: nn.Module, batch: EndToEndBatch, *, alignment_noise: float) -> Learned:
        """What the network makes of a batch."""
        with self._autocast():
            return _system(network).learn(batch, segment_frames=self._segment_frames, alignment_noise=alignment_noise)

    def _move_adversaries(
        self, play: _Play, batches: Sequence[EndToEndBatch], step: int
    ) -> tuple[Learned | None, Record]:
        """Give what a lone batch led to, with its graph, and the losses of those who judge it."""
        record = Record(f"step {step}, discriminator")
        lone = len(batches) == 1
        for number, batch in enumerate(batches):
            self._seed(step, number)
            with torch.set_grad_enabled(lone):  # of several batches, graphs would pile up; they are learned from again
                learned = self._learn_from(self.network, batch, alignment_noise=alignment_noise_scale(step))
            with self._autocast():
                terms = play.losses(_system(self.network).segment(batch, learned), learned)
            record.add(batch.utterance_ids, terms)
            play.updater.backward(torch.stack(list(terms.values())).sum() / len(batches))
        play.updater.update(step, record)
        return (learned if lone else None), record

    def _move_network(
        self,
        batches: Sequence[EndToEndBatch],
        step: int,
        *,
        kept: Learned | None,
        judging: Record | None,
    ) -> StepReport:
        record = Record(f"step {step}")
        weights = weights_at(self._settings.loss_weights, step) if judging else self._own_weights(step)
        for number, batch in enumerate(batches):
            learned = kept
            if learned is None:
                self._seed(step, number)
                learned = self._learn_from(self.network, batch, alignment_noise=alignment_noise_scale(step))
            terms = _system(self.network).loss(batch, learned)
            if judging and self._play:
                with self._autocast(), parametrize.cached():  # the two passes are of the same normed weights
                    terms |= self._play.terms(_system(self.network).segment(batch, learned), learned)
            self._learn(batch, terms, weights, record=record, share=1 / len(batches))
        return self._move(record, step, adversary=judging)


class _Play:
    """The adversaries, their optimizer, and what they and the network say of one another."""

    def __init__(self, discriminator: Adversaries, settings: RunSettings, processes: Processes) -> None:
        adversary = settings.adversary
        assert adversary is not None, "the run has built a discriminator"
        wanted = PLAYED_TERMS if discriminator.durations is not None else ADVERSARIAL_TERMS
        if set(wanted) != settings.loss_weights.keys() & set(PLAYED_TERMS):
            raise ConfigError(
                f"loss_weights: the play against its adversaries gives {', '.join(wanted)}; name all of these and no "
                "others of it, where a weight of 0 only logs"
            )
        self.discriminator, self.start_step, self._objective = discriminator, adversary.start_step, adversary.objective
        self.own_terms = ("discriminator", "duration_discriminator")[: len(wanted) - 1]
        self.updater = Updater(
            discriminator,
            adversary.optimizer,
            adversary.schedule,
            run=settings,
            processes=processes,
            first_step=adversary.start_step,
        )

    def losses(self, recorded: Tensor, learned: Learned) -> dict[str, Tensor]:
        """What the adversaries minimise, given recorded segments [batch, samples]."""
        fake = learned.waveform.detach().float()
        judged = self.discriminator(torch.cat((recorded, fake)))
        real, false = halves(judged, len(recorded))
        terms = {"discriminator": discriminator_loss(real, false, objective=self._objective)}
        if self.discriminator.durations is not None:
            true, foretold = (
                self._of_durations(learned, each) for each in (learned.log_durations, learned.predicted.detach())
            )
            mask = learned.mask
            terms["duration_discriminator"] = masked_mean((1 - true).square(), mask) + masked_mean(
                foretold.square(), mask
            )
        return terms

    def terms(self, recorded: Tensor, learned: Learned) -> dict[str, Tensor]:
        """What the network minimises, given recorded segments [batch, samples]."""
        with torch.no_grad():
            real = self.discriminator(recorded)
        judged = self.discriminator(learned.waveform.float())
        terms = {
            "adversarial": generator_loss(judged, objective=self._objective),
            "feature_matching": feature_matching_loss(real, judged),
        }
        if self.discriminator.durations is not None:
            foretold = self._of_durations(learned, learned.predicted)
            terms["duration_adversarial"] = masked_mean((1 - foretold).square(), learned.mask)
        return terms

    def state_dict(self) -> dict[str, Any]:
        return {"discriminator": self.discriminator.state_dict(), "other": self.updater.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.discriminator.load_state_dict(state["discriminator"])
        self.updater.load_state_dict(state["other"])

    def _of_durations(self, learned: Learned, log_durations: Tensor) -> Tensor:
        """Scores [batch, symbols]."""
        assert self.discriminator.durations is not None
        score, _ = self.discriminator.durations(learned.text, learned.mask, log_durations)
        return score.float()  # type: ignore[no-any-return]


def _system(network: nn.Module) -> EndToEnd:
    return cast("EndToEnd", network)
