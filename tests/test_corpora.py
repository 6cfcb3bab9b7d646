"""Corpora of one's own: transcripts and recordings as they come, whole and faulty."""

import shutil

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packing import pack, packed_files

from tts.config import build
from tts.corpora import KINDS, CorpusConfig, csv, fetch, folder, ljspeech, read
from tts.corpora.tools import Tools
from tts.corpora.transcripts import read_transcripts
from tts.errors import ConfigError, CorpusError

LJ_COLUMNS = ("id", "text", "normalized")


def csv_config(**settings):
    return csv.Config(kind="csv", path="mine", **settings)


def make_csv(root, metadata, clips=("a", "b"), suffix=".wav"):
    (root / "wavs").mkdir(parents=True)
    content = metadata if isinstance(metadata, bytes) else metadata.encode()
    (root / "metadata.csv").write_bytes(content)
    for name in clips:
        (root / "wavs" / f"{name}{suffix}").write_bytes(b"sound")
    return root


def texts(recordings):
    return {each.utterance_id: each.text for each in recordings}


def reasons(dropped):
    return {each.utterance_id: each.reason for each in dropped}


def test_lines_and_clips_are_joined_in_the_order_of_ids(tmp_path):
    raw = make_csv(tmp_path, "b|Two.\na|One.\n")
    recordings, dropped = csv.read(csv_config(), raw)
    assert list(texts(recordings).items()) == [("a", "One."), ("b", "Two.")]
    assert recordings[0].audio == raw / "wavs" / "a.wav"
    assert (recordings[0].speaker, recordings[0].language, recordings[0].style) == ("speaker", "en", "neutral")
    assert dropped == []


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("a|Dr. No|Doctor No", "Doctor No"),
        ("a|Dr. No|", "Dr. No"),
        ("a|Dr. No", "Dr. No"),
        ("a.wav|with its suffix", "with its suffix"),
        ('a|He said, "no"|', 'He said, "no"'),
        ("a| spaced \r", "spaced"),
        ("\ufeffa|after a byte order mark", "after a byte order mark"),
        ("a|one line\u2028for all that", "one line\u2028for all that"),
    ],
)
def test_a_line_is_read_as_it_is_meant(tmp_path, line, text):
    recordings, _ = csv.read(csv_config(), make_csv(tmp_path, f"{line}\n\n", clips=("a",)))
    assert texts(recordings) == {"a": text}


def test_columns_name_speakers_styles_and_languages(tmp_path):
    config = csv_config(
        columns=("speaker", "id", "ignored", "style", "language", "text"), delimiter="\t", speaker="rest", language="ko"
    )
    lines = "ann\ta\t7\tcalm\ten\tOne.\n\tb\t8\t\t\tTwo.\n"
    recordings, _ = csv.read(config, make_csv(tmp_path, lines))
    assert [(each.speaker, each.style, each.language) for each in recordings] == [
        ("ann", "calm", "en"),
        ("rest", "neutral", "ko"),
    ]


FAULTY = {
    "a|One.\nb\n": {"b": "malformed line"},
    "a|One.\nb|Two.|Two.|Two.\n": {"b": "malformed line"},
    "a|One.\n|Two.\nb|Two.": {"metadata.csv:2": "malformed line"},
    "a|One.\nb||\n": {"b": "empty transcript"},
    "a|One.\n": {"b": "no transcript"},
    "a|One.\nb|Two.\nc|Three.\n": {"c": "no audio"},
}


@pytest.mark.parametrize("metadata", FAULTY)
def test_what_cannot_be_used_is_a_row_with_its_reason(tmp_path, metadata):
    recordings, dropped = csv.read(csv_config(), make_csv(tmp_path, metadata))
    assert reasons(dropped) == FAULTY[metadata]
    assert {each.utterance_id for each in recordings} | {each.utterance_id for each in dropped} >= {"a", "b"}
    assert all(each.detail for each in dropped)


