"""The settings of one run, as they stand under `runs.<name>` in params.yaml."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, TypeAdapter, WrapValidator

from tts.config import config, to_plain

Precision = Literal["fp32", "tf32", "bf16", "fp16"]
SpeakerInit = Literal["mean", "random", "mean_noise", "nearest", "by_metadata", "encoder_map", "inversion"]

ADVERSARIAL_TERMS = ("adversarial", "feature_matching")
"""Loss terms that come from the discriminator, and not from the network itself."""


@config
class OptimizerSettings:
    """AdamW, Adam or RAdam.

    Attributes:
        name: radam is Adam with its first steps held back: Liu et al. 2020, https://arxiv.org/abs/1908.03265.
        lr: peak learning rate.
        betas: moment decays.
        eps: added to the root of the second moment.
        weight_decay: decoupled for adamw, in the gradient for the others; of no table whose rows have names (symbols,
            speakers, styles), so that rows of names that no clip has stay as they are.
        amsgrad: the second moment never shrinks: Reddi et al. 2018, https://arxiv.org/abs/1904.09237; not of radam.
        lr_factors: factor on the learning rate by name pattern (fnmatch) of parameters; the first that matches counts.
    """

    name: Literal["adam", "adamw", "radam"] = "adamw"
    lr: float = Field(gt=0)
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = Field(default=1e-8, gt=0)
    weight_decay: float = Field(default=0.0, ge=0)
    amsgrad: bool = False
    lr_factors: dict[str, float] = Field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse settings that cannot take effect."""
        if self.amsgrad and self.name == "radam":
            raise ValueError("amsgrad has no effect on radam; remove it, or use adam")


@config
class ScheduleSettings:
    """Learning rate over steps, as a factor on `optimizer.lr`.

    Attributes:
        name: constant; cosine (to `final_factor` at the last step); exponential (`decay` every `decay_every` steps);
            multistep (`decay` at each of `milestones`); noam (inverse square root after the warm-up, 1 at its end).
        warmup_steps: linear from 0, 1 at the last of them.
        final_factor: of cosine.
        decay, decay_every: of exponential, counted from the end of the warm-up; multistep takes the first of them.
        milestones: of multistep, rising, counted likewise.
    """

    name: Literal["constant", "cosine", "exponential", "multistep", "noam"] = "constant"
    warmup_steps: int = Field(default=0, ge=0)
    final_factor: float = Field(default=0.0, ge=0)
    decay: float = Field(default=1.0, gt=0)
    decay_every: int = Field(default=1, gt=0)
    milestones: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        """Refuse settings that cannot take effect."""
        if self.name == "noam" and self.warmup_steps == 0:
            raise ValueError("schedule noam needs warmup_steps >= 1")
        if self.name != "cosine" and self.final_factor != 0:
            raise ValueError(f"final_factor has no effect on schedule {self.name}; remove it or use cosine")
        if self.name not in ("exponential", "multistep") and self.decay != 1:
            raise ValueError(f"decay has no effect on schedule {self.name}; remove it or use exponential")
        if self.name != "exponential" and self.decay_every != 1:
            raise ValueError(f"decay_every has no effect on schedule {self.name}; remove it or use exponential")
        if (self.name == "multistep") != bool(self.milestones):
            raise ValueError("milestones, one at least, go with schedule multistep, and it with them")
        if any(later <= earlier for earlier, later in pairwise((0, *self.milestones))):
            raise ValueError(f"milestones must rise from 1 on, {list(self.milestones)} do not")


