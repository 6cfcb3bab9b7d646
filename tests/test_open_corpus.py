"""A corpus opened by its name alone, as in a notebook."""

import doctest
import subprocess
import sys

import numpy as np
import pytest

import tts.data
import tts.data.corpus
from tts.data import open_corpus
from tts.errors import DataError

LINES = ["from tts.data import open_corpus", 'corpus = open_corpus("demo")', "mel = corpus[0].mel"]


@pytest.fixture
def data(toy_folders, tmp_path):
    """A folder data/ as the stages lay it out."""
    places = {"corpus": "corpus/demo"} | {name: f"features/demo/{name}" for name in ("mel", "prosody", "index")}
    for name, place in places.items():
        (tmp_path / "data" / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "data" / place).symlink_to(toy_folders[name])
    return tmp_path / "data"


def test_the_three_lines_of_the_docstring_show_a_mel(data, monkeypatch):
    monkeypatch.chdir(data.parent)
    examples = doctest.DocTestParser().get_examples(tts.data.corpus.__doc__)
    assert [each.source.strip() for each in examples] == LINES
    found = {}
    exec("\n".join(LINES), found)
    assert found["mel"].shape == (found["corpus"][0].row.num_frames, 8)
    assert doctest.testmod(tts.data.corpus).failed == 0


def test_a_clip_has_all_that_is_kept_of_it(data, acoustic):
    corpus = open_corpus("demo", data)
    clip, name = corpus["clip07"], "clip07"
    row, prosody = acoustic.utterances[name], acoustic.prosody(name)
    assert np.array_equal(clip.waveform, acoustic.audio(name))
    assert np.array_equal(clip.mel, acoustic.mel(name))
    for kind in ("durations", "pitch", "energy", "pitch_phone", "energy_phone"):
        assert np.array_equal(getattr(clip, kind), getattr(prosody, kind))
    for column in ("utterance_id", "text", "speaker", "style", "phones"):
        assert getattr(clip, column) == getattr(row, column)
    assert clip.sample_rate == 8000
    assert len(clip.phones) == len(clip.durations) == row.num_phones


def test_clips_come_by_number_name_slice_and_in_turn(data):
    corpus = open_corpus("demo", data)
    assert len(corpus) == len(corpus.ids) == 32
    assert [clip.utterance_id for clip in corpus] == corpus.ids
    assert [clip.row for clip in corpus[3:9:2]] == [corpus[number].row for number in (3, 5, 7)]
    assert corpus[-1].row == corpus["clip31"].row
    assert "clip31" in corpus
    assert "clip32" not in corpus


def test_the_table_has_a_row_for_each_clip(data):
    corpus = open_corpus("demo", str(data))
    table = corpus.to_pandas()
    assert list(table.index) == corpus.ids
    assert table.loc["clip07", "num_frames"] == len(corpus["clip07"].mel)
    assert list(table.loc["clip07", "phones"]) == list(corpus["clip07"].phones)
    assert set(table.split) == {"train", "validation"}


def test_before_the_index_a_corpus_has_sound_and_mels_alone(data):
    (data / "features/demo/index").unlink()
    clip = open_corpus("demo", data)["clip07"]
    assert len(clip.waveform) == clip.row.num_samples
    assert clip.mel.shape == (clip.row.num_frames, 8)
    assert clip.phones == ()
    with pytest.raises(DataError, match="clip07: durations, pitch and energy are not there yet; run `tts index`"):
        _ = clip.pitch


def test_what_is_not_there_is_named_with_what_is(data):
    with pytest.raises(DataError, match=r"corpus/dmo is missing; there is: demo; run `tts prepare dmo`"):
        open_corpus("dmo", data)
    corpus = open_corpus("demo", data)
    with pytest.raises(DataError, match="demo: none of 32 clips is 'clip7'; the nearest is 'clip"):
        corpus["clip7"]
    with pytest.raises(IndexError):
        corpus[32]
    (data / "features/demo/mel").unlink()
    with pytest.raises(DataError, match=r"mel.parquet is missing; run `tts mel`"):
        open_corpus("demo", data)


def test_the_package_itself_imports_nothing_heavy():
    heavy = "{'numpy', 'pyarrow', 'torch', 'pandas', 'tts.data.features'}"
    code = f"import sys, tts.data; assert not {heavy} & set(sys.modules), {heavy} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_other_names_of_the_package_are_unknown():
    with pytest.raises(AttributeError, match="has no attribute 'open_corpse'"):
        _ = tts.data.open_corpse
