"""What must survive anything: kills at random moments, two runs at once, Ray. Minutes long: `make faults`."""

import os
import random
import re
import shutil
import signal
import subprocess
import time

import pytest
from conftest import make_project
from processes import needs_ray, ray_secret, wait_for, workers_of  # noqa: F401 - one is a fixture

from pipeline.ledger import read_ledger

pytestmark = pytest.mark.faults

STAGES = ("download", "prepare", "align", "mel", "prosody")
KEPT = ("data/raw", "data/corpus", "data/alignments", "data/features")
REPRO = ["dvc", "repro", "index@tiny"]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """The tiny preset up to its index, and how many seconds each stage took."""
    project = make_project(tmp_path_factory.mktemp("undisturbed"))
    said = project.run(" ".join(REPRO)).stdout
    return project, {name: float(s) for name, s in re.findall(r"^(\w+) tiny: .*, ([\d.]+) s$", said, re.MULTILINE)}


def start(project, log):
    with log.open("w") as file:
        return subprocess.Popen(
            REPRO, cwd=project.root, env=project.environment, stdout=file, stderr=file, start_new_session=True
        )


@pytest.mark.parametrize("seed", [1, 2])
def test_killed_at_ten_random_moments_it_ends_with_the_same_bytes(undisturbed, tmp_path, seed):
    expected, seconds = undisturbed
    project, draw, log = make_project(tmp_path), random.Random(seed), tmp_path / "repro.log"
    num_killed = 0
    for stage in (stage for stage in STAGES for _ in range(2)):
        process = start(project, log)
        while process.poll() is None and f"Running stage '{stage}@tiny'" not in log.read_text():
            time.sleep(0.02)
        time.sleep(draw.uniform(0, 4 + seconds[stage]))  # commands take about 4 s to import what they need
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            num_killed += 1
        process.wait()
    assert num_killed >= 8, "most blows should have met a running stage"
    project.run(" ".join(REPRO))
    assert project.files(*KEPT) == expected.files(*KEPT)
    assert "up to date" in project.run(" ".join(REPRO)).stdout


def test_two_runs_at_once_do_not_mix(undisturbed, tmp_path):
    expected, _ = undisturbed
    project = make_project(tmp_path)
    logs = [tmp_path / "one.log", tmp_path / "two.log"]
    both = [start(project, log) for log in logs]
    codes = [process.wait() for process in both]
    assert 0 in codes
    for code, log in zip(codes, logs, strict=True):
        if code:
            assert re.search(r"lock|is busy|is running here already", log.read_text()), log.read_text()
    project.run(" ".join(REPRO))
    assert project.files(*KEPT) == expected.files(*KEPT)


def copy_of(project, folder):
    shutil.copytree(project.root, folder, ignore=shutil.ignore_patterns(".git", ".dvc", ".tts_cache", "features"))
    return type(project)(folder)


class TestParts:
    def test_a_killed_worker_changes_no_byte(self, undisturbed, tmp_path):
        expected, _ = undisturbed
        again = copy_of(expected, tmp_path / "again")
        (again.root / "runtime.local.yaml").write_text("workers: 2\n")
        stage = subprocess.Popen(
            ["tts", "prosody", "tiny"], cwd=again.root, env=again.environment, stderr=subprocess.PIPE, text=True
        )
        (victim, *_) = wait_for(lambda: workers_of(stage.pid), lambda found: found)
        os.kill(victim, signal.SIGKILL)
        assert stage.wait() == 0, stage.stderr.read()
        stage.stderr.close()
        prosody = "data/features/tiny/prosody"
        assert again.files(prosody) == expected.files(prosody)
        assert read_ledger(again.root / prosody / "dropped.parquet") == []

    def test_a_stage_that_runs_already_stops_the_second_with_one_line(self, undisturbed, tmp_path):
        expected, _ = undisturbed
        again = copy_of(expected, tmp_path / "again")
        both = [
            subprocess.Popen(
                ["tts", "mel", "tiny"], cwd=again.root, env=again.environment, stderr=subprocess.PIPE, text=True
            )
            for _ in range(2)
        ]
        said = [each.communicate()[1] for each in both]
        codes = [each.returncode for each in both]
        assert 0 in codes
        for code, lines, other in zip(codes, said, both[::-1], strict=True):
            if code:  # else one was done before the other began
                assert f"`tts mel tiny` is running here already (process {other.pid})" in lines
                assert len(lines.splitlines()) == 1
        assert again.files("data/features/tiny/mel") == expected.files("data/features/tiny/mel")

    @needs_ray
    @pytest.mark.usefixtures("ray_secret")
    @pytest.mark.parametrize(("address", "stages"), [(None, ("prepare", "mel", "prosody")), ("auto", ("prepare",))])
    def test_ray_writes_the_bytes_of_local_workers(self, undisturbed, tmp_path, address, stages):
        expected, _ = undisturbed
        again = copy_of(expected, tmp_path / "again")
        (again.root / "runtime.local.yaml").write_text(f"executor: ray\nworkers: 2\nray_address: {address or 'null'}\n")
        shutil.rmtree(again.root / "data/corpus")
        if address:
            again.run("cd / && ray start --head --num-cpus 2 --include-dashboard false --port 0")
        try:
            for stage in stages:
                again.run(f"tts {stage} tiny")
        finally:
            if address:
                again.run("ray stop")
        folders = {"prepare": "corpus", "mel": "features/tiny/mel", "prosody": "features/tiny/prosody"}
        for stage in stages:
            assert again.files(f"data/{folders[stage]}") == expected.files(f"data/{folders[stage]}") != {}
