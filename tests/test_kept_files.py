"""Files that outs share with the cache."""

from __future__ import annotations

import os

import pytest

from pipeline.kept_files import KeptFiles


@pytest.fixture
def kept(tmp_path):
    return KeptFiles(tmp_path / "kept", suffix=".npy")


def test_a_file_comes_back_as_the_same_file(kept, tmp_path):
    kept.keep("key", lambda path: path.write_bytes(b"bytes"))
    kept.link("key", tmp_path / "out")
    before = (tmp_path / "out").stat()
    (tmp_path / "out").unlink()  # as DVC does
    kept.link("key", tmp_path / "out")
    after = (tmp_path / "out").stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert (tmp_path / "out").read_bytes() == b"bytes"


def test_a_file_that_is_not_whole_is_not_there(kept):
    kept.keep("key", lambda path: path.write_bytes(b"bytes"))
    assert kept.has("key", 5)
    assert not kept.has("key", 6)
    assert not kept.has("other", 5)


def test_a_writer_that_fails_leaves_nothing(kept, tmp_path):
    def fail(path):
        path.write_bytes(b"by")
        raise OSError("no space left on device")

    with pytest.raises(OSError, match="no space"):
        kept.keep("key", fail)
    assert list((tmp_path / "kept").iterdir()) == []


def test_only_what_no_out_holds_is_pruned(kept, tmp_path):
    for key in ("used", "unused"):
        kept.keep(key, lambda path: path.write_bytes(b"bytes"))
    kept.link("used", tmp_path / "out")
    kept.prune()
    assert [path.name for path in (tmp_path / "kept").iterdir()] == ["used.npy"]


def test_a_disk_without_links_gets_copies(kept, tmp_path, monkeypatch):
    def refuse(source, place):
        raise OSError("cross-device link")

    monkeypatch.setattr(os, "link", refuse)
    kept.keep("key", lambda path: path.write_bytes(b"bytes"))
    kept.link("key", tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == b"bytes"
