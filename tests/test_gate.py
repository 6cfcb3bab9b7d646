"""The invariant gate over shards, and what it keeps of them."""

from __future__ import annotations

import os

import numpy as np
import pytest

from pipeline import gate as gate_module
from pipeline.gate import Gate
from pipeline.kept import Kept
from pipeline.parallel import ThisProcess
from tts.audio.mel_definition import MelDefinition
from tts.data.shards import layout, shard_path, write_shards
from tts.errors import DataError

DEFINITION = MelDefinition(
    sample_rate=8000, n_fft=256, hop_length=64, win_length=256, n_mels=8, f_min=0.0, f_max=4000.0
)
NAMES = [f"clip{number}" for number in range(6)]
SHARDS = {name: number // 2 for number, name in enumerate(NAMES)}
FRAMES = {name: 20 + number for number, name in enumerate(NAMES)}
PHONES = dict.fromkeys(NAMES, 2)


@pytest.fixture
def rows(tmp_path):
    arrays = {name: _arrays(FRAMES[name], seed) for seed, name in enumerate(NAMES)}
    for kind in arrays[NAMES[0]]:
        lengths = PHONES if kind in ("durations", "pitch_phone", "energy_phone") else FRAMES
        folder = tmp_path / ("mel" if kind == "mel" else "prosody")
        folder.mkdir(exist_ok=True)
        like = arrays[NAMES[0]][kind][:0]
        write_shards(folder, kind, lengths, lambda name, kind=kind: arrays[name][kind], shards=SHARDS, like=like)
    of_frames, of_phones = layout(FRAMES, SHARDS), layout(PHONES, SHARDS)
    return [
        {"utterance_id": name, "speaker": "ann", "split": "test" if name == "clip5" else "train"}
        | {"normalized_text": name, "phones": ["a", "b"], "num_samples": 64 * FRAMES[name], "sample_rate": 8000}
        | {"shard": SHARDS[name], "num_phones": 2, "num_frames": FRAMES[name]}
        | {"mel_offset": of_frames[name][1], "frame_offset": of_frames[name][1], "phone_offset": of_phones[name][1]}
        for name in NAMES
    ]


def _arrays(frames, seed):
    draw = np.random.default_rng(seed)
    return {
        "mel": draw.normal(size=(frames, 8)).astype(np.float32),
        "durations": np.array([12, frames - 12], np.int32),
        "pitch_phone": draw.uniform(90, 300, 2).astype(np.float32),
        "energy_phone": draw.uniform(1, 9, 2).astype(np.float32),
        "pitch": draw.uniform(90, 300, frames).astype(np.float32),
        "energy": draw.uniform(1, 9, frames).astype(np.float32),
    }


@pytest.fixture
def looked_at(monkeypatch):
    looked, look = [], gate_module._look

    def noting(mel, prosody, definition, rows):
        looked.append(rows[0]["shard"])
        return look(mel, prosody, definition, rows)

    monkeypatch.setattr(gate_module, "_look", noting)
    return looked


def pass_all(folder, rows):
    kept = Kept(folder / "kept")
    return Gate(folder / "mel", folder / "prosody", DEFINITION, kept, "code", ThisProcess()).pass_all(rows)


def spoil(folder, kind, shard):
    path = shard_path(folder / ("mel" if kind == "mel" else "prosody"), kind, shard)
    array = np.load(path)
    array[3 if kind == "mel" else 0] = np.nan
    np.save(path, array)


def test_statistics_are_those_of_the_training_split(tmp_path, rows):
    found = pass_all(tmp_path, rows)
    mels = np.concatenate([_arrays(FRAMES[name], seed)["mel"] for seed, name in enumerate(NAMES[:5])])
    assert found.mel_mean == pytest.approx(mels.mean(), rel=1e-5)
    assert found.mel_std == pytest.approx(mels.std(), rel=1e-5)


def test_a_shard_is_looked_at_once(tmp_path, rows, looked_at):
    before = pass_all(tmp_path, rows)
    assert looked_at == [0, 1, 2]
    assert pass_all(tmp_path, rows) == before
    assert looked_at == [0, 1, 2]


def test_a_shard_whose_clips_changed_their_split_is_looked_at_again(tmp_path, rows, looked_at):
    pass_all(tmp_path, rows)
    rows[0]["split"] = "validation"
    pass_all(tmp_path, rows)
    assert looked_at == [0, 1, 2, 0]


@pytest.mark.parametrize("kind", ["mel", "pitch_phone", "energy"])
def test_a_file_that_was_spoilt_after_it_passed_is_found(tmp_path, rows, kind):
    pass_all(tmp_path, rows)
    spoil(tmp_path, kind, 1)
    with pytest.raises(DataError, match=f"^1 faults in the features: clip2: a value of {kind} that is not finite"):
        pass_all(tmp_path, rows)


def test_a_file_of_equal_bytes_with_another_time_is_looked_at_again(tmp_path, rows, looked_at):
    pass_all(tmp_path, rows)
    os.utime(shard_path(tmp_path / "prosody", "durations", 2), (1, 1))
    pass_all(tmp_path, rows)
    assert looked_at == [0, 1, 2, 2]
