"""DVC's experiments on a voice: what each changed, what it reached beside the baseline, and which failed.

`dvc exp run --run-all` and the workers of `dvc queue` end with exit code 0 whatever became of their tasks
(https://dvc.org/doc/command-reference/queue); what `dvc exp show` lists as failed is failed here.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline.paths import Paths
from tts.errors import ConfigError, DataError
from tts.metrics.settings import HIGHER_IS_BETTER

SUCCESS = "success"


@dataclass(frozen=True)
class Trial:
    """An experiment, or the commit that experiments start from.

    Attributes:
        name: of the experiment, branch, or commit.
        state: success, queued, running or failed.
        scores: means of the voice, by metric.
        changed: values that the baseline's params.yaml does not have, by dotted key; null where it has one more.
        audio: DVC's hash of the folder of what the voice said; None where there is none.
    """

    name: str
    state: str = SUCCESS
    scores: Mapping[str, float] = field(default_factory=dict)
    changed: Mapping[str, Any] = field(default_factory=dict)
    audio: str | None = None


@dataclass(frozen=True)
class Trials:
    """Experiments of one commit.

    Attributes:
        voice: that they are measured by.
        baseline: the commit.
        experiments: in no order.
    """

    voice: str
    baseline: Trial
    experiments: Sequence[Trial]

    def sorted_by(self, metric: str) -> list[Trial]:
        """Experiments that ended well, best first; then those without the metric, then the others by name.

        Raises:
            ConfigError: none that ended well has the metric.
        """
        known = {name for trial in (self.baseline, *self.experiments) for name in trial.scores}
        if known and metric not in known:
            raise ConfigError(
                f"--sort: no experiment has {metric!r} of {self.voice}; there are {', '.join(sorted(known))}"
            )
        sign = -1 if metric in HIGHER_IS_BETTER else 1

        def place(trial: Trial) -> tuple[bool, bool, float, str]:
            value = trial.scores.get(metric)
            return trial.state != SUCCESS, value is None, 0.0 if value is None else sign * value, trial.name

        return sorted(self.experiments, key=place)

    @property
    def failed(self) -> list[str]:
        """Names of those that failed."""
        return sorted(trial.name for trial in self.experiments if trial.state == "failed")

    def difference(self, trial: Trial, metric: str) -> float | None:
        """Of an experiment's mean to the baseline's; None where one of them has none."""
        ours, theirs = trial.scores.get(metric), self.baseline.scores.get(metric)
        return None if ours is None or theirs is None else ours - theirs


def show_experiments(root: Path) -> list[dict[str, Any]]:
    """What DVC tells of the experiments of the present commit.

    Raises:
        DataError: this is no project of DVC, or DVC cannot tell.
    """
    found: list[dict[str, Any]] = json.loads(_dvc(root, "exp", "show", "--json"))
    return found


def cache_folder(root: Path) -> Path:
    """Where DVC's cache is.

    Raises:
        DataError: this is no project of DVC.
    """
    return Path(_dvc(root, "cache", "dir").strip())


def read_trials(shown: Sequence[Mapping[str, Any]], voice: str) -> Trials:
    """Experiments of a voice, from what `dvc exp show --json` prints.

    Raises:
        DataError: it lists no commit.
    """
    commits = [each for each in shown if each["rev"] != "workspace"]
    if not commits:
        raise DataError("`dvc exp show` lists no commit; commit the project first")
    (commit,) = commits[:1]
    params = _params(commit.get("data"))
    baseline = _trial(commit["name"] or commit["rev"][:7], SUCCESS, commit.get("data"), params, voice)
    return Trials(voice, baseline, [_experiment(each, params, voice) for each in commit["experiments"] or ()])


def sounds_of(trial: Trial, cache: Path) -> dict[str, Path]:
    """Files in DVC's cache of what an experiment's voice said, by utterance id; none where the cache lacks them."""
    if trial.audio is None:
        return {}
    listed = _cached(cache, trial.audio)
    if not listed.exists():
        return {}
    entries = json.loads(listed.read_text(encoding="utf-8"))
    found = {entry["relpath"]: _cached(cache, entry["md5"]) for entry in entries}
    sounds = {name: path for name, path in sorted(found.items()) if name.endswith(".wav") and path.exists()}
    return {name.removesuffix(".wav"): path for name, path in sounds.items()}


def as_json(trials: Trials, metric: str) -> dict[str, Any]:
    """All of it, experiments sorted by a metric."""
    rows = []
    for trial in trials.sorted_by(metric):
        differences = {name: trials.difference(trial, name) for name in trial.scores}
        rows.append({**_plain(trial), "differences": differences})
    return {"voice": trials.voice, "baseline": _plain(trials.baseline), "experiments": rows, "failed": trials.failed}


def _plain(trial: Trial) -> dict[str, Any]:
    return {"name": trial.name, "state": trial.state, "scores": dict(trial.scores), "changed": dict(trial.changed)}


def _experiment(shown: Mapping[str, Any], params: Mapping[str, Any], voice: str) -> Trial:
    latest = shown["revs"][0]
    state = (shown.get("executor") or {}).get("state") or SUCCESS
    if latest.get("error") and state == SUCCESS:
        state = "failed"
    name = shown.get("name") or latest.get("name") or latest["rev"][:7]
    return _trial(name, state, latest.get("data"), params, voice)


def _trial(name: str, state: str, data: Mapping[str, Any] | None, params: Mapping[str, Any], voice: str) -> Trial:
    if data is None:
        return Trial(name, state)
    own, paths = _params(data), Paths(Path())
    changed = {key: own.get(key) for key in sorted({*own, *params}) if own.get(key) != params.get(key)}
    if state != SUCCESS:  # what it holds is the baseline's
        return Trial(name, state, changed=changed)
    measured = (data["metrics"].get(str(paths.voice_metrics(voice))) or {}).get("data") or {}
    scores = {metric: found["mean"] for metric, found in measured.get("voice", {}).items()}
    audio = (data["outs"].get(str(paths.audio(voice))) or {}).get("hash")
    return Trial(name, state, scores, changed, audio)


def _params(data: Mapping[str, Any] | None) -> dict[str, Any]:
    """Values of params.yaml by dotted key."""
    found = ((data or {}).get("params") or {}).get("params.yaml") or {}
    return dict(_leaves(found.get("data") or {}, ""))


def _leaves(values: Mapping[str, Any], above: str) -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, dict) and value:
            yield from _leaves(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", value


def _dvc(root: Path, *arguments: str) -> str:
    """What a command of DVC prints."""
    command = [sys.executable, "-m", "dvc", *arguments]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    if done.returncode:
        raise DataError(f"`dvc {' '.join(arguments)}` failed: {done.stderr.strip()}")
    return done.stdout


def _cached(cache: Path, digest: str) -> Path:
    return cache / "files" / "md5" / digest[:2] / digest[2:]
