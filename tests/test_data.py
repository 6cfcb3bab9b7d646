"""Tables, shards, splits, statistics and the gate."""

import errno
import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tts.audio.mel_definition import MelDefinition, num_frames
from tts.data.invariants import Clip, check_corpus, require_no_faults, violations
from tts.data.shards import ShardReader, assign_shards, layout, pad, shard_bytes, write_shard, write_shards
from tts.data.splits import SplitSettings, assign_splits
from tts.data.statistics import StatisticsBuilder
from tts.data.tables import DROPPED, read_table, write_table
from tts.data.tables import _column as column
from tts.errors import DataError

DEFINITION = MelDefinition(
    sample_rate=22050, n_fft=1024, hop_length=256, win_length=1024, n_mels=80, f_min=0.0, f_max=8000.0
)

ids = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=12)


@given(lengths=st.dictionaries(ids, st.integers(0, 9), max_size=20), clips=st.integers(1, 7))
def test_shards_give_back_what_was_written(tmp_path_factory, lengths, clips):
    folder = tmp_path_factory.mktemp("shards")
    arrays = {name: np.random.default_rng(n).normal(size=(n, 3)).astype(np.float32) for name, n in lengths.items()}
    shards = assign_shards(lengths, clips)
    write_shards(folder, "mel", lengths, arrays.__getitem__, shards=shards, like=np.empty((0, 3), np.float32))
    reader = ShardReader(folder, "mel")
    for name, (shard, offset) in layout(lengths, shards).items():
        assert np.array_equal(reader.read(shard, offset, lengths[name]), arrays[name])
        assert np.array_equal(reader.load(shard, offset, lengths[name]), arrays[name])


@given(lengths=st.lists(st.integers(0, 9), min_size=1, max_size=9))
def test_padded_arrays_are_followed_by_zeros(lengths):
    arrays = [np.full((length, 2), number + 1, np.int32) for number, length in enumerate(lengths)]
    padded = pad(arrays, np.int64)
    assert padded.shape == (len(lengths), max(lengths), 2)
    assert padded.dtype == np.int64
    for row, array in zip(padded, arrays, strict=True):
        assert np.array_equal(row[: len(array)], array)
        assert not row[len(array) :].any()
    assert pad(arrays).dtype == np.int32


def test_equal_arrays_give_equal_bytes_and_digest(tmp_path):
    arrays = [np.arange(n, dtype=np.int32) for n in range(10)]
    digests = [write_shard(tmp_path / name, arrays, 45, np.empty(0, np.int32)) for name in "ab"]
    assert digests[0] == digests[1]
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@given(length=st.integers(0, 200), width=st.integers(1, 90))
def test_the_size_of_a_shard_is_known_before_it_is_written(tmp_path_factory, length, width):
    path, rows = tmp_path_factory.mktemp("shard") / "mel-000.npy", np.zeros((length, width), np.float32)
    write_shard(path, [rows], length, rows)
    assert path.stat().st_size == shard_bytes(length, rows)
    assert np.load(path).shape == (length, width)


def test_a_shard_that_lost_all_of_its_clips_is_written_empty(tmp_path):
    shards = {"a": 0, "b": 1, "c": 2}
    write_shards(tmp_path, "x", {"a": 3}, lambda _: np.zeros(3), shards=shards, like=np.empty(0))
    assert [len(np.load(tmp_path / f"x-{shard:03d}.npy")) for shard in range(3)] == [3, 0, 0]


def test_shard_writer_refuses_an_array_of_another_shape(tmp_path):
    with pytest.raises(ValueError, match="4 rows, expected 3"):
        write_shard(tmp_path / "x", [np.zeros(4)], 3, np.empty(0))
    with pytest.raises(ValueError, match=r"rows have \(2,\)"):
        write_shard(tmp_path / "x", [np.zeros((4, 3))], 4, np.empty((0, 2)))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full, a file on a full disk")
def test_a_full_disk_is_said(tmp_path):
    with pytest.raises(OSError, match="No space left on device") as caught:
        write_shard(Path("/dev/full"), [np.zeros(5000)], 5000, np.empty(0))
    assert caught.value.errno == errno.ENOSPC


