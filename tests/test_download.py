"""Archives from a server that fails in every way, and archives that cannot be trusted."""

import hashlib
import io
import shutil
import tarfile
import zipfile

import pytest
from file_server import PROBE
from hypothesis import given
from hypothesis import strategies as st

from pipeline.download import byte_bar
from pipeline.output import replaced_directory
from tts.corpora import ljspeech
from tts.corpora.archives import fetch_archive, unpack
from tts.corpora.downloads import Archive, obtain
from tts.corpora.pieces import Pieces
from tts.corpora.tools import Tools
from tts.corpora.transfer import Patience
from tts.errors import DownloadError

CONTENT = bytes(range(256)) * 1200
SIZE = len(CONTENT)
SHA256 = hashlib.sha256(CONTENT).hexdigest()
QUICK = Patience(timeout_seconds=0.2, attempts=3, pause_seconds=0.0)


@pytest.fixture
def tools(tmp_path):
    return Tools(base=tmp_path, downloads=tmp_path / "downloads")


def part_of(tools, content):
    with Pieces(tools.downloads / f"{SHA256}.parts").open_at(0) as write:
        write(content)


def get(source, tools, size=SIZE, sha256=SHA256):
    sources = source if isinstance(source, tuple) else (source,)
    return obtain(Archive(sources=sources, sha256=sha256, size=size), tools, patience=QUICK)


@pytest.mark.parametrize("size", [None, SIZE])
@pytest.mark.parametrize(
    ("script", "ranges"),
    [
        (["serve"], [None]),
        (["unstated_length"], [None]),
        (["cut 1000"], [None, "bytes=1000-"]),
        (["cut 1000", "cut 500", "cut 0"], [None, "bytes=1000-", "bytes=1500-", "bytes=1500-"]),
        (["cut 1000", "ignore_range"], [None, "bytes=1000-", None]),
        (["cut 1000", "other_part"], [None, "bytes=1000-", None]),
        (["cut 1000", "status 503", "status 429"], [None, "bytes=1000-", "bytes=1000-", "bytes=1000-"]),
        (["status 500", "status 502"], [None, None, None]),
        (["stall 1000"], [None, "bytes=1000-"]),
    ],
    ids=lambda value: ", ".join(map(str, value)) if isinstance(value, list) else None,
)
def test_whatever_the_server_does_the_file_comes_whole(server, tools, script, ranges, size):
    server.script = list(script)
    assert get(server.url, tools, size).read_bytes() == CONTENT
    assert [asked for asked in server.ranges if asked != PROBE] == ranges


def test_a_verified_download_is_never_fetched_again(server, tools):
    first = get(server.url, tools)
    assert get(server.url, tools) == first
    assert len(server.ranges) == 1
    assert [path.name for path in tools.downloads.iterdir()] == [SHA256]


def test_a_kept_download_that_went_bad_is_fetched_again(server, tools):
    get(server.url, tools).write_bytes(b"rotten")
    assert get(server.url, tools).read_bytes() == CONTENT


def test_what_a_killed_process_left_is_gone_on_with(server, tools):
    part_of(tools, CONTENT[:7000])
    assert get(server.url, tools).read_bytes() == CONTENT
    assert server.ranges == ["bytes=7000-"]


def test_a_complete_part_is_only_verified(server, tools):
    part_of(tools, CONTENT)
    assert get(server.url, tools).read_bytes() == CONTENT
    assert server.ranges == []


def test_a_complete_part_of_unstated_size_is_only_verified(server, tools):
    part_of(tools, CONTENT)
    assert get(server.url, tools, size=None).read_bytes() == CONTENT
    assert server.ranges == [PROBE]


@pytest.mark.parametrize(
    ("left", "ranges"),
    [(b"?" * 700, ["bytes=700-", None]), (b"?" * SIZE, [None]), (CONTENT + b"more", [None])],
    ids=["other beginning", "other file", "too long"],
)
def test_a_part_of_something_else_is_thrown_away(server, tools, left, ranges):
    part_of(tools, left)
    assert get(server.url, tools).read_bytes() == CONTENT
    assert server.ranges == ranges


def test_another_file_than_promised_is_refused_and_not_kept(server, tools):
    with pytest.raises(DownloadError, match=rf"{server.url}: has sha256 {SHA256} and should have 0000"):
        get(server.url, tools, sha256="0" * 64)
    assert list(tools.downloads.iterdir()) == []


