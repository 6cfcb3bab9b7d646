"""A small corpus on disk and toy systems with every kind of state, for tests of the training engine."""

import json
import os
import traceback
import warnings

import numpy as np
import pytest
import torch
from torch import nn

from tts.audio.mel_definition import MelDefinition
from tts.audio.spectrogram import mel_spectrogram
from tts.config import build, to_plain
from tts.data.features import CorpusFeatures, read_inventory
from tts.data.shards import layout, write_shards
from tts.data.splits import SplitSettings
from tts.data.tables import MANIFEST, MEL, UTTERANCES, write_table
from tts.interfaces import Inventory
from tts.phones import SILENCE
from tts.training.batching import (
    AcousticBatches,
    AcousticTraining,
    VocoderTraining,
    acoustic_validation,
    vocoder_validation,
)
from tts.training.processes import ALONE
from tts.training.seeding import seed_everything
from tts.training.settings import RunSettings
from tts.training.tasks import AdversarialTask, SupervisedTask
from tts.training.trainer import TrainingData

MEL_DEFINITION = MelDefinition(
    sample_rate=8000, n_fft=256, hop_length=64, win_length=256, n_mels=8, f_min=0.0, f_max=4000.0
)
SPEAKERS = ("ann", "bob")
STYLES = ("calm", "loud")
SYMBOLS = ("a", "b", "n", SILENCE)


@pytest.fixture(scope="session")
def toy_folders(tmp_path_factory):
    """corpus, mel, prosody and index folders of 32 random clips."""
    root = tmp_path_factory.mktemp("corpus")
    folders = {name: root / name for name in ("corpus", "mel", "prosody", "index")}
    for folder in folders.values():
        folder.mkdir()
    draw = np.random.default_rng(1)
    clips = {f"clip{n:02d}": _clip(draw, n) for n in range(32)}
    _write_features(folders, clips)
    _write_index(folders["index"], clips)
    return folders


