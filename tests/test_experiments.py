"""Experiments beside their baseline; what failed is seen, whatever the queue says."""

import json

import pytest
from conftest import make_project

from pipeline.experiments import Trial, Trials, as_json, read_trials, sounds_of
from pipeline.experiments_view import page_of, show_trials
from tts.errors import ConfigError, DataError

PARAMS = {"runs": {"a": {"optimizer": {"lr": 1e-3}, "seed": 1}}, "evaluate": {"metrics": ["mcd_db"]}}


def told(rate, seed, scores, audio="f" * 32):
    """What `dvc exp show --json` tells of a revision, in so far as it is read."""
    params = {"runs": {"a": {"optimizer": {"lr": rate}, "seed": seed}}, "evaluate": {"metrics": ["mcd_db"]}}
    means = {metric: {"mean": value, "low": value, "high": value, "n": 4} for metric, value in scores.items()}
    return {
        "rev": "0" * 40,
        "timestamp": "2026-01-01T00:00:00",
        "params": {"params.yaml": {"data": params}},
        "metrics": {
            "metrics/data-demo.json": {"data": {"clips": 24}},
            "metrics/voices/demo.json": {"data": {"voice": means, "ground_truth": {}}},
        },
        "deps": {},
        "outs": {"data/audio/demo": {"hash": f"{audio}.dir", "size": 9, "nfiles": 1, "use_cache": True}},
        "meta": {},
    }


def experiment(name, state, data, error=None):
    executor = None if state == "success" else {"state": state, "name": "dvc-task", "local": {"returncode": 1}}
    return {
        "revs": [{"rev": "1" * 40, "name": name, "data": data, "error": error, "experiments": None}],
        "executor": executor,
        "name": name,
    }


@pytest.fixture
def shown():
    grid = [
        experiment("grid-1", "success", told(1e-3, 2, {"mcd_db": 5.0, "stoi": 0.8})),
        experiment("grid-2", "success", told(2e-3, 1, {"mcd_db": 4.0, "stoi": 0.7})),
        experiment("grid-3", "success", told(2e-3, 2, {"mcd_db": 6.5, "stoi": 0.9})),
        experiment("grid-4", "success", told(4e-3, 1, {"mcd_db": 4.5, "stoi": 0.6})),
        experiment("grid-5", "success", told(4e-3, 2, {})),
        experiment("grid-6", "failed", told(8e-3, 1, {"mcd_db": 5.5}), {"msg": "Experiment run failed", "type": ""}),
    ]
    commit = {
        "rev": "2" * 40,
        "name": "main",
        "data": told(1e-3, 1, {"mcd_db": 5.5, "stoi": 0.75}),
        "experiments": grid,
    }
    return [{"rev": "workspace", "name": None, "data": None, "error": None, "experiments": None}, commit]


@pytest.fixture
def trials(shown):
    return read_trials(shown, "demo")


def test_they_are_sorted_best_first_and_what_has_no_value_comes_last(trials):
    assert [each.name for each in trials.sorted_by("mcd_db")] == [f"grid-{n}" for n in (2, 4, 1, 3, 5, 6)]
    assert [each.name for each in trials.sorted_by("stoi")] == [f"grid-{n}" for n in (3, 1, 2, 4, 5, 6)]
    with pytest.raises(ConfigError, match="no experiment has 'wer' of demo; there are mcd_db, stoi"):
        trials.sorted_by("wer")


def test_each_tells_what_it_changed_and_its_difference_to_the_baseline(trials):
    best = trials.sorted_by("mcd_db")[0]
    assert best.changed == {"runs.a.optimizer.lr": 2e-3}
    assert trials.difference(best, "mcd_db") == pytest.approx(-1.5)
    assert trials.difference(trials.sorted_by("mcd_db")[-1], "mcd_db") is None


