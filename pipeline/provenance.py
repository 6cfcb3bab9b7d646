"""Which experiment and which commit a command belongs to, for those who look at it later; it changes no result."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

_PATIENCE_SECONDS = 10
_SHORT = 7
_RESULTS = tuple(f":(exclude){name}" for name in ("dvc.lock", "data", "metrics", "models"))  # `dvc repro` writes them


@dataclass(frozen=True)
class Provenance:
    """Where a run comes from.

    Attributes:
        experiment: name that `dvc exp run` gave; None outside experiments.
        baseline: short commit that the experiment started from; None outside experiments.
        commit: short commit of the working tree; None outside git.
        is_dirty: whether tracked files other than results differ from that commit; None outside git.
    """

    experiment: str | None
    baseline: str | None
    commit: str | None
    is_dirty: bool | None

    @property
    def revision(self) -> str | None:
        """What experiments that can be compared have in common."""
        return self.baseline or self.commit

    def title(self, run: str) -> str:
        """Name of a run."""
        return f"{self.experiment}/{run}" if self.experiment else run

    @property
    def tags(self) -> list[str]:
        """The experiment or, outside of one, whether the code and params are those of no commit."""
        if self.experiment:
            return [self.experiment]  # always dirty, and nothing is lost: DVC keeps what was changed
        return ["dirty"] if self.is_dirty else []

    def plain(self) -> dict[str, dict[str, str | bool]]:
        """What is known, as values under ``dvc`` and ``git``."""
        parts = {
            "dvc": _known(experiment=self.experiment, baseline=self.baseline),
            "git": _known(commit=self.commit, dirty=self.is_dirty),
        }
        return {name: part for name, part in parts.items() if part}


def read_provenance(root: Path) -> Provenance:
    """Ask the environment, where `dvc exp run` leaves word, and git."""
    experiment, baseline = (os.environ.get(name) or None for name in ("DVC_EXP_NAME", "DVC_EXP_BASELINE_REV"))
    commit = _git(root, "rev-parse", f"--short={_SHORT}", "HEAD")
    changed = _git(root, "status", "--porcelain", "--untracked-files=no", "--", ".", *_RESULTS) if commit else None
    is_dirty = None if changed is None else bool(changed)
    return Provenance(experiment, baseline[:_SHORT] if baseline else None, commit, is_dirty)


def _known(**values: str | bool | None) -> dict[str, str | bool]:
    return {name: value for name, value in values.items() if value is not None}


def _git(root: Path, *arguments: str) -> str | None:
    """What git says; None where there is no git, no repository, no commit, or no answer in time."""
    command = ["git", "--no-optional-locks", "-C", str(root), *arguments]  # a lock might be in another's way
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
