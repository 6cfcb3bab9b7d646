"""Archives that would fill the disk or the memory, that lie about themselves, or hold names that no disk can."""

import io
import os
import shutil
import tarfile
import zipfile

import pytest

from pipeline.output import replaced_directory
from tts.corpora import allowance
from tts.corpora.archives import unpack
from tts.errors import DownloadError


@pytest.fixture
def small_limits(monkeypatch):
    """100 times the packed size and 10 kB, five members."""
    monkeypatch.setattr(allowance, "FREE_BYTES", 10_000)
    monkeypatch.setattr(allowance, "MAX_MEMBERS", 5)


def write_tar(path, members, form="gz"):
    with tarfile.open(path, f"w:{form}") as archive:
        for name, content in members:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def write_zip(path, members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return path


WRITERS = {"tar": write_tar, "zip": write_zip}


def refused(archive, match):
    before = {path.name for path in archive.parent.iterdir()}
    with pytest.raises(DownloadError, match=match) as caught, replaced_directory(archive.parent / "raw") as temporary:
        unpack(archive, temporary)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400
    assert {path.name for path in archive.parent.iterdir()} == before


@pytest.mark.parametrize("form", WRITERS)
def test_a_bomb_of_zeros_is_named_with_its_limit(tmp_path, small_limits, form):
    archive = WRITERS[form](tmp_path / "archive", [("zeros", bytes(3_000_000))])
    refused(archive, r"unpacks to more than 0\.00 GB \(100 times its size and 1e-05 GB\); if you trust it")


def test_a_zip_file_that_lies_about_its_sizes_is_cut_off_at_what_it_declares(tmp_path, small_limits):
    content = bytearray(write_zip(tmp_path / "archive", [("zeros", bytes(3_000_000))]).read_bytes())
    true, told = (3_000_000).to_bytes(4, "little"), (1000).to_bytes(4, "little")
    assert content.count(true) == 2
    (tmp_path / "archive").write_bytes(bytes(content).replace(true, told))
    refused(tmp_path / "archive", "is truncated or damaged")


def test_a_header_of_gigabytes_is_refused_before_it_is_read(tmp_path):
    name = tarfile.TarInfo("././@LongLink")
    name.type, name.size = tarfile.GNUTYPE_LONGNAME, 4 << 30
    good = tarfile.TarInfo("good")
    for headers in ([name], [good, name]):
        (tmp_path / "archive").write_bytes(b"".join(each.tobuf(tarfile.GNU_FORMAT) for each in headers) + bytes(4096))
        refused(tmp_path / "archive", r"truncated or damaged \(a header claims 4294967296 bytes\)")


@pytest.mark.parametrize("form", WRITERS)
def test_too_many_members_are_refused(tmp_path, small_limits, form):
    names = [(f"wavs/{number}.wav", b"x") for number in range(5)]
    (tmp_path / "out").mkdir()
    unpack(WRITERS[form](tmp_path / "archive", names), tmp_path / "out")
    assert len(list((tmp_path / "out").rglob("*.wav"))) == 5
    shutil.rmtree(tmp_path / "out")
    refused(WRITERS[form](tmp_path / "archive", [*names, ("one.wav", b"")]), "more than 5 files and folders")


def test_the_usual_limits_are_far_above_real_corpora():
    ljspeech, vctk = (2_748_572_632, 3_800_000_000), (11_747_302_977, 17_000_000_000)
    for packed, unpacked in (ljspeech, vctk):
        assert unpacked * 10 < packed * allowance.MAX_RATIO + allowance.FREE_BYTES


@pytest.mark.parametrize("form", WRITERS)
def test_a_disk_too_small_for_what_is_known_of_the_archive_is_noticed_first(tmp_path, monkeypatch, form):
    noise = os.urandom(5000)
    archive = WRITERS[form](tmp_path / "archive", [("noise", noise), ("zeros", bytes(100_000))])
    needed = archive.stat().st_size if form == "tar" else 105_000
    free_space(monkeypatch, needed - 1)
    refused(archive, "GB are needed and 0.00 GB free; make room")
    free_space(monkeypatch, needed)
    (tmp_path / "out").mkdir()
    unpack(archive, tmp_path / "out")


@pytest.mark.parametrize("form", WRITERS)
def test_limits_and_space_count_only_what_is_wanted(tmp_path, small_limits, monkeypatch, form):
    members = [("zeros", bytes(3_000_000)), *((f"{number}.txt", b"x") for number in range(9)), ("a.wav", b"x")]
    archive = WRITERS[form](tmp_path / "archive", members)
    free_space(monkeypatch, 100)
    (tmp_path / "out").mkdir()
    unpack(archive, tmp_path / "out", wanted=lambda name: name.endswith(".wav"))
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["a.wav"]


def test_the_disk_is_looked_at_again_while_it_fills(tmp_path, monkeypatch):
    monkeypatch.setattr(allowance, "_BYTES_PER_LOOK", 1_000_000)
    archive = write_tar(tmp_path / "archive", [("zeros", bytes(3_000_000))])
    free_space(monkeypatch, 900_000)
    refused(archive, "0.00 GB are needed and 0.00 GB free; make room")


def free_space(monkeypatch, num_bytes):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10**12, 10**12, num_bytes))


