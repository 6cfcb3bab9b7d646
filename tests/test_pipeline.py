"""Parallel maps, cached results, outputs, keys, the ledger."""

import errno
import os
import signal
import subprocess
import sys
import textwrap
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from pipeline.fingerprint import code_key, content_key, import_closure
from pipeline.incremental import Rejected, map_cached
from pipeline.ledger import loss, read_ledger, require_few, write_ledger
from pipeline.output import replaced_directory, replaced_file, write_json
from pipeline.parallel import parallel_map
from tts.errors import CorpusError, TtsError


def square(number):
    return number * number


def fail_on_three(number):
    if number == 3:
        raise TtsError("three is not to be had")
    return number


def die_on_three(number):
    if number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def ramp(length, scale=1):
    if length == 0:
        return Rejected("empty", "no samples")
    return {"ramp": np.arange(length) * scale, "twice": np.arange(2 * length)}


@pytest.mark.parametrize("workers", [1, 2])
def test_results_come_in_order(workers):
    assert list(parallel_map(square, range(40), workers=workers, label="", total=40)) == [n * n for n in range(40)]


@pytest.mark.parametrize("workers", [1, 2])
def test_an_error_in_a_worker_is_raised_here(workers):
    with pytest.raises(TtsError, match="three"):
        list(parallel_map(fail_on_three, range(9), workers=workers, label="", total=9))


def test_a_dead_worker_is_an_error_with_advice():
    with pytest.raises(TtsError, match="worker process died"):
        list(parallel_map(die_on_three, range(9), workers=2, label="", total=9))


def run_map(folder, lengths, workers=1, scale=1):
    keys = {name: content_key(length, scale) for name, length in lengths.items()}
    return map_cached(partial(ramp, scale=scale), lengths, keys=keys, store=folder, workers=workers, label="")


def test_cached_results_are_the_functions(tmp_path):
    results = run_map(tmp_path, {"a": 3, "b": 5, "c": 0}, workers=2)
    assert results.ids == ["a", "b"]
    assert results.read("b", "ramp").tolist() == [0, 1, 2, 3, 4]
    assert results.lengths("twice") == {"a": 6, "b": 10}
    assert results.rejected == {"c": Rejected("empty", "no samples")}


def test_only_new_utterances_are_computed(tmp_path):
    assert run_map(tmp_path, {f"u{n}": n for n in range(40)}).num_computed == 40
    assert run_map(tmp_path, {f"u{n}": n for n in range(43)}).num_computed == 3
    assert run_map(tmp_path, {f"u{n}": n for n in range(43)}).num_computed == 0
    assert run_map(tmp_path, {"u1": 1}, scale=2).num_computed == 1


def test_a_half_written_chunk_is_not_a_result(tmp_path):
    (tmp_path / ".0123.npz.tmp").write_bytes(b"half")
    assert run_map(tmp_path, {"a": 2}).num_computed == 1


def test_an_output_folder_appears_whole(tmp_path):
    with replaced_directory(tmp_path / "out") as folder:
        (folder / "file").write_text("new")
        assert not (tmp_path / "out").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def fill_the_disk(output, name):
    with output as place:
        (place / name).write_text("half")
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_failed_output_leaves_the_old_one_and_nothing_half_written(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "file").write_text("old")
    with pytest.raises(OSError, match="No space"):
        fill_the_disk(replaced_directory(tmp_path / "out"), "file")
    assert (tmp_path / "out" / "file").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_failed_file_leaves_nothing(tmp_path):
    with pytest.raises(OSError, match="No space"):
        fill_the_disk(replaced_file(tmp_path / "file"), "")
    assert list(tmp_path.iterdir()) == []


def test_json_refuses_what_is_not_json(tmp_path):
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "x.json", {"a": float("nan")})
    assert list(tmp_path.iterdir()) == []


def test_keys_depend_on_content_only():
    assert content_key({"a": 1, "b": [2]}) == content_key({"b": [2], "a": 1})
    assert content_key({"a": 1}) != content_key({"a": 2})


def test_the_import_closure_reads_imports_inside_functions():
    closure = import_closure("stages.mel")
    assert {"stages.mel", "pipeline.mel", "tts.audio.spectrogram", "tts"} <= set(closure)
    assert "tts.training.trainer" not in closure


def test_the_code_key_changes_with_the_code(tmp_path):
    script = "from pipeline.fingerprint import code_key; print(code_key('tts.probe'))"
    package = tmp_path / "tts"
    package.mkdir()
    (package / "__init__.py").touch()
    keys = []
    for body in ("x = 1", "x = 2"):
        (package / "probe.py").write_text(body)
        (tmp_path / "pipeline").mkdir(exist_ok=True)
        (tmp_path / "pipeline" / "__init__.py").touch()
        source = Path(sys.modules["pipeline.fingerprint"].__file__)
        (tmp_path / "pipeline" / "fingerprint.py").write_text(source.read_text(encoding="utf-8"))
        done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True)
        keys.append(done.stdout)
    assert keys[0] != keys[1]
    assert code_key("tts.errors") == code_key("tts.errors")


def test_the_ledger_is_read_as_written(tmp_path):
    rows = [loss("b", "mel", "too short", "9 samples"), loss("a", "mel", "too short", "8 samples")]
    write_ledger(tmp_path / "dropped.parquet", rows)
    assert read_ledger(tmp_path / "dropped.parquet") == rows[::-1]


def test_too_many_losses_stop_the_stage_and_name_clips():
    rows = [loss(f"u{n}", "align", "not aligned", "beam") for n in range(3)]
    require_few(rows, num_clips=300, limit=0.01, stage="align")
    with pytest.raises(CorpusError, match=r"3 of 299 clips would be dropped.*3 × not aligned.*u0"):
        require_few(rows, num_clips=299, limit=0.01, stage="align")


def test_losing_every_clip_stops_whatever_the_limit():
    with pytest.raises(CorpusError, match="1 of 1"):
        require_few([loss("a", "mel", "too short", "")], num_clips=1, limit=1.0, stage="mel")


def test_workers_die_with_their_parent(tmp_path):
    script = textwrap.dedent("""
        import os, sys, time
        sys.path.insert(0, sys.argv[1])
        from pipeline.parallel import parallel_map
        from sleeper import sleep_and_tell
        if __name__ == "__main__":
            list(parallel_map(sleep_and_tell, [sys.argv[2]] * 2, workers=2, label="", total=2))
    """)
    (tmp_path / "main.py").write_text(script)
    (tmp_path / "sleeper.py").write_text(
        "import os, pathlib, time\n"
        "def sleep_and_tell(folder):\n"
        "    (pathlib.Path(folder) / f'{os.getpid()}.pid').touch()\n"
        "    time.sleep(60)\n"
    )
    root = str(Path(sys.modules["pipeline"].__file__).resolve().parents[1])
    parent = subprocess.Popen([sys.executable, "main.py", root, str(tmp_path)], cwd=tmp_path)
    pids = wait_for(lambda: [int(path.stem) for path in tmp_path.glob("*.pid")], lambda found: len(found) == 2)
    parent.kill()
    parent.wait()
    wait_for(lambda: [pid for pid in pids if is_alive(pid)], lambda alive: not alive)


def wait_for(look, is_enough, seconds=20):
    for _ in range(seconds * 10):
        if is_enough(found := look()):
            return found
        time.sleep(0.1)
    raise AssertionError(f"still {found} after {seconds} s")


def is_alive(pid):
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"
