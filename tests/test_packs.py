"""Packs: the published files in tar files that anybody can read, written only where they changed, and read in place."""

import io
import os
import pickle
import shutil
import subprocess
import tarfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from packing import pack, packed_files
from recordings_of_ones_own import Project, tone

import pipeline.packs
from pipeline.local_executor import LocalExecutor
from pipeline.output import passing_directory
from pipeline.packs import PackStore
from pipeline.parallel import ThisProcess
from pipeline.prepare import audio_contents
from stages import download, prepare
from tts.audio.files import read_audio, write_wav
from tts.corpora.packs import TABLE, look_at, offsets, write_pack
from tts.corpora.transcripts import find_audio
from tts.corpora.trees import folders, inside
from tts.data.tables import FILES, read_table
from tts.errors import AudioError, CorpusError, DownloadError

ODD = (
    "plain.txt",
    "화자/기쁨 1.wav",
    "e\u0301.wav",
    "a/b/c/d",
    "with space/'quoted' $x.wav",
    "n" * 150 + ".wav",
    "-rf",
)


def fill(folder, names, content=str.encode):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content(name))
    return folder


def clips(numbers):
    return [f"wavs/c{number:04d}.wav" for number in numbers]


def age(path, *, seconds):
    """Let a file have been written so long ago."""
    os.utime(path, (path.stat().st_atime, path.stat().st_mtime - seconds))


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def identities(folder):
    """What DVC tells a file by."""
    return {path.name: (path.stat().st_ino, path.stat().st_mtime_ns) for path in folder.glob("*.tar")}


def test_equal_files_give_equal_packs_whatever_their_order_their_times_and_the_workers(tmp_path):
    names = [*clips(range(400)), *ODD]
    pack(fill(tmp_path / "one", names), tmp_path / "packed" / "one")
    for path in sorted(fill(tmp_path / "two", reversed(names)).rglob("*.wav")):
        path.chmod(0o600)
        os.utime(path, (1, 1))
    with_workers = LocalExecutor(2)
    pack(tmp_path / "two", tmp_path / "packed" / "two", executor=with_workers)
    with_workers.close()
    assert contents(tmp_path / "packed" / "one") == contents(tmp_path / "packed" / "two")
    assert len(contents(tmp_path / "packed" / "one")) > 2


