"""Filelists as other toolkits make them, whole and faulty, from fetching to a prepared corpus."""

import shutil
import unicodedata

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st
from packing import pack
from recordings_of_ones_own import RATE, Project, tone

from tts.config import build
from tts.corpora import CorpusConfig, filelist
from tts.corpora.tools import Tools
from tts.errors import ConfigError, CorpusError


class Corpus:
    """A folder of recordings, `mine`, and the filelists in it."""

    def __init__(self, root):
        self.root, self.source, self.raw = root, root / "mine", root / "raw"
        self.source.mkdir()

    def write(self, content, *paths, name="all.txt"):
        """Write a filelist, and a sound file at each path."""
        (self.source / name).parent.mkdir(parents=True, exist_ok=True)
        (self.source / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        for path in paths:
            (self.source / path).parent.mkdir(parents=True, exist_ok=True)
            (self.source / path).write_bytes(f"sound {path}".encode())

    def fetch(self, **settings):
        config = filelist.Config(kind="filelist", **{"filelists": ("mine/all.txt",), **settings})
        shutil.rmtree(self.raw, ignore_errors=True)
        self.raw.mkdir()
        filelist.fetch(config, self.raw, Tools(base=self.root, downloads=self.root / "none"))
        return config

    def read(self, **settings):
        config = self.fetch(**settings)
        packs = pack(self.raw, self.root / "packed")
        shutil.rmtree(self.source)
        return filelist.read(config, packs)


@pytest.fixture
def corpus(tmp_path):
    return Corpus(tmp_path)


def texts(recordings):
    return {each.utterance_id: each.text for each in recordings}


def reasons(dropped):
    return {each.utterance_id: each.reason for each in dropped}


def test_a_line_names_sound_text_speaker_and_style(corpus):
    corpus.write("ann/1.wav|One.|ann|happy\nbob/1.flac|Two.|bob|sad\n", "ann/1.wav", "bob/1.flac", "bob/2.flac")
    recordings, dropped = corpus.read(language="de")
    assert [(each.utterance_id, each.text, each.speaker, each.style, each.language) for each in recordings] == [
        ("ann-1", "One.", "ann", "happy", "de"),
        ("bob-1", "Two.", "bob", "sad", "de"),
    ]
    assert [each.audio.read_bytes() for each in recordings] == [b"sound ann/1.wav", b"sound bob/1.flac"]
    assert dropped == []


def test_only_what_is_listed_is_taken(corpus):
    corpus.write("a/1.wav|One.|ann|sad\n", "a/1.wav", "a/2.wav", "notes.txt")
    corpus.fetch()
    assert sorted(path.relative_to(corpus.raw).as_posix() for path in corpus.raw.rglob("*") if path.is_file()) == [
        "audio/a/1.wav",
        "filelists/000-all.txt",
    ]


STYLES = {"styles": {"0": "calm", "1": "sad"}, "style": "flat"}
CONSTANTS = {"speaker": "ann", "style": "sad", "language": "de"}
FORMATS = {
    "path and text": ("path text", {}, "a.wav|One.", ("speaker", "neutral", "en")),
    "VITS": ("path speaker text", {}, "a.wav|7|One.", ("7", "neutral", "en")),
    "VITS with names": ("path speaker text", {"speakers": {"7": "ann"}}, "a.wav|7|One.", ("ann", "neutral", "en")),
    "codes": ("path text style", STYLES, "a.wav|One.|1", ("speaker", "sad", "en")),
    "an empty code": ("path text style", STYLES, "a.wav|One.|", ("speaker", "flat", "en")),
    "languages": ("path language text", {"language": "de"}, "a.wav|ko|One.", ("speaker", "neutral", "ko")),
    "constants": ("path text", CONSTANTS, "a.wav|One.", ("ann", "sad", "de")),
    "normalized": ("path text normalized", {}, "a.wav|1.|One.", ("speaker", "neutral", "en")),
    "normalized that is absent": ("path text normalized", {}, "a.wav|One.", ("speaker", "neutral", "en")),
    "tabs": ("ignored path text", {"delimiter": "\t"}, "9\ta.wav\tOne.", ("speaker", "neutral", "en")),
}


@pytest.mark.parametrize("name", FORMATS)
def test_columns_and_codes_are_what_the_settings_say(corpus, name):
    columns, settings, line, expected = FORMATS[name]
    corpus.write(f"{line}\n", "a.wav")
    (recording,), _ = corpus.read(columns=tuple(columns.split()), **settings)
    assert (recording.speaker, recording.style, recording.language) == expected
    assert (recording.utterance_id, recording.text) == ("a", "One.")


def test_codes_in_params_may_be_numbers():
    settings = {"kind": "filelist", "filelists": ["all.txt"], "styles": {0: "neutral", 1: "happy"}}
    assert build(CorpusConfig, settings, where="corpora.mine").styles == {"0": "neutral", "1": "happy"}


@pytest.mark.parametrize(
    ("path", "utterance_id"),
    [
        ("a/1.wav", "a-1"),
        ("./a//1.wav", "a-1"),
        ("a\\1.wav", "a-1"),
        ("a/b/../1.wav", "a-1"),
        ("a.b/c.d.WAV", "a.b-c.d"),
        ("with space/1.wav", "with space-1"),
        ("감정/기쁨 1.wav", "감정-기쁨 1"),
        ("no suffix", "no suffix"),
    ],
)
def test_an_id_is_the_path(corpus, path, utterance_id):
    corpus.write(f"{path}|One.\n")
    _, (dropped,) = filelist.read(config_of_copy(corpus), corpus.raw)
    assert (dropped.utterance_id, dropped.reason) == (utterance_id, "no audio")


def config_of_copy(corpus, **settings):
    """Place the filelist as `fetch` does, without the sound files."""
    (corpus.raw / "filelists").mkdir(parents=True)
    shutil.copy(corpus.source / "all.txt", corpus.raw / "filelists/000-all.txt")
    return filelist.Config(kind="filelist", **{"filelists": ("all.txt",), "columns": ("path", "text"), **settings})


def test_equal_names_in_two_folders_are_two_clips(corpus):
    corpus.write("a/1.wav|One.\nb/1.wav|Two.\n", "a/1.wav", "b/1.wav")
    recordings, _ = corpus.read(columns=("path", "text"))
    assert texts(recordings) == {"a-1": "One.", "b-1": "Two."}


def test_several_filelists_are_one_corpus(corpus):
    corpus.write("1.wav|One.\n", "1.wav", name="train.txt")
    corpus.write("2.wav|Two.\n", "2.wav", name="val.txt")
    recordings, _ = corpus.read(filelists=("mine/train.txt", "mine/val.txt"), columns=("path", "text"))
    assert texts(recordings) == {"1": "One.", "2": "Two."}


def test_filelists_of_one_name_in_two_folders_start_from_the_root(corpus):
    corpus.write("wavs/1.wav|One.\nmalformed\n", "wavs/1.wav", name="train/list.txt")
    corpus.write("wavs/2.wav|Two.\nmalformed\n", "wavs/2.wav", name="val/list.txt")
    settings = {"filelists": ("mine/train/list.txt", "mine/val/list.txt"), "columns": ("path", "text")}
    recordings, dropped = corpus.read(root="mine", **settings)
    assert texts(recordings) == {"wavs-1": "One.", "wavs-2": "Two."}
    assert reasons(dropped) == {f"00{n}-list.txt:2": "malformed line" for n in (0, 1)}
    with pytest.raises(ConfigError, match="in several folders; say with root which one"):
        build(CorpusConfig, {"kind": "filelist", "filelists": settings["filelists"]}, where="corpora.mine")


def test_absolute_paths_below_the_root_are_understood(corpus):
    corpus.write(f"{corpus.source}/a/1.wav|One.\n", "a/1.wav")
    recordings, _ = corpus.read(columns=("path", "text"), root=str(corpus.source))
    assert texts(recordings) == {"a-1": "One."}


@pytest.mark.parametrize("prefix", ["\ufeff", ""])
def test_files_of_windows_are_read(corpus, prefix):
    corpus.write(f"{prefix}a\\1.wav|One.\r\n\r\na\\2.wav|Two.\r\n", "a/1.wav", "a/2.wav")
    recordings, _ = corpus.read(columns=("path", "text"))
    assert texts(recordings) == {"a-1": "One.", "a-2": "Two."}


@pytest.mark.parametrize(("listed", "stored"), [("NFC", "NFD"), ("NFD", "NFC")])
def test_hangul_names_are_found_in_either_unicode_form(corpus, listed, stored):
    path = "화자/기쁨.wav"
    corpus.write(f"{unicodedata.normalize(listed, path)}|하나.\n", unicodedata.normalize(stored, path))
    recordings, _ = corpus.read(columns=("path", "text"))
    assert [each.text for each in recordings] == ["하나."]


FAULTY = {
    "a.wav|One.\nb.wav\n": {"000-all.txt:2": "malformed line"},
    "a.wav|One.\nb.wav|Two.|ann\n": {"000-all.txt:2": "malformed line"},
    "a.wav|One.\n\n|Two.\n": {"000-all.txt:3": "malformed line"},
    "a.wav|One.\nb.wav| \n": {"b": "empty transcript"},
    "a.wav|One.\nc/d.wav|Two.\n": {"c-d": "no audio"},
    "a.wav|One.\nc|Two.\n": {"c": "no audio"},
}


@pytest.mark.parametrize("content", FAULTY)
def test_what_cannot_be_used_is_a_row_with_its_reason(corpus, content):
    corpus.write(content, "a.wav", "b.wav", "c/e.wav")
    recordings, dropped = corpus.read(columns=("path", "text"))
    assert texts(recordings) == {"a": "One."}
    assert reasons(dropped) == FAULTY[content]
    assert all(each.detail for each in dropped)


REFUSED = {
    "up": ("../b.wav|Two.\n", r"all.txt:2: '\.\./b.wav' leads outside the folder of the filelist; set .* `root`"),
    "up in the middle": ("a/../../b.wav|Two.\n", r"leads outside"),
    "up by backslashes": ("..\\b.wav|Two.\n", r"leads outside"),
    "absolute": ("/etc/passwd|Two.\n", r"'/etc/passwd' leads outside"),
    "twice": ("./a.wav|Two.\n", r"all.txt:2: '\./a.wav\|Two\.' is the clip 'a' as .*all.txt:1 is; list it once"),
    "one id": ("a.flac|Two.\n", r"all.txt:2: 'a.flac\|Two\.' is the clip 'a' as .*all.txt:1 is"),
    "one id though empty": ("a.flac|\n", r"is the clip 'a' as .*all.txt:1 is"),
    "hidden": (".b.wav|Two.\n", r"all.txt:2: the id '.b' cannot name a file"),
    "the folder": (".|Two.\n", r"cannot name a file"),
    "control": ("b\x07.wav|Two.\n", r"cannot name a file"),
    "nul": ("b\0.wav|Two.\n", r"cannot name a file"),
    "long": (f"{'b' * 201}.wav|Two.\n", r"at most 200 bytes"),
    "latin-1": ("b.wav|Zwölf.\n".encode("latin-1"), r"all.txt:2: byte 0xf6 at 19 is not UTF-8"),
}


@pytest.mark.parametrize("fault", REFUSED)
def test_what_cannot_be_mended_by_leaving_a_line_out_is_refused_before_copying(corpus, fault):
    line, message = REFUSED[fault]
    corpus.write(b"a.wav|One.\n" + (line if isinstance(line, bytes) else line.encode()), "a.wav")
    (corpus.root / "b.wav").touch()
    with pytest.raises(CorpusError, match=message) as caught:
        corpus.fetch(columns=("path", "text"))
    assert "\n" not in str(caught.value)
    assert list(corpus.raw.iterdir()) == []


def test_an_id_column_tells_clips_of_one_name_apart(corpus):
    corpus.write("x|a/b-1.wav|One.\ny|a-b/1.wav|Two.\n", "a/b-1.wav", "a-b/1.wav")
    recordings, _ = corpus.read(columns=("id", "path", "text"))
    assert texts(recordings) == {"x": "One.", "y": "Two."}


@pytest.mark.parametrize("line", ["z|a-b/1.wav|Two.", "x|a/b-2.wav|Two."])
def test_an_id_or_a_path_given_twice_is_refused(corpus, line):
    corpus.write(f"x|a/b-1.wav|One.\ny|a-b/1.wav|Two.\n{line}\n", "a/b-1.wav")
    with pytest.raises(CorpusError, match=r"all.txt:3: .* as .*all.txt:[12] is; list it once"):
        corpus.fetch(columns=("id", "path", "text"))


def test_a_code_without_a_name_is_said(corpus):
    corpus.write("a.wav|One.|2\n", "a.wav")
    with pytest.raises(CorpusError, match=r"all.txt:1: `styles` of the corpus have no name for '2', but for 0, 1"):
        corpus.fetch(columns=("path", "text", "style"), styles={"0": "neutral", "1": "happy"})


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"filelists": ("mine/none.txt",)}, r"mine/none.txt: there is no such file"),
        ({"filelists": ("nowhere/all.txt",)}, r"nowhere: there is no such folder; correct the corpus' `root`"),
        ({"root": "nowhere"}, r"nowhere: there is no such folder; correct the corpus' `root`"),
        ({"root": "."}, r"holds none of the 1 sound files that are listed, such as a.wav; correct the corpus' `root`"),
    ],
)
def test_what_is_not_where_the_settings_say_is_said_before_anything_is_taken(corpus, settings, message):
    corpus.write("a.wav|One.\n", "a.wav")
    with pytest.raises(CorpusError, match=message):
        corpus.fetch(columns=("path", "text"), **settings)
    assert list(corpus.raw.iterdir()) == []


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, r"filelists: is required and missing"),
        ({"filelists": []}, r"corpora.mine.filelist.filelists"),
        ({"filelists": ["x"], "columns": ["path"]}, r"columns must name path and text"),
        ({"filelists": ["x"], "columns": ["path", "text", "text"]}, r"none twice"),
        ({"filelists": ["x"], "columns": ["path", "text", "emotion"]}, r"columns"),
        ({"filelists": ["x"], "style_names": {}}, r"style_names: unknown key; did you mean"),
    ],
)
def test_settings_that_do_not_fit_are_said(settings, message):
    with pytest.raises(ConfigError, match=message):
        build(CorpusConfig, {"kind": "filelist", **settings}, where="corpora.mine")