def test_another_size_than_promised_is_refused_before_the_download(server, tools):
    with pytest.raises(DownloadError, match=f"has {SIZE} bytes and should have 7"):
        get(server.url, tools, size=7)
    assert list(tools.downloads.iterdir()) == []


def test_a_source_that_says_no_is_not_asked_again_and_its_mirror_is(server, tools):
    server.script = ["status 404"]
    assert get((server.url, f"{server.url}?mirror"), tools).read_bytes() == CONTENT
    assert len(server.ranges) == 2


def test_a_mirror_goes_on_where_the_first_source_gave_up(server, tools):
    server.script = ["cut 9000", *["status 500"] * 3]
    assert get((server.url, f"{server.url}?mirror"), tools).read_bytes() == CONTENT
    assert server.ranges[-1] == "bytes=9000-"


def test_giving_up_says_why_and_keeps_what_came(server, tools):
    server.script = ["cut 9000", *["stall 0"] * 3]
    with pytest.raises(DownloadError, match=r"the server went silent, 3 times in a row; try again later to go on"):
        get(server.url, tools)
    assert (tools.downloads / f"{SHA256}.parts" / "whole").read_bytes() == CONTENT[:9000]


def test_when_no_source_works_each_is_named(server, tools):
    server.script = ["status 403"]
    with pytest.raises(DownloadError, match=r"403 Forbidden.*; /nowhere/speech.zip: does not exist") as caught:
        get((server.url, "/nowhere/speech.zip"), tools)
    assert "\n" not in str(caught.value)


def test_nobody_there_is_one_line(server, tools):
    server.http.server_close()
    with pytest.raises(DownloadError, match=r"the connection failed \(.*refused.*\), 3 times in a row"):
        get(server.url, tools)


@pytest.mark.parametrize("source", ["s3://bucket/x.zip", "http://", "file://other-host/x.zip", "http://[::1/x"])
def test_what_is_no_source_is_said(tools, source):
    with pytest.raises(DownloadError, match=r"neither http|is not a URL"):
        get(source, tools)


def test_a_full_disk_is_noticed_before_the_download(server, tools, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10, 9, 1))
    with pytest.raises(DownloadError, match=r"0.00 GB are needed and 0.00 GB free; make room"):
        get(server.url, tools)


@pytest.mark.parametrize("write_source", [str, lambda path: path.as_uri(), lambda path: path.name])
def test_a_local_archive_is_verified_and_used_where_it_is(tools, write_source):
    local = tools.base / "my speech.tar"
    local.write_bytes(CONTENT)
    assert get(write_source(local), tools).read_bytes() == CONTENT
    assert not tools.downloads.exists()
    local.write_bytes(CONTENT[:-1])
    with pytest.raises(DownloadError, match=r"my speech.tar: has \d+ bytes and should have"):
        get(write_source(local), tools)


FILES = {"LJ/metadata.csv": b"a|text\n" * 90, "LJ/wavs/a.wav": bytes(range(256)) * 9, "LJ/wavs/b.wav": b""}


def packed(form, files=FILES):
    buffer = io.BytesIO()
    if form == "zip":
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("LJ/wavs/", b"")
            for name, content in files.items():
                archive.writestr(name, content)
    else:
        with tarfile.open(fileobj=buffer, mode=f"w:{form}") as archive:
            archive.addfile(member("LJ", type=tarfile.DIRTYPE))
            for name, content in files.items():
                archive.addfile(member(name, size=len(content)), io.BytesIO(content))
    return buffer.getvalue()


def member(name, **attributes):
    made = tarfile.TarInfo(name)
    for key, value in attributes.items():
        setattr(made, key, value)
    return made


