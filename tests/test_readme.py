"""What README says is there, is there."""

import re
from pathlib import Path

from pipeline.presets import presets
from pipeline.systems import presets_by_system

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def tree():
    """Folders of README's tree, as paths."""
    found, parents = [], []
    for indent, name in re.findall(r"^    ( *)([a-z_]+)/(?:\s|$)", README, flags=re.MULTILINE):
        parents = [*parents[: len(indent) // 2], name]
        found.append("/".join(parents))
    return found


def packages():
    """Folders of the checkout that hold code, and those that DVC fills."""
    top = ["stages", "pipeline", "tts", "presets", "benchmarks", "data", "models", "tests"]
    return top + [f"tts/{path.parent.name}" for path in sorted((ROOT / "tts").glob("*/__init__.py"))]


def test_the_tree_is_the_checkouts():
    assert sorted(tree()) == sorted(packages())


def test_every_system_has_its_row_with_its_presets():
    rows = dict(re.findall(r"^\| `((?:acoustic|end_to_end|vocoders)/\w+)`[^|]*\|([^|]*)\|", README, flags=re.MULTILINE))
    found = {name: sorted(filter(None, cell.strip().split(", "))) for name, cell in rows.items()}
    assert found == presets_by_system(ROOT)


def test_the_first_command_stands_within_fifteen_lines():
    assert any(line.strip() == "make demo" for line in README.splitlines()[:15])


def test_every_command_that_it_names_exists():
    from stages.app import _OTHERS, _STAGES, app

    named = set(re.findall(r"(?:^|[`&(]|    )\s*tts ([a-z][a-z-]*)", README, flags=re.MULTILINE))
    assert named
    assert named <= {name for table in (_STAGES, _OTHERS) for name in table} | {
        group.name for group in app.registered_groups
    }
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    assert set(re.findall(r"make (demo|test|check|bench)\b", README)) <= targets


def test_every_preset_and_link_exists():
    assert {"demo", "tiny", "ljspeech"} <= presets(ROOT).keys()
    for target in re.findall(r"\]\(((?!https?:)[^)]+)\)", README):
        assert (ROOT / target).exists(), target


def test_no_figure_is_left_open():
    assert not re.search(r"@\w+@|TODO|TBD", README)
