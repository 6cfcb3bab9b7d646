"""The command line: quick to answer, one clear line for bad input, nothing half-written."""

import dataclasses
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from packing import pack
from tiny_voice import INVENTORY, MEL_DEFINITION, write_models
from typer.testing import CliRunner

from pipeline import speaking
from pipeline.params import load_params
from stages.app import _line, app
from tts.audio.files import write_wav
from tts.errors import ConfigError
from tts.interfaces import Inventory

ROOT = Path(__file__).parents[1]


def tts(folder, *arguments, **environment):
    return subprocess.run(
        [sys.executable, "-m", "stages", *arguments],
        cwd=folder,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def call(monkeypatch):
    """The command line called in a folder, without a process, which would import torch for seconds."""

    def call(folder, *arguments):
        monkeypatch.chdir(folder)
        speaking._load.cache_clear()  # a command is a process of its own, and so finds no voice of before
        done = CliRunner().invoke(app, arguments)
        return subprocess.CompletedProcess(arguments, done.exit_code, done.stdout, done.stderr)

    return call


def test_help_imports_nothing_heavy():
    heavy = ("torch", "numpy", "pandas", "pyarrow", "dvc", "librosa")
    script = f"import sys, stages.app; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_data_stage_with_nothing_to_compute_imports_nothing_heavy(tmp_path):
    shutil.copy(ROOT / "params.yaml", tmp_path)
    heavy = ("torch", "pandas", "scipy", "numba", "librosa", "soundfile", "pyarrow.compute")
    script = f"""
import sys
from pathlib import Path
from pipeline import alignment, download, index, mel, pitch_ranges, prepare, prosody, stage
from tts.data.tables import PROSODY, write_table
from pipeline.params import load_params
load_params(Path())
row = {{name: [] if name == "phones" else 0 for name in PROSODY.names}} | {{"utterance_id": "a"}}
write_table(Path("table.parquet"), [row], PROSODY)
print([name for name in {heavy} if name in sys.modules])
"""
    told = [
        subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True).stdout
        for _ in range(2)
    ]
    assert "torch" in told[0], "model sections are checked, the first time"
    assert told[1].strip() == "[]"


def test_every_stage_of_dvc_yaml_is_a_command(call):
    from pipeline.yaml import read_yaml

    said = call(ROOT, "--help").stdout
    stages = read_yaml(ROOT / "dvc.yaml")["stages"].values()
    for stage in stages:
        assert stage.get("do", stage)["cmd"].split()[1] in said


def one_line(done):
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    return done.stderr.strip()


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("hop_length:", "hop_lenght:", "audio.hop_lenght: unknown key; did you mean 'hop_length'?"),
        ("n_mels: 80", "n_mels: eighty", "audio.n_mels: "),
        ("f_max: 8000", "f_max: 80000", "half the sample rate"),
        ("hop_length: 256", "hop_length: 256\n  hop_length: 256", "params.yaml:"),
        ("vocoder: tiny_vocoder", "vocoder: tiny_acoustic", "is of kind acoustic, not vocoder"),
        ("system: vocoders/vocos", "system: vocoders/vocso", "did you mean 'vocoders/vocos'?"),
        ("kind: demo", "kind: dmeo", "corpora.tiny"),
        ("speaker_vectors: []", "speaker_vectors: [tinny]", "run.speaker_vectors (in run.corpora): 'tinny' is not def"),
        ("    model:\n", "    model:\n      speaker: vektor\n", "runs.tiny_acoustic.model.speaker"),
        ("layers: 1", "layer: 1", "model.encoder.layer: unknown key; did you mean 'layers'?"),
    ],
)
def test_a_bad_parameter_is_named_with_its_remedy(tmp_path, old, new, said):
    text = (ROOT / "presets" / "tiny.yaml").read_text()
    assert old in text
    (tmp_path / "params.yaml").write_text(text.replace(old, new))
    with pytest.raises(ConfigError) as raised:
        load_params(tmp_path)
    assert said in str(raised.value)


def test_a_bad_parameter_is_one_line_and_nothing_is_written(project):
    path = project.root / "params.yaml"
    path.write_text(path.read_text().replace("hop_length:", "hop_lenght:"))
    assert "audio.hop_lenght: unknown key; did you mean" in one_line(tts(project.root, "mel", "tiny"))
    assert not (project.root / "data" / "features").exists()


def test_an_unknown_corpus_lists_those_there_are(project, call):
    assert "tiny" in one_line(call(project.root, "download", "nowhere"))


def test_a_missing_input_says_which_stage_makes_it(project, call):
    assert "run the stage that makes it" in one_line(call(project.root, "mel", "tiny"))


def test_debug_shows_the_traceback(project):
    done = tts(project.root, "--debug", "mel", "tiny")
    assert done.returncode == 1
    assert "Traceback" in done.stderr


