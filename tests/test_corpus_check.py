"""`tts corpus check`: what it reads, prints and writes, and that it changes nothing."""

import html.parser
import json
import re

import numpy as np
import pytest
import soundfile
from test_lint import RATE, SENTENCES, babble, rounded
from typer.testing import CliRunner

from pipeline.corpus_check import check_source, find_source
from pipeline.corpus_page import corpus_page
from pipeline.parallel import ThisProcess, open_executor
from pipeline.report_histograms import histogram
from pipeline.runtime import Runtime
from stages.app import app
from tts.errors import CorpusError


def write(path, waveform=None, *, seed=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, rounded(babble(seed=seed)) if waveform is None else waveform, RATE)
    return path


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Twelve clips with transcripts, one of them clipped, and one file that is no sound."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runtime.yaml").write_text("workers: 1\n")
    place = tmp_path / "mine"
    for number in range(12):
        write(place / "wavs" / f"c{number:02}.wav", seed=number)
    write(place / "wavs" / "c03.wav", np.clip(8 * babble(seed=3), -0.1, 0.1))
    (place / "wavs" / "bad.wav").write_bytes(b"no sound")
    (place / "wavs" / "alone.flac").write_bytes(b"")
    lines = [f"c{number:02}|{text}" for number, text in enumerate(SENTENCES)]
    (place / "metadata.csv").write_text("\n".join([*lines, "bad|Some <b>words</b>.", "gone|Some words."]))
    return place


def tts(*arguments):
    return CliRunner().invoke(app, ["corpus", "check", *map(str, arguments)], catch_exceptions=False)


def found_in(path, **options):
    return check_source(find_source(str(path), path.parent, language=None, **options), ThisProcess())


def names(checked, check):
    return [case.name for each in checked.findings if each.check.name == check for case in each.cases]


class TestSources:
    def test_a_folder_with_metadata(self, folder):
        found = found_in(folder)
        assert len(found.clips) == 12
        assert names(found, "clipping") == ["c03"]
        assert names(found, "unreadable") == ["bad"]
        assert names(found, "left-out") == ["alone", "gone"]
        assert not names(found, "noise")
        assert found.has_warnings

    def test_folders_of_speakers(self, tmp_path):
        for speaker in ("ann", "bob"):
            write(tmp_path / "mine" / speaker / "1.wav", seed=ord(speaker[0])).with_suffix(".txt").write_text("안녕")
        found = found_in(tmp_path / "mine")
        assert [(clip.speaker, clip.text, clip.language) for clip in found.clips] == [
            ("ann", "안녕", "ko"), ("bob", "안녕", "ko")
        ]  # fmt: skip

    def test_folders_of_speakers_without_texts(self, tmp_path):
        write(tmp_path / "mine" / "ann" / "1.wav")
        found = found_in(tmp_path / "mine")
        assert [(clip.utterance_id, clip.speaker, clip.text) for clip in found.clips] == [("ann-1", "ann", "")]
        assert not any(each.key == "text.frontend" for each in found.suggestions)

    def test_plain_sound_files(self, tmp_path):
        write(tmp_path / "mine" / "1.wav")
        write(tmp_path / "mine" / "2.flac")
        found = found_in(tmp_path / "mine")
        assert [clip.utterance_id for clip in found.clips] == ["1", "2"]
        assert names(found, "same-audio") == ["2"]

    @pytest.mark.parametrize(("name", "said"), [("nowhere", "neither a corpus"), ("empty", "holds no sound files")])
    def test_what_cannot_be_checked_is_said(self, tmp_path, name, said):
        (tmp_path / "empty").mkdir()
        with pytest.raises(CorpusError, match=said):
            find_source(name, tmp_path, language=None)

    def test_a_corpus_of_params(self, folder, monkeypatch):
        from conftest import ROOT

        from stages import download

        root = folder.parent
        text = (ROOT / "presets" / "tiny.yaml").read_text(encoding="utf-8")
        mine = "corpora:\n  mine: {kind: csv, path: mine}\n"
        (root / "params.yaml").write_text(re.sub(r"^corpora:.*\n", mine, text, flags=re.MULTILINE))
        with pytest.raises(CorpusError, match="run `tts download mine` first"):
            find_source("mine", root, language=None)
        download.run("mine")
        assert find_source("mine", root, language=None).what == "corpus of kind csv"
        assert find_source("./mine", root, language=None).what == "folder with metadata.csv"
        tts("mine")
        assert (root / "data" / "corpus-check-mine.html").exists()

    def test_all_clips_unreadable(self, tmp_path):
        (tmp_path / "mine").mkdir()
        (tmp_path / "mine" / "1.wav").write_bytes(b"no sound")
        found = found_in(tmp_path / "mine")
        assert names(found, "unreadable") == ["1"]
        assert found.suggestions == []
        assert "Unreadable" in corpus_page(found)