def test_a_faulty_line_is_told_with_its_place(tmp_path):
    raw = make_csv(tmp_path, "a|One.\n\nb|Two.|Two.|Two.\n")
    _, (dropped,) = csv.read(csv_config(), raw)
    assert dropped.detail == f"{raw}/metadata.csv:3: 'b|Two.|Two.|Two.' is not id|text|normalized"


REFUSED = {
    "twice": (b"a|One.\nb|Two.\na|Three.\n", r"metadata.csv:3: the id 'a' was used before"),
    "up": (b"a|One.\n../b|Two.\n", r"metadata.csv:2: the id '../b' cannot name a file"),
    "absolute": (b"/etc/passwd|One.\n", r"the id '/etc/passwd' cannot name a file"),
    "backslash": (b"a\\b|One.\n", r"cannot name a file"),
    "dots": (b"..|One.\n", r"the id '..' cannot name a file"),
    "control": (b"a\x07|One.\n", r"the id 'a\\x07' cannot name a file"),
    "long": (b"a" * 201 + b"|One.\n", r"at most 200 bytes"),
    "latin-1": ("a|One.\nb|Zwölf.\n".encode("latin-1"), r"metadata.csv:2: byte 0xf6 at 11 is not UTF-8"),
}


@pytest.mark.parametrize("fault", REFUSED)
def test_what_cannot_be_mended_by_leaving_a_line_out_is_refused(tmp_path, fault):
    metadata, message = REFUSED[fault]
    with pytest.raises(CorpusError, match=message) as caught:
        csv.read(csv_config(), make_csv(tmp_path, metadata))
    assert "\n" not in str(caught.value)


def test_one_clip_in_two_formats_is_refused(tmp_path):
    raw = make_csv(tmp_path, "a|One.\n", clips=("a",))
    (raw / "wavs" / "a.FLAC").write_bytes(b"sound")
    with pytest.raises(CorpusError, match=r"wavs/a.wav: is one clip with a.FLAC"):
        csv.read(csv_config(), raw)


def test_hidden_files_are_no_clips(tmp_path):
    raw = make_csv(tmp_path, "a|One.\n", clips=("a", "._a"))
    assert csv.read(csv_config(), raw)[1] == []


@pytest.mark.parametrize("limit", [1, 2, 3, 9])
def test_a_limit_counts_what_is_dropped_too(tmp_path, limit):
    raw = make_csv(tmp_path, "c|Three.\na|One.\nb|\n", clips=("a", "b", "c", "d"))
    recordings, dropped = csv.read(csv_config(limit=limit), raw)
    assert sorted([*texts(recordings), *reasons(dropped)]) == ["a", "b", "c", "d"][:limit]


plain = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Z")), min_size=1, max_size=20)
ids = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}[A-Za-z0-9_]", fullmatch=True)


