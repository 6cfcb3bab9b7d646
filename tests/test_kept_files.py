"""Files that outs share with the cache."""

from __future__ import annotations

import os

import pytest

from pipeline.kept_files import KeptFiles, links_last


@pytest.fixture
def kept(tmp_path):
    return KeptFiles(tmp_path / "kept", links=True, suffix=".npy")


def write(path):
    path.write_bytes(b"bytes")


def refuse(path):
    raise AssertionError("it is there")


def test_a_file_comes_back_as_the_same_file(kept, tmp_path):
    kept.put("key", 5, tmp_path / "out", write)
    before = (tmp_path / "out").stat()
    (tmp_path / "out").unlink()  # as DVC does
    kept.put("key", 5, tmp_path / "out", refuse)
    assert os.path.samestat((tmp_path / "out").stat(), before)
    assert (tmp_path / "out").stat().st_mtime_ns == before.st_mtime_ns
    assert (tmp_path / "out").read_bytes() == b"bytes"


def test_a_file_that_is_not_whole_is_not_there(kept, tmp_path):
    kept.put("key", 5, tmp_path / "out", write)
    assert kept.has("key", 5)
    assert not kept.has("key", 6)
    assert not kept.has("other", 5)


def test_a_writer_that_fails_leaves_nothing(kept, tmp_path):
    def fail(path):
        path.write_bytes(b"by")
        raise OSError("no space left on device")

    with pytest.raises(OSError, match="no space"):
        kept.put("key", 5, tmp_path / "out", fail)
    assert list((tmp_path / "kept").iterdir()) == []
    assert not (tmp_path / "out").exists()


def test_only_what_no_out_holds_is_pruned(kept, tmp_path):
    for key in ("used", "unused"):
        kept.put(key, 5, tmp_path / key, write)
    (tmp_path / "unused").unlink()
    kept.prune()
    assert [path.name for path in (tmp_path / "kept").iterdir()] == ["used.npy"]


def test_nothing_is_kept_where_links_would_not_last(tmp_path):
    kept = KeptFiles(tmp_path / "kept", links=False)
    kept.put("key", 5, tmp_path / "out", write)
    assert (tmp_path / "out").read_bytes() == b"bytes"
    assert (tmp_path / "out").stat().st_mode & 0o200
    assert not kept.has("key", 5)


@pytest.mark.parametrize(
    ("config", "local", "lasts"),
    [
        (None, None, False),
        ('[core]\n    analytics = false\n[cache]\n    type = "reflink,copy"\n', None, False),
        ('[cache]\n    type = "reflink,copy"\n', '[cache]\n    type = "hardlink,copy"\n', True),
        ('[cache]\n    type = "reflink,hardlink,copy"\n', None, False),
        ("[cache]\n    type = hardlink\n", "['remote \"store\"']\n    url = /a%b\n", True),
    ],
)
def test_links_last_where_the_cache_of_dvc_links(tmp_path, config, local, lasts):
    (tmp_path / ".dvc").mkdir()
    for name, text in (("config", config), ("config.local", local)):
        if text is not None:
            (tmp_path / ".dvc" / name).write_text(text)
    assert links_last(tmp_path) is lasts
