"""The whole chain on the tiny preset: `dvc repro`, again, changed, and killed."""

import json
import os
import re
import shutil
import signal
import subprocess
import time

import pytest

from pipeline.yaml import read_yaml
from tts.data.tables import DROPPED, UTTERANCES, read_table

pytestmark = pytest.mark.slow

ORDER = (
    "download@tiny", "prepare@tiny", "align@tiny", "mel@tiny", "prosody@tiny", "index@tiny",
    "train_vocoder@tiny_vocoder", "train_acoustic@tiny_acoustic", "synthesize@tiny", "evaluate@tiny", "report",
)  # fmt: skip


def would_run(project):
    """Stages that `tts why` says would run."""
    lines = project.run("tts why").stdout.splitlines()
    return {line.split(" would run")[0] for line in lines if " would run" in line}


def test_a_corpus_becomes_a_voice_and_a_report(finished):
    reports = ("data/report/index.html", "data/report/tiny/MODEL_CARD.md")
    for path in (*reports, "models/tiny_acoustic/model.safetensors", "models/tiny_vocoder/config.json"):
        assert (finished.root / path).stat().st_size > 0
    rows = read_table(finished.root / "data/features/tiny/index/utterances.parquet", UTTERANCES)
    samples = {file.stem for file in (finished.root / "data/audio/tiny").glob("*.wav")}
    assert samples == {row["utterance_id"] for row in rows if row["split"] == "test"}
    assert read_table(finished.root / "data/features/tiny/index/dropped.parquet", DROPPED) == []


def test_the_metrics_have_the_names_that_checks_rely_on(finished):
    names = ("data-tiny", "alignment-tiny", "runs/tiny_acoustic", "runs/tiny_vocoder", "voices/tiny")
    metrics = {name: json.loads((finished.root / f"metrics/{name}.json").read_text()) for name in names}
    assert metrics["data-tiny"]["clips"] > 0
    assert metrics["alignment-tiny"]["aligned_share"] == 1
    assert set(metrics["alignment-tiny"]["boundary_within"]) == {"10_ms", "20_ms", "50_ms"}
    assert {"steps", "seconds", "steps_per_second", "device"} <= set(metrics["runs/tiny_vocoder"])
    voice = metrics["voices/tiny"]
    assert set(voice) >= {"voice", "copy_synthesis", "ground_truth", "griffin_lim"}
    assert set(voice["voice"]["mcd_db"]) == {"mean", "low", "high", "n"}
    assert "real_time_factor" in voice["voice"]
    assert "mcd_db" in finished.run("dvc metrics show").stdout


def test_training_leaves_samples_to_be_seen_and_heard(finished):
    samples = list((finished.root / ".tts_cache" / "train").glob("*/samples"))
    assert len(samples) == 2
    for folder in samples:
        steps = sorted(folder.iterdir())
        assert [each.name for each in steps] == [f"step-{step:08d}" for step in (10, 20, 30, 40)]
        assert all({file.suffix for file in each.iterdir()} == {".png", ".wav"} for each in steps)
    kept = {file.suffix for file in (finished.root / ".tts_cache" / "wandb").rglob("*-*_*.*")}
    assert {".png", ".wav"} <= kept


def test_a_second_run_has_nothing_to_do(finished):
    assert "up to date" in finished.run("dvc repro").stdout
    assert finished.run("tts why").stdout.strip() == "everything is up to date"


RERUN_SETS = {
    "runs.tiny_acoustic.optimizer.lr=0.9": (
        "train_acoustic@tiny_acoustic",
        "synthesize@tiny",
        "evaluate@tiny",
        "report",
    ),
    "runs.tiny_vocoder.model={}": ("train_vocoder@tiny_vocoder", "synthesize@tiny", "evaluate@tiny", "report"),
    "audio.hop_length=128": ORDER[3:],
    "audio.n_mels=40": tuple(name for name in ORDER[3:] if name != "prosody@tiny"),
    "pitch.f_min=70": tuple(name for name in ORDER[4:] if not name.startswith("train_vocoder")),
    "align.kaldi.iterations=11": ("align@tiny", *(name for name in ORDER[4:] if not name.startswith("train_vocoder"))),
    "audio.sample_rate=16000": ORDER[1:],
    "evaluate.seed=7": ("evaluate@tiny", "report"),
    "split.seed=7": ORDER[5:],
}