class TestCommand:
    def test_it_prints_writes_and_changes_nothing(self, folder):
        before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        done = tts(folder, "--json", "found.json")
        assert done.exit_code == 0
        for said in (
            "12 clips",
            "Clipping",
            "c03",
            "sample_rate: 16000",
            "frontend: english",
            "corpus-check-mine.html",
        ):
            assert said in done.output
        assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
        found = json.loads((folder.parent / "found.json").read_text())
        assert {each["name"] for each in found["findings"]} == {"unreadable", "left-out", "clipping", "little-data"}
        assert found["clips"]["c03"]["clipped_samples"] > 0
        assert found["speakers"]["speaker"]["clips"] == 12

    def test_strict_fails_on_warnings_and_passes_notes(self, folder, tmp_path):
        assert tts(folder, "--strict", "--output", "page.html").exit_code == 1
        assert (tmp_path / "page.html").exists()

    def test_two_processes_find_the_same(self, folder):
        source = find_source(str(folder), folder.parent, language=None)
        with open_executor(Runtime(workers=2)) as executor:
            assert corpus_page(check_source(source, executor)) == corpus_page(check_source(source, ThisProcess()))

    def test_bad_input_is_one_line(self, folder):
        (folder / "empty").mkdir()
        done = tts(folder / "empty")
        assert done.exit_code == 1
        assert len(done.stderr.strip().splitlines()) == 1
        assert "holds no sound files" in done.stderr


class Page(html.parser.HTMLParser):
    """Tags that are open, ids, links, and what is loaded."""

    def __init__(self, text):
        super().__init__()
        self.open, self.ids, self.links, self.loaded, self.text = [], [], [], [], ""
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        if tag not in ("meta", "link", "rect", "img", "br"):
            self.open.append(tag)
        self.ids += [given["id"]] if "id" in given else []
        self.links += [given["href"]] if tag == "a" else []
        self.loaded += [value for name, value in attributes if name == "src"]

    def handle_startendtag(self, tag, attributes):
        pass

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


class TestPage:
    def test_it_stands_alone_and_every_link_leads_somewhere(self, folder):
        found = found_in(folder)
        page = Page(corpus_page(found))
        assert page.open == []
        assert page.loaded == []
        assert len(set(page.ids)) == len(page.ids)
        assert {link.removeprefix("#") for link in page.links} <= set(page.ids)
        for each in found.findings:
            assert each.check.name in page.ids
            assert each.check.rule in page.text

    def test_what_comes_from_data_is_escaped(self, folder):
        lines = (folder / "metadata.csv").read_text().replace("number one of", "<script>alert(1)</script>")
        (folder / "metadata.csv").write_text(lines)
        found = found_in(folder)
        assert names(found, "odd-characters") == ["c00"]
        assert "<script>alert" not in corpus_page(found)

    def test_histograms_count_everything_once(self):
        drawn = histogram("length", "s", [1.0, 1.0, 2.0, 500.0])
        assert drawn.count("<rect") >= 2
        assert "from 1 to 500" in drawn
        assert histogram("length", "s", []) == ""
        assert "<rect" in histogram("length", "s", [3.0, 3.0])


@pytest.mark.slow
def test_real_recordings_are_mostly_without_fault(shared):
    found = found_in(shared / "corpora" / "asterisk-en")
    assert len(found.clips) == 540
    warnings = {each.check.name: len(each.cases) for each in found.findings if not each.check.is_note}
    assert warnings.keys() <= {"near-audio", "long-silence", "long-clips"}
    assert names(found, "near-audio") == ["AL-seconds", "AL-privacy-thankyou"]