def unpacked(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("form", ["", "gz", "bz2", "xz", "zip"])
def test_every_kind_of_archive_unpacks(tmp_path, form):
    (tmp_path / "archive").write_bytes(packed(form))
    (tmp_path / "out").mkdir()
    seen = []
    unpack(tmp_path / "archive", tmp_path / "out", on_progress=lambda *progress: seen.append(progress))
    assert unpacked(tmp_path / "out") == FILES
    assert seen[-1][0] == "unpack"
    assert 0 < seen[-1][1] <= seen[-1][2]


TRUNCATABLE = {form: packed(form) for form in ("gz", "bz2", "xz", "zip")}


@given(form=st.sampled_from(sorted(TRUNCATABLE)), share=st.floats(0, 1, exclude_max=True))
def test_a_truncated_archive_is_an_error_or_still_holds_everything(tmp_path_factory, form, share):
    folder = tmp_path_factory.mktemp("truncated")
    content = TRUNCATABLE[form]
    (folder / "archive").write_bytes(content[: int(share * len(content))])
    (folder / "out").mkdir()
    assert fault_of(folder) or unpacked(folder / "out") == FILES


@given(form=st.sampled_from(sorted(TRUNCATABLE)), place=st.floats(0, 1, exclude_max=True), byte=st.integers(0, 255))
def test_a_damaged_archive_never_ends_in_a_traceback(tmp_path_factory, form, place, byte):
    folder = tmp_path_factory.mktemp("damaged")
    content = bytearray(TRUNCATABLE[form])
    content[int(place * len(content))] = byte
    (folder / "archive").write_bytes(content)
    (folder / "out").mkdir()
    assert "\n" not in fault_of(folder)


def fault_of(folder):
    """What is said of an archive; nothing when it unpacks."""
    try:
        unpack(folder / "archive", folder / "out")
    except DownloadError as error:
        return str(error)
    return ""


UNSAFE = {
    "up": member("LJ/../../evil", size=1),
    "absolute": member("/tmp/tts-evil", size=1),
    "backslash": member("LJ\\..\\..\\evil", size=1),
    "symlink": member("LJ/link", type=tarfile.SYMTYPE, linkname="/etc/passwd"),
    "hard link": member("LJ/link", type=tarfile.LNKTYPE, linkname="../evil"),
    "device": member("LJ/null", type=tarfile.CHRTYPE, devmajor=1, devminor=3),
    "pipe": member("LJ/pipe", type=tarfile.FIFOTYPE),
}


@pytest.mark.parametrize("kind", UNSAFE)
def test_a_member_that_is_not_plain_is_named_and_leaves_nothing(tmp_path, kind):
    with tarfile.open(tmp_path / "archive", "w:gz") as archive:
        archive.addfile(member("LJ/good", size=1), io.BytesIO(b"x"))
        archive.addfile(UNSAFE[kind], io.BytesIO(b"x"))
    refused(tmp_path, UNSAFE[kind].name)


def test_a_zip_member_outside_or_a_link_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "archive", "w") as archive:
        archive.writestr("../evil", b"x")
    refused(tmp_path, "../evil")
    link = zipfile.ZipInfo("LJ/link")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "archive", "w") as archive:
        archive.writestr(link, "/etc/passwd")
    refused(tmp_path, "LJ/link")


def refused(folder, name):
    before = {path.name for path in folder.iterdir()}
    with pytest.raises(DownloadError) as caught, replaced_directory(folder / "raw") as temporary:
        unpack(folder / "archive", temporary)
    assert repr(name) in str(caught.value)
    assert {path.name for path in folder.iterdir()} == before


def test_a_folder_already_unpacked_is_taken_and_said_to_be_unverified(tools, caplog):
    caplog.set_level("INFO")
    for name, content in FILES.items():
        (tools.base / "unpacked" / name).parent.mkdir(parents=True, exist_ok=True)
        (tools.base / "unpacked" / name).write_bytes(content)
    (tools.base / "out").mkdir()
    fetch_archive(Archive(("unpacked",), SHA256), tools.base / "out", tools)
    assert unpacked(tools.base / "out") == FILES
    assert "sha256 cannot verify" in caplog.text


def test_the_real_archive_comes_through_a_server_that_fails(shared, server, tools, monkeypatch):
    archive = shared / "corpora" / "LJSpeech-1.1.tar.bz2"
    content = archive.read_bytes()
    server.content = content
    server.script = ["status 503", f"cut {len(content) // 3}", "ignore_range", "serve"]
    monkeypatch.setitem(obtain.__kwdefaults__, "patience", QUICK)
    config = ljspeech.Config(
        kind="ljspeech", url=server.url, sha256=hashlib.sha256(content).hexdigest(), size=len(content), limit=9
    )
    (tools.base / "raw").mkdir()
    ljspeech.fetch(config, tools.base / "raw", tools)
    recordings, dropped = ljspeech.read(config, tools.base / "raw")
    assert len(recordings) == 9
    assert dropped == []
    assert all(each.audio.stat().st_size > 0 and each.speaker == "LJ" for each in recordings)


def test_no_bar_is_drawn_without_a_terminal(capfd):
    with byte_bar() as on_progress:
        on_progress("download", 5, 10)
    assert capfd.readouterr() == ("", "")