@config
class WeightSchedule:
    """A loss weight that depends on the step, such as that of a variational autoencoder's divergence.

    Validation weighs the term by the highest weight, so that validations compare.

    Attributes:
        name: constant; linear (`first` until `start`, then moving over `duration` steps to `value`); logistic (rising
            to `value`, half of which is reached at `start`); cyclic (every `duration` steps anew, rising from 0 to
            `value` over the first half and staying there for the second: Fu et al. 2019,
            https://arxiv.org/abs/1903.10145); interval (`value` in every `every`-th step, 0 in the others: Zhang et al.
            2018, https://arxiv.org/abs/1812.04342).
        value: weight that is reached.
        first: of linear.
        start: of linear, logistic and interval.
        duration: of linear and cyclic.
        steepness: of logistic, by step.
        every: of interval.
    """

    name: Literal["constant", "linear", "logistic", "cyclic", "interval"] = "constant"
    value: float = Field(ge=0)
    first: float = Field(default=0.0, ge=0)
    start: int = Field(default=0, ge=0)
    duration: int | None = Field(default=None, gt=0)
    steepness: float | None = Field(default=None, gt=0)
    every: int | None = Field(default=None, gt=0)

    def __post_init__(self) -> None:
        """Refuse settings that are missing or cannot take effect."""
        wanted = {"linear": "duration", "cyclic": "duration", "logistic": "steepness", "interval": "every"}
        needed = wanted.get(self.name)
        for each in ("duration", "steepness", "every"):
            is_given = getattr(self, each) is not None
            if is_given and each != needed:
                raise ValueError(f"{each} has no effect on schedule {self.name}; remove it")
            if each == needed and not is_given:
                raise ValueError(f"schedule {self.name} needs {each}")
        if self.first and self.name != "linear":
            raise ValueError(f"first has no effect on schedule {self.name}; remove it")
        if self.start and self.name in ("constant", "cyclic"):
            raise ValueError(f"start has no effect on schedule {self.name}; remove it")


@config
class BatchSettings:
    """How clips become batches.

    Attributes:
        size: clips per batch at most; None = as many as `max_frames` allows.
        max_frames: padded mel frames per batch at most, longest clip times clips (acoustic models); None = no limit.
        segment_frames: mel frames cut from each clip (vocoders); None = whole clips.
        auto: a batch that does not fit into memory is halved, and `accumulate` doubled, until it does.
    """

    size: int | None = Field(default=None, gt=0)
    max_frames: int | None = Field(default=None, gt=0)
    segment_frames: int | None = Field(default=None, gt=0)
    auto: bool = False

    def __post_init__(self) -> None:
        """Refuse batches without a limit."""
        if self.size is None and self.max_frames is None:
            raise ValueError("needs size (clips per batch), max_frames (padded frames per batch), or both")


@config
class AdversarySettings:
    """The discriminator's own training.

    Attributes:
        optimizer, schedule: its own; the schedule counts from `start_step`.
        start_step: steps of the generator alone before it.
        clip_norm: gradient norm limit of the discriminator; None = that of the run.
        objective: what the two play for.
        penalty: weight of the gradient penalty of objective wgan_gp, 10 in most papers; None with the others.
        updates: of the discriminator in each step, from the same batches but with other noise.
    """

    optimizer: OptimizerSettings
    schedule: ScheduleSettings = Field(default_factory=ScheduleSettings)
    start_step: int = Field(default=0, ge=0)
    clip_norm: float | None = Field(default=None, gt=0)
    objective: Literal["lsgan", "hinge", "wgan_gp"] = "lsgan"
    penalty: float | None = Field(default=None, gt=0)
    updates: int = Field(default=1, gt=0)

    def __post_init__(self) -> None:
        """Refuse a penalty that is missing or cannot take effect."""
        if self.objective == "wgan_gp" and self.penalty is None:
            raise ValueError("objective wgan_gp needs penalty, the weight of its gradient penalty; 10 is usual")
        if self.objective != "wgan_gp" and self.penalty is not None:
            raise ValueError(f"penalty has no effect on objective {self.objective}; remove it or use wgan_gp")


@config
class Freeze:
    """Parameters that stay as they are for a span of steps.

    Attributes:
        pattern: of their names (fnmatch), for example ``encoder.*``; or one of the system's `freeze_sets`, which names
            what stays frozen, for example ``decoder``; after ``all_but_``, what alone learns: ``all_but_decoder``.
        start: first step that leaves them, counted from 0.
        end: first step that moves them again; None = none does.
    """

    pattern: str
    start: int = Field(default=0, ge=0)
    end: int | None = None

    def __post_init__(self) -> None:
        """Refuse a span without a step."""
        if self.end is not None and self.end <= self.start:
            raise ValueError(f"end {self.end} leaves no step from start {self.start} on; raise it, or remove the span")

    def holds(self, step: int) -> bool:
        """Whether a step is in the span."""
        return self.start <= step and (self.end is None or step < self.end)


