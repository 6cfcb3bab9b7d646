"""A file that comes in parts over several connections, exact whatever the server does and however often begun."""

import hashlib
import threading

import pytest
from file_server import PROBE
from hypothesis import given
from hypothesis import strategies as st

from tts.corpora.downloads import Archive, obtain
from tts.corpora.pieces import Pieces, Span
from tts.corpora.tools import Tools
from tts.corpora.transfer import Patience
from tts.errors import DownloadError

CONTENT = b"".join(number.to_bytes(4, "big") for number in range(100_000))
SIZE = len(CONTENT)
SHA256 = hashlib.sha256(CONTENT).hexdigest()
QUICK = Patience(timeout_seconds=0.2, attempts=3, pause_seconds=0.0, part_bytes=100_000)
PARTS = ["bytes=0-99999", "bytes=100000-199999", "bytes=200000-299999", "bytes=300000-"]


@pytest.fixture
def server(server):
    server.content, server.tag = CONTENT, '"first"'
    return server


@pytest.fixture
def tools(tmp_path):
    return Tools(base=tmp_path, downloads=tmp_path / "downloads")


def get(*sources, tools, size=SIZE, patience=QUICK):
    return obtain(Archive(sources=sources, sha256=SHA256, size=size), tools, patience=patience)


def left_by_an_earlier_run(tools, pieces):
    for start, content in pieces.items():
        with Pieces(tools.downloads / f"{SHA256}.parts").open_at(start) as write:
            write(content)


def asked(server):
    """Ranges in order of their place, without that of the probe."""
    return sorted((each for each in server.ranges if each != PROBE), key=str)


@pytest.mark.parametrize("size", [None, SIZE])
def test_four_parts_are_under_way_at_once(server, tools, size):
    server.meeting = threading.Barrier(4)
    server.script = ["meet"] * 4
    assert get(server.url, tools=tools, size=size).read_bytes() == CONTENT
    assert not server.meeting.broken
    assert server.ranges[0] == PROBE
    assert asked(server) == PARTS
    assert [path.name for path in tools.downloads.iterdir()] == [SHA256]


