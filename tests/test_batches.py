"""Features read as slices, and the batches made of them."""

import json
import time

import numpy as np
import pytest
import torch
from toys import MEL_DEFINITION, SPEAKERS, STYLES, SYMBOLS

from tts.config import build, to_plain
from tts.data.features import CorpusFeatures, read_inventory
from tts.data.tables import MEL, read_table, write_table
from tts.errors import ConfigError, DataError
from tts.training.batching import (
    AcousticBatches,
    AcousticTraining,
    VocoderTraining,
)
from tts.training.loading import prefetch
from tts.training.settings import BatchSettings


def test_every_epoch_has_every_clip_once_and_no_two_are_alike(acoustic, inventory):
    lengths = {name: row.num_frames for name, row in acoustic.utterances.items()}
    batching = build(BatchSettings, {"size": 4, "max_frames": 300}, where="batch")
    plan = AcousticTraining(AcousticBatches(acoustic, inventory, "phone"), lengths, batching, seed=1)
    batches = [plan.ids(index) for index in range(2 * plan._per_epoch)]
    epochs = batches[: plan._per_epoch], batches[plan._per_epoch :]
    assert all(sorted(name for ids in epoch for name in ids) == sorted(lengths) for epoch in epochs)
    assert epochs[0] != epochs[1]
    assert all(len(ids) * max(lengths[name] for name in ids) <= 300 and len(ids) <= 4 for ids in batches)
    again = AcousticTraining(AcousticBatches(acoustic, inventory, "phone"), lengths, batching, seed=1)
    assert again.ids(plan._per_epoch + 3) == epochs[1][3]


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


def _shards(toy_folders):
    return [(row["utterance_id"], row["shard"]) for row in read_table(toy_folders["mel"] / "mel.parquet", MEL)]