@config
class EvaluationSettings:
    """Clips that are spoken and measured while a run learns, which changes nothing that it learns.

    Attributes:
        every: steps, a multiple of the run's `validate_every`; measured after the last step too, and before the first
            where the run starts from another.
        utterances: of the validation split, the same at each time, taken in turn from all speakers the network knows.
        metrics: names, as in `evaluate.metrics`.
    """

    every: int = Field(gt=0)
    utterances: int = Field(default=12, gt=0)
    metrics: tuple[str, ...] = Field(
        default=("mcd_db", "log_f0_rmse", "cer", "speaker_similarity", "speaker_similarity_other", "dnsmos_ovrl"),
        min_length=1,
    )


def _whole_run(value: object) -> object:
    return {"pattern": value} if isinstance(value, str) else value


@config
class ReplaySettings:
    """Batches of old recordings among those of a run's own, so that it does not forget old voices.

    Attributes:
        corpus: of the old recordings, under `corpora`; it may be that of the run.
        rate: share of the batches that are of it, evenly spread.
        speakers: names in it; None = all that the model of `init_from` knows, but for those that the run itself
            learns from the same corpus.
    """

    corpus: str
    rate: float = Field(gt=0, lt=1)
    speakers: tuple[str, ...] | None = Field(default=None, min_length=1)


def _number_or_schedule(value: object, _: object) -> float | WeightSchedule:
    """What it is decides, so that a message is about the one that was meant."""
    if isinstance(value, dict):
        return TypeAdapter(WeightSchedule).validate_json(json.dumps(value))
    return value if isinstance(value, WeightSchedule) else TypeAdapter(float).validate_python(value, strict=True)


Weight = Annotated[float | WeightSchedule, WrapValidator(_number_or_schedule)]


