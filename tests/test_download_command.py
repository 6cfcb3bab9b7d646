"""`tts download` of an archive: killed and begun again, without a network, from a mirror, and onto disks that fail."""

import errno
import hashlib
import io
import os
import shlex
import shutil
import subprocess
import sys
import tarfile
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from file_server import PROBE
from packing import packed_files
from ruamel.yaml import YAML
from typer.testing import CliRunner

from pipeline.download import ByteLines, byte_bar
from pipeline.runtime import load_runtime
from pipeline.yaml import read_yaml
from stages.app import app
from tts.corpora.downloads import obtain
from tts.corpora.pieces import Pieces
from tts.corpora.transfer import Patience
from tts.errors import ConfigError

ROOT = Path(__file__).parents[1]
SMALL_PARTS = Patience(part_bytes=100_000)


def archive():
    """A tar file of 409,600 bytes that holds two files."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as packed:
        for name, content in (("LJ/metadata.csv", b"a|text\n"), ("LJ/wavs/a.wav", os.urandom(400_000))):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            packed.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


class Project:
    """A folder with LJSpeech in its params.yaml, published by a server of our own."""

    def __init__(self, root, server):
        self.root, self.server = root, server
        server.content = archive()
        self.sha256 = hashlib.sha256(server.content).hexdigest()
        self.kept = root / ".tts_cache/download" / self.sha256
        self.parts = root / ".tts_cache/download" / f"{self.sha256}.parts"
        self.settings = {"url": server.url, "sha256": self.sha256, "size": len(server.content)}
        self.set()

    def set(self, **settings):
        params = read_yaml(ROOT / "presets/ljspeech.yaml")
        self.settings |= settings
        params["corpora"]["ljspeech"] |= self.settings
        with (self.root / "params.yaml").open("w") as file:
            YAML(typ="safe", pure=True).dump(params, file)

    def download(self):
        return CliRunner().invoke(app, ["download", "ljspeech"])

    def fetched(self):
        """Names and sizes of what was unpacked."""
        raw = self.root / "data/raw/ljspeech"
        return {name: len(content) for name, content in packed_files(raw).items()} if raw.exists() else {}


WHOLE = {"LJ/metadata.csv": 7, "LJ/wavs/a.wav": 400_000}


@pytest.fixture
def project(tmp_path, server, monkeypatch):
    monkeypatch.delenv("DVC_ROOT", raising=False)
    monkeypatch.setitem(obtain.__kwdefaults__, "patience", SMALL_PARTS)
    monkeypatch.chdir(tmp_path)
    return Project(tmp_path, server)


def one_line(done):
    assert done.exit_code == 1
    assert len(done.output.strip().splitlines()) == 1
    return done.output.strip()


def test_after_kill_9_only_the_missing_bytes_are_asked_for(project):
    starts = range(0, len(project.server.content), 100_000)
    project.server.faults = {start: [f"stall {10_000 + start // 10}"] for start in starts[:4]}
    code = (
        "from tts.corpora.downloads import obtain, Patience; from stages.app import app; import sys; "
        "obtain.__kwdefaults__['patience'] = Patience(part_bytes=100_000); sys.argv = ['tts', 'download', 'ljspeech']; "
        "app()"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen([sys.executable, "-c", code], cwd=project.root, env=environment) as process:
        while process.poll() is None and Pieces(project.parts).num_bytes < 100_000:
            time.sleep(0.01)
        process.kill()
    assert process.returncode == -9
    assert Pieces(project.parts).num_bytes == 100_000
    assert not project.kept.exists()
    assert project.fetched() == {}
    project.server.ranges.clear()
    done = project.download()
    assert done.exit_code == 0, done.output
    assert project.fetched() == WHOLE
    missing = ["bytes=10000-99999", "bytes=120000-199999", "bytes=230000-299999", "bytes=340000-"]
    assert sorted(project.server.ranges, key=str) == sorted([PROBE, *missing])


def test_what_is_in_the_cache_needs_no_network(project):
    assert project.download().exit_code == 0
    project.server.ranges.clear()
    shutil.rmtree(project.root / "data")
    assert project.download().exit_code == 0
    assert project.fetched() == WHOLE
    assert project.server.ranges == []


@pytest.mark.parametrize("write", [str, lambda path: path.as_uri(), lambda path: path.name])
def test_a_mirror_folder_is_looked_at_before_the_web(project, write):
    (project.root / "lab").mkdir()
    (project.root / "lab/speech.tar.bz2").write_bytes(project.server.content)
    (project.root / "runtime.yaml").write_text(f"mirror: {write(project.root / 'lab')}\n")
    assert project.download().exit_code == 0
    assert project.fetched() == WHOLE
    assert project.server.ranges == []
    assert not project.kept.exists()


def test_a_mirror_url_is_looked_at_before_the_web(project):
    project.set(url="https://published.invalid/a%20b/speech.tar.bz2?download=1")
    (project.root / "runtime.yaml").write_text(f"mirror: {project.server.url.rpartition('/')[0]}/lab/\n")
    assert project.download().exit_code == 0
    assert project.fetched() == WHOLE
    assert set(project.server.paths) == {"/lab/speech.tar.bz2"}


WRONG = {
    "other bytes": (lambda content: bytes(len(content)), "has sha256"),
    "another size": (lambda content: content[:-1], "bytes and should have"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_a_wrong_file_in_the_mirror_is_warned_of_and_the_web_is_asked(project, kind, caplog):
    spoil, message = WRONG[kind]
    (project.root / "lab").mkdir()
    (project.root / "lab/speech.tar.bz2").write_bytes(spoil(project.server.content))
    (project.root / "runtime.yaml").write_text("mirror: lab\n")
    assert project.download().exit_code == 0
    assert project.fetched() == WHOLE
    (warning,) = [each.getMessage() for each in caplog.records if each.levelname == "WARNING"]
    assert message in warning
    assert warning.endswith("trying the next source")


def test_a_mirror_that_lacks_the_file_is_passed_over_and_one_that_is_not_there_is_said(project, caplog):
    (project.root / "lab").mkdir()
    (project.root / "runtime.yaml").write_text("mirror: lab\n")
    assert project.download().exit_code == 0
    assert not [each for each in caplog.records if each.levelname == "WARNING"]
    project.kept.unlink()
    (project.root / "lab").rmdir()
    assert project.download().exit_code == 0
    assert "lab: there is no such folder; correct `mirror` in runtime.yaml" in caplog.text


def test_a_mirror_of_another_kind_is_an_error(project):
    (project.root / "runtime.yaml").write_text("mirror: s3://bucket/lab\n")
    assert "s3://bucket/lab: is neither http(s)" in one_line(project.download())


def test_a_mirror_is_a_name_or_nothing(tmp_path):
    assert load_runtime(tmp_path).mirror is None
    assert load_runtime(ROOT).mirror is None
    (tmp_path / "runtime.local.yaml").write_text("mirror: 7\n")
    with pytest.raises(ConfigError, match=r"runtime\.mirror"):
        load_runtime(tmp_path)


def test_a_disk_too_small_is_one_line_before_anything_is_fetched(project, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10, 9, 1))
    project.set(mirrors=[f"{project.server.url}?mirror"])
    assert one_line(project.download()).endswith("0.00 GB are needed and 0.00 GB free; make room")
    assert project.server.ranges == [PROBE]
    assert project.fetched() == {}


def test_a_cache_that_cannot_be_a_folder_is_one_line(project):
    (project.root / ".tts_cache").write_text("a file")
    assert ".tts_cache" in one_line(project.download())
    assert not (project.root / "data/raw").exists()


@pytest.mark.parametrize("code", [errno.EROFS, errno.EACCES, errno.ENOSPC])
def test_a_disk_that_fails_while_it_is_written_is_one_line_that_names_it_and_no_other_source_is_tried(
    project, monkeypatch, code
):
    @contextmanager
    def open_at(_pieces, _start):
        def write(_):
            raise OSError(code, os.strerror(code))

        yield write

    project.set(mirrors=[f"{project.server.url}?mirror"])
    monkeypatch.setattr(Pieces, "open_at", open_at)
    said = one_line(project.download())
    assert ("the disk is full" if code == errno.ENOSPC else os.strerror(code)) in said
    assert f"{project.sha256}.parts" in said
    assert not [path for path in project.server.paths if path.endswith("mirror")]
    assert not project.kept.exists()
    assert list((project.root / "data/raw").iterdir()) == []


def test_a_disk_that_really_fills_up_keeps_what_came(project):
    """On a file system of 200 kB, mounted where nobody else sees it; the server does not say how much will come."""
    project.server.probes, project.server.script = ["unstated_length"], ["unstated_length"]
    project.set(size=None)
    cache = project.root / ".tts_cache"
    cache.mkdir()
    alone = ["unshare", "--user", "--map-root-user", "--mount", "bash", "-c"]
    mount = f"mount -t tmpfs -o size=200k none {shlex.quote(str(cache))}"
    if not shutil.which("unshare") or subprocess.run([*alone, mount], capture_output=True, check=False).returncode:
        pytest.skip("needs user namespaces, to mount a small file system")
    script = (
        f"{mount}; {sys.executable} -m stages download ljspeech; code=$?; cat .tts_cache/download/*.parts/0; exit $code"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [*alone, script], cwd=project.root, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    (said,) = done.stderr.strip().splitlines()
    assert said.startswith("error: the disk is full (")
    assert 100_000 < int(done.stdout) <= 200 * 1024
    assert list((project.root / "data/raw").iterdir()) == []


def test_without_a_terminal_a_line_tells_bytes_rate_and_time_left_now_and_then(caplog):
    caplog.set_level("INFO")
    times = iter([0.0, 10.0, 31.0, 40.0, 62.0, 63.0, 100.0])
    lines = ByteLines(clock=lambda: next(times))
    for done in (500_000_000, 600_000_000, 810_000_000, 900_000_000, 1_120_000_000):
        lines("download", done, 2_000_000_000)
    lines("verify", 10, None)
    lines("verify", 37_000_010, None)
    assert [each.getMessage() for each in caplog.records] == [
        "download: 810 of 2000 MB, 10.0 MB/s, 0:01:59 left",
        "download: 1120 of 2000 MB, 10.0 MB/s, 0:01:28 left",
        "verify: 37 MB, 1.0 MB/s",
    ]


def test_a_bar_in_a_terminal_starts_where_an_earlier_download_ended(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with byte_bar() as on_progress:
        on_progress("download", 1_500_000, 2_000_000)
        on_progress("download", 2_000_000, 2_000_000)
    assert "download" in terminal.getvalue()
    assert "2.0/2.0 MB" in terminal.getvalue()