NAMES = {
    "drive": [("C:evil", b"x")],
    "drive and folder": [("C:/evil", b"x")],
    "share": [("//host/share/evil", b"x")],
    "up in the middle": [("LJ/../../evil", b"x")],
}


@pytest.mark.parametrize("form", WRITERS)
@pytest.mark.parametrize("kind", NAMES)
def test_a_name_that_leaves_the_folder_on_any_system_is_refused(tmp_path, form, kind):
    archive = WRITERS[form](tmp_path / "archive", NAMES[kind])
    refused(archive, "would be written outside its folder; do not trust this archive")


def test_a_name_with_a_null_byte_is_refused(tmp_path):
    member = tarfile.TarInfo("short")
    member.pax_headers = {"path": "a\0b"}
    (tmp_path / "archive").write_bytes(member.tobuf(tarfile.PAX_FORMAT) + bytes(1024))
    refused(tmp_path / "archive", r"'a\\x00b' would be written outside|truncated or damaged")


CLASHES = {
    "a member twice": ([("a", b"1"), ("./a", b"2")], r"'\./a' comes twice"),
    "a file as a folder": ([("a", b"1"), ("a/b", b"2")], r"'a/b' cannot be written \(File exists\)"),
    "a folder as a file": ([("a/b", b"1"), ("a", b"2")], r"'a' comes twice|'a' cannot be written \(Is a directory\)"),
    "a name too long": ([("a" * 300, b"1")], r"'a{60}'… cannot be written \(File name too long\)"),
}


@pytest.mark.parametrize("form", WRITERS)
@pytest.mark.parametrize("kind", CLASHES)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_members_in_each_others_way_are_named(tmp_path, form, kind):
    members, match = CLASHES[kind]
    refused(WRITERS[form](tmp_path / "archive", members), match)


def test_names_that_differ_in_case_only_are_two_files_where_the_disk_can_tell_them(tmp_path):
    (tmp_path / "out").mkdir()
    if (tmp_path / "OUT").exists():
        pytest.skip("this file system folds case")
    unpack(write_tar(tmp_path / "archive", [("É.wav", b"1"), ("é.wav", b"2")]), tmp_path / "out")
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == {"É.wav": b"1", "é.wav": b"2"}


def test_two_archives_of_one_corpus_may_share_a_file(tmp_path):
    (tmp_path / "out").mkdir()
    for content in (b"1", b"2"):
        unpack(write_tar(tmp_path / "archive", [("README", content)]), tmp_path / "out")
    assert (tmp_path / "out" / "README").read_bytes() == b"2"


@pytest.mark.parametrize("form", WRITERS)
def test_korean_names_unpack_as_they_are(tmp_path, form):
    (tmp_path / "out").mkdir()
    unpack(WRITERS[form](tmp_path / "archive", [("한국어/말.wav", b"x")]), tmp_path / "out")
    assert (tmp_path / "out/한국어/말.wav").read_bytes() == b"x"


def test_a_zip_file_whose_name_is_not_text_is_damaged(tmp_path):
    content = write_zip(tmp_path / "archive", [("é.wav", b"x")]).read_bytes()
    (tmp_path / "archive").write_bytes(content.replace("é".encode(), b"\xff\xff"))
    refused(tmp_path / "archive", "is truncated or damaged")