def test_a_file_of_less_than_two_parts_comes_over_one_connection(server, tools):
    patience = Patience(part_bytes=SIZE // 2 + 1)
    assert get(server.url, tools=tools, patience=patience).read_bytes() == CONTENT
    assert server.ranges == [None]


@pytest.mark.parametrize("size", [None, SIZE])
@pytest.mark.parametrize("length", ["ignore_range", "unstated_length"])
def test_a_server_without_ranges_or_totals_is_asked_over_one_connection(server, tools, length, size):
    server.probes, server.script = [length], ["unstated_length"]
    assert get(server.url, tools=tools, size=size).read_bytes() == CONTENT
    assert server.ranges == [PROBE, None]


@pytest.mark.parametrize("fault", ["ignore_range", "other_part", "change"])
def test_a_server_that_breaks_its_word_is_begun_with_again_over_one_connection(server, tools, fault):
    if fault == "change":
        server.content = bytes(reversed(CONTENT))
    server.faults = {200_000: [fault]}
    assert get(server.url, tools=tools).read_bytes() == CONTENT
    assert server.ranges[-1] is None


def test_a_server_whose_file_changes_each_time_is_left(server, tools):
    server.faults = {100_000: ["change"], 0: ["serve", "cut 1000", "cut 1000"], 1000: ["change", "change"]}
    with pytest.raises(DownloadError, match="the file there has changed, 3 times; try again later"):
        get(server.url, tools=tools)
    assert server.ranges[-4:] == [None, "bytes=1000-", None, "bytes=1000-"]


@pytest.mark.parametrize("fault", ["stall 30000", "cut 30000", "less 30000"])
def test_a_part_that_ends_early_is_gone_on_with_alone(server, tools, fault):
    server.faults = {100_000: [fault]}
    assert get(server.url, tools=tools).read_bytes() == CONTENT
    assert asked(server) == sorted([*PARTS, "bytes=130000-199999"])


def test_a_server_that_allows_fewer_connections_gets_fewer(server, tools, caplog):
    caplog.set_level("INFO")
    server.faults = {100_000: ["later 7"] * 3, 200_000: ["later 7"] * 3}
    patience = Patience(timeout_seconds=5, attempts=3, pause_seconds=0, longest_pause_seconds=0.01, part_bytes=100_000)
    assert get(server.url, tools=tools, patience=patience).read_bytes() == CONTENT
    assert "429 Too Many Requests at byte 200000; going on in 0.01 s" in caplog.text


def test_what_two_killed_runs_left_is_all_used_and_nothing_else_is_asked_for(server, tools):
    pieces = {0: CONTENT[:60_000], 100_000: CONTENT[100_000:200_000], 150_000: CONTENT[150_000:201_000]}
    left_by_an_earlier_run(tools, pieces)
    (tools.downloads / f"{SHA256}.parts" / "390000").touch()  # killed before the first byte
    assert get(server.url, tools=tools).read_bytes() == CONTENT
    assert asked(server) == ["bytes=201000-300999", "bytes=301000-", "bytes=60000-99999"]


def test_a_mirror_goes_on_with_the_parts_that_another_began(server, tools):
    server.faults = {start: ["cut 50000", *["status 500"] * 3] for start in (0, 100_000, 200_000, 300_000)}
    server.faults |= {start + 50_000: ["status 500"] * 3 for start in (0, 100_000, 200_000, 300_000)}
    assert get(server.url, f"{server.url}?mirror", tools=tools).read_bytes() == CONTENT
    from_mirror = [each for each, path in zip(server.ranges, server.paths, strict=True) if path.endswith("mirror")]
    assert sorted(each for each in from_mirror if each != PROBE) == [
        "bytes=150000-199999",
        "bytes=250000-299999",
        "bytes=350000-",
        "bytes=50000-99999",
    ]


def test_parts_of_another_file_are_fetched_again_once(server, tools):
    left_by_an_earlier_run(tools, {100_000: b"?" * 100_000})
    assert get(server.url, tools=tools).read_bytes() == CONTENT
    assert server.ranges.count(PROBE) == 2
    assert sorted(set(asked(server))) == PARTS


def test_wrong_bytes_are_tried_once_and_the_next_source_is_not_mixed_with_them(server, tools):
    server.content = bytes(SIZE)
    with pytest.raises(DownloadError, match="has sha256"):
        get(server.url, tools=tools)
    assert sorted(server.ranges, key=str) == sorted([PROBE, *PARTS], key=str)
    assert list(tools.downloads.iterdir()) == []


@pytest.mark.parametrize("content", [CONTENT[:-1], CONTENT + b"x"], ids=["shorter", "longer"])
def test_a_file_of_another_length_is_refused_and_what_came_before_is_kept(server, tools, content):
    left_by_an_earlier_run(tools, {0: CONTENT[:5000]})
    server.content = content
    with pytest.raises(DownloadError, match=f"has {len(content)} bytes and should have {SIZE}"):
        get(server.url, tools=tools)
    assert server.ranges == [PROBE]
    assert (tools.downloads / f"{SHA256}.parts" / "whole").read_bytes() == CONTENT[:5000]


def test_redirects_are_followed_with_their_ranges(server, tools):
    there = f"{server.url}?moved"
    server.probes, server.script = [f"redirect {there}"], [f"redirect {there}"] * 2
    assert get(server.url, tools=tools).read_bytes() == CONTENT
    moved = [each for each, path in zip(server.ranges, server.paths, strict=True) if path.endswith("moved")]
    assert len(moved) == 3
    assert moved[0] == PROBE
    assert set(moved[1:]) < set(PARTS)


def test_a_redirect_in_a_circle_is_one_line(server, tools):
    server.probes = [f"redirect {server.url}"] * 20
    with pytest.raises(DownloadError, match=r"302 .*infinite loop") as caught:
        get(server.url, tools=tools)
    assert "\n" not in str(caught.value)


def test_progress_counts_every_byte_once_and_starts_with_what_there_was(server, tools):
    left_by_an_earlier_run(tools, {0: CONTENT[:60_000], 250_000: CONTENT[250_000:260_000]})
    server.faults = {100_000: ["cut 30000"], 60_000: ["cut 7"]}
    seen = []
    progress = Tools(tools.base, tools.downloads, on_progress=lambda *each: seen.append(each))
    get(server.url, tools=progress)
    done = [bytes_done for activity, bytes_done, _ in seen if activity == "download"]
    assert done == sorted(set(done))
    assert 70_000 < done[0] <= 70_000 + 65536
    assert done[-1] == SIZE
    assert {total for _, _, total in seen} == {SIZE}


@given(pieces=st.lists(st.tuples(st.integers(0, 300), st.integers(0, 120)), max_size=6))
def test_pieces_and_gaps_make_up_the_whole(tmp_path_factory, pieces):
    content = CONTENT[:300]
    kept = Pieces(tmp_path_factory.mktemp("pieces") / "parts")
    for start, length in pieces:
        with kept.open_at(start) as write:
            for place in range(start, min(start + length, 300), 50):
                write(content[place : min(place + 50, start + length)])
    gaps = kept.missing(300)
    assert kept.num_bytes + sum(gap.stop - gap.start for gap in gaps) == 300
    for gap in gaps:
        with kept.open_at(gap.start) as write:
            write(content[gap.start : gap.stop])
    assert kept.missing(300) == []
    assert kept.missing(None) == [Span(300, None)]
    assert kept.whole.read_bytes() == content


def test_a_note_never_promises_more_than_was_written(tmp_path):
    pieces = Pieces(tmp_path)
    with pieces.open_at(10) as write:
        write(b"twelve bytes")
        with pytest.raises(TypeError):
            write("no bytes at all")
    assert pieces.missing(30) == [Span(0, 10), Span(22, 30)]


@pytest.mark.parametrize("note", [b"", bytes(20), b"\xff" * 20])
def test_a_note_that_a_crash_spoiled_promises_nothing(tmp_path, note):
    pieces = Pieces(tmp_path)
    with pieces.open_at(0) as write:
        write(b"twelve bytes")
    (tmp_path / "20").write_bytes(note)
    assert pieces.missing(30) == [Span(12, 30)]
    pieces.whole.unlink()
    assert pieces.missing(30) == [Span(0, 30)]
