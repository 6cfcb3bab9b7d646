"""A project in a temporary folder, for what only a whole run can show."""

import functools
import multiprocessing
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from multiprocessing import forkserver
from pathlib import Path

import numpy as np
import pytest
import torch
from browser import browser  # noqa: F401 - a fixture
from file_server import FileServer
from ruamel.yaml import YAML
from toys import acoustic, inventory, recordings, toy_folders  # noqa: F401 - fixtures

from pipeline.parallel import one_thread_each
from tts.audio.dio import dio
from tts.audio.stonemask import stonemask

ROOT = Path(__file__).parents[1]
SHARED = ROOT.parent / "shared"


PRELOADED = ["pipeline.local_executor", "pipeline.prosody", "tts.audio.spectrogram", "tts.audio.stonemask"]
multiprocessing.set_forkserver_preload(PRELOADED)
# What workers of all tests are forked from; left to itself, the first test would decide what they find imported.
with one_thread_each():
    forkserver.ensure_running()

# Tests run beside each other, and torch's threads keep a core busy while they wait for one: learning a batch by heart
# takes 8 s with one thread, and 85 to 125 s with two where others want the cores too.
torch.set_num_threads(1)


def pytest_collection_modifyitems(items):
    """Begin with the files that take minutes, so that no worker ends with one of them while the others wait."""
    slow = {item.path for item in items if item.get_closest_marker("slow") is not None}
    items.sort(key=lambda item: item.path not in slow)


@dataclass
class Project:
    """A copy of this checkout with its own git and DVC, where commands run as a user runs them."""

    root: Path

    @property
    def environment(self):
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        unwanted = ("DVC", "GIT_", "PYTHONDONTWRITEBYTECODE")  # without bytecode each stage compiles our code again
        hidden = {name: value for name, value in os.environ.items() if not name.startswith(unwanted)}
        return {**hidden, "PATH": path, "OMP_NUM_THREADS": "1"}

    def run(self, command, *, check=True, **options):
        done = subprocess.run(
            command,
            shell=True,
            cwd=self.root,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            **options,
        )
        if check and done.returncode:
            raise AssertionError(
                f"{command} ended with {done.returncode}:\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
            )
        return done

    def set(self, key, value):
        """Write one value of params.yaml, the key dotted, the value as YAML."""
        yaml = YAML(typ="safe", pure=True)
        path = self.root / "params.yaml"
        values = yaml.load(path.read_text())
        *parents, last = key.split(".")
        place = values
        for part in parents:
            place = place[part]
        place[last] = yaml.load(value)
        with path.open("w") as file:
            yaml.dump(values, file)

    def compute_with_one_thread(self, *more):
        """Have training keep to one core, as tests here do; more lines of runtime.local.yaml may follow."""
        (self.root / "runtime.local.yaml").write_text("\n".join(("workers: 1", *more)))

    def files(self, *folders):
        """Bytes of every file below folders, but for what git keeps."""
        found = (file for folder in folders for file in sorted((self.root / folder).rglob("*")) if file.is_file())
        return {
            str(file.relative_to(self.root)): file.read_bytes() for file in found if not file.name.startswith(".git")
        }


@functools.cache
def compile_loops():
    """Have numba keep machine code in this checkout: it takes 15 s to make, and projects get copies."""
    tone = np.sin(2 * np.pi * 150 * np.arange(8000) / 16000)
    stonemask(tone, dio(tone, 16000), 16000)


def make_project(folder, preset="tiny"):
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    left_out = ("tests/", "data/", "models/", "metrics/", "dvc.lock")
    for name in filter(None, listed.stdout.split("\0")):
        if not name.startswith(left_out) and (ROOT / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    (folder / "params.yaml").write_bytes((ROOT / "presets" / f"{preset}.yaml").read_bytes())
    compile_loops()
    for compiled in (ROOT / "tts").rglob("__pycache__/*.nb[ci]"):
        (folder / compiled.relative_to(ROOT)).parent.mkdir(exist_ok=True)
        shutil.copy2(compiled, folder / compiled.relative_to(ROOT))
    project = Project(folder)
    project.run("git init -q && git add -A && git -c user.name=t -c user.email=t@t commit -qm start")
    return project


@pytest.fixture
def project(tmp_path):
    """A fresh project with the tiny preset, nothing run."""
    project = make_project(tmp_path)
    project.compute_with_one_thread("wandb: disabled")
    return project


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """The tiny preset, run from download to report; tests read it and leave it as it is."""
    project = make_project(tmp_path_factory.mktemp("finished"))
    project.compute_with_one_thread()
    project.run("dvc repro")
    return project


@pytest.fixture(scope="session")
def shared():
    """Real speech and reference outputs that stand beside a developer's checkout; not part of the product."""
    if not SHARED.is_dir():
        pytest.skip(f"needs real speech in {SHARED}, which is not part of the product")
    return SHARED


@pytest.fixture
def server(monkeypatch):
    """A web server of 307,200 bytes that are all different in each row of 256."""
    monkeypatch.setenv("no_proxy", "*")
    server = FileServer(bytes(range(256)) * 1200)
    yield server
    server.close()
