"""Where clips are computed: order, crashes, whoever dies, and that none of it is seen in a result."""

import logging
import os
import pickle
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
from contextlib import contextmanager
from functools import partial

import pytest
from conftest import ROOT
from hazards import (
    die_the_first_time,
    fail_on_clip,
    fail_on_clip_never,
    fail_on_three,
    kill_itself_on_three,
    leave_on_three,
    raise_odd,
    ramp,
    sleep_after,
    square,
    tell_and_sleep,
    thread_settings,
)
from processes import HAS_RAY, is_alive, needs_ray, ray_secret, wait_for  # noqa: F401 - one is a fixture

from pipeline.incremental import Rejected, _compute_chunk, map_cached
from pipeline.local_executor import _modules
from pipeline.parallel import ThisProcess, open_executor
from pipeline.prosody import prosody_of
from pipeline.runtime import Runtime
from tts.errors import ConfigError, TtsError


@pytest.fixture(scope="module")
def local():
    with open_executor(Runtime(workers=2)) as executor:
        yield executor


@pytest.fixture(params=[1, 2])
def executor(request):
    with open_executor(Runtime(workers=request.param)) as opened:
        yield opened


def test_results_come_in_order(executor):
    assert list(executor.map(square, range(40), label="")) == [n * n for n in range(40)]


def test_items_are_named_only_when_something_is_wrong_with_them(local):
    """Naming takes as long as the work, where an item is a chunk of clips with all their phones."""
    for executor in (ThisProcess(), local):
        assert list(executor.map(type, [Unnameable()] * 3, label="")) == [Unnameable] * 3


class Unnameable:
    def __repr__(self):
        raise AssertionError("named")


def test_workers_are_forked_from_what_has_imported_all_that_they_need(tmp_path):
    """Also what a function that is given to another one imports when it is called."""
    needed = set(_modules(partial(_compute_chunk, partial(prosody_of, definition=None), tmp_path)))
    assert {"pipeline.incremental", "pipeline.prosody", "tts.audio.prosody", "tts.audio.stonemask"} <= needed
    assert not any(name.startswith(("stages", "tts.training")) for name in needed)


def test_nothing_is_a_map_too(executor):
    assert list(executor.map(square, [], label="")) == []


def test_an_error_is_raised_here_with_the_item(executor):
    with pytest.raises(TtsError, match="three") as caught:
        list(executor.map(fail_on_three, range(9), label=""))
    assert caught.value.__notes__ == ["while working on 3"]


def test_an_error_that_cannot_travel_comes_as_its_traceback(local):
    with pytest.raises(RuntimeError, match="OddError: 8 and 8"):
        list(local.map(raise_odd, [8, 9], label=""))
    assert list(local.map(square, range(4), label="")) == [0, 1, 4, 9]


def test_what_cannot_be_sent_is_an_error_and_harms_nobody(local):
    with pytest.raises((pickle.PicklingError, AttributeError)):
        list(local.map(lambda number: number, range(4), label=""))
    assert list(local.map(square, range(4), label="")) == [0, 1, 4, 9]


@pytest.mark.parametrize(
    ("function", "how"), [(leave_on_three, "exit code 7"), (kill_itself_on_three, "killed by SIGSEGV")]
)
def test_an_item_that_kills_its_workers_is_named_with_a_remedy(local, function, how):
    with pytest.raises(TtsError, match=rf"^3: .*{how}.*lower `workers`"):
        list(local.map(function, range(9), label=""))


def test_an_item_that_kills_its_workers_can_have_a_result_of_its_own(executor):
    found = list(executor.map(leave_on_three, range(9), label="", on_crash=lambda item, how: (item, how)))
    assert found == [0, 1, 2, (3, "exit code 7"), 4, 5, 6, 7, 8]


