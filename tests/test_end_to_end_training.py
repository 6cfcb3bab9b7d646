"""End-to-end systems learn through the one trainer: batches, play against adversaries, resuming, starting elsewhere."""

import dataclasses

import pytest
import torch
from test_resuming import assert_resumes_exactly
from toys import MEL_DEFINITION, SYMBOLS, settings

from tts.audio.samples import to_int16
from tts.config import to_plain
from tts.end_to_end.vits2 import SYSTEM, TINY
from tts.errors import CheckpointError, ConfigError, TrainingError
from tts.interfaces import Inventory
from tts.training.end_to_end import PLAYED_TERMS, EndToEndTask
from tts.training.end_to_end_batches import EndToEndBatches, EndToEndTraining, end_to_end_validation
from tts.training.end_to_end_samples import EndToEndSamples
from tts.training.export import export_model, read_model
from tts.training.samples import render
from tts.training.seeding import seed_everything
from tts.training.settings import BatchSettings
from tts.training.starting import start_from
from tts.training.trainer import TrainingData

MODEL = dataclasses.replace(
    TINY,
    trunk=dataclasses.replace(TINY.trunk, channels=16, upsample_rates=(2, 2), upsample_kernels=(4, 4)),
)
OWN = {"mel": 1.0, "kl": 1.0, "duration": 1.0, "subband": 1.0}
PLAYED = dict.fromkeys(PLAYED_TERMS, 1.0)


def run_settings(**changes):
    values = {
        "system": "end_to_end/vits2",
        "loss_weights": OWN | PLAYED,
        "optimizer": {"lr": 2e-3, "betas": (0.8, 0.99)},
        "schedule": {"name": "constant"},
        "batch": {"size": 4, "segment_frames": 24},
        "adversary": {"optimizer": {"lr": 1e-3}, "start_step": 1},
        "steps": 4,
        "accumulate": 1,
        "ema_decay": None,
        "validate_every": 2,
        "log_every": 1,
        "checkpoint_every": 2,
    }
    return settings(**{**values, **changes})


def end_to_end_run(features, inventory, run, model=MODEL):
    seed_everything(run.seed)
    network = SYSTEM.build(model, inventory)
    adversaries = SYSTEM.build_discriminator(model) if run.adversary else None
    task = EndToEndTask(network, adversaries, run)
    reader = EndToEndBatches(features, inventory, network, run.batch)
    lengths = {split: reader.lengths(features.select(split), split) for split in ("train", "validation")}
    plan = EndToEndTraining(reader, lengths["train"], run.batch, seed=run.seed)
    return task, TrainingData(plan, plan.largest, end_to_end_validation(reader, lengths["validation"], run.batch))


def test_a_batch_holds_what_the_corpus_says(acoustic, inventory):
    _, data = end_to_end_run(acoustic, inventory, run_settings())
    batch = data.batch(3)
    assert batch.waveform.shape[1] == batch.frames.max() * MEL_DEFINITION.hop_length
    for row, name in enumerate(batch.utterance_ids):
        utterance, frames = acoustic.utterances[name], int(batch.frames[row])
        assert tuple(SYMBOLS[each] for each in batch.phones[row, : batch.phone_lengths[row]]) == utterance.phones
        assert inventory.speakers[batch.speaker_ids[row]] == utterance.speaker
        ours, theirs = batch.waveform[row, : frames * 64].numpy(), acoustic.audio(name)[: frames * 64]
        assert (to_int16(ours) == to_int16(theirs)).all()
        assert not batch.waveform[row, frames * 64 :].any()


def test_clips_without_room_for_their_symbols_are_counted_and_not_used(acoustic, inventory, caplog):
    reader = EndToEndBatches(
        acoustic, inventory, SYSTEM.build(MODEL, inventory), BatchSettings(size=1, segment_frames=60)
    )
    with caplog.at_level("INFO"):
        kept = reader.lengths(acoustic.select("train"), "train")
    assert min(kept.values()) >= 60
    assert f"{28 - len(kept)} of 28 train clips are shorter than a segment of 60 frames" in caplog.text
    demanding = EndToEndBatches(acoustic, inventory, Demanding(), BatchSettings(size=1, segment_frames=1))
    with pytest.raises(TrainingError, match="no train clip has 1 frames and one for each symbol"):
        demanding.lengths(acoustic.select("train"), "train")


def test_a_speaker_of_whom_no_clip_is_long_enough_is_named(acoustic, inventory):
    class Short(EndToEndBatches):
        def _least(self, ids):
            return [10**6 if self._features.utterances[name].speaker == "bob" else 1 for name in ids]

    reader = Short(acoustic, inventory, Demanding(), BatchSettings(size=1, segment_frames=1))
    with pytest.raises(
        TrainingError, match="no train clip of bob has 1 frames and one for each symbol; add longer ones"
    ):
        reader.lengths(acoustic.select("train"), "train")


class Demanding:
    def num_symbols(self, num_phones):
        return 100 * num_phones


def test_a_run_without_segments_is_refused(acoustic, inventory):
    with pytest.raises(ConfigError, match=r"batch.segment_frames is required for end-to-end systems; 32 is usual"):
        end_to_end_run(acoustic, inventory, run_settings(batch={"size": 4}))


