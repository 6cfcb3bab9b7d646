"""Clips that a run says as it learns: the run does not notice, none is lost, and what is measured is kept and shown."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from ruamel.yaml import YAML
from test_resuming import assert_equal_states, stop_at
from toys import ToyVocoder, adversarial_settings, settings, vocoder_run

from pipeline.params import load_params
from pipeline.paths import Paths
from pipeline.recitals import measure_of, new_speakers, recital_of, recited_clips
from pipeline.report_new_voices import Choice, choices, new_voices_page, ranked, verdict
from pipeline.run_curves import MeasuredCurve, measured_curves, read_curves, summary, write_curves
from pipeline.training import read_run
from pipeline.watching import Evaluation, Measure, Watcher, measure_folder, read_evaluations, waveform_of
from pipeline.yaml import read_yaml
from stages import train
from tts.audio.files import write_wav
from tts.data.tables import UTTERANCES, read_table, write_table
from tts.errors import ConfigError
from tts.interfaces import Inventory
from tts.training.export import read_model
from tts.training.recital import Recited, VocoderRecital, draw_evenly
from tts.training.trainer import Host, Trainer, TrainingData

ROOT = Path(__file__).parents[1]
RATE = 8000
VOICES = ("ann", "bob", "cay")
OWN = ("mel", "kl", "duration", "subband")


def test_clips_are_taken_from_all_speakers_in_turn():
    speakers = {
        f"{speaker}{number}": speaker for speaker, count in (("a", 9), ("b", 2), ("c", 9)) for number in range(count)
    }
    drawn = draw_evenly(speakers, 8, seed=1)
    assert [sum(name[0] == speaker for name in drawn) for speaker in "abc"] == [3, 2, 3]
    assert drawn == sorted(drawn) == draw_evenly(dict(reversed(speakers.items())), 8, seed=1)
    assert drawn != draw_evenly(speakers, 8, seed=2)
    assert draw_evenly(speakers, 99, seed=1) == sorted(speakers)
    more = draw_evenly(speakers | {"a9": "a"}, 8, seed=1)
    assert len({*more} ^ {*drawn}) <= 2, "a clip that is added changes one at most"


def recited_run(recordings, folder, *, evaluate, stops=()):
    """A task after its run, and what it said at which steps."""
    run = adversarial_settings(steps=6, validate_every=2, checkpoint_every=2, init_from="other", evaluate=evaluate)
    mels = {name: np.array(recordings.mel(name).T) for name in recordings.select("validation")[:2]}
    folder.mkdir()
    said = []
    for stop in (*stops, 10**9):
        task, data = vocoder_run(recordings, run)
        data = TrainingData(data.batch, data.largest, data.validation, recital=VocoderRecital(mels))
        host = Host(should_stop=stop_at(stop), on_recital=lambda step, clips: said.append((step, clips)))
        trainer = Trainer(task, data, run, directory=folder, host=host)
        trainer.run()
    return task, trainer, said


def test_a_run_does_not_notice_what_it_says(tmp_path, recordings):
    without, trainer, said = recited_run(recordings, tmp_path / "without", evaluate=None)
    assert said == []
    assert "evaluation_share" not in trainer.metrics()
    evaluate = {"every": 4, "utterances": 2}
    task, trainer, said = recited_run(recordings, tmp_path / "with", evaluate=evaluate, stops=(3,))
    assert [step for step, _ in said] == [0, 4, 6], "before the first step, as often as asked for, and after the last"
    assert_equal_states(without, task)
    assert (tmp_path / "without" / "curve.csv").read_bytes() == (tmp_path / "with" / "curve.csv").read_bytes()
    assert 0 < trainer.metrics()["evaluation_share"] < 1
    first, last = said[0][1], said[-1][1]
    assert [clip.utterance_id for clip in first] == [clip.utterance_id for clip in last]
    assert not np.array_equal(first[0].sound, last[0].sound)


def test_an_acoustic_model_s_mels_are_vocoded_where_they_are_measured(tmp_path, recordings, measure):
    folder = tmp_path / "step-00000001"
    folder.mkdir()
    np.save(folder / "clip07.npy", np.array(recordings.mel("clip07").T))
    measure_folder(folder, measure)
    (found,) = read_evaluations(tmp_path)
    waveform = waveform_of(np.load(folder / "clip07.npy"), recordings.mel_definition)
    assert len(waveform) == len(recordings.mel("clip07")) * recordings.mel_definition.hop_length
    assert waveform_of(waveform, recordings.mel_definition) is waveform
    assert 0 < found.scores["mcd_db"]["clip07"] < 8


@pytest.fixture
def measure(toy_folders):
    metrics = ("mcd_db", "stoi", "speaker_similarity")
    return Measure(toy_folders["corpus"], toy_folders["mel"], metrics, in_step=True, references=(("ann", ("clip00",)),))


def test_a_recording_is_at_no_distance_from_itself_and_what_cannot_be_measured_says_why(tmp_path, recordings, measure):
    folder = tmp_path / "step-00000007"
    folder.mkdir()
    for name in ("clip07", "clip15"):
        write_wav(folder / f"{name}.wav", recordings.audio(name), sample_rate=RATE)
    measure_folder(folder, measure)
    (found,) = read_evaluations(tmp_path)
    assert found.step == 7
    assert found.scores["mcd_db"] == {"clip07": pytest.approx(0, abs=1e-6), "clip15": pytest.approx(0, abs=1e-6)}
    assert found.means["stoi"] == pytest.approx(1, abs=1e-3)
    assert set(found.reasons) == {"speaker_similarity"}
    assert found.cpu_seconds > 0


def test_the_next_sitting_measures_what_was_left(tmp_path, recordings, measure, monkeypatch):
    measured = []

    class Here:
        def __init__(self, workers):
            assert workers == 1

        def call(self, function, question):
            measured.append(question[0].name)
            if question[0].name != "step-00000002":
                function(question)
            else:
                raise OSError("no space")

        def stop(self):
            pass

    monkeypatch.setattr("pipeline.watching.LocalExecutor", Here)
    clips = [Recited("clip07", recordings.audio("clip07"))]
    killed = Watcher(tmp_path / "evaluations", measure, sample_rate=RATE)
    monkeypatch.setattr(killed, "_submit", lambda folder: None)
    killed.take(2, clips)
    killed.take(4, clips)
    killed.stop()
    watcher = Watcher(tmp_path / "evaluations", measure, sample_rate=RATE)
    watcher.take(6, clips)
    watcher.wait()
    assert measured == ["step-00000002", "step-00000004", "step-00000006"]
    assert [found.step for found in watcher.news()] == [4, 6], "one that cannot be measured stands in nobody's way"
    assert list(watcher.news()) == []
    watcher.stop()


SPEAKERS = {"a1": "ann", "a2": "ann", "e1": "eve"}
MEASURED = [
    Evaluation(0, {"mcd_db": {"a1": 5.0, "a2": 7.0, "e1": 9.0}}, {"cer": "no words"}, 1.5),
    Evaluation(4, {"mcd_db": {"a1": 6.0, "e1": 4.0}}, {"cer": "no words"}, 2.0),
]


def test_curves_tell_new_speakers_from_those_that_were_known(tmp_path):
    curves = measured_curves(MEASURED, SPEAKERS, ["eve"])
    assert {curve.name: curve.means for curve in curves} == {
        "mcd_db_known": [(0, 6.0), (4, 6.0)],
        "mcd_db_new": [(0, 9.0), (4, 4.0)],
    }
    losses = tmp_path / "losses.csv"
    losses.write_text("step,train_loss,validation_loss\n2,3,\n4,2,1.5\n")
    write_curves(tmp_path, losses, curves)
    assert (tmp_path / "mcd_db_known.csv").read_text() == "step,a1,a2,mean\n0,5,7,6\n4,6,,6\n"
    assert (tmp_path / "loss.csv").read_text() == "step,validation_loss\n4,1.5\n"
    losses.unlink()
    assert read_curves(tmp_path) == {curve.name: curve for curve in curves}
    found = summary(curves, MEASURED, seed=0)
    assert (found["step"], found["absent"], found["measuring_cpu_seconds"]) == (4, {"cer": "no words"}, 3.5)
    assert found["mcd_db_new"] == {"mean": 4.0, "low": 4.0, "high": 4.0, "n": 1}


@pytest.mark.parametrize("new", [[], ["ann", "eve"]], ids=["none is new", "all are"])
def test_without_two_kinds_of_speakers_there_is_one_curve(new):
    assert [curve.name for curve in measured_curves(MEASURED, SPEAKERS, new)] == ["mcd_db"]


def choice(name, values, **changes):
    clips = {f"clip{number}": value for number, value in enumerate(values)}
    curve = MeasuredCurve("speaker_similarity", "new", {0: dict.fromkeys(clips, 0.4), 9: clips})
    return Choice(name, settings(init_from="base", **changes), {curve.name: curve})


def test_the_verdict_names_the_best_and_those_it_cannot_tell_from_it():
    values = np.linspace(0.6, 0.7, 8)
    order = [
        choice("low", values - 0.1),
        choice("high", values, freeze=({"pattern": "decoder"},)),
        choice("near", values[::-1] - 0.001),
    ]
    metric, found = ranked(order)
    assert (metric, [each.name for each in found]) == ("speaker_similarity", ["high", "near", "low"])
    said = verdict(metric, found)
    assert "high (rows start: mean; frozen: decoder) is best" in said
    assert "0.65 (" in said
    assert "1 of the 2 others are worse by an interval that excludes 0, and of near these sentences do not tell" in said


@pytest.fixture
def project(tmp_path, toy_folders, monkeypatch):
    """A project of the toys' corpus, where VITS2 learns `ann` and `bob` and then, in two ways, `cay`."""
    paths = Paths(tmp_path)
    places = {"corpus": paths.corpus, "mel": paths.mel, "prosody": paths.prosody, "index": paths.index}
    for kind, place in places.items():
        shutil.copytree(toy_folders[kind], place("tiny"))
    _let_three_speak(paths.index("tiny"))
    write_params(tmp_path)
    (tmp_path / "runtime.yaml").write_text("{workers: 1, wandb: disabled, samples: 0, device: cpu}")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    return paths


