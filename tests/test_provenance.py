"""Which experiment and commit a run belongs to."""

import subprocess

import pytest

from pipeline.provenance import read_provenance


@pytest.fixture(autouse=True)
def outside_experiments(monkeypatch):
    for name in ("DVC_EXP_NAME", "DVC_EXP_BASELINE_REV", "GIT_DIR", "GIT_WORK_TREE"):
        monkeypatch.delenv(name, raising=False)


def git(folder, *arguments):
    command = ["git", "-C", str(folder), "-c", "user.name=t", "-c", "user.email=t@t", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def repository(tmp_path):
    git(tmp_path, "init", "-q")
    (tmp_path / "file").write_text("one")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "start")
    git(tmp_path, "tag", "v1.0-rc")
    return tmp_path


def test_a_clean_and_a_changed_commit(repository):
    head = git(repository, "rev-parse", "HEAD")
    clean = read_provenance(repository)
    assert (clean.commit, clean.is_dirty, clean.title("voice"), clean.tags) == (head[:7], False, "voice", [])
    (repository / "file").write_text("two")
    changed = read_provenance(repository)
    assert changed.plain() == {"git": {"commit": head[:7], "dirty": True}}
    assert changed.tags == ["dirty"]


def test_an_experiment_goes_before_the_commit(repository, monkeypatch):
    monkeypatch.setenv("DVC_EXP_NAME", "fast-lark")
    monkeypatch.setenv("DVC_EXP_BASELINE_REV", "0123456789abcdef")
    found = read_provenance(repository)
    assert (found.title("voice"), found.revision, found.tags) == ("fast-lark/voice", "0123456", ["fast-lark"])
    assert found.plain()["dvc"] == {"experiment": "fast-lark", "baseline": "0123456"}


def test_outside_git_and_without_it_nothing_is_known(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert read_provenance(tmp_path).plain() == {}
    git(tmp_path, "init", "-q")
    assert read_provenance(tmp_path).revision is None, "no commit yet"
    monkeypatch.setenv("PATH", str(tmp_path))
    assert read_provenance(tmp_path).plain() == {}


def test_what_a_run_writes_changes_no_commit(repository):
    for name in ("dvc.lock", "metrics/runs/voice.json"):
        (repository / name).parent.mkdir(parents=True, exist_ok=True)
        (repository / name).write_text("old")
    git(repository, "add", ".")
    git(repository, "commit", "-qm", "results")
    (repository / "dvc.lock").write_text("new")
    (repository / "metrics/runs/voice.json").write_text("new")
    assert read_provenance(repository).is_dirty is False