@given(
    rows=st.dictionaries(
        ids, plain.filter(lambda text: "|" not in text and "\ufeff" not in text), min_size=1, max_size=6
    )
)
def test_transcripts_are_read_as_written(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("csv") / "metadata.csv"
    path.write_text("".join(f"{name}|{text}\n" for name, text in rows.items()), encoding="utf-8", newline="\n")
    found = read_transcripts(path, LJ_COLUMNS)
    assert {name: row["text"] for name, row in found.lines.items()} == rows
    assert found.dropped == {}


@given(st.binary(max_size=80) | st.text("ab|./\n\r\0 ", max_size=40).map(str.encode))
def test_any_bytes_are_lines_or_losses_or_one_error(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("csv") / "metadata.csv"
    path.write_bytes(content)
    try:
        found = read_transcripts(path, LJ_COLUMNS)
    except CorpusError:
        return
    num_lines = sum(bool(line.strip()) for line in content.decode("utf-8-sig").split("\n"))
    assert len(found.lines) + len(found.dropped) == num_lines


def test_fetching_takes_what_belongs_to_the_corpus(tmp_path):
    source = make_csv(tmp_path / "mine", "a|One.\nb|Two.\n")
    (source / "metadata.csv").rename(source / "lines.txt")
    (source / "wavs").rename(source / "clips")
    (source / "clips" / "notes.txt").write_text("not a clip")
    config = csv_config(metadata="lines.txt", audio="clips")
    raw = tmp_path / "raw"
    raw.mkdir()
    fetch(config, raw, Tools(base=tmp_path, downloads=tmp_path / "none"))
    packs = pack(raw, tmp_path / "packed")
    shutil.rmtree(source)
    assert texts(read(config, packs)[0]) == {"a": "One.", "b": "Two."}
    assert sorted(packed_files(tmp_path / "packed")) == ["metadata.csv", "wavs/a.wav", "wavs/b.wav"]


def test_linked_clips_are_packed_as_they_are(tmp_path):
    source = make_csv(tmp_path / "mine", "a|One.\n", clips=())
    (tmp_path / "elsewhere.wav").write_bytes(b"sound")
    (source / "wavs" / "a.wav").symlink_to(tmp_path / "elsewhere.wav")
    raw = tmp_path / "raw"
    raw.mkdir()
    fetch(csv_config(), raw, Tools(base=tmp_path, downloads=tmp_path / "none"))
    pack(raw, tmp_path / "packed")
    assert packed_files(tmp_path / "packed") == {"metadata.csv": b"a|One.\n", "wavs/a.wav": b"sound"}


@pytest.mark.parametrize("what", ["a link to nothing", "a folder"])
def test_a_clip_that_is_no_file_is_named(tmp_path, what):
    clip = make_csv(tmp_path / "mine", "a|One.\n", clips=()) / "wavs" / "a.wav"
    if what == "a folder":
        clip.mkdir()
    else:
        clip.symlink_to(tmp_path / "nowhere.wav")
    (tmp_path / "raw").mkdir()
    with pytest.raises(CorpusError, match=r"wavs/a\.wav: is not a file, or a link to nothing; restore or remove it"):
        fetch(csv_config(), tmp_path / "raw", Tools(base=tmp_path, downloads=tmp_path))


@pytest.mark.parametrize("kind", ["csv", "folder"])
@pytest.mark.parametrize("path", ["nowhere", "/nowhere/at/all"])
def test_a_missing_folder_is_said_with_its_remedy(tmp_path, kind, path):
    config = KINDS[kind].Config(kind=kind, path=path)
    with pytest.raises(CorpusError, match=r"/nowhere.*: there is no such folder; correct the corpus' `path`"):
        fetch(config, tmp_path, Tools(base=tmp_path, downloads=tmp_path))


@pytest.mark.parametrize("missing", ["metadata.csv", "wavs"])
def test_missing_transcripts_or_clips_are_said_before_anything_is_taken(tmp_path, missing):
    source = make_csv(tmp_path / "mine", "a|One.\n", clips=())
    (source / missing).rename(source / "elsewhere")
    (tmp_path / "raw").mkdir()
    with pytest.raises(CorpusError, match=rf"{missing}: there is no such"):
        fetch(csv_config(), tmp_path / "raw", Tools(base=tmp_path, downloads=tmp_path))
    assert list((tmp_path / "raw").iterdir()) == []


@pytest.fixture
def speakers(tmp_path):
    for speaker in ("ann", "bob"):
        (tmp_path / "mine" / speaker).mkdir(parents=True)
        for clip in ("1", "2"):
            (tmp_path / "mine" / speaker / f"{clip}.wav").write_bytes(b"sound")
            (tmp_path / "mine" / speaker / f"{clip}.lab").write_text(f"{speaker} says\n{clip}\n")
    return tmp_path / "mine"


def folder_config(**settings):
    return folder.Config(kind="folder", path="mine", **settings)


def test_folders_are_speakers(speakers, tmp_path):
    (tmp_path / "raw").mkdir()
    fetch(folder_config(), tmp_path / "raw", Tools(base=tmp_path, downloads=tmp_path))
    recordings, dropped = read(folder_config(language="ko"), pack(tmp_path / "raw", tmp_path / "packed"))
    assert texts(recordings) == {
        "ann-1": "ann says 1", "ann-2": "ann says 2", "bob-1": "bob says 1", "bob-2": "bob says 2",
    }  # fmt: skip
    assert [each.speaker for each in recordings] == ["ann", "ann", "bob", "bob"]
    assert {each.language for each in recordings} == {"ko"}
    assert dropped == []


def test_faults_of_folders_are_rows_with_their_reasons(speakers):
    (speakers / "ann" / "1.lab").unlink()
    (speakers / "ann" / "2.wav").unlink()
    (speakers / "bob" / "1.lab").write_text(" \n")
    (speakers / "bob" / "2.lab").rename(speakers / "bob" / "2.TXT")
    recordings, dropped = read(folder_config(), speakers)
    assert texts(recordings) == {"bob-2": "bob says 2"}
    assert reasons(dropped) == {"ann-1": "no transcript", "ann-2": "no audio", "bob-1": "empty transcript"}


def test_the_lab_file_wins_over_the_txt_file(speakers):
    (speakers / "ann" / "1.txt").write_text("something else")
    assert texts(read(folder_config(limit=1), speakers)[0]) == {"ann-1": "ann says 1"}


@pytest.mark.parametrize("stray", ["3.wav", "ann/chapter/3.wav"])
def test_clips_outside_the_layout_are_refused(speakers, stray):
    (speakers / stray).parent.mkdir(exist_ok=True)
    (speakers / stray).write_bytes(b"sound")
    with pytest.raises(CorpusError, match=r"(3.wav|chapter): the layout must be <speaker>/<clip>.wav"):
        read(folder_config(), speakers)


def test_two_clips_with_one_id_are_refused(tmp_path):
    for name in ("a/b-1.wav", "a-b/1.wav"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_bytes(b"sound")
    with pytest.raises(CorpusError, match=r"another clip is 'a-b-1' too"):
        read(folder_config(), tmp_path)


def test_a_transcript_that_is_not_utf8_is_named(speakers):
    (speakers / "bob" / "1.lab").write_bytes(b"na\xefve")
    with pytest.raises(CorpusError, match=r"bob/1.lab:1: byte 0xef at 2 is not UTF-8"):
        read(folder_config(), speakers)


def test_what_is_not_ljspeech_is_said(tmp_path):
    with pytest.raises(CorpusError, match=r"holds 0 files metadata.csv where LJSpeech has one"):
        ljspeech.read(ljspeech.Config(kind="ljspeech"), tmp_path)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"kind": "cvs", "path": "x"}, r"corpora.mine: .*'demo', 'ljspeech', 'vctk', 'csv', 'folder', 'filelist'"),
        ({"kind": "csv"}, r"corpora.mine.csv.path: is required and missing"),
        ({"kind": "csv", "path": "x", "delimitr": ","}, r"did you mean 'delimiter'"),
        ({"kind": "csv", "path": "x", "columns": ["id"]}, r"columns must name id and text"),
        ({"kind": "csv", "path": "x", "columns": ["id", "text", "text"]}, r"none twice"),
        ({"kind": "csv", "path": "x", "min_seconds": 3.0, "max_seconds": 2.0}, r"min_seconds \(3\) must be below"),
        ({"kind": "ljspeech", "sha256": "be1a"}, r"corpora.mine.ljspeech.sha256"),
        ({"kind": "folder", "path": "x", "limit": 0}, r"corpora.mine.folder.limit"),
    ],
)
def test_settings_that_do_not_fit_are_said(settings, message):
    with pytest.raises(ConfigError, match=message):
        build(CorpusConfig, settings, where="corpora.mine")


def test_all_real_prompts_are_read(shared):
    config = csv.Config(kind="csv", path="", speaker="allison")
    raw = shared / "corpora" / "asterisk-en"
    recordings, dropped = csv.read(config, raw)
    assert (len(recordings), dropped) == (540, [])
    assert recordings[0].audio.suffix == ".flac"
