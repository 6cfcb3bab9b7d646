"""The command line: quick to answer, one clear line for bad input, nothing half-written."""

import json
import subprocess
import sys

import pytest

from stages.app import _line


def tts(folder, *arguments):
    return subprocess.run(
        [sys.executable, "-m", "stages", *arguments], cwd=folder, capture_output=True, text=True, check=False
    )


def test_help_imports_nothing_heavy():
    heavy = ("torch", "numpy", "pandas", "pyarrow", "dvc", "librosa")
    script = f"import sys, stages.app; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_stage_of_dvc_yaml_is_a_command():
    from pathlib import Path

    from pipeline.yaml import read_yaml

    said = tts(Path(__file__).parents[1], "--help").stdout
    stages = read_yaml(Path(__file__).parents[1] / "dvc.yaml")["stages"].values()
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
        ("vocoder: tiny_vocoder", "vocoder: tiny_acoustic", "is a acoustic system, not a vocoder one"),
        ("system: vocoders/vocos", "system: vocoders/vocso", "did you mean 'vocoders/vocos'?"),
        ("kind: demo", "kind: dmeo", "corpora.tiny"),
    ],
)
def test_a_bad_parameter_is_one_line_with_its_remedy(project, old, new, said):
    path = project.root / "params.yaml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    message = one_line(tts(project.root, "mel", "tiny"))
    assert said in message
    assert not (project.root / "data" / "features").exists()


def test_an_unknown_corpus_lists_those_there_are(project):
    assert "tiny" in one_line(tts(project.root, "download", "nowhere"))


def test_a_missing_input_says_which_stage_makes_it(project):
    assert "run the stage that makes it" in one_line(tts(project.root, "mel", "tiny"))


def test_debug_shows_the_traceback(project):
    done = tts(project.root, "--debug", "mel", "tiny")
    assert done.returncode == 1
    assert "Traceback" in done.stderr


def test_a_full_disk_is_said_plainly():
    import errno

    error = OSError(errno.ENOSPC, "No space left on device", "data/corpus/x")
    assert _line(error) == "the disk is full (data/corpus/x); free some space and run again"


def test_a_preset_never_overwrites_unsaved_edits(project):
    path = project.root / "params.yaml"
    path.write_text(path.read_text() + "# mine\n")
    assert "not committed" in one_line(tts(project.root, "preset", "use", "demo"))
    assert path.read_text().endswith("# mine\n")
    assert tts(project.root, "preset", "use", "demo", "--force").returncode == 0
    assert path.read_bytes() == (project.root / "presets" / "demo.yaml").read_bytes()


def test_presets_are_listed_with_their_purpose(project):
    assert "espeak-ng" in tts(project.root, "preset", "list").stdout


def test_systems_are_listed_as_json(project):
    rows = json.loads(tts(project.root, "systems", "--json").stdout)
    by_name = {row["name"]: row for row in rows}
    assert set(by_name) == {"acoustic/fastspeech2", "vocoders/griffin_lim", "vocoders/hifigan", "vocoders/vocos"}
    published = {"v1": 13926017, "v2": 925985, "v3": 1462273}
    assert published.items() <= by_name["vocoders/hifigan"]["parameters"].items()
    assert "tiny" in by_name["vocoders/vocos"]["presets"]