@pytest.mark.parametrize("changed", RERUN_SETS)
def test_a_change_runs_again_exactly_what_depends_on_it(finished, changed):
    key, value = changed.split("=")
    original = (finished.root / "params.yaml").read_bytes()
    try:
        finished.set(key, value)
        assert would_run(finished) == set(RERUN_SETS[changed])
    finally:
        (finished.root / "params.yaml").write_bytes(original)


def test_a_seed_of_evaluation_evaluates_again_and_runs_nothing_before_it(finished, tmp_path):
    project = copy_of(finished, tmp_path)
    project.set("evaluate.seed", "7")
    said = project.run("dvc repro").stdout
    assert re.findall(r"Running stage '([^']+)'", said) == ["evaluate@tiny", "report"]


TRAINING = ("train_acoustic@tiny_acoustic", "train_vocoder@tiny_vocoder")


def test_killed_in_three_stages_it_goes_on_to_the_same_bytes(finished, tmp_path):
    """Those whose unfinished work is long; all of them are killed by `make faults`."""
    project = copy_of(finished, tmp_path)
    project.compute_with_one_thread("wandb: disabled")
    project.run("rm -rf .tts_cache .dvc/cache .dvc/tmp data/features/tiny/mel data/features/tiny/index models/*")
    assert killed_in(project, ["mel@tiny", *TRAINING], upto=TRAINING) == {"mel@tiny", *TRAINING}
    assert project.files("models", "data/features") == finished.files("models", "data/features")


@pytest.mark.faults
def test_killed_in_every_stage_it_goes_on_to_the_same_bytes(finished, tmp_path):
    project = copy_of(finished, tmp_path)
    project.compute_with_one_thread("wandb: disabled")
    project.run("rm -rf .tts_cache .dvc/cache .dvc/tmp dvc.lock data/* models/* metrics")
    assert len(killed_in(project, ORDER)) >= len(ORDER) - 2, "a stage or two may end before the blow falls"
    kept = ("models", "data/corpus", "data/alignments", "data/features", "data/audio")
    assert project.files(*kept) == finished.files(*kept)


def copy_of(project, folder):
    shutil.copytree(project.root, folder, symlinks=True, dirs_exist_ok=True)
    return type(project)(folder)


def killed_in(project, stages, upto=()):
    """Let `dvc repro` build some stages, or all, and kill it once in each of those given that does not end too soon."""
    killed = set()
    while name := kill_next(project, set(stages) - killed, upto):
        killed.add(name)
    assert "up to date" in project.run(" ".join(["dvc", "repro", *upto])).stdout
    return killed


def kill_next(project, stages, upto):
    """`dvc repro`, and `kill -9` of its whole process group in one of the stages: its name, or None at the end."""
    log, states = project.root / "repro.log", len(saved_states(project))
    with log.open("w") as file:
        process = subprocess.Popen(
            ["dvc", "repro", *upto],
            cwd=project.root,
            env=project.environment,
            stdout=file,
            stderr=file,
            start_new_session=True,
        )

    def ended():
        return process.poll() is not None

    wait_until(lambda: ended() or running(log) in stages)
    wait_until(lambda: ended() or has_begun(project, running(log), states))
    if ended():
        assert process.returncode == 0, log.read_text()[-4000:]
        return None
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    return running(log)


def has_begun(project, stage, states):
    """Training after its first checkpoint, the mels when something of them is kept, others after half a second."""
    if stage.startswith("train"):
        return len(saved_states(project)) > states
    if stage == "mel@tiny":
        return any((project.root / ".tts_cache/mel").rglob("*.chunk"))
    time.sleep(0.5)  # in the stage, not behind it, where DVC writes dvc.lock in place
    return True


def running(log):
    """The stage that runs, as DVC said."""
    return next(iter(re.findall(r"Running stage '([^']+)'", log.read_text())[::-1]), None)


def saved_states(project):
    return list((project.root / ".tts_cache" / "train").rglob("state-*.pt"))


def wait_until(is_so, seconds=120):
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


def test_dvc_yaml_and_the_lock_name_the_same_stages(finished):
    assert set(read_yaml(finished.root / "dvc.lock")["stages"]) == set(ORDER)
