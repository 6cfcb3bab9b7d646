"""`tts pronounce`: what is said, word by word, and why."""

import pytest
from typer.testing import CliRunner

from stages.app import app


@pytest.fixture
def pronounce(project, monkeypatch):
    """Run the command in a project and give its exit code and output."""
    monkeypatch.chdir(project.root)

    def run(*arguments):
        done = CliRunner().invoke(app, ["pronounce", *arguments])
        return done.exit_code, done.output

    return run


def rows(output):
    """Normalized text, and the fields of each row; fields are two spaces apart."""
    normal, _, header, *lines = output.splitlines()
    assert header.split() == ["word", "phones", "from", "or"]
    return normal, [[cell.strip() for cell in line.split("  ") if cell.strip()] for line in lines]


def test_every_word_has_its_phones_and_where_they_come_from(pronounce, tmp_path):
    lexicon = tmp_path / "words.txt"
    lexicon.write_text("wug W AH1 G\n")
    text = "Dr. Wug's 2 FRZ will record {HH AH0}, people read wug blorps."
    code, output = pronounce(text, "--frontend", "english", "--lexicon", str(lexicon))
    assert code == 0
    normal, words = rows(output)
    assert normal == "Doctor Wug's two FRZ will record {HH AH0}, people read wug blorps."
    assert words == [
        ["Doctor", "D AA K T ER", "cmudict"],
        ["Wug's", "W AH G Z", "possessive"],
        ["two", "T UW", "cmudict"],
        ["FRZ", "EH F AA R Z IY", "initials"],
        ["will", "W IH L", "cmudict"],
        ["record", "R AH K AO R D", "heteronym rule", "R EH K ER D"],
        ["{HH AH0}", "HH AH", "raw phones"],
        [",", "pause"],
        ["people", "P IY P AH L", "cmudict"],
        ["read", "R EH D", "cmudict", "R IY D"],
        ["wug", "W AH G", "lexicon"],
        ["blorps", "B L AO R P S", "espeak guess"],
        [",", "pause"],
    ]


def test_params_say_which_front_end_and_lexicon(pronounce, project, tmp_path):
    lexicon = project.root / "words.txt"
    lexicon.write_text("wug v ʌ ɡ\n")
    project.set("text", "{frontend: ipa, lexicon: words.txt}")
    code, output = pronounce("물 wug", "--language", "ko")
    assert code == 0
    _, words = rows(output)
    assert words == [["물", "m u ɫ", "espeak"], ["wug", "v ʌ ɡ", "lexicon"]]


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (["?!"], "nothing to say"),
        (["{HH QQ}", "--frontend", "english"], "'QQ' is no ARPAbet phone"),
        (["hello", "--frontend", "klingon"], "text.frontend"),
        (["hello", "--lexicon", "none.txt"], "none.txt: the lexicon cannot be read"),
        (["Привет", "--frontend", "english"], "'П' in 'Привет' is not of the Latin script; use text.frontend: ipa"),
        (["hello", "--language", "tlh"], "no voice 'tlh'"),
    ],
)
def test_bad_input_is_one_line(pronounce, arguments, fault):
    code, output = pronounce(*arguments)
    assert code == 1
    assert fault in output
    assert len(output.strip().splitlines()) == 1