def test_an_item_whose_worker_was_killed_is_tried_again(local, tmp_path, caplog):
    with caplog.at_level(logging.WARNING):
        assert list(local.map(partial(die_the_first_time, tmp_path), range(9), label="")) == list(range(9))
    assert [record.args[1] for record in caplog.records] == ["4", "5"]


def test_workers_that_are_killed_from_outside_cost_only_their_items(tmp_path):
    killed = []

    def kill_two():
        for count in (1, 3):
            pids = wait_for(lambda: sorted(tmp_path.glob("*.pid")), lambda found, count=count: len(found) >= count)
            killed.append(int(next(each.stem for each in pids if int(each.stem) not in killed)))
            os.kill(killed[-1], signal.SIGKILL)

    killer = threading.Thread(target=kill_two)
    with open_executor(Runtime(workers=2)) as executor:
        killer.start()
        assert list(executor.map(partial(tell_and_sleep, tmp_path), range(60), label="")) == list(range(60))
    killer.join()
    assert len(killed) == 2


def test_a_worker_stays_for_many_maps_and_ends_with_the_executor(tmp_path):
    with open_executor(Runtime(workers=2)) as executor:
        for _ in range(3):
            list(executor.map(partial(tell_and_sleep, tmp_path), range(4), label=""))
        pids = [int(path.stem) for path in tmp_path.glob("*.pid")]
        assert len(pids) == 2
    assert not [pid for pid in pids if is_alive(pid)]


def test_leaving_early_ends_workers_that_are_at_work(tmp_path):
    started = time.monotonic()
    with open_executor(Runtime(workers=2)) as executor:
        results = executor.map(partial(sleep_after, tmp_path), [0, 60, 60, 60], label="")
        assert next(results) == 0
        pids = wait_for(lambda: [int(path.stem) for path in tmp_path.glob("*.pid")], lambda found: len(found) == 2)
        results.close()
    assert time.monotonic() - started < 50
    assert not [pid for pid in pids if is_alive(pid)]


def test_a_worker_computes_with_one_thread(local):
    assert list(local.map(thread_settings, range(3), label="")) == [("1", {1}, number) for number in range(3)]


def test_this_process_names_the_item_too():
    with pytest.raises(TtsError) as caught:
        list(ThisProcess().map(fail_on_three, range(9), label=""))
    assert caught.value.__notes__ == ["while working on 3"]


LENGTHS = {f"u{n:02d}": n for n in range(40)}


class TestCachedResults:
    def compute(self, folder, function, executor):
        keys = {name: str(length) for name, length in LENGTHS.items()}
        return map_cached(function, LENGTHS, keys=keys, store=folder / "store", executor=executor, label="ramps")

    def test_a_clip_that_crashes_is_dropped_this_time_and_tried_the_next(self, local, tmp_path):
        function = partial(ramp, tmp_path)
        results = self.compute(tmp_path, function, local)
        assert results.rejected == {
            "u00": Rejected("empty", "no samples"),
            "u13": Rejected("crashed the worker", "exit code 3"),
        }
        assert results.num_computed == 40
        for name in results.ids:
            assert results.read(name, "ramp").tolist() == list(range(LENGTHS[name]))
        again = self.compute(tmp_path, function, local)  # alone in its chunk, and still not in this process
        assert (again.num_computed, sorted(again.rejected)) == (1, ["u00", "u13"])
        (tmp_path / "healed").touch()
        healed = self.compute(tmp_path, function, local)
        assert (healed.num_computed, sorted(healed.rejected)) == (1, ["u00"])
        assert healed.lengths("ramp")["u13"] == 13

    def test_a_kill_from_outside_drops_nothing(self, local, tmp_path):
        (tmp_path / "healed").touch()
        killed = self.compute(tmp_path, partial(ramp, tmp_path), local)
        assert (tmp_path / "20").exists()
        calm = self.compute(tmp_path / "calm", partial(ramp, tmp_path), ThisProcess())
        assert killed.rejected == calm.rejected == {"u00": Rejected("empty", "no samples")}
        assert [killed.read(name, "ramp").tobytes() for name in killed.ids] == [
            calm.read(name, "ramp").tobytes() for name in calm.ids
        ]

    def test_an_error_names_the_clip_and_not_the_chunk(self, local, tmp_path):
        with pytest.raises(ValueError, match="no such length") as caught:
            self.compute(tmp_path, fail_on_clip, local)
        assert caught.value.__notes__ == ["while working on u05"]

    def test_what_was_left_half_written_long_ago_is_swept_up(self, tmp_path):
        (tmp_path / "store").mkdir()
        for name, age in (("old", 2 * 24 * 3600), ("young", 60)):
            path = tmp_path / "store" / f".{name}.chunk.tmp"
            path.write_bytes(b"half")
            os.utime(path, (time.time() - age,) * 2)
        self.compute(tmp_path, fail_on_clip_never, ThisProcess())
        assert [path.name for path in (tmp_path / "store").glob(".*.tmp")] == [".young.chunk.tmp"]