@pytest.mark.parametrize("limit", [1, 2, 3, 9])
def test_a_limit_counts_what_is_dropped_too(corpus, limit):
    corpus.write("c.wav|Three.\na.wav|One.\nb.wav|\nd.wav|Four.\n", "a.wav", "b.wav", "c.wav")
    recordings, dropped = corpus.read(columns=("path", "text"), limit=limit)
    assert sorted([*texts(recordings), *reasons(dropped)]) == ["a", "b", "c", "d"][:limit]


@given(st.binary(max_size=80) | st.text("ab|./\\\n\r\0 ", max_size=40).map(str.encode))
def test_any_bytes_are_lines_or_losses_or_one_error(tmp_path_factory, content):
    corpus = Corpus(tmp_path_factory.mktemp("filelist"))
    corpus.write(content)
    config = config_of_copy(corpus)
    try:
        recordings, dropped = filelist.read(config, corpus.raw)
    except CorpusError:
        return
    num_lines = sum(bool(line.strip()) for line in content.decode("utf-8-sig").split("\n"))
    assert recordings == []
    assert len(dropped) == num_lines


paths = st.lists(st.sampled_from(["a", "b", "1", "a.b", ".."]), min_size=1, max_size=4).map("/".join)


@given(st.lists(paths, max_size=6, unique=True))
def test_no_copy_is_ever_written_outside_and_no_two_clips_share_an_id(tmp_path_factory, listed):
    corpus = Corpus(tmp_path_factory.mktemp("filelist"))
    corpus.write("".join(f"{path}.wav|Text.\n" for path in listed))
    try:
        _, dropped = filelist.read(config_of_copy(corpus), corpus.raw)
    except CorpusError:
        return
    assert len({each.utterance_id for each in dropped}) == len(listed)
    assert not any("/" in each.utterance_id or each.detail.startswith("there is no sound file ..") for each in dropped)


