"""dvc.yaml against the code, the paths and the params: what it says is what the stages do."""

import re
from pathlib import Path

import pytest

from pipeline.fingerprint import import_closure
from pipeline.params import load_params
from pipeline.paths import Paths
from pipeline.yaml import read_yaml
from tts.registry import SYSTEMS, module_of

ROOT = Path(__file__).parents[1]
STAGES = read_yaml(ROOT / "dvc.yaml")["stages"]
PRESETS = sorted((ROOT / "presets").glob("*.yaml"))


def body(name):
    return STAGES[name].get("do", STAGES[name])


def command_module(name):
    return f"stages.{body(name)['cmd'].split()[1]}"


def is_covered(path, deps):
    return any(path == dep or Path(dep) in Path(path).parents for dep in deps)


@pytest.mark.parametrize("name", STAGES)
def test_code_dependencies_cover_what_the_command_imports(name):
    deps = [dep for dep in body(name)["deps"] if not dep.startswith(("data/", "models/"))]
    closure = import_closure(command_module(name))
    if "${item.system}" in str(deps):  # the one system of the run; its own imports count, its siblings do not
        for system in SYSTEMS:
            closure |= import_closure(module_of(system))
        closure = {
            each: path for each, path in closure.items() if each.removeprefix("tts.").replace(".", "/") not in SYSTEMS
        }
    missing = sorted(
        str(path.relative_to(ROOT)) for path in closure.values() if not is_covered(str(path.relative_to(ROOT)), deps)
    )
    assert not [path for path in missing if not path.endswith("__init__.py")]


@pytest.mark.parametrize("name", STAGES)
def test_every_declared_path_is_one_that_paths_py_knows(name):
    paths = Paths(Path())
    known = {
        str(make("X"))
        for make in (
            paths.raw, paths.corpus, paths.alignments, paths.mel, paths.prosody, paths.vectors, paths.index,
            paths.model, paths.teacher_mels, paths.audio, paths.scores, paths.data_metrics, paths.alignment_metrics,
            paths.run_metrics, paths.run_curve, paths.run_curves, paths.voice_metrics,
        )
    }  # fmt: skip
    known |= {str(paths.report)} | {str(parent) for path in known for parent in Path(path).parents}
    declared = [*body(name)["deps"], *body(name).get("outs", [])]
    declared += [next(iter(each)) for key in ("metrics", "plots") for each in body(name).get(key, [])]
    files = [re.sub(r"\$\{[^}]+\}", "X", each) for each in declared if each.startswith(("data/", "models/", "metrics"))]
    assert [each for each in files if each not in known] == []


@pytest.mark.parametrize("name", STAGES)
def test_every_code_dependency_exists(name):
    deps = [dep for dep in body(name)["deps"] if dep.startswith(("stages", "pipeline", "tts")) and "$" not in dep]
    assert [dep for dep in deps if not (ROOT / dep).exists()] == []


@pytest.mark.parametrize("preset", PRESETS, ids=lambda path: path.stem)
def test_every_preset_is_valid_and_holds_every_tracked_key(preset, tmp_path):
    (tmp_path / "params.yaml").write_bytes(preset.read_bytes())
    params = load_params(tmp_path)
    values = read_yaml(preset)
    items = {"corpora": params.run.corpora, "voices": params.run.voices, "runs": params.runs}
    for name in STAGES:
        for key in body(name)["params"]:
            parts = key.split(".")
            names = items[parts[0]] if "${" in key else [None]
            for item in names:
                value = values
                for part in [item if "${" in each else each for each in re.split(r"\.(?![^{]*\})", key)]:
                    assert part in value, f"{name} tracks {key}"
                    value = value[part]


def test_params_yaml_is_the_demo_preset():
    assert (ROOT / "params.yaml").read_bytes() == (ROOT / "presets" / "demo.yaml").read_bytes()


def test_metrics_and_plots_are_declared_under_their_stage_and_not_cached():
    for name in STAGES:
        for key in ("metrics", "plots"):
            for each in body(name).get(key, []):
                assert next(iter(each.values()))["cache"] is False
        assert "always_changed" not in body(name)
        assert all(isinstance(out, str) for out in body(name)["outs"]), "no persist, no cache: false on outs"