def test_workers_die_with_their_parent(tmp_path):
    script = textwrap.dedent("""
        import sys
        sys.path.insert(0, sys.argv[1])
        from pipeline.parallel import open_executor
        from pipeline.runtime import Runtime
        from sleeper import sleep_and_tell
        if __name__ == "__main__":
            with open_executor(Runtime(workers=2)) as executor:
                list(executor.map(sleep_and_tell, [sys.argv[2]] * 2, label=""))
    """)
    (tmp_path / "main.py").write_text(script)
    (tmp_path / "sleeper.py").write_text(
        "import os, pathlib, time\n"
        "def sleep_and_tell(folder):\n"
        "    (pathlib.Path(folder) / f'{os.getpid()}.pid').touch()\n"
        "    time.sleep(60)\n"
    )
    parent = subprocess.Popen([sys.executable, "main.py", str(ROOT), str(tmp_path)], cwd=tmp_path)
    pids = wait_for(lambda: [int(path.stem) for path in tmp_path.glob("*.pid")], lambda found: len(found) == 2)
    parent.kill()
    parent.wait()
    wait_for(lambda: [pid for pid in pids if is_alive(pid)], lambda alive: not alive)


@pytest.mark.skipif(HAS_RAY, reason="Ray is installed")
def test_ray_that_is_not_installed_is_one_line():
    with pytest.raises(ConfigError, match=r"ray is not installed; run `pip install .*\[ray\]"), open_ray():
        pass


@contextmanager
def open_ray(address=None):
    with open_executor(Runtime(workers=2, executor="ray", ray_address=address)) as executor:
        yield executor


@needs_ray
@pytest.mark.slow
@pytest.mark.usefixtures("ray_secret")
class TestRay:
    def test_its_map_is_the_local_one(self, tmp_path):
        with open_ray() as ray:
            assert list(ray.map(square, range(20), label="")) == [n * n for n in range(20)]
            assert list(ray.map(thread_settings, [1], label="")) == [("1", {1}, 1)]
            with pytest.raises(TtsError, match="three") as caught:
                list(ray.map(fail_on_three, range(9), label=""))
            assert caught.value.__notes__ == ["while working on 3"]
            found = list(ray.map(leave_on_three, range(6), label="", on_crash=lambda item, how: (item, how)))
            assert found == [0, 1, 2, (3, "Ray says WorkerCrashedError"), 4, 5]
            assert list(ray.map(partial(die_the_first_time, tmp_path), range(9), label="")) == list(range(9))

    def test_a_cluster_that_does_not_answer_is_one_line(self):
        with pytest.raises(TtsError, match=r"no Ray cluster answers at auto .*ray start"), open_ray("auto"):
            pass
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            address = f"127.0.0.1:{free.getsockname()[1]}"
        with pytest.raises(TtsError, match=f"no Ray cluster answers at {address}"), open_ray(address):
            pass