def test_anybody_can_unpack_them(tmp_path):
    pack(fill(tmp_path / "source", ODD), tmp_path / "packed")
    (tmp_path / "out").mkdir()
    for path in sorted((tmp_path / "packed").glob("*.tar")):
        done = subprocess.run(["tar", "xf", path, "-C", tmp_path / "out"], capture_output=True, text=True, check=True)
        assert done.stderr == ""
    found = [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert sorted(str(path.relative_to(tmp_path / "out")) for path in found) == sorted(ODD)
    assert all(path.read_bytes() == str(path.relative_to(tmp_path / "out")).encode() for path in found)


def test_headers_tell_nothing_of_who_packed_and_when(tmp_path):
    pack(fill(tmp_path / "source", ODD), tmp_path / "packed")
    (path,) = (tmp_path / "packed").glob("*.tar")
    with tarfile.open(path) as archive:
        for member in archive:
            assert (member.mode, member.mtime, member.uid, member.gid) == (0o644, 0, 0, 0)
            assert (member.uname, member.gname, member.type) == ("", "", tarfile.REGTYPE)


def test_the_table_says_where_everything_is(tmp_path):
    pack(fill(tmp_path / "source", [*clips(range(300)), *ODD]), tmp_path / "packed")
    rows = read_table(tmp_path / "packed" / TABLE, FILES)
    assert [row["name"] for row in rows] == sorted([*clips(range(300)), *ODD])
    for row in rows:
        with (tmp_path / "packed" / f"files-{row['pack']:03d}.tar").open("rb") as file:
            file.seek(row["offset"])
            assert file.read(row["size"]) == row["name"].encode()


part = st.text(st.characters(codec="utf-8", exclude_characters="/\0"), min_size=1, max_size=90)
paths = st.lists(part.filter(lambda text: text not in (".", "..")), min_size=1, max_size=5).map("/".join)


@given(st.dictionaries(paths, st.binary(max_size=1500), max_size=5))
def test_any_names_and_contents_come_back_from_where_they_are_said_to_be(tmp_path_factory, files):
    path = tmp_path_factory.mktemp("pack") / "one.tar"
    described = [look_at(name, io.BytesIO(content)) for name, content in sorted(files.items())]
    write_pack(path, described, lambda name: io.BytesIO(files[name]))
    *starts, size = offsets(described)
    assert path.stat().st_size == size
    content = path.read_bytes()
    assert [content[start : start + each.size] for start, each in zip(starts, described, strict=True)] == [
        files[name] for name in sorted(files)
    ]
    with tarfile.open(path) as archive:
        members = {member.name: archive.extractfile(member).read() for member in archive}
    assert members == {name.rstrip("/"): content for name, content in files.items()}


class TestKept:
    @pytest.fixture
    def repack(self, tmp_path):
        """Packs the files of the folder "source" as a stage whose out was deleted does."""
        source, destination = tmp_path / "source", tmp_path / "packed"

        def repack():
            shutil.rmtree(destination, ignore_errors=True)
            pack(source, destination, store=tmp_path / "store")
            return identities(destination)

        fill(source, clips(range(700)))
        return repack

    def test_where_nothing_changed_nothing_is_written(self, repack, tmp_path, monkeypatch):
        before = repack()
        monkeypatch.setattr(pipeline.packs, "write_pack", lambda *_: pytest.fail("a pack is written"))
        assert repack() == before
        assert len(before) > 3

    def test_files_behind_the_others_change_the_last_pack_alone(self, repack, tmp_path):
        before = repack()
        fill(tmp_path / "source", clips(range(700, 705)))
        after = repack()
        assert [name for name in before if before[name] != after[name]] == [max(before)]

    def test_a_changed_file_changes_its_pack_alone(self, repack, tmp_path):
        before = repack()
        (tmp_path / "source/wavs/c0000.wav").write_bytes(b"wavs/c0001.wav")
        after = repack()
        assert [name for name in before if before[name] != after[name]] == ["files-000.tar"]
        assert packed_files(tmp_path / "packed")["wavs/c0000.wav"] == b"wavs/c0001.wav"

    def test_a_file_that_was_seen_before_is_not_read_again(self, tmp_path, monkeypatch):
        sources, links, read = fill(tmp_path / "sources", clips(range(300))), tmp_path / "links", []
        monkeypatch.setattr(pipeline.packs, "look_at", lambda name, file: read.append(name) or look_at(name, file))

        def again():
            shutil.rmtree(links, ignore_errors=True)
            shutil.rmtree(tmp_path / "packed", ignore_errors=True)
            for path in sorted(sources.rglob("*.wav")):
                place = links / path.relative_to(sources)
                place.parent.mkdir(parents=True, exist_ok=True)
                place.symlink_to(path)
            read.clear()
            pack(links, tmp_path / "packed", store=tmp_path / "store")
            return packed_files(tmp_path / "packed")

        for path in sources.rglob("*.wav"):
            age(path, seconds=60)
        first = again()
        assert len(read) == 300
        assert again() == first
        assert read == []
        changed = sources / "wavs/c0007.wav"
        changed.write_bytes(changed.read_bytes()[::-1])  # of the same length
        age(changed, seconds=30)
        second = again()
        assert read == ["wavs/c0007.wav"]
        assert second == {**first, "wavs/c0007.wav": changed.read_bytes()}
        changed.write_bytes(changed.read_bytes()[::-1])
        assert again() == again() == first
        assert read == ["wavs/c0007.wav"]  # it is so young that its time tells nothing

    def test_packs_of_no_out_are_pruned(self, repack, tmp_path):
        repack()
        fill(tmp_path / "source", clips(range(700, 705)))
        after = repack()
        PackStore(tmp_path / "store", ThisProcess(), links=True).prune()
        assert len(list((tmp_path / "store").glob("*.tar"))) == len(after)


class TestTree:
    @pytest.fixture
    def both(self, tmp_path):
        plain = fill(tmp_path / "plain", [*clips(range(3)), *ODD])
        return plain, pack(plain, tmp_path / "packed")

    def test_it_is_the_folder_that_was_packed(self, both):
        def seen(tree):
            return [
                (each.name, each.stem, each.suffix, each.is_dir(), each.is_file(), each.is_dir() or each.read_bytes())
                for folder in folders(tree)
                for each in inside(folder)
            ]

        plain, packed = both
        assert seen(packed) == seen(plain)
        assert (packed.is_dir(), packed.name) == (True, "packed")

    @pytest.mark.parametrize("path", ["plain.txt", "a", "a/b/c/d", "a/b/none", "none", "plain.txt/none", "none/at/all"])
    def test_a_path_leads_where_it_leads_on_disk(self, both, path):
        def outcome(function):
            try:
                return function()
            except OSError as error:
                return type(error)

        plain, packed = (tree / path for tree in both)
        assert (packed.is_dir(), packed.is_file()) == (plain.is_dir(), plain.is_file())
        if path != "plain.txt/none":  # a disk says NotADirectoryError
            assert outcome(packed.read_bytes) == outcome(plain.read_bytes)
            names = [outcome(lambda tree=tree: {each.name for each in tree.iterdir()}) for tree in (plain, packed)]
            assert names[0] == names[1]

    def test_files_are_small_and_messages_name_them(self, both):
        _, packed = both
        file = packed / "wavs/c0001.wav"
        assert len(pickle.dumps(file)) < 400
        assert pickle.loads(pickle.dumps(file)) == file
        assert file.read_bytes() == b"wavs/c0001.wav"
        assert str(file).endswith("/packed/files-*.tar:wavs/c0001.wav")

    def test_looking_for_clips_and_their_digests_reads_no_pack(self, both, tmp_path):
        _, packed = both
        for path in (tmp_path / "packed").glob("*.tar"):
            path.unlink()
        audio = find_audio(packed / "wavs")
        assert list(audio) == ["c0000", "c0001", "c0002"]
        assert len(audio_contents(audio, ThisProcess(), label="")) == 3

    def test_other_clips_change_nothing_that_a_clips_samples_depend_on(self, tmp_path):
        def depends_on(folder):
            return audio_contents(find_audio(pack(source, folder) / "wavs"), ThisProcess(), label="")

        source = fill(tmp_path / "source", clips(range(300, 700)))
        before = depends_on(tmp_path / "project" / "one" / "raw")
        fill(source, clips(range(300)))
        shutil.move(tmp_path / "project" / "one", tmp_path / "elsewhere")
        after = depends_on(tmp_path / "project" / "one" / "raw")
        assert {name: after[name] for name in before} == before

    def test_sound_is_read_as_from_a_plain_file(self, tmp_path):
        plain = tmp_path / "plain"
        plain.mkdir()
        write_wav(plain / "whole.wav", tone(), sample_rate=22050)
        content = (plain / "whole.wav").read_bytes()
        for name, damaged in (("short.wav", content[:-900]), ("empty.wav", b""), ("noise.wav", b"no sound")):
            (plain / name).write_bytes(damaged)
        packed = pack(plain, tmp_path / "packed")
        whole = [read_audio(tree / "whole.wav", sample_rate=16000) for tree in (plain, packed)]
        assert np.array_equal(*whole)
        for name in ("short.wav", "empty.wav", "noise.wav", "none.wav"):
            said = []
            for tree in (plain, packed):
                with pytest.raises(AudioError) as caught:
                    read_audio(tree / name, sample_rate=22050)
                said.append(str(caught.value).removeprefix(str(tree / name)))
            assert said[0] == said[1]


class TestFaultySources:
    def test_a_file_that_changes_meanwhile_is_named(self, tmp_path, monkeypatch):
        source = fill(tmp_path / "source", clips(range(3)))

        def look_and_change(name, file):
            if name == "wavs/c0002.wav":
                (source / "wavs/c0001.wav").write_bytes(b"wavs/c9999.wav")
            return look_at(name, file)

        monkeypatch.setattr(pipeline.packs, "look_at", look_and_change)
        with pytest.raises(CorpusError, match=r"source/wavs/c0001.wav: changes while it is read"):
            pack(source, tmp_path / "packed", store=tmp_path / "store")
        assert list((tmp_path / "store").glob("*.tar")) == []

    def test_a_file_that_is_gone_is_named_and_not_the_link_to_it(self, tmp_path):
        source = fill(tmp_path / "source", clips(range(3)))
        (source / "wavs/c0007.wav").symlink_to(tmp_path / "elsewhere.wav")
        with pytest.raises(CorpusError, match=rf"^{tmp_path}/elsewhere.wav: is gone since it was found; restore it"):
            pack(source, tmp_path / "packed")

    def test_a_name_that_is_not_utf8_is_said(self, tmp_path):
        source = fill(tmp_path / "source", ["a"])
        try:
            (Path(os.fsdecode(os.fsencode(source) + b"/\xff.wav"))).touch()
        except OSError:
            pytest.skip("this disk takes no names but of UTF-8")
        with pytest.raises(CorpusError, match=r"the file name '\\udcff.wav' is not UTF-8; rename the file"):
            pack(source, tmp_path / "packed")

    def test_a_full_disk_is_noticed_before_a_pack_is_written(self, tmp_path, monkeypatch):
        source = fill(tmp_path / "source", clips(range(3)))
        monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10, 9, 1))
        with pytest.raises(DownloadError, match="make room"):
            pack(source, tmp_path / "packed", store=tmp_path / "store")
        assert list((tmp_path / "store").glob("*.tar")) == []