def test_what_failed_is_seen_and_has_no_scores_of_the_baseline(trials, capsys, tmp_path):
    assert trials.failed == ["grid-6"]
    (failed,) = (each for each in trials.experiments if each.name == "grid-6")
    assert not failed.scores
    assert failed.audio is None
    assert failed.changed == {"runs.a.optimizer.lr": 8e-3}
    show_trials(trials, "mcd_db")
    said = capsys.readouterr().out
    assert "`dvc queue logs grid-6` says why" in said
    assert "grid-6 (failed)  lr=0.008" in said
    assert "Failed: grid-6" in page_of(trials, "mcd_db", tmp_path, sentences=2)
    assert as_json(trials, "mcd_db")["failed"] == ["grid-6"]


@pytest.mark.parametrize("state", ["queued", "running"])
def test_what_has_not_ended_has_no_scores(state, shown):
    shown[1]["experiments"][:] = [experiment("next", state, told(8e-3, 1, {"mcd_db": 5.5}))]
    (trial,) = read_trials(shown, "demo").sorted_by("mcd_db")
    assert (trial.state, dict(trial.scores)) == (state, {})


def test_an_error_of_a_revision_is_a_failure(shown):
    shown[1]["experiments"][:] = [experiment("torn", "success", None, {"msg": "gone", "type": "OSError"})]
    assert read_trials(shown, "demo").failed == ["torn"]


def test_without_a_commit_there_is_nothing_to_compare_with(shown):
    with pytest.raises(DataError, match="commit the project first"):
        read_trials(shown[:1], "demo")


def test_the_page_plays_the_same_sentences_of_all_that_the_cache_has(tmp_path):
    for digest, content in (("a" * 32, b"RIFFa"), ("b" * 32, b"RIFFb")):
        folder = tmp_path / "files" / "md5" / digest[:2]
        folder.mkdir(parents=True)
        (folder / digest[2:]).write_bytes(content)
        listed = [{"md5": digest, "relpath": "é1.wav"}, {"md5": digest, "relpath": "synthesized.parquet"}]
        (folder / f"{digest[2:]}.dir").write_text(json.dumps(listed))
    ours, theirs = (Trial(name, scores={"mcd_db": 1.0}, audio=f"{name * 32}.dir") for name in "ab")
    assert list(sounds_of(ours, tmp_path)) == ["é1"]
    gone = Trial("<gone>", audio="c" * 32 + ".dir")
    html = page_of(Trials("demo", ours, [theirs, gone]), "mcd_db", tmp_path, sentences=3)
    assert html.count("<audio") == 2
    assert "UklGRmE=" in html
    assert "&lt;gone&gt;" in html
    assert 'src="http' not in html


@pytest.mark.experiments
def test_a_grid_of_two_workers_shows_five_results_and_one_failure(tmp_path):
    """One cell is killed while it trains; the queue itself would not tell."""
    project = make_project(tmp_path)
    project.run("dvc repro evaluate@tiny && git add -A && git -c user.name=t -c user.email=t@t commit -qm baseline")
    project.run(
        "dvc exp run --queue -n grid -S runs.tiny_acoustic.optimizer.lr=1e-3,2e-3,4e-3 -S runs.tiny_acoustic.seed=1,2 "
        "evaluate@tiny"
    )
    project.run(
        "dvc queue start -j 2 && until ls -d .tts_cache/wandb/wandb/offline-run-* | wc -l | grep -q '[3-9]'; "
        "do sleep 1; done; dvc queue kill --force $(dvc queue status | awk '/Running/ {print $2}' | head -1); "
        "while dvc queue status | grep -qE 'Running|Queued'; do sleep 5; done"
    )
    project.run("tts experiments --json found.json --page page.html")
    found = json.loads((tmp_path / "found.json").read_text())
    assert [each["state"] for each in found["experiments"]] == ["success"] * 5 + ["failed"]
    assert len(found["failed"]) == 1
    assert all("mcd_db" in each["differences"] for each in found["experiments"][:5])
    assert (tmp_path / "page.html").read_text().count("<audio") >= 6
    runs = list((tmp_path / ".tts_cache" / "wandb" / "wandb").glob("offline-run-*"))
    assert len(runs) == 2 + 6, "the two of the baseline and those of all cells"
