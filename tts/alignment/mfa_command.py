"""The Montreal Forced Aligner as a program: calling it, watching it, ending it, and saying why it failed.

It is never imported: it brings its own Kaldi, which does not live in one process with ours.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tts.alignment.mfa_console import Console, complaint, last_line, plain
from tts.errors import AlignmentError

_OLDEST = 3  # major version whose calls and files these are
_VERSION_MINUTES = 5.0  # its first start reads a few hundred megabytes of libraries
_PREFIX = "run-"
_POLL_SECONDS = 0.2
_GRACE_SECONDS = 5.0
_NEW_ENVIRONMENT = "conda create -n aligner -c conda-forge montreal-forced-aligner"

INSTALL = (
    f"install it by `{_NEW_ENVIRONMENT}` and set align.mfa.command: conda run --no-capture-output -n aligner mfa, "
    "or set align.backend: kaldi, which needs no such program"
)
"""What to do about a program that is not there."""

_VERSION = re.compile(r"^\s*((\d+)\.\d+\S*)\s*$", re.MULTILINE)


class NothingAlignedError(AlignmentError):
    """No clip of a run has a path within the beam; MFA ends with an error then, though nothing is broken."""


@dataclass(frozen=True)
class Mfa:
    """How the program is called.

    Attributes:
        command: as in a shell, variables of the environment included, but no other expansion.
        timeout_minutes: for each run.
    """

    command: str
    timeout_minutes: float

    def version(self) -> str:
        """Give the program's version, such as 3.4.3.

        Raises:
            AlignmentError: the program is missing, broken or too old.
        """
        with tempfile.TemporaryDirectory() as folder:
            log = Path(folder) / "version.log"
            code = self._execute(["version"], log, Path(folder) / "root", minutes=_VERSION_MINUTES)
            said = plain(log.read_bytes())
        if code:
            raise AlignmentError(f"`{self.command} version` {_ending(code)}: {complaint(said)}; {INSTALL}")
        found = _VERSION.search(said)
        if not found:
            raise AlignmentError(f"`{self.command} version` gives no version but {complaint(said)!r}; {INSTALL}")
        if int(found[2]) < _OLDEST:
            raise AlignmentError(
                f"align.mfa.command: `{self.command}` is version {found[1]}, and {_OLDEST}.0 or newer is needed; "
                "`conda update -n aligner -c conda-forge montreal-forced-aligner`, or make a new environment by "
                f"`{_NEW_ENVIRONMENT}`"
            )
        return found[1]

    def run(self, arguments: Sequence[str | Path | int], work: Path) -> Path:
        """Run a subcommand to its end with nothing but `work` to keep its state in.

        Args:
            arguments: the subcommand and what it takes, but for the folder of its temporary files.
            work: folder of this run.

        Returns:
            the file of what it said.

        Raises:
            NothingAlignedError: no clip could be aligned within the beam.
            AlignmentError: it failed, was killed, or took longer than the timeout.
        """
        verb, log = str(arguments[0]), work / f"mfa-{arguments[0]}.log"
        call = [str(argument) for argument in arguments] + ["-t", str(work / "temporary")]
        code = self._execute(call, log, work / "root", minutes=self.timeout_minutes)
        if code:
            raise _failure(verb, code, plain(log.read_bytes()), log)
        return log

    def _execute(self, arguments: Sequence[str], log: Path, root: Path, *, minutes: float) -> int:
        """The exit code; what is said goes to a file, and its progress to our log."""
        deadline = time.monotonic() + 60 * minutes
        with log.open("wb") as output, log.open("rb") as said:
            process = self._start(arguments, output.fileno(), root)
            console = Console(said)
            try:
                while process.poll() is None:
                    with suppress(subprocess.TimeoutExpired):
                        process.wait(_POLL_SECONDS)
                    console.report()
                    if process.returncode is None and time.monotonic() > deadline:
                        raise AlignmentError(self._timed_out(arguments[0], console.last, log, minutes))
            finally:
                _end(process)
            return process.returncode

    def _start(self, arguments: Sequence[str], output: int, root: Path) -> subprocess.Popen[bytes]:
        command = [os.path.expandvars(part) for part in shlex.split(self.command)]
        # A root of its own: MFA keeps settings, caches and databases there, and two runs would share them. Wide lines,
        # since its messages wrap, in the middle of a path if need be.
        own = {"MFA_ROOT_DIR": str(root), "MFA_PROFILE": "global", "COLUMNS": "300"}
        try:
            return subprocess.Popen(
                [*command, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **own},
                start_new_session=True,
            )
        except OSError as error:
            raise AlignmentError(
                f"align.mfa.command: `{self.command}` cannot be started ({error.strerror}); {INSTALL}"
            ) from error

    def _timed_out(self, verb: str, last: str, log: Path, minutes: float) -> str:
        stood = f"it stood at {last!r}" if last else "it had said nothing"
        if verb == "version":
            return f"`{self.command} version` gave no answer within {minutes:g} minutes; {INSTALL}"
        remedy = "raise it" + (", or give align.mfa.config fewer blocks" if verb == "train" else "")
        return (
            f"mfa {verb} took longer than align.mfa.timeout_minutes, {minutes:g}, and was ended; {stood}. If it was "
            f"still at work, {remedy}; {log} has all it said"
        )


@contextmanager
def work_folder(folder: Path) -> Iterator[Path]:
    """Make a fresh folder for a run; it goes afterwards, but stays after a failure, whose message names a log in it."""
    folder.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=folder))
    try:
        yield work
    except AlignmentError:
        raise
    except BaseException:
        shutil.rmtree(work, ignore_errors=True)
        raise
    # A container may have written files that are not ours to remove; the next fit tries again.
    shutil.rmtree(work, ignore_errors=True)


def remove_left_overs(folder: Path) -> None:
    """Remove what runs that failed have left in `folder`."""
    for left_over in folder.glob(f"{_PREFIX}*"):
        shutil.rmtree(left_over, ignore_errors=True)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Leave no process of the run behind, its workers included."""
    try:
        if process.poll() is None:
            _signal_group(process, signal.SIGTERM)  # docker hands this on to what runs inside
            with suppress(subprocess.TimeoutExpired):
                process.wait(_GRACE_SECONDS)
    finally:
        _signal_group(process, signal.SIGKILL)
        process.wait()


def _signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)


def _failure(verb: str, code: int, said: str, log: Path) -> AlignmentError:
    ending, heart = _ending(code), complaint(said)
    if verb == "align" and heart.startswith("NoAlignmentsError"):
        return NothingAlignedError(f"mfa {verb}: {heart}")
    if ending.startswith("was killed"):
        return AlignmentError(
            f"mfa {verb} {ending}, as happens when memory runs out, after {last_line(said)!r}; free some, or let it "
            f"use fewer cores (taskset -c 0,1 dvc repro); {log} has all it said"
        )
    if code == 2:
        return AlignmentError(
            f"mfa {verb} refuses its arguments: {heart}; check acoustic_model, dictionary and config under align.mfa, "
            f"and that the command can see {log.parent}"
        )
    return AlignmentError(f"mfa {verb} {ending}: {heart}; {log} has all it said")


def _ending(code: int) -> str:
    """How a process ended; shells, conda and docker add 128 to the number of a signal."""
    number = -code if code < 0 else code - 128
    with suppress(ValueError):
        return f"was killed ({signal.Signals(number).name})"
    return f"failed with exit code {code}"