def test_what_a_killed_process_left_beside_a_folder_vanishes(tmp_path):
    fill(tmp_path / ".raw.passing.tmp", ["half"])
    with passing_directory(tmp_path / "raw") as folder:
        assert list(folder.iterdir()) == []
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def project(tmp_path, monkeypatch, request):
    monkeypatch.delenv("DVC_ROOT", raising=False)
    monkeypatch.chdir(tmp_path)
    project = Project(tmp_path, request.path.parents[1] / "presets" / "tiny.yaml")
    for name in ("a", "b"):
        project.add(name)
    project.let_links_last()
    download.run("mine")
    return project


def test_a_download_is_a_table_and_packs_and_nothing_beside_them(project):
    raw = project.root / "data/raw"
    assert [path.name for path in raw.iterdir()] == ["mine"]
    assert sorted(path.name for path in (raw / "mine").iterdir()) == ["files-000.tar", TABLE]
    expected = {f"wavs/{name}.wav": (project.root / f"source/wavs/{name}.wav").read_bytes() for name in ("a", "b")}
    assert packed_files(raw / "mine") == {"metadata.csv": b"a|Some words.\nb|Some words.\n", **expected}


def test_a_download_again_gives_the_same_files_and_keeps_no_old_ones(project):
    raw, store = project.root / "data/raw/mine", project.root / ".tts_cache/download/packs"
    before = identities(raw)
    shutil.rmtree(raw)  # as DVC does
    download.run("mine")
    assert identities(raw) == before
    project.add("c")
    download.run("mine")
    assert identities(raw).keys() == before.keys()
    assert identities(raw) != before
    assert len(identities(store)) == 1