@config
class RunSettings:
    """One training run.

    Attributes:
        system: registry key and file path below tts/, for example ``vocoders/hifigan``.
        corpus: name under `corpora`.
        speakers, styles: names to train on; None = all.
        model: the system's own Config.
        loss_weights: by the names the system's loss returns; 0 = logged only; a schedule where they depend on the
            step. Adversarial systems add `adversarial` and, if it is wanted, `feature_matching`.
        optimizer, schedule: of the network.
        adversary: of the discriminator; None where the system has none, or is to be trained without it.
        batch: how clips become batches.
        steps: optimizer steps.
        seed: of initialisation, batches and dropout.
        precision: fp32; tf32, the same but for products of matrices on GPUs; or autocast to bf16 or fp16.
        clip_norm: gradient norm limit; None = off.
        accumulate: batches per optimizer step; processes share them, so their number changes no result.
        ema_decay: of the exported moving average of the weights; None = off.
        log_every, validate_every, checkpoint_every: steps.
        evaluate: what is spoken and measured meanwhile; None = nothing.
        best_by: validation term that tells which weights are best: the lower, the better.
        export: the weights of the last step, or those that were best.
        patience: training ends after so many validations in a row that were not better; None = it never does.
        init_from: name of another run whose weights this one starts from.
        speaker_init: what the rows of speakers start at that `init_from` does not know: the mean of all known rows;
            random, as without `init_from`; mean_noise, the mean and noise as wide as the known rows are spread;
            nearest, the row of the known speaker whose vector is nearest (both runs are of one corpus, named in
            `run.speaker_vectors`); encoder_map, as the vectors of known speakers map to their rows (the same holds);
            by_metadata, the mean of the known rows of the same gender and accent in the corpus, else of the same
            gender, else of all; inversion, the mean, and then nothing but rows of speakers learns for a while.
        inversion_steps: of inversion; None = a tenth of `steps`.
        keep_names: whether speakers, symbols and styles of `init_from` stay in the tables when this run has no clip of
            them, so that the voices that were known can still be spoken; they stand first, and new ones behind them.
        same_speakers: names that `init_from` learned from another corpus and that are the same voices in this one.
        new_phones: whether phones that `init_from` never learned get rows, which start at the mean, or are refused.
        replay: old recordings among the new ones; None = new ones only.
        init_optimizer: whether the optimizer's moments of `init_from` are taken over too; those of new rows are zero.
        export_optimizer: whether the model folder holds the moments, for such runs: twice the size of the weights.
        mels_from: name of an acoustic run; a vocoder then learns from the mels that it makes while it follows the
            recordings, in place of theirs.
        freeze: parameters that stay as they are; a pattern alone holds for the whole run.
    """

    system: str
    corpus: str
    speakers: tuple[str, ...] | None = None
    styles: tuple[str, ...] | None = None
    model: dict[str, Any] = Field(default_factory=dict)
    loss_weights: dict[str, Weight]
    optimizer: OptimizerSettings
    schedule: ScheduleSettings = Field(default_factory=ScheduleSettings)
    adversary: AdversarySettings | None = None
    batch: BatchSettings
    steps: int = Field(gt=0)
    seed: int = 1234
    precision: Precision = "fp32"
    clip_norm: float | None = Field(default=None, gt=0)
    accumulate: int = Field(default=1, gt=0)
    ema_decay: float | None = Field(default=None, gt=0, lt=1)
    log_every: int = Field(default=50, gt=0)
    validate_every: int = Field(default=1000, gt=0)
    checkpoint_every: int = Field(default=1000, gt=0)
    evaluate: EvaluationSettings | None = None
    best_by: str = "loss"
    export: Literal["last", "best"] = "last"
    patience: int | None = Field(default=None, gt=0)
    init_from: str | None = None
    speaker_init: SpeakerInit = "mean"
    inversion_steps: int | None = Field(default=None, gt=0)
    keep_names: bool = True
    same_speakers: tuple[str, ...] = ()
    new_phones: Literal["extend", "refuse"] = "refuse"
    replay: ReplaySettings | None = None
    init_optimizer: bool = False
    export_optimizer: bool = False
    mels_from: str | None = None
    freeze: tuple[Annotated[Freeze, BeforeValidator(_whole_run)], ...] = ()

    def __post_init__(self) -> None:
        """Refuse settings that contradict each other."""
        constant = [weight for weight in self.loss_weights.values() if not isinstance(weight, WeightSchedule)]
        if not any(constant):
            raise ValueError("loss_weights are all 0 in some steps; give at least one term a constant weight")
        if self.adversary is not None and self.adversary.start_step >= self.steps:
            raise ValueError(f"adversary.start_step {self.adversary.start_step} is never reached in {self.steps} steps")
        self._check_start()
        if self.evaluate is not None and self.evaluate.every % self.validate_every:
            raise ValueError(
                f"evaluate.every {self.evaluate.every} is no multiple of validate_every {self.validate_every}; "
                "change one"
            )
        own = [weight for name, weight in self.loss_weights.items() if name not in ADVERSARIAL_TERMS]
        if self.adversary is not None and self.adversary.start_step and not any(own):
            raise ValueError(
                f"adversary.start_step {self.adversary.start_step}: nothing has a weight in the steps before it; "
                "set it to 0, or give a term of the network itself a weight"
            )
        for span in self.freeze:
            if span.start >= self.steps:
                raise ValueError(f"freeze {span.pattern!r}: start {span.start} is never reached in {self.steps} steps")

    @property
    def frozen(self) -> tuple[Freeze, ...]:
        """`freeze`, and what inversion freezes."""
        if self.speaker_init != "inversion":
            return self.freeze
        return (*self.freeze, Freeze(pattern="all_but_embedding", end=self.inversion_steps or max(1, self.steps // 10)))

    @property
    def decisive(self) -> dict[str, Any]:
        """As plain values, what the weights depend on: all but what is exported beside them."""
        return {name: value for name, value in to_plain(self).items() if name != "export_optimizer"}

    def _check_start(self) -> None:
        """Refuse what cannot take effect, or not together, when a run starts from another."""
        given = {
            f"speaker_init {self.speaker_init}": self.speaker_init != "mean",
            "replay": self.replay is not None,
            "init_optimizer": self.init_optimizer,
            "same_speakers": bool(self.same_speakers),
        }
        for what, is_given in given.items():
            if is_given and self.init_from is None:
                raise ValueError(f"{what} has no effect without init_from; remove it")
        if self.inversion_steps is not None and self.speaker_init != "inversion":
            raise ValueError(f"inversion_steps has no effect on speaker_init {self.speaker_init}; remove it")
        if self.inversion_steps is not None and self.inversion_steps >= self.steps:
            raise ValueError(f"inversion_steps {self.inversion_steps} leave none of {self.steps} steps for the rest")
        if self.replay is not None and self.mels_from is not None:
            raise ValueError("replay has no effect beside mels_from, whose mels are of one corpus; remove one of them")
