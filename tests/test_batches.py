"""Features read as slices, and the batches made of them."""

import json
import time
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from toys import MEL_DEFINITION, SPEAKERS, STYLES, SYMBOLS

from tts.config import build, to_plain
from tts.data.features import CorpusFeatures, read_inventory
from tts.data.tables import MEL, UTTERANCES, read_table, write_table
from tts.errors import ConfigError, DataError
from tts.training.batching import (
    AcousticBatches,
    AcousticTraining,
    VocoderTraining,
)
from tts.training.loading import prefetch
from tts.training.sampling import LengthSampler, fixed_batches
from tts.training.settings import BatchSettings

LENGTHS = st.dictionaries(st.text("abc", min_size=1), st.integers(1, 60), min_size=1, max_size=60)
LIMITS = st.tuples(st.none() | st.integers(1, 9), st.none() | st.integers(60, 300)).filter(any)


def sampler(lengths, limits, seed=1):
    values = dict(zip(("size", "max_frames"), limits, strict=True))
    return LengthSampler(lengths, build(BatchSettings, values, where="batch"), seed=seed)


def epochs(plan, count):
    size = plan.batches_per_epoch
    return [[plan.ids(number * size + index) for index in range(size)] for number in range(count)]


@given(lengths=LENGTHS, limits=LIMITS)
def test_every_epoch_has_every_clip_once_within_the_limits(lengths, limits):
    size, max_frames = (each or 10**9 for each in limits)
    for batches in epochs(sampler(lengths, limits), 3):
        assert sorted(name for ids in batches for name in ids) == sorted(lengths)
        assert all(1 <= len(ids) <= size for ids in batches)
        assert all(len(ids) * max(lengths[name] for name in ids) <= max_frames for ids in batches)


@given(lengths=LENGTHS, limits=LIMITS, order=st.permutations(range(12)))
def test_a_batch_is_a_function_of_seed_and_index_alone(lengths, limits, order):
    plan = sampler(lengths, limits)
    once = [plan.ids(index) for index in range(12)]
    asked = sampler(dict(sorted(lengths.items(), reverse=True)), limits)
    again = {index: asked.ids(index) for index in order}
    assert [again[index] for index in range(12)] == once


def test_epochs_and_seeds_differ(speech_lengths):
    first, second = epochs(sampler(speech_lengths, (None, 4000)), 2)
    (other,) = epochs(sampler(speech_lengths, (None, 4000), seed=2), 1)
    assert first != second
    assert first != other
    assert {frozenset(ids) for ids in first} != {frozenset(ids) for ids in second}


def test_clips_of_similar_length_meet_and_use_the_budget_up(speech_lengths):
    batches = [[speech_lengths[name] for name in ids] for ids in epochs(sampler(speech_lengths, (None, 8000)), 1)[0]]
    frames, padded = sum(map(sum, batches)), sum(max(each) * len(each) for each in batches)
    assert 1 - frames / padded < 0.02
    assert frames / (8000 * len(batches)) > 0.9


@pytest.fixture
def speech_lengths():
    """Frames of 2000 clips as long as LJSpeech's."""
    seconds = np.random.default_rng(0).lognormal(1.81, 0.4, 2000).clip(1, 10)
    return {f"{number:04d}": round(each * 86) for number, each in enumerate(seconds)}


def test_batches_without_a_budget_are_those_that_models_were_trained_on():
    lengths = {f"c{number:02d}": 20 + number * 37 % 71 for number in range(11)}
    batches = [" ".join(ids) for epoch in epochs(sampler(lengths, (3, None), seed=7), 2) for ids in epoch]
    assert batches == [
        *("c08 c01 c09", "c10 c07", "c05 c03 c04", "c00 c02 c06"),
        *("c07 c03 c05", "c02 c06 c08", "c09 c01 c00", "c04 c10"),
    ]


def test_batches_without_any_limit_are_refused():
    with pytest.raises(ConfigError, match=r"batch: needs size .*, max_frames .*, or both"):
        build(BatchSettings, {"segment_frames": 32}, where="batch")


