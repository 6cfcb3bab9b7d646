"""End-to-end voices: trained by their stage, named in params, heard and measured like others."""

import json
import shutil

import numpy as np
import pytest
import torch
from conftest import ROOT
from test_end_to_end_training import MODEL, run_settings
from test_synthesis import stage_in
from tiny_voice import INVENTORY, MEL_DEFINITION, Letters, write_corpus, write_models

from pipeline.evaluation import ROWS, Plan, evaluate
from pipeline.parallel import ThisProcess
from pipeline.params import VoiceSettings, load_params
from pipeline.paths import Paths
from pipeline.runtime import Runtime
from pipeline.speaking import VoiceFolders, draw_utterances, speak_utterances, voice_folders
from pipeline.yaml import read_yaml
from stages import train
from tts.config import to_plain
from tts.end_to_end.vits2 import SYSTEM, TINY
from tts.end_to_end_voice import EndToEndVoice
from tts.errors import CheckpointError, ConfigError
from tts.interfaces import Controls
from tts.metrics.settings import EvaluateSettings
from tts.synthesis import Line, Synthesizer, Voice
from tts.training.export import export_model

METRICS = EvaluateSettings(metrics=("mcd_db", "mel_l1", "duration_mae_ms", "real_time_factor"))


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    """A project folder with a corpus, an untrained end-to-end model, and a pair of others."""
    found = Paths(tmp_path_factory.mktemp("project"))
    write_corpus(found, "tones")
    write_models(found.model("acoustic"), found.model("vocoder"))
    torch.manual_seed(0)
    found.model("whole").mkdir(parents=True)
    network = SYSTEM.build(TINY, INVENTORY)
    export_model(
        found.model("whole"),
        network,
        system="end_to_end/vits2",
        model=to_plain(TINY),
        inventory=INVENTORY,
        training={},
    )
    return found


@pytest.fixture(scope="module")
def voice(paths):
    return EndToEndVoice.load_one(paths.model("whole"))


def test_a_text_becomes_a_waveform_of_whole_frames(voice):
    waveform = Synthesizer(voice, Letters()).say("Hello, bob", language="en", speaker="ann")
    assert waveform.dtype == np.float32
    assert len(waveform) > 0
    assert len(waveform) % MEL_DEFINITION.hop_length == 0
    assert np.abs(waveform).max() <= 1


def test_a_line_sounds_in_a_batch_as_it_does_alone(voice):
    lines = [Line(("sil", *word, "sil"), "ann") for word in ("hello", "a", "bedcoldace")]
    for line, speech in zip(lines, voice.speak(lines), strict=True):
        (alone,) = voice.speak([line])
        np.testing.assert_array_equal(alone.durations, speech.durations)
        np.testing.assert_allclose(alone.waveform, speech.waveform, atol=1e-5)
        assert len(speech.waveform) == speech.durations.sum() * MEL_DEFINITION.hop_length
        assert len(speech.durations) == len(line.phones)


def test_copies_are_as_long_as_what_they_copy(voice):
    recording = 0.1 * np.random.default_rng(0).normal(size=30 * 256 + 100).astype(np.float32)
    copied = voice.copy(np.zeros((30, 80), np.float32), recording, speaker="bob")
    assert len(copied) == 30 * 256
    with pytest.raises(ConfigError, match="no vocoder for mels"):
        voice.vocode(np.zeros((30, 80), np.float32))


def test_speakers_are_known_by_name_only(voice):
    with pytest.raises(ConfigError, match="speaker 'eve' is unknown; the voice has: ann, bob"):
        voice.speak([Line(("a",), "eve")])
    with pytest.raises(ConfigError, match="knows its speakers by name only: ann, bob"):
        voice.speak([Line(("a",), tuple([0.0625] * 256))])


def test_a_folder_of_another_kind_is_refused(paths):
    with pytest.raises(CheckpointError, match="not a model of kind end_to_end"):
        EndToEndVoice.load_one(paths.model("vocoder"))


def test_noise_has_no_effect_on_pairs_and_is_refused(paths):
    pair = Voice.load(paths.model("acoustic"), paths.model("vocoder"))
    with pytest.raises(ConfigError, match="noise_scale has no effect on an acoustic model and a vocoder"):
        pair.speak([Line(("a",), "ann", "calm")], controls=Controls(noise_scale=0.5))


def test_the_test_split_is_spoken_and_measured(paths):
    folders = VoiceFolders(paths.model("whole"), None, "cpu")
    rows = draw_utterances(paths.index("tones"), INVENTORY, limit=2)
    paths.audio("whole").mkdir(parents=True)
    assert not speak_utterances(rows, folders, Letters(), paths.audio("whole"), executor=ThisProcess(), label="test")
    plan = Plan(
        voice=folders,
        spoken=paths.audio("whole"),
        corpus=paths.corpus("tones"),
        mel=paths.mel("tones"),
        prosody=paths.prosody("tones"),
        index=paths.index("tones"),
        settings=METRICS,
    )
    paths.scores("whole").mkdir(parents=True)
    means = evaluate(plan, paths.scores("whole"), stage_in(paths.root))
    assert tuple(means) == ROWS
    assert means["voice"].keys() == {"mcd_db", "mel_l1", "duration_mae_ms", "real_time_factor"}
    assert means["copy_synthesis"]["mcd_db"]["n"] == 2


def test_a_run_is_trained_by_its_stage_and_speaks_as_a_voice_of_params(tmp_path, toy_folders, monkeypatch):
    places = {
        "corpus": "data/corpus/demo",
        **{name: f"data/features/demo/{name}" for name in ("mel", "index")},
    }
    for name, place in places.items():
        shutil.copytree(toy_folders[name], tmp_path / place)
    run = run_settings(corpus="demo", model=to_plain(MODEL), steps=3)
    values = read_yaml(ROOT / "presets" / "demo.yaml") | {
        "runs": {"toy": to_plain(run)},
        "run": {"corpora": ["demo"]},
        "voices": {"heard": {"end_to_end": "toy", "corpus": "demo"}},
    }
    (tmp_path / "params.yaml").write_text(json.dumps(values))
    (tmp_path / "runtime.yaml").write_text(
        json.dumps({"workers": 1, "device": "cpu", "wandb": "disabled", "samples": 1})
    )
    monkeypatch.chdir(tmp_path)
    train.run("toy")
    metrics = json.loads((tmp_path / "metrics/runs/toy.json").read_text())
    assert metrics["steps"] == 3
    assert metrics["last"].keys() == {"step", "loss", "mel", "kl", "duration", "subband"}
    assert (tmp_path / "models/toy/discriminator.safetensors").exists()
    loaded = voice_folders(load_params(tmp_path), Paths(tmp_path), Runtime(workers=1, device="cpu"), "heard").load()
    (speech,) = loaded.speak([Line(("a", "n", "b"), "bob")], controls=Controls(noise_scale=0.3, duration_scale=1.5))
    assert len(speech.waveform) == speech.durations.sum() * 64


@pytest.mark.parametrize(
    "parts",
    [{}, {"acoustic": "a"}, {"vocoder": "v"}, {"acoustic": "a", "vocoder": "v", "end_to_end": "e"}],
    ids=["none", "no vocoder", "no acoustic", "all"],
)
def test_a_voice_is_a_pair_or_one_system(parts):
    with pytest.raises(ValueError, match="needs acoustic and vocoder, or end_to_end alone"):
        VoiceSettings(corpus="demo", **parts)