def _let_three_speak(index):
    rows = read_table(index / "utterances.parquet")
    for number, row in enumerate(rows):
        row |= {"speaker": VOICES[number % 3], "split": "validation" if number % 8 > 5 else "train"}
    write_table(index / "utterances.parquet", rows, UTTERANCES)
    (index / "speakers.json").write_text(json.dumps(VOICES))
    statistics = json.loads((index / "statistics.json").read_text())
    statistics |= {"pitch_mean": dict.fromkeys(VOICES, 5.0), "pitch_std": dict.fromkeys(VOICES, 0.3)}
    (index / "statistics.json").write_text(json.dumps(statistics))


def write_params(root, **changes):
    values = read_yaml(ROOT / "presets" / "tiny_vits2.yaml")
    base = values["runs"]["tiny_vits2"] | {"adversary": None, "batch": {"size": 2, "segment_frames": 24}, "steps": 2}
    base["model"]["trunk"] |= {"channels": 16, "upsample_rates": [2, 2], "upsample_kernels": [4, 4]}
    base |= {
        "speakers": ["ann", "bob"],
        "validate_every": 1,
        "checkpoint_every": 1,
        "loss_weights": dict.fromkeys(OWN, 1.0),
    }
    evaluate = {"every": 1, "utterances": 6, "metrics": ["mcd_db"]}
    tuned = base | {"speakers": ["cay"], "init_from": "base", "evaluate": evaluate, **changes}
    runs = {"base": base, "one": tuned, "other": tuned | {"speaker_init": "random", "freeze": ["decoder"]}}
    built = {"system": "end_to_end/vits2", "corpus": "tiny"}
    tuning = dict.fromkeys(("one", "other"), built | {"init_from": "base"})
    values |= {"runs": runs, "voices": {}}
    values["run"] |= {"acoustic": {"base": built}, "finetune": tuning, "voices": {}}
    with (root / "params.yaml").open("w") as file:
        YAML(typ="safe", pure=True).dump(values, file)