def test_tables_keep_rows_and_their_bytes(tmp_path):
    rows = [{"utterance_id": "a", "stage": "mel", "reason": "too short", "detail": "3 samples"}]
    for name in ("one", "two"):
        write_table(tmp_path / name, rows, DROPPED)
    assert read_table(tmp_path / "one", DROPPED) == rows
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_a_table_that_is_not_one_is_a_clear_error(tmp_path):
    (tmp_path / "broken.parquet").write_bytes(b"nothing")
    with pytest.raises(DataError, match="cannot be read as a Parquet table"):
        read_table(tmp_path / "broken.parquet")


def corpus(num_speakers, num_texts, shared):
    names = [
        (f"s{s}-{t}", f"s{s}", f"text {t}" if shared else f"text {s} {t}")
        for s in range(num_speakers)
        for t in range(num_texts)
    ]
    return {name: text for name, _, text in names}, {name: speaker for name, speaker, _ in names}


@given(
    num_speakers=st.integers(1, 4),
    num_texts=st.integers(1, 40),
    shared=st.booleans(),
    seed=st.integers(0, 99),
)
def test_no_text_is_on_two_sides_of_a_split(num_speakers, num_texts, shared, seed):
    texts, speakers = corpus(num_speakers, num_texts, shared)
    splits = assign_splits(texts, speakers, SplitSettings(seed=seed, validation=0.1, test=0.1))
    sides = {}
    for name, split in splits.items():
        assert sides.setdefault(texts[name], split) == split


def test_every_speaker_with_three_texts_is_validated_and_tested():
    texts, speakers = corpus(num_speakers=6, num_texts=8, shared=False)
    splits = assign_splits(texts, speakers, SplitSettings(validation=0.01, test=0.01))
    for speaker in set(speakers.values()):
        mine = {splits[name] for name in texts if speakers[name] == speaker}
        assert mine == {"train", "validation", "test"}


def test_splits_are_stable_when_recordings_are_added():
    texts, speakers = corpus(num_speakers=2, num_texts=200, shared=False)
    settings = SplitSettings(validation=0.1, test=0.1)
    before = assign_splits(texts, speakers, settings)
    more = {**texts, **{f"new-{n}": f"new text {n}" for n in range(50)}}
    after = assign_splits(more, {**speakers, **{f"new-{n}": "s9" for n in range(50)}}, settings)
    assert {name: after[name] for name in texts} == before


def test_a_share_of_zero_holds_nothing_out():
    texts, speakers = corpus(num_speakers=2, num_texts=20, shared=False)
    assert set(assign_splits(texts, speakers, SplitSettings(validation=0, test=0)).values()) == {"train"}


def test_statistics_are_of_voiced_phones_by_speaker():
    builder = StatisticsBuilder()
    builder.add("a", pitch=np.array([0, 100.0, 200.0]), energy=np.array([1.0, 1.0, 1.0]), mel=np.zeros((2, 3)))
    found = builder.build(["a"])
    assert found.pitch_mean["a"] == pytest.approx(np.log([100, 200]).mean())
    assert found.pitch_std["a"] == pytest.approx(np.log([100, 200]).std())
    assert (found.pitch_hz_mean["a"], found.pitch_hz_std["a"]) == pytest.approx((150, 50))
    assert (found.energy_linear_mean, found.energy_linear_std) == pytest.approx((1, 1e-3)), "never a spread of 0"


def test_statistics_of_parts_are_those_of_all():
    draw = np.random.default_rng(0)
    parts, whole = [StatisticsBuilder(), StatisticsBuilder()], StatisticsBuilder()
    for number in range(6):
        values = {"pitch": draw.uniform(90, 300, 9), "energy": draw.uniform(1, 9, 9), "mel": draw.normal(size=(20, 4))}
        parts[number % 2].add("ab"[number % 3 == 0], **values)
        whole.add("ab"[number % 3 == 0], **values)
    total = StatisticsBuilder()
    for part in parts:
        total.add_all(StatisticsBuilder.from_plain(json.loads(json.dumps(asdict(part)))))
    found, expected = total.build("ab"), whole.build("ab")
    assert found.pitch_mean == pytest.approx(expected.pitch_mean)
    assert found.pitch_std == pytest.approx(expected.pitch_std)
    assert (found.mel_mean, found.mel_std) == pytest.approx((expected.mel_mean, expected.mel_std))
    assert (found.energy_mean, found.energy_std) == pytest.approx((expected.energy_mean, expected.energy_std))
    assert found.pitch_hz_mean == pytest.approx(expected.pitch_hz_mean)
    assert found.pitch_hz_std == pytest.approx(expected.pitch_hz_std)
    assert found.energy_linear_mean == pytest.approx(expected.energy_linear_mean)
    assert found.energy_linear_std == pytest.approx(expected.energy_linear_std)


