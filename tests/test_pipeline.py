"""Parallel maps, cached results, outputs, keys, the ledger."""

import ast
import dataclasses
import errno
import subprocess
import sys
import threading
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pipeline.checked_models import check_model
from pipeline.chunks import read_places, write_chunk
from pipeline.fingerprint import PACKAGES, code_key, content_key, import_closure
from pipeline.fingerprint import _imports as imports_of
from pipeline.fingerprint import _source as source_of
from pipeline.incremental import Rejected, map_cached
from pipeline.ledger import loss, read_ledger, require_few, write_ledger
from pipeline.locks import exclusive
from pipeline.output import replaced_directory, replaced_file, write_json
from pipeline.parallel import ThisProcess
from pipeline.yaml import read_yaml
from tts.config import build
from tts.errors import ConfigError, CorpusError, TtsError
from tts.training.settings import RunSettings


def ramp(length, scale=1):
    if length == 0:
        return Rejected("empty", "no samples")
    return {"ramp": np.arange(length) * scale, "twice": np.arange(2 * length)}


def hold(path):
    return exclusive(path, what="it")


def run_map(folder, lengths, scale=1):
    keys = {name: content_key(length, scale) for name, length in lengths.items()}
    return map_cached(partial(ramp, scale=scale), lengths, keys=keys, store=folder, executor=ThisProcess(), label="")


@given(
    arrays=st.dictionaries(
        st.text(st.characters(codec="utf-8"), max_size=9),
        hnp.arrays(
            st.sampled_from([np.int16, np.int32, np.float32, np.float64, np.dtype("<U5")]),
            hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4),
        ),
        max_size=5,
    )
)
def test_arrays_of_a_chunk_come_back_to_the_last_bit(tmp_path_factory, arrays):
    path = tmp_path_factory.mktemp("chunk") / "one.chunk"
    write_chunk(path, arrays)
    found = {name: place.read() for name, place in read_places(path).items()}
    assert found.keys() == arrays.keys()
    for name, array in arrays.items():
        assert (found[name].dtype, found[name].shape) == (array.dtype, array.shape)
        assert found[name].tobytes() == array.tobytes()


def test_cached_results_are_the_functions(tmp_path):
    results = run_map(tmp_path, {"a": 3, "b": 5, "c": 0})
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
    (tmp_path / ".0123.chunk.tmp").write_bytes(b"half")
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


def test_a_code_key_is_made_without_importing_the_code():
    script = "import sys; from pipeline.fingerprint import code_key; code_key('stages.prosody'); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert not {"torch", "numba", "tts.audio.dio"} & set(done.stdout.split())


def test_a_model_section_is_checked_until_it_fits_and_again_when_it_changes(tmp_path):
    values = read_yaml(ROOT / "presets" / "tiny.yaml")["runs"]["tiny_vocoder"]
    run = build(RunSettings, values, where="runs.v")
    check_model(run, tmp_path / "known", where="runs.v.model")
    (mark,) = (tmp_path / "known").iterdir()
    wrong = dataclasses.replace(run, model=run.model | {"chanels": 32})
    for _ in range(2):
        with pytest.raises(ConfigError, match=r"runs.v.model.chanels: unknown key; did you mean 'channels'"):
            check_model(wrong, tmp_path / "known", where="runs.v.model")
    assert list((tmp_path / "known").iterdir()) == [mark]


def names_that_python_parses(source):
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (node.module, *(f"{node.module}.{alias.name}" for alias in node.names))


@pytest.mark.parametrize("package", PACKAGES)
def test_no_import_is_overlooked_and_none_is_made_up(package):
    for path in (ROOT / package).rglob("*.py"):
        parsed = {name for name in names_that_python_parses(path.read_text(encoding="utf-8")) if source_of(name)}
        assert {name for name in imports_of(path) if source_of(name)} == parsed, path


def test_imports_are_found_however_they_are_written(tmp_path):
    path = tmp_path / "x.py"
    path.write_text(
        "from a.b import (\n    c,  # so\n    d as e,\n)\nif x:\n    from f import g, h as i\n    import j.k as l, m\n"
        "important = 1\nfrom_there = 2\n"
    )
    assert set(names_that_python_parses(path.read_text())) == {"a.b", "a.b.c", "a.b.d", "f", "f.g", "f.h", "j.k", "m"}
    assert set(names_that_python_parses(path.read_text())) <= set(imports_of(path))
    assert not {"ant", "_there"} & {part for name in imports_of(path) for part in name.split(".")}


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


def test_a_lock_stops_a_second_holder_and_vanishes_with_a_killed_one(tmp_path):
    script = (
        "import sys, time, pathlib; from pipeline.locks import exclusive\n"
        "with exclusive(pathlib.Path(sys.argv[1]), what='it'): print('held', flush=True); time.sleep(60)"
    )
    holder = subprocess.Popen([sys.executable, "-c", script, tmp_path / "lock"], stdout=subprocess.PIPE, text=True)
    assert holder.stdout.readline() == "held\n"
    with pytest.raises(TtsError, match=f"^it is running here already .process {holder.pid}."), hold(tmp_path / "lock"):
        pass
    holder.kill()
    holder.wait()
    holder.stdout.close()
    with hold(tmp_path / "lock"):
        pass


def test_two_writers_of_one_file_do_not_meet(tmp_path):
    with replaced_file(tmp_path / "file") as ours:
        ours.write_text("ours")
        with replaced_file(tmp_path / "file") as theirs:
            theirs.write_text("theirs")
        assert (tmp_path / "file").read_text() == "theirs"
    assert (tmp_path / "file").read_text() == "ours"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_whoever_waits_for_a_lock_gets_it_when_it_is_free(tmp_path):
    got = threading.Event()

    def wait_for_it():
        with exclusive(tmp_path / "lock", what="it", wait=True):
            got.set()

    with hold(tmp_path / "lock"):
        waiting = threading.Thread(target=wait_for_it)
        waiting.start()
        assert not got.wait(0.1)
    waiting.join(30)
    assert got.is_set()
