"""Workers of a Ray cluster, or of Ray on this machine alone; the same results as by pipeline.local_executor.

Nodes see the project on shared storage: a call changes to the project's folder and finds modules where we find them.
https://docs.ray.io/en/latest/ray-core/configure.html
"""

from __future__ import annotations

import os
import pickle
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from pipeline.parallel import WorkerDied, Workers, one_thread_each
from pipeline.runtime import Runtime
from tts.errors import ConfigError, TtsError

Item = TypeVar("Item")
Result = TypeVar("Result")

_PATIENCE = 5  # seconds for a cluster to answer
_QUIET = {"log_to_driver": False, "logging_level": "ERROR"}


class RayExecutor(Workers):
    """Tasks of one core each, that Ray places where cores are free."""

    def __init__(self, runtime: Runtime) -> None:
        """Start Ray on this machine, which ends with this process, or join the cluster at `ray_address`.

        Raises:
            ConfigError: Ray is not installed.
            TtsError: no cluster answers there.
        """
        self._ray = _import_ray()
        _connect(self._ray, runtime)
        super().__init__(runtime.workers or int(self._ray.cluster_resources()["CPU"]))
        self._place = str(Path().resolve()), [str(Path(each).resolve()) for each in sys.path]
        self._task = self._ray.remote(num_cpus=1, max_retries=0)(_as_value())
        self._running: set[Any] = set()

    def call(self, function: Callable[[Item], Result], item: Item) -> Result:
        """See `Workers`."""
        task = self._task.remote(*self._place, pickle.dumps((function, item)))
        self._running.add(task)
        try:
            result: Result = self._ray.get(task)
        except self._ray.exceptions.RayTaskError as error:
            raise error.cause from error
        except _deaths(self._ray.exceptions) as death:
            raise WorkerDied(f"Ray says {type(death).__name__}") from death
        except self._ray.exceptions.RayError as error:
            raise TtsError(f"Ray failed: {_first_line(error)}; look at its cluster and run again") from error
        finally:
            self._running.discard(task)
        return result

    def stop(self) -> None:
        """See `Workers`."""
        for task in list(self._running):
            self._ray.cancel(task, force=True)
        self._ray.shutdown()


def _import_ray() -> Any:  # noqa: ANN401 - the module is an extra
    try:
        import ray
    except ImportError as error:
        raise ConfigError(
            "runtime.executor: ray is not installed; run `pip install --constraint constraints.txt -e '.[ray]'`, "
            "or take executor: local"
        ) from error
    return ray


def _connect(ray: Any, runtime: Runtime) -> None:  # noqa: ANN401
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # tell nobody unless asked to
    if runtime.ray_address is None:
        with one_thread_each():  # Ray itself sets OMP_NUM_THREADS only
            ray.init("local", num_cpus=runtime.num_workers, include_dashboard=False, **_QUIET)
        return
    try:
        if runtime.ray_address != "auto":
            _knock(runtime.ray_address)
        ray.init(runtime.ray_address, **_QUIET)
    except (OSError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
        raise TtsError(
            f"runtime.ray_address: no Ray cluster answers at {runtime.ray_address} ({_first_line(error)}); "
            "start one by `ray start --head`, or correct the address"
        ) from error


def _knock(address: str) -> None:
    """Find out in seconds that nobody is there; Ray takes minutes."""
    host, _, port = address.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=_PATIENCE):
        pass


def _deaths(exceptions: Any) -> tuple[type[Exception], ...]:  # noqa: ANN401
    """What says that the process of a task, or its node, is gone."""
    return (
        exceptions.WorkerCrashedError,
        exceptions.OutOfMemoryError,
        exceptions.NodeDiedError,
        exceptions.ObjectLostError,
    )


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]


def _as_value() -> Callable[..., Any]:
    """The function that a task runs, of a kind that is sent as it is: a node need not find our modules to start it."""

    def work(folder: str, search_path: list[str], question: bytes) -> Any:  # noqa: ANN401
        import os
        import pickle
        import sys
        from pathlib import Path

        if not Path(folder).is_dir():
            raise FileNotFoundError(
                f"{folder}: is not on every node of the Ray cluster; put it where all of them see it"
            )
        os.chdir(folder)
        sys.path[:0] = [each for each in search_path if each not in sys.path]
        function, item = pickle.loads(question)
        if "torch" in sys.modules:
            sys.modules["torch"].set_num_threads(1)
        return function(item)

    return work