def test_two_ways_to_a_new_voice_are_trained_measured_and_compared(project):
    for name in ("base", "one", "other"):
        train._train(name)
    curve = read_curves(project.run_curves("one"))["mcd_db_new"]
    assert sorted(curve.values) == [0, 1, 2]
    metrics = json.loads(project.run_metrics("one").read_text())
    assert (metrics["evaluation"]["mcd_db_known"]["n"], metrics["evaluation"]["mcd_db_new"]["n"]) == (4, 2)
    assert metrics["evaluation_share"] > 0
    assert list(read_curves(project.run_curves("base"))) == []
    params = load_params(project.root)
    run = read_run(params, project, "one")
    assert new_speakers(run) == ["cay"]
    assert {run.features.utterances[name].speaker for name in recited_clips(run)} == {*VOICES}
    assert measure_of(run, project).references[0][0] == "ann"
    found = choices(params, project, ["base", "one", "other"])
    assert [each.name for each in found["base"]] == ["one", "other"]
    html = new_voices_page(params, project, found)
    assert html.count("<audio") == 3, "the recording and both runs, of the one new speaker"
    assert "rows start: random; frozen: decoder" in html
    assert "after training less before" in html
    assert html == new_voices_page(params, project, found)
    again = read_model(project.model("one")).tensors
    write_params(project.root, evaluate=None)
    train._train("one")
    assert all(torch.equal(tensor, again[name]) for name, tensor in read_model(project.model("one")).tensors.items())


@pytest.mark.parametrize(
    ("evaluate", "message"),
    [
        ({"every": 3, "metrics": ["mcd_db"]}, r"evaluate.every 3 is no multiple of validate_every 2"),
        ({"every": 2, "metrics": ["mcd"]}, r"runs.one.evaluate.metrics: 'mcd' is not defined; did you mean 'mcd_db'"),
        (
            {"every": 2, "metrics": ["real_time_factor"]},
            r"runs.one.evaluate.metrics: 'real_time_factor' is not defined",
        ),
        ({"every": 2, "metrics": []}, r"runs.one.evaluate.metrics"),
    ],
)
def test_what_cannot_be_measured_is_refused(tmp_path, evaluate, message):
    write_params(tmp_path, evaluate=evaluate, validate_every=2)
    with pytest.raises(ConfigError, match=message):
        load_params(tmp_path)


def test_a_network_that_is_told_nothing_cannot_be_measured(recordings):
    class Told(ToyVocoder):
        def sample(self, num, generator=None):
            return torch.zeros(num, 100)

    class Run:
        features, system = recordings, type("System", (), {"kind": "vocoder"})
        settings = type("Settings", (), {"system": "vocoders/wavegan"})

    network = Told(Inventory(mel=recordings.mel_definition))
    with pytest.raises(
        ConfigError, match="evaluate has no effect on vocoders/wavegan, which is told no mel; remove it"
    ):
        recital_of(Run, network, ["clip07"])