@pytest.mark.parametrize("level", ["phone", "frame"])
def test_a_padded_batch_equals_its_clips_alone(acoustic, inventory, level):
    reader = AcousticBatches(acoustic, inventory, level)
    batch = reader.read(acoustic.ids)
    for row, name in enumerate(acoustic.ids):
        present = {field: value for field, value in vars(reader.read([name])).items() if field != "speaker_vectors"}
        for field, alone in present.items():
            together = getattr(batch, field)[row]
            if field == "utterance_ids":
                assert together == name
            elif together.ndim == 0:
                assert together == alone[0]
            else:
                assert torch.equal(together[: alone.shape[1]], alone[0])
                assert not together[alone.shape[1] :].any()


@pytest.mark.parametrize(("what", "changes"), [("phone", {"symbols": ("a",)}), ("speaker", {"speakers": ("ann",)})])
def test_names_that_the_inventory_lacks_are_told_with_their_clip(acoustic, inventory, what, changes):
    name = next(name for name, row in acoustic.utterances.items() if row.speaker == "bob")
    reader = AcousticBatches(acoustic, replace(inventory, **changes), "phone")
    with pytest.raises(DataError, match=f"{name}: its {what} is not among those of the index"):
        reader.read([name])


def test_durations_that_do_not_add_up_name_their_clip(acoustic, inventory, monkeypatch):
    views, name = acoustic.views, acoustic.ids[3]

    def longer(kind, ids):
        return [each + (kind == "durations" and own == name) for own, each in zip(ids, views(kind, ids), strict=True)]

    monkeypatch.setattr(acoustic, "views", longer)
    with pytest.raises(DataError, match=f"{name}: durations add up to"):
        AcousticBatches(acoustic, inventory, "phone").read(acoustic.ids[:6])


def test_training_reads_the_batches_that_the_sampler_names(acoustic, inventory):
    batching = build(BatchSettings, {"max_frames": 300}, where="batch")
    lengths = acoustic.num_frames(acoustic.ids)
    plan = AcousticTraining(AcousticBatches(acoustic, inventory, "phone"), lengths, batching, seed=1)
    for index in range(3):
        batch = plan(index)
        assert list(batch.utterance_ids) == plan.ids(index) == LengthSampler(lengths, batching, seed=1).ids(index)
        assert batch.mel.shape[0] * batch.mel.shape[1] <= 300


def test_fixed_batches_have_every_clip_once(speech_lengths):
    batches = fixed_batches(speech_lengths, build(BatchSettings, {"max_frames": 4000}, where="batch"))
    assert sorted(name for ids in batches for name in ids) == sorted(speech_lengths)


def test_acoustic_batches_hold_the_clips_and_zeros(acoustic, inventory):
    ids = acoustic.ids[:3]
    batch = AcousticBatches(acoustic, inventory, "phone").read(ids)
    assert torch.equal(batch.durations.sum(1), batch.mel_lengths)
    for row, name in enumerate(ids):
        clip, frames = acoustic.utterances[name], acoustic.utterances[name].num_frames
        assert np.array_equal(batch.mel[row, :frames], acoustic.mel(name))
        assert not batch.mel[row, frames:].any()
        assert [SYMBOLS[number] for number in batch.phones[row, : clip.num_phones]] == list(clip.phones)
        assert SPEAKERS[batch.speaker_ids[row]] == clip.speaker
        assert STYLES[batch.style_ids[row]] == clip.style
    assert AcousticBatches(acoustic, inventory, "frame").read(ids).pitch.shape == batch.mel.shape[:2]


def test_segments_are_cut_where_the_audio_is(recordings):
    batching = build(BatchSettings, {"size": 5, "segment_frames": 16}, where="batch")
    plan = VocoderTraining(recordings, recordings.ids, batching, seed=3)
    for index in range(8):
        batch = plan(index)
        assert batch.mel.shape == (5, 8, 16)
        assert batch.waveform.shape == (5, 16 * 64)
        for name, mel, waveform in zip(batch.utterance_ids, batch.mel.numpy(), batch.waveform.numpy(), strict=True):
            whole = recordings.mel(name)
            starts = [t for t in range(len(whole) - 15) if np.array_equal(whole[t : t + 16], mel.T)]
            assert len(starts) == 1
            assert np.array_equal(recordings.audio(name, starts[0] * 64, 16 * 64), waveform)