def old_layout(raw):
    shutil.rmtree(raw)
    fill(raw, ["metadata.csv", *clips(range(2))])


def other_table(raw):
    from tts.data.tables import DROPPED, write_table

    write_table(raw / TABLE, [], DROPPED)


def flip_a_byte(raw):
    (path,) = raw.glob("*.tar")
    content = bytearray(path.read_bytes())
    content[read_table(raw / TABLE)[-1]["offset"] + 1000] ^= 1
    path.chmod(0o644)
    path.write_bytes(content)


def cut(raw):
    path = raw / "files-000.tar"
    path.chmod(0o644)
    os.truncate(path, 5000)


DAMAGES = {
    "an old layout": (old_layout, r"data/raw/mine: holds no files\.parquet"),
    "no table": (lambda raw: (raw / TABLE).unlink(), r"data/raw/mine: holds no files\.parquet"),
    "a broken table": (lambda raw: (raw / TABLE).write_bytes(b"PAR1"), r"files\.parquet: is damaged"),
    "another table": (other_table, r"files\.parquet: is damaged or not of this version"),
    "no pack": (lambda raw: (raw / "files-000.tar").unlink(), r"files-000\.tar: is missing"),
    "a truncated pack": (cut, r"files-000\.tar: is truncated, 5000 bytes of the \d+"),
    "a damaged pack": (flip_a_byte, r"files-000\.tar: is damaged, wavs/b\.wav in it is not what files\.parquet says"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_packs_are_one_line_with_the_remedy_and_that_helps(project, damage):
    spoil, message = DAMAGES[damage]
    spoil(project.root / "data/raw/mine")
    remedy = "fetch the corpus again: `dvc repro -f -s download@mine` or `tts download mine`"
    with pytest.raises(CorpusError, match=rf"\A[^\n]*{message}[^\n]*; {remedy}(\n|\Z)") as caught:
        prepare.run("mine")
    assert not (project.root / "data/corpus").exists()
    if "remove .tts_cache/download/packs" in str(caught.value):
        shutil.rmtree(project.root / ".tts_cache/download/packs")
    assert set(project.prepare()) == {"a", "b"}