def test_a_play_whose_terms_have_no_weight_is_refused(acoustic, inventory):
    with pytest.raises(ConfigError, match="adversarial, feature_matching, duration_adversarial; name all of these"):
        end_to_end_run(acoustic, inventory, run_settings(loss_weights=OWN | {"adversarial": 1.0}))


@pytest.mark.parametrize("accumulate", [1, 2])
def test_an_interrupted_run_ends_in_the_same_bits(tmp_path, acoustic, inventory, accumulate):
    run = run_settings(accumulate=accumulate)
    trainer = assert_resumes_exactly(lambda run: end_to_end_run(acoustic, inventory, run), run, tmp_path, stops=(1, 2))
    header = trainer.curve_path.read_text().splitlines()[0].split(",")
    for term in (*OWN, *PLAYED, "discriminator", "duration_discriminator"):
        assert f"train_{term}" in header
    assert trainer.progress.last.keys() == {"step", "loss", *OWN}


def test_low_precision_trains_too(tmp_path, acoustic, inventory):
    run = run_settings(precision="bf16", steps=2)
    assert_resumes_exactly(lambda run: end_to_end_run(acoustic, inventory, run), run, tmp_path, stops=(1,))


@pytest.mark.parametrize("durations", ["deterministic", "stochastic"])
def test_it_learns_one_batch(acoustic, inventory, durations):
    model = dataclasses.replace(MODEL, durations=durations)
    run = run_settings(loss_weights=OWN, adversary=None, steps=30)
    task, data = end_to_end_run(acoustic, inventory, run, model)
    batch = data.batch(0)
    losses = [task.update([batch], step).terms for step in range(30)]
    for term in ("mel", "duration"):
        first, last = (sum(each[term] for each in part) / 5 for part in (losses[:5], losses[-5:]))
        assert last < 0.95 * first, term


def test_the_adversaries_learn_and_the_network_is_told(acoustic, inventory):
    run = run_settings(steps=8)
    task, data = end_to_end_run(acoustic, inventory, run)
    before = {name: tensor.clone() for name, tensor in task.discriminator.state_dict().items()}
    alone = task.update([data.batch(0)], 0)
    assert not PLAYED.keys() & alone.terms.keys()
    assert all(torch.equal(before[name], tensor) for name, tensor in task.discriminator.state_dict().items())
    played = task.update([data.batch(0)], 1)
    assert PLAYED.keys() <= played.terms.keys()
    moved = {name.partition(".")[0] for name, tensor in task.discriminator.state_dict().items()
             if not torch.equal(before[name], tensor)}  # fmt: skip
    assert moved == {"waveforms", "durations"}
    assert all(each.requires_grad for each in task.discriminator.parameters())


def test_a_run_without_a_judge_of_durations_needs_no_weight_for_it(acoustic, inventory):
    model = dataclasses.replace(MODEL, adversaries=dataclasses.replace(MODEL.adversaries, durations=None))
    weights = OWN | {"adversarial": 1.0, "feature_matching": 2.0}
    task, data = end_to_end_run(acoustic, inventory, run_settings(loss_weights=weights), model)
    assert "duration_adversarial" not in task.update([data.batch(0)], 1).terms


def test_samples_are_of_the_recording_s_and_the_spoken_length(acoustic, inventory):
    task, data = end_to_end_run(acoustic, inventory, run_settings())
    clip = dataclasses.replace(
        data.validation[0],
        **{f.name: getattr(data.validation[0], f.name)[:1] for f in dataclasses.fields(data.validation[0])},
    )
    (sample,) = render(EndToEndSamples([clip], inventory.mel), task.network, seed=1)
    assert set(sample.pictures) == {"recorded", "spoken freely"}
    assert len(sample.waveform) % 64 == 0
    assert len(sample.waveform) <= 3 * clip.waveform.shape[1]


def test_a_base_without_speakers_is_refused_for_a_run_of_several(tmp_path, inventory):
    alone = dataclasses.replace(inventory, speakers=("ann",))
    network = SYSTEM.build(MODEL, alone)
    export_model(tmp_path, network, system="end_to_end/vits2", model=to_plain(MODEL), inventory=alone, training={})
    with pytest.raises(CheckpointError, match=r"learned one speaker only, so it lacks .* name one in `speakers`"):
        start_from(SYSTEM.build(MODEL, inventory), read_model(tmp_path), system="end_to_end/vits2", inventory=inventory)


def test_a_run_starts_from_another_with_its_symbols_and_speakers_by_name(tmp_path, acoustic, inventory):
    network = SYSTEM.build(MODEL, inventory)
    export_model(tmp_path, network, system="end_to_end/vits2", model=to_plain(MODEL), inventory=inventory, training={})
    wider = Inventory(
        mel=inventory.mel,
        symbols=(*inventory.symbols, "z"),
        speakers=("aaron", *inventory.speakers),
        styles=inventory.styles,
        statistics=inventory.statistics,
    )
    started = SYSTEM.build(MODEL, wider)
    start_from(started, read_model(tmp_path), system="end_to_end/vits2", inventory=wider)
    assert torch.equal(started.speakers.weight[1:], network.speakers.weight)
    assert torch.equal(started.symbols.weight[:-1], network.symbols.weight)
    torch.testing.assert_close(started.speakers.weight[0], network.speakers.weight.mean(0))