def test_a_full_disk_is_said_plainly():
    import errno

    error = OSError(errno.ENOSPC, "No space left on device", "data/corpus/x")
    assert _line(error) == "the disk is full (data/corpus/x); free some space and run again"


def test_a_disk_that_fills_up_in_a_stage_is_one_line_and_the_old_corpus_stays(project):
    """On a file system of 100 kB, mounted where nobody else sees it."""
    source, output = project.root / "source", project.root / "data/corpus"
    for folder in (source / "wavs", output):
        folder.mkdir(parents=True)
    noise = np.random.default_rng(0).normal(0, 0.1, 3 * 22050).astype(np.float32)
    write_wav(source / "wavs" / "a.wav", noise, sample_rate=22050)
    (source / "metadata.csv").write_text("a|Some words.\n")
    pack(source, project.root / "data/raw/tiny")
    project.set("corpora.tiny", "{kind: csv, path: nowhere}")
    alone = ["unshare", "--user", "--map-root-user", "--mount", "bash", "-c"]
    script = f"mount -t tmpfs -o size=100k none {output} && mkdir {output}/tiny && echo old > {output}/tiny/file"
    if not shutil.which("unshare") or subprocess.run([*alone, script], capture_output=True, check=False).returncode:
        pytest.skip("needs user namespaces, to mount a small file system")
    script += f"; {sys.executable} -m stages prepare tiny; code=$?; find {output} -type f; exit $code"
    done = subprocess.run([*alone, script], cwd=project.root, capture_output=True, text=True, check=False)
    assert "the disk is full" in one_line(done)
    assert done.stdout.split() == [f"{output}/tiny/file"]


def test_a_missing_espeak_says_what_to_install(project, tmp_path_factory):
    hidden = tmp_path_factory.mktemp("hidden")
    (hidden / "espeakng_loader.py").write_text("raise ImportError('no such wheel')\n")
    message = one_line(tts(project.root, "download", "tiny", PYTHONPATH=str(hidden)))
    assert "espeak-ng cannot be loaded (no such wheel); run: pip install espeakng-loader" in message
    assert list((project.root / "data" / "raw").iterdir()) == []


SAY = ("--output", "said.wav", "--speaker", "ann", "--style", "calm")


def test_nothing_to_say_is_one_line_and_no_file(project, call):
    write_models(project.root / "models/tiny_acoustic", project.root / "models/tiny_vocoder")
    assert "nothing to say" in one_line(call(project.root, "say", "?! …", *SAY))
    assert not list(project.root.glob("*said*"))


def test_a_speaker_and_a_reference_contradict_each_other(tmp_path, call):
    done = call(tmp_path, "say", "Hello.", "-o", "a.wav", "--speaker", "ann", "--speaker-reference", "b.wav")
    assert "--speaker and --speaker-reference both say who speaks" in one_line(done)


def test_models_of_different_mels_are_refused_in_one_line(project, call):
    other = Inventory(mel=dataclasses.replace(MEL_DEFINITION, hop_length=512, n_mels=100))
    folders = (project.root / "models" / name for name in ("tiny_acoustic", "tiny_vocoder"))
    write_models(*folders, inventory=INVENTORY, vocoder_inventory=other)
    message = one_line(call(project.root, "say", "Hello.", *SAY))
    assert "mel definitions differ in hop_length 256 against 512, n_mels 80 against 100" in message
    assert not list(project.root.glob("*said*"))


def test_a_preset_never_overwrites_unsaved_edits(project, call):
    path = project.root / "params.yaml"
    path.write_text(path.read_text() + "# mine\n")
    assert "not committed" in one_line(call(project.root, "preset", "use", "demo"))
    assert path.read_text().endswith("# mine\n")
    assert call(project.root, "preset", "use", "demo", "--force").returncode == 0
    assert path.read_bytes() == (project.root / "presets" / "demo.yaml").read_bytes()


def test_presets_are_listed_with_their_purpose(call):
    assert "espeak-ng" in call(ROOT, "preset", "list").stdout


def test_systems_are_listed_as_json(call):
    rows = json.loads(call(ROOT, "systems", "--json").stdout)
    by_name = {row["name"]: row for row in rows}
    assert set(by_name) == {
        "acoustic/fastspeech",
        "acoustic/fastspeech2",
        "acoustic/gst_tacotron",
        "acoustic/tacotron2",
        "end_to_end/vits2",
        "vocoders/griffin_lim",
        "vocoders/hifigan",
        "vocoders/istftnet",
        "vocoders/melgan",
        "vocoders/multiband_melgan",
        "vocoders/neural_griffin_lim",
        "vocoders/parallel_wavegan",
        "vocoders/vocgan",
        "vocoders/vocos",
        "vocoders/wavegan",
        "vocoders/waveglow",
    }
    published = {"v1": 13926017, "v2": 925985, "v3": 1462273}
    assert published.items() <= by_name["vocoders/hifigan"]["parameters"].items()
    assert "tiny" in by_name["vocoders/vocos"]["presets"]