def _clip(draw, number):
    num_samples = int(draw.integers(40 * 64, 90 * 64))
    samples = (draw.normal(size=num_samples) * 3000).astype(np.int16)
    mel = mel_spectrogram(torch.from_numpy(samples.astype(np.float32) / 32768)[None], MEL_DEFINITION)[0].T.numpy()
    frames = len(mel)
    cuts = np.sort(draw.integers(0, frames, size=9))
    durations = np.diff([0, *cuts, frames]).astype(np.int32)
    phones = [SILENCE, *draw.choice(["a", "b", "n"], size=8).tolist(), SILENCE]
    return {
        "audio": samples,
        "mel": mel,
        "durations": durations,
        "pitch_phone": draw.uniform(0, 200, 10).astype(np.float32) * (draw.random(10) > 0.3),
        "energy_phone": draw.uniform(0.1, 9, 10).astype(np.float32),
        "pitch": draw.uniform(0, 200, frames).astype(np.float32),
        "energy": draw.uniform(0.1, 9, frames).astype(np.float32),
        "phones": phones,
        "speaker": SPEAKERS[number % 2],
        "style": STYLES[number // 2 % 2],
        "split": "validation" if number % 8 == 7 else "train",
    }


def _shards(clips):
    return {key: number % 3 for number, key in enumerate(sorted(clips))}


def _write_features(folders, clips):
    kinds = {"audio": "corpus", "mel": "mel"}
    for name in ("audio", "mel", "durations", "pitch_phone", "energy_phone", "pitch", "energy"):
        lengths = {key: len(clip[name]) for key, clip in clips.items()}
        like = next(iter(clips.values()))[name][:0]
        folder = folders[kinds.get(name, "prosody")]
        write_shards(folder, name, lengths, lambda key, name=name: clips[key][name], shards=_shards(clips), like=like)
    manifest, mel = [], []
    for key, (shard, offset) in layout(
        {key: len(clip["audio"]) for key, clip in clips.items()}, _shards(clips)
    ).items():
        row = {"speaker": clips[key]["speaker"], "style": clips[key]["style"], "language": "en", "text": key}
        place = {"num_samples": len(clips[key]["audio"]), "shard": shard, "offset": offset}
        rest = {"normalized_text": f"text {key}", "sample_rate": 8000, "audio_sha256": ""}
        manifest.append({"utterance_id": key, **row, **place, **rest})
    for key, (shard, offset) in layout({key: len(clip["mel"]) for key, clip in clips.items()}, _shards(clips)).items():
        mel.append({"utterance_id": key, "shard": shard, "offset": offset, "num_frames": len(clips[key]["mel"])})
    write_table(folders["corpus"] / "manifest.parquet", manifest, MANIFEST)
    metadata = {"mel_definition": json.dumps(to_plain(MEL_DEFINITION))}
    write_table(folders["mel"] / "mel.parquet", mel, MEL, metadata=metadata)


def _write_index(folder, clips):
    samples = layout({key: len(clip["audio"]) for key, clip in clips.items()}, _shards(clips))
    phones = layout({key: len(clip["phones"]) for key, clip in clips.items()}, _shards(clips))
    frames = layout({key: len(clip["mel"]) for key, clip in clips.items()}, _shards(clips))
    rows = [
        {
            "utterance_id": key,
            **{name: clip[name] for name in ("speaker", "style", "split", "phones")},
            "language": "en",
            "text": key,
            "normalized_text": f"text {key}",
            "num_phones": len(clip["phones"]),
            "num_frames": len(clip["mel"]),
            "num_samples": len(clip["audio"]),
            "shard": samples[key][0],
            "audio_offset": samples[key][1],
            "mel_offset": frames[key][1],
            "phone_offset": phones[key][1],
            "frame_offset": frames[key][1],
        }
        for key, clip in clips.items()
    ]
    write_table(folder / "utterances.parquet", rows, UTTERANCES)
    statistics = {
        "pitch_mean": dict.fromkeys(SPEAKERS, 5.0),
        "pitch_std": dict.fromkeys(SPEAKERS, 0.3),
        "energy_mean": 1.0,
        "energy_std": 1.0,
        "mel_mean": -4.0,
        "mel_std": 2.0,
    }
    for name, value in (("symbols", SYMBOLS), ("speakers", SPEAKERS), ("styles", STYLES), ("statistics", statistics)):
        (folder / f"{name}.json").write_text(json.dumps(value))


@pytest.fixture(scope="session")
def acoustic(toy_folders):
    return CorpusFeatures(
        toy_folders["corpus"], toy_folders["mel"], prosody=toy_folders["prosody"], index=toy_folders["index"]
    )


@pytest.fixture(scope="session")
def inventory(toy_folders, acoustic):
    return read_inventory(toy_folders["index"], acoustic.mel_definition)


@pytest.fixture(scope="session")
def recordings(toy_folders):
    return CorpusFeatures(toy_folders["corpus"], toy_folders["mel"], split=SplitSettings(validation=0.2, test=0.0))


class ToyAcoustic(nn.Module):
    level = "phone"

    def __init__(self, inventory):
        super().__init__()
        self.symbols = nn.Embedding(len(inventory.symbols), 8)
        self.speakers = nn.Embedding(len(inventory.speakers), 8)
        self.body = nn.Sequential(nn.Linear(8, 16), nn.Dropout(0.3), nn.BatchNorm1d(10), nn.Linear(16, 8))

    def loss(self, batch):
        hidden = self.body(self.symbols(batch.phones) + self.speakers(batch.speaker_ids)[:, None])
        mel = hidden.repeat_interleave(2, dim=1)
        return {
            "mel": (mel - batch.mel[:, : mel.shape[1]]).abs().mean(),
            "duration": (hidden[..., 0] - batch.durations.float().log1p()).square().mean(),
        }


class ToyVocoder(nn.Module):
    def __init__(self, inventory):
        super().__init__()
        self.conv = nn.utils.parametrizations.weight_norm(nn.Conv1d(inventory.mel.n_mels, 64, 3, padding=1))
        self.drop = nn.Dropout(0.2)

    def forward(self, mel):
        return torch.tanh(self.drop(self.conv(mel)).transpose(1, 2).flatten(1))

    def loss(self, batch, waveform):
        return {"wave": (waveform - batch.waveform).abs().mean()}

    def fold_weight_norm(self):
        nn.utils.parametrize.remove_parametrizations(self.conv, "weight")


class ToyDiscriminator(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.out = nn.Conv1d(1, 4, 9, stride=4), nn.Conv1d(4, 1, 3)

    def forward(self, waveform):
        features = torch.relu(self.conv(waveform[:, None]))
        return [(self.out(features), [features])]


def settings(**changes):
    values = {
        "system": "toy",
        "corpus": "toy",
        "loss_weights": {"mel": 1.0, "duration": 0.5},
        "optimizer": {"lr": 0.01},
        "schedule": {"name": "cosine", "warmup_steps": 3},
        "batch": {"size": 4},
        "steps": 12,
        "accumulate": 2,
        "ema_decay": 0.9,
        "clip_norm": 1.0,
        "log_every": 3,
        "validate_every": 4,
        "checkpoint_every": 5,
    }
    return build(RunSettings, {**values, **changes}, where="runs.toy")


def adversarial_settings(**changes):
    values = {
        "loss_weights": {"wave": 1.0, "adversarial": 1.0, "feature_matching": 2.0},
        "batch": {"size": 4, "segment_frames": 16},
        "adversary": {"optimizer": {"lr": 0.02}, "schedule": {"name": "exponential", "decay": 0.9}, "start_step": 4},
    }
    return settings(**{**values, **changes})


def acoustic_run(features, inventory, run, network=None, processes=ALONE, freeze_sets=None):
    seed_everything(run.seed)
    task = SupervisedTask(network or ToyAcoustic(inventory), run, processes, freeze_sets=freeze_sets)
    reader = AcousticBatches(features, inventory, task.network.level)
    lengths = {name: row.num_frames for name, row in features.utterances.items()}
    train, validation = ({name: lengths[name] for name in features.select(split)} for split in ("train", "validation"))
    plan = AcousticTraining(reader, train, run.batch, seed=run.seed)
    return task, TrainingData(plan, plan.largest, acoustic_validation(reader, validation, run.batch))


def vocoder_run(features, run, network=None, discriminator=None):
    seed_everything(run.seed)
    network = network or ToyVocoder(Inventory(mel=features.mel_definition))
    task = AdversarialTask(network, discriminator or ToyDiscriminator(), run)
    plan = VocoderTraining(features, features.select("train"), run.batch, seed=run.seed)
    return task, TrainingData(
        plan, plan.largest, vocoder_validation(features, features.select("validation"), run.batch)
    )


def in_child(function):
    """Fork, call the function in the child, and give its exit code; forks need not import torch again."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of forks while threads run: these have nothing to hold
        child = os.fork()
    if child:
        return child
    try:
        function()
        os._exit(0)
    finally:
        traceback.print_exc()
        os._exit(1)


def exit_code(child):
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