def test_a_vocoder_epoch_hears_every_clip_once(recordings):
    batching = build(BatchSettings, {"size": 4, "segment_frames": 16}, where="batch")
    plan = VocoderTraining(recordings, recordings.ids, batching, seed=3)
    assert sorted(name for index in range(8) for name in plan(index).utterance_ids) == recordings.ids


def test_clips_shorter_than_a_segment_are_counted(recordings, caplog):
    caplog.set_level("INFO")
    batching = build(BatchSettings, {"size": 4, "segment_frames": 60}, where="batch")
    plan = VocoderTraining(recordings, recordings.ids, batching, seed=3)
    short = sum(row.num_frames < 60 for row in recordings.utterances.values())
    assert f"{short} of 32 training clips are shorter than a segment of 60 frames" in caplog.text
    assert all(recordings.utterances[name].num_frames >= 60 for name in plan(0).utterance_ids)


@pytest.mark.parametrize("workers", [1, 3])
def test_batches_come_in_order_whatever_the_number_of_threads(workers):
    def make(index):
        time.sleep(0.002 * (index % 3))
        return index

    assert list(prefetch(make, range(20), workers=workers)) == list(range(20))


def test_what_a_loader_thread_raises_reaches_the_trainer():
    def make(index):
        raise DataError(f"clip {index}")

    with pytest.raises(DataError, match="clip 0"):
        next(prefetch(make, range(5), workers=2))


def test_a_vocoder_sees_the_splits_of_the_index_without_reading_it(recordings):
    splits = {name: row.split for name, row in recordings.utterances.items()}
    assert set(splits.values()) == {"train", "validation"}
    assert recordings.audio(recordings.ids[0]).dtype == np.float32
    assert np.abs(recordings.audio(recordings.ids[0])).max() <= 1


def test_names_that_the_corpus_lacks_are_refused(acoustic, toy_folders):
    with pytest.raises(ConfigError, match="speaker 'eve' is not in the corpus; there is: ann, bob"):
        acoustic.select("train", speakers=["eve"])
    with pytest.raises(ConfigError, match="style 'sung'"):
        read_inventory(toy_folders["index"], acoustic.mel_definition, styles=["sung"])


def test_an_inventory_holds_the_chosen_speakers_alone(acoustic, toy_folders):
    inventory = read_inventory(toy_folders["index"], acoustic.mel_definition, speakers=["bob"])
    assert inventory.speakers == ("bob",)
    assert inventory.statistics.pitch_mean == {"bob": 5.0}
    assert all(acoustic.utterances[name].speaker == "bob" for name in acoustic.select("train", speakers=["bob"]))


def test_mels_of_other_lengths_than_the_audio_are_refused(toy_folders, tmp_path):
    rows = [
        {"utterance_id": name, "shard": shard, "offset": 0, "num_frames": 7} for name, shard in _shards(toy_folders)
    ]
    write_table(tmp_path / "mel.parquet", rows, MEL, metadata={"mel_definition": json.dumps(to_plain(MEL_DEFINITION))})
    with pytest.raises(DataError, match="32 clips have other lengths than their audio"):
        CorpusFeatures(toy_folders["corpus"], tmp_path)


def test_a_mel_of_a_clip_that_is_elsewhere_is_refused(toy_folders, tmp_path):
    rows = read_table(toy_folders["mel"] / "mel.parquet", MEL)
    rows[3]["shard"] += 1
    rows[5]["utterance_id"] = "nobody"
    for number in (3, 5):
        metadata = {"mel_definition": json.dumps(to_plain(MEL_DEFINITION))}
        write_table(tmp_path / "mel.parquet", [rows[number]], MEL, metadata=metadata)
        with pytest.raises(DataError, match=f"{rows[number]['utterance_id']} is not where .* has it"):
            CorpusFeatures(toy_folders["corpus"], tmp_path)


def test_rows_are_those_of_the_table(acoustic, toy_folders):
    rows = read_table(toy_folders["index"] / "utterances.parquet", UTTERANCES)
    assert list(acoustic.utterances) == acoustic.ids == [row["utterance_id"] for row in rows]
    for row in rows:
        assert vars(acoustic.utterances[row["utterance_id"]]) == {**row, "phones": tuple(row["phones"])}
    assert "nobody" not in acoustic.utterances


def _shards(toy_folders):
    return [(row["utterance_id"], row["shard"]) for row in read_table(toy_folders["mel"] / "mel.parquet", MEL)]
