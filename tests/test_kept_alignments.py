"""Alignments that are kept: exactly as they were, and only clips that are new or changed are aligned again."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plain_sounds import Project, sound_of

from pipeline.kept_alignments import KeptAlignments
from tts.alignment.utterances import Aligned, Failed
from tts.data.tables import QUALITY
from tts.phones import SILENCE
from tts.text.frontend import PAUSE, Word

FAILED = Failed("v", "silent audio", "peak 0")


def aligned(name="u", boundaries=(0, 0.1, 1 / 3), log_likelihood=-7.1):
    words = (Word("à", ("a",)), PAUSE)
    return Aligned(name, words, ("a", SILENCE), np.array(boundaries, dtype=float), log_likelihood)


def same(one, other):
    return repr(one) == repr(other) and one.boundaries.tobytes() == other.boundaries.tobytes()


# The folder


@settings(max_examples=50)
@given(
    boundaries=st.lists(st.floats(0, 1e5), min_size=3, max_size=3),
    log_likelihood=st.none() | st.floats(-1e6, 1e6),
)
def test_results_are_read_to_the_last_bit(tmp_path_factory, boundaries, log_likelihood):
    folder, result = tmp_path_factory.mktemp("kept"), aligned("u", boundaries, log_likelihood)
    KeptAlignments(folder).keep([result, FAILED], {"u": "key of u", "v": "key of v"})
    kept = KeptAlignments(folder)
    assert same(kept.read("key of u", "u"), result)
    assert kept.read("key of v", "v") == FAILED


def test_what_is_kept_is_known_at_once_and_what_is_not_is_not(tmp_path):
    kept = KeptAlignments(tmp_path / "clips")
    assert "key of u" not in kept
    kept.keep([aligned()], {"u": "key of u", "v": "key of v"})
    assert "key of u" in kept
    assert "key of v" not in kept
    with pytest.raises(KeyError):
        kept.read("key of v", "v")


def test_two_clips_of_one_key_keep_their_names(tmp_path):
    kept = KeptAlignments(tmp_path)
    kept.keep([aligned("u"), aligned("twin")], {"u": "key", "twin": "key"})
    assert [kept.read("key", name).utterance_id for name in ("u", "twin", "renamed")] == ["u", "twin", "renamed"]


def test_results_are_written_as_they_come(tmp_path):
    """Whoever is killed after minutes has lost the last few clips, and no file is half."""

    def results():
        yield from (aligned(f"u{number}") for number in range(300))
        raise KeyboardInterrupt

    keys = {f"u{number}": f"key {number}" for number in range(300)}
    with pytest.raises(KeyboardInterrupt):
        KeptAlignments(tmp_path).keep(results(), keys)
    kept = KeptAlignments(tmp_path)
    assert sum(key in kept for key in keys.values()) == 256
    assert [path.suffix for path in tmp_path.iterdir()] == [".txt"]


def test_keeping_nothing_writes_nothing(tmp_path):
    KeptAlignments(tmp_path).keep([], {})
    assert list(tmp_path.iterdir()) == []


def test_equal_results_are_equal_files(tmp_path):
    for name in ("one", "two"):
        KeptAlignments(tmp_path / name).keep([aligned(), FAILED], {"u": "key of u", "v": "key of v"})
    one, two = ({path.name: path.read_bytes() for path in (tmp_path / name).iterdir()} for name in ("one", "two"))
    assert one == two
    assert all(json.loads(line.split(b"\t")[1]) for content in one.values() for line in content.splitlines())


# The stage


TEXTS = (" asi ia ", " isa as ", " sa sia ", " as isi ", " ia sasi ", " ais ai ", " sisa ", " aisa si ")


def texts(*numbers, speaker="a"):
    return {f"{speaker}{number}": TEXTS[number % len(TEXTS)] for number in numbers}


@pytest.fixture
def project(tmp_path, capsys):
    """Fifty clips that are aligned."""
    project = Project(tmp_path)
    project.params["align"]["kaldi"] = {"iterations": 3}
    project.say(**texts(*range(50)))
    project.align()
    assert "50 clips, 50 aligned now (model trained), 0 dropped" in capsys.readouterr().out
    return project


@pytest.fixture
def closing_line(project, capsys):
    """Align again; gives the line that the stage closes with."""

    def line():
        project.align()
        return capsys.readouterr().out.splitlines()[-1]

    return line


def by_clip(project, *tables):
    """All that the tables say of each clip, exactly."""
    found = {}
    for row in (row for table in tables for row in table):
        found.setdefault(row["utterance_id"], []).append(repr(row))
    return found


def results(project):
    return by_clip(project, project.rows(), project.rows(QUALITY))


def test_nothing_new_aligns_nothing_and_gives_the_same_bytes(project, closing_line):
    before = project.outputs()
    assert "50 clips, 0 aligned now (model kept), 0 dropped" in closing_line()
    assert project.outputs() == before


def test_ten_new_clips_are_aligned_alone(project, closing_line):
    before = results(project)
    project.say(**texts(*range(50, 60)))
    assert "60 clips, 10 aligned now (model kept), 0 dropped" in closing_line()
    after = results(project)
    assert set(after) == set(before) | set(texts(*range(50, 60)))
    assert {name: after[name] for name in before} == before


def test_more_than_a_fifth_of_new_clips_teach_a_new_model(project, closing_line):
    project.say(**texts(*range(50, 63)))
    assert "63 clips, 63 aligned now (model trained)" in closing_line()


def test_a_new_speaker_is_aligned_by_the_old_model(project, closing_line):
    before = results(project)
    project.say(**texts(0, 1, 2, speaker="b"))
    assert "53 clips, 3 aligned now (model kept), 0 dropped" in closing_line()
    after = results(project)
    assert {name: after[name] for name in before} == before
    for name, text in texts(0, 1, 2, speaker="b").items():
        _, times = sound_of(text, seed=int(name[1:]))
        found = [row["end_seconds"] for row in project.rows() if row["utterance_id"] == name]
        np.testing.assert_allclose(found, times[1:], atol=0.02)


def test_a_changed_text_is_aligned_alone(project, closing_line):
    before = results(project)
    project.add("a7", "aisasi", sound_of(TEXTS[7], seed=7)[0], speaker="a")
    assert "50 clips, 1 aligned now (model kept), 0 dropped" in closing_line()
    after = results(project)
    assert {name for name in before if after[name] != before[name]} == {"a7"}


def test_changed_audio_and_a_changed_speaker_are_aligned_alone(project, closing_line):
    project.add("a7", TEXTS[7].strip(), sound_of(TEXTS[7], seed=70)[0], speaker="a")
    assert "50 clips, 1 aligned now (model kept)" in closing_line()
    project.add("a8", TEXTS[0].strip(), sound_of(TEXTS[0], seed=8)[0], speaker="b")
    assert "50 clips, 1 aligned now (model kept)" in closing_line()


def test_clips_that_are_gone_are_gone_and_the_others_stay(project, closing_line):
    before = results(project)
    project.remove("a7")
    project.remove("a30")
    assert "48 clips, 0 aligned now (model kept)" in closing_line()
    assert results(project) == {name: rows for name, rows in before.items() if name not in ("a7", "a30")}


def test_a_text_that_is_taken_back_is_known_still(project, closing_line):
    before = project.outputs()
    project.add("a7", "aisasi", sound_of(TEXTS[7], seed=7)[0], speaker="a")
    closing_line()
    project.add("a7", "aisa si", sound_of(TEXTS[7], seed=7)[0], speaker="a")
    assert "50 clips, 0 aligned now (model kept)" in closing_line()
    assert project.outputs() == before


def test_a_clip_with_another_name_and_a_twin_are_clips_of_their_own(project, closing_line):
    """They have the content of a7, and so its alignment."""
    samples, _ = sound_of(TEXTS[7], seed=7)
    rows = [row | {"utterance_id": ""} for row in project.rows() if row["utterance_id"] == "a7"]
    project.remove("a7")
    for name in ("renamed", "twin"):
        project.add(name, TEXTS[7].strip(), samples, speaker="a")
    assert "51 clips, 0 aligned now (model kept)" in closing_line()
    for name in ("renamed", "twin"):
        assert [row | {"utterance_id": ""} for row in project.rows() if row["utterance_id"] == name] == rows
    assert "a7" not in results(project)


def test_a_clip_that_failed_is_not_tried_again_until_it_is_mended(project, closing_line):
    project.params["align"]["max_unaligned"] = 0.1
    project.add("a7", "asi " * 50, sound_of(TEXTS[7], seed=7)[0], speaker="a")
    assert "50 clips, 1 aligned now (model kept), 1 dropped" in closing_line()
    assert "50 clips, 0 aligned now (model kept), 1 dropped" in closing_line()
    project.add("a7", "aisa si", sound_of(TEXTS[7], seed=7)[0], speaker="a")
    assert "50 clips, 0 aligned now (model kept), 0 dropped" in closing_line()


def test_other_settings_align_everything_anew_and_the_fold_of_silences_nothing(project, closing_line):
    project.params["align"]["fold_silence_ms"] = 200
    assert "50 clips, 0 aligned now (model kept)" in closing_line()
    project.params["align"]["kaldi"] = {"iterations": 2}
    assert "50 clips, 50 aligned now (model trained)" in closing_line()