def test_an_emotional_korean_corpus_is_prepared(tmp_path, monkeypatch, request):
    monkeypatch.delenv("DVC_ROOT", raising=False)
    monkeypatch.chdir(tmp_path)
    project = Project(tmp_path, request.path.parents[1] / "presets" / "tiny.yaml")
    lines = ["화자/기쁨/1.wav|오늘은 3월 1일이다.|0|1", "화자/슬픔/1.wav|값이 없다.|0|2"]
    for line, pitch in zip(lines, (220, 440), strict=True):
        path = tmp_path / "emotional" / line.partition("|")[0]
        path.parent.mkdir(parents=True)
        soundfile.write(path, 0.3 * np.sin(2 * np.pi * pitch * np.arange(RATE) / RATE), RATE)
    (tmp_path / "emotional/train.txt").write_text("\r\n".join(lines), encoding="utf-8-sig")
    settings = {
        "kind": "filelist",
        "filelists": ["emotional/train.txt"],
        "columns": ["path", "text", "speaker", "style"],
        "speakers": {0: "지은"},
        "styles": {0: "neutral", 1: "happy", 2: "sad"},
        "language": "ko",
    }
    project.change(**{"corpora.ko": settings, "text.frontend": "korean"})
    manifest = project.prepare("ko")
    assert {name: (row["speaker"], row["style"], row["language"]) for name, row in manifest.items()} == {
        "화자-기쁨-1": ("지은", "happy", "ko"),
        "화자-슬픔-1": ("지은", "sad", "ko"),
    }
    assert manifest["화자-기쁨-1"]["normalized_text"] == "오늘은 삼월 일일이다."


def test_losses_of_a_filelist_count_as_others_do(tmp_path, monkeypatch, request):
    monkeypatch.delenv("DVC_ROOT", raising=False)
    monkeypatch.chdir(tmp_path)
    project = Project(tmp_path, request.path.parents[1] / "presets" / "tiny.yaml")
    soundfile.write(tmp_path / "a.wav", tone(), RATE)
    (tmp_path / "all.txt").write_text("a.wav|One.\nb.wav|Two.\n")
    settings = {"kind": "filelist", "filelists": ["all.txt"], "columns": ["path", "text"]}
    project.change(max_dropped=0.4, **{"corpora.mine": settings})
    with pytest.raises(CorpusError, match=r"1 of 2 clips would be dropped.*1 × no audio. First: b \(.*b.wav\)"):
        project.prepare()