def test_a_speaker_without_a_voiced_phone_is_named():
    builder = StatisticsBuilder()
    builder.add("ann", pitch=np.zeros(3), energy=np.ones(3), mel=np.zeros((2, 3)))
    with pytest.raises(DataError, match="ann"):
        builder.build(["ann"])


def clip(**changes):
    frames = num_frames(25600, DEFINITION)
    row = {"utterance_id": "u1", "num_samples": 25600, "sample_rate": 22050, "phones": ["a", "b"]}
    arrays = {
        "mel": np.zeros((frames, 80), np.float32),
        "durations": np.array([60, frames - 60]),
        "pitch_phone": np.ones(2),
        "energy_phone": np.ones(2),
        "pitch": np.ones(frames),
        "energy": np.ones(frames),
    }
    return Clip(**{"row": {"normalized_text": "a b", **row, **changes.pop("row", {})}, **arrays, **changes})


def test_a_sound_clip_passes_the_gate():
    assert list(violations(clip(), DEFINITION)) == []
    require_no_faults([])


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"durations": np.array([60, 41])}, "durations sum to 101"),
        ({"durations": np.array([101, -1])}, "negative"),
        ({"mel": np.full((100, 80), np.nan)}, "not finite"),
        ({"mel": np.zeros((99, 80))}, "99 mel frames, 100 expected"),
        ({"pitch_phone": np.ones(3)}, "3 values of pitch_phone for 2 phones"),
        ({"row": {"sample_rate": 16000}}, "16000 Hz"),
    ],
)
def test_the_gate_sees_every_fault(changes, said):
    assert any(said in fault for fault in violations(clip(**changes), DEFINITION))


def test_the_gate_counts_faults_and_says_the_first():
    with pytest.raises(DataError, match=r"^7 faults in the features: a: bad; a: bad.* \(and 2 more\); rebuild them$"):
        require_no_faults(["a: bad"] * 7)


def test_the_gate_refuses_a_text_on_two_sides():
    rows = [{"utterance_id": n, "normalized_text": "same", "split": s} for n, s in (("a", "train"), ("b", "test"))]
    with pytest.raises(DataError, match="more than one split"):
        check_corpus(rows)


def test_the_gate_refuses_repeated_ids():
    rows = [{"utterance_id": "a", "normalized_text": str(n), "split": "train"} for n in range(2)]
    with pytest.raises(DataError, match="occur twice: a"):
        check_corpus(rows)


def test_the_gate_refuses_an_empty_training_split():
    with pytest.raises(DataError, match="training split is empty"):
        check_corpus([{"utterance_id": "a", "normalized_text": "x", "split": "test"}])


def of_kind(kind, values):
    return st.tuples(st.just(kind), st.lists(values, max_size=40))


@settings(deadline=None)  # Arrow imports pandas at its first
@given(
    st.one_of(
        of_kind(pa.int32(), st.none() | st.integers(-(2**31), 2**31 - 1)),
        of_kind(pa.int64(), st.integers(-(2**63), 2**63 - 1)),
        of_kind(pa.float64(), st.none() | st.floats()),
        of_kind(pa.string(), st.none() | st.text(st.characters(codec="utf-8"))),
        of_kind(pa.list_(pa.string()), st.lists(st.text(st.characters(codec="utf-8")), max_size=4)),
    )
)
def test_columns_are_those_that_arrow_makes(of):
    kind, values = of
    ours, arrows = column(values, kind), pa.array(values, kind)
    ours.validate(full=True)
    assert ours.type == arrows.type
    assert ours.null_count == arrows.null_count
    assert repr(ours.to_pylist()) == repr(arrows.to_pylist())


@pytest.mark.parametrize(("kind", "value"), [(pa.int32(), 2**31), (pa.int32(), "a"), (pa.string(), 5)])
def test_values_that_are_not_of_a_columns_type_are_refused(kind, value):
    with pytest.raises((OverflowError, ValueError, TypeError)):
        column([value], kind)
