"""Texts of a file or folder become sounds, each once."""

import dataclasses

import pytest
from tiny_voice import write_models

from pipeline.parallel import ThisProcess
from pipeline.paths import Paths
from pipeline.reading_aloud import Manner, read_aloud, read_texts
from pipeline.speaking import VoiceFolders
from tts.audio.files import read_audio
from tts.errors import ConfigError, CorpusError
from tts.synthesis import Synthesizer
from tts.text.frontend import TextSettings, build_frontend

TEXTS = {"one": "Hello.", "zwölf": "A bold cab! Bee?", "sub/three": "ace"}
LETTERS = TextSettings(frontend="characters")


@pytest.fixture(scope="module")
def manner(tmp_path_factory):
    paths = Paths(tmp_path_factory.mktemp("project"))
    write_models(paths.model("acoustic"), paths.model("vocoder"))
    folders = VoiceFolders(paths.model("acoustic"), paths.model("vocoder"), "cpu")
    return Manner(folders, LETTERS, speaker="ann", style="calm")


@pytest.fixture
def aloud(manner, tmp_path):
    def read(texts, **changes):
        return read_aloud(texts, dataclasses.replace(manner, **changes), tmp_path, executor=ThisProcess())

    return read


class TestTexts:
    def test_lines_have_names_or_get_their_numbers(self, tmp_path):
        (tmp_path / "lines.txt").write_text("﻿é1|Hello, you | me.\n\nBye.\nempty|\n", encoding="utf-8")
        assert read_texts(tmp_path / "lines.txt") == {"é1": "Hello, you | me.", "0003": "Bye.", "empty": ""}

    def test_a_folder_gives_its_text_files_by_path(self, tmp_path):
        for name in ("a.txt", "ann/b.lab", "ann/c.wav", ".hidden.txt"):
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_text(f" {name}\n")
        assert read_texts(tmp_path) == {"a": "a.txt", "ann/b": "ann/b.lab"}

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            ("a|x\na|y\n", r"lines:2: the name 'a' was used before"),
            ("../a|x\n", r"lines:1: the id '../a' cannot name a file"),
            ("|x\n", "cannot name a file"),
            ("\n", "holds no text"),
        ],
    )
    def test_lines_that_cannot_be_files_are_refused(self, tmp_path, content, message):
        (tmp_path / "lines").write_text(content)
        with pytest.raises(CorpusError, match=message):
            read_texts(tmp_path / "lines")

    def test_a_text_twice_in_a_folder_or_no_file_at_all_is_refused(self, tmp_path):
        (tmp_path / "a.txt").touch()
        (tmp_path / "a.lab").touch()
        with pytest.raises(CorpusError, match="'a' was used before"):
            read_texts(tmp_path)
        with pytest.raises(CorpusError, match="there is no such file"):
            read_texts(tmp_path / "nowhere")


class TestReading:
    def test_a_text_sounds_as_say_says_it(self, aloud, manner, tmp_path):
        said = aloud(TEXTS)
        assert said.spoken == sorted(TEXTS)
        assert said.failed == {}
        synthesizer = Synthesizer(manner.voice.load(), build_frontend(LETTERS))
        expected = synthesizer.say(TEXTS["zwölf"], language="en", speaker="ann", style="calm")
        found = read_audio(tmp_path / "zwölf.wav", sample_rate=22050)
        assert found == pytest.approx(expected, abs=1 / 32768)

    def test_only_what_is_new_or_changed_is_spoken_again(self, aloud, tmp_path):
        aloud(TEXTS)
        assert aloud(TEXTS).kept == list(TEXTS)
        (tmp_path / "one.wav").write_bytes((tmp_path / "one.wav").read_bytes()[:-2])
        (tmp_path / "sub" / "three.wav").unlink()
        said = aloud({**TEXTS, "zwölf": "Cold.", "new": "d"})
        assert said.spoken == ["new", "one", "sub/three", "zwölf"]
        assert aloud(TEXTS, speaker="bob").kept == []

    def test_after_a_kill_the_sounds_that_were_listed_are_kept(self, aloud, tmp_path):
        aloud(TEXTS)
        listed = tmp_path / ".synthesized.jsonl"
        listed.write_text(listed.read_text(encoding="utf-8")[:-9], encoding="utf-8")
        (tmp_path / ".zwölf.wav.1.tmp").touch()
        assert aloud(TEXTS).spoken == ["zwölf"]

    def test_a_text_that_cannot_be_spoken_costs_the_others_nothing(self, aloud, tmp_path):
        said = aloud({"good": "hello", "bad": "жук", "none": "..."})
        assert said.spoken == ["good"]
        assert "жук" in said.failed["bad"] or "ж" in said.failed["bad"]
        assert "nothing to say" in said.failed["none"]
        assert not (tmp_path / "bad.wav").exists()

    def test_a_speaker_nobody_knows_is_refused_at_once(self, aloud):
        with pytest.raises(ConfigError, match="eve"):
            aloud(TEXTS, speaker="eve")
