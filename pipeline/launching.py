"""Training in several processes: `tts train` starts them as runtime.yaml says, so that its command stays the same."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence

from pipeline.runtime import Runtime
from tts.errors import ConfigError
from tts.training.interruption import handling_signals
from tts.training.processes import Processes


def is_to_be_launched(runtime: Runtime) -> bool:
    """Whether this process should start others that train, and is not one of them."""
    return runtime.num_training_processes > 1 and "TORCHELASTIC_RUN_ID" not in os.environ


def launch(command: Sequence[str], runtime: Runtime, *, accumulate: int, num_devices: int) -> int | None:
    """Let this machine's processes run a command of ours, and wait for them.

    Args:
        command: after `tts`.
        runtime: how many processes, and where they meet.
        accumulate: batches of a step, which the processes share.
        num_devices: CUDA devices of this machine.

    Returns:
        Exit code; None if a signal asked for the end, in which case the processes have saved their state.

    Raises:
        ConfigError: there are fewer devices than processes, or the batches cannot be shared evenly.
    """
    wants_cuda = runtime.device == "cuda" or (runtime.device == "auto" and num_devices > 0)
    if wants_cuda and runtime.processes > num_devices:
        raise ConfigError(
            f"runtime.processes: {runtime.processes} processes for {num_devices} CUDA devices; each needs its own"
        )
    Processes(size=runtime.num_training_processes).share(accumulate)
    started = subprocess.Popen([*_torchrun(runtime), "-m", "stages", *command])
    came: list[int] = []

    def pass_on(number: int) -> None:
        came.append(number)
        started.send_signal(signal.SIGTERM)  # which torchrun hands to each of its processes

    with handling_signals(pass_on):
        code = started.wait()
    return None if came else code


def _torchrun(runtime: Runtime) -> list[str]:
    meeting = ["--standalone"]
    if runtime.nodes > 1:
        meeting = ["--nnodes", str(runtime.nodes), "--rdzv-backend", "c10d"]
        meeting += ["--rdzv-endpoint", str(runtime.rendezvous), "--rdzv-id", "tts"]
    return [sys.executable, "-m", "torch.distributed.run", *meeting, "--nproc-per-node", str(runtime.processes)]
