"""English as a careful American reads it aloud: a table of hard cases, and words that are written alike."""

import tarfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tts.errors import TextError
from tts.text.frontend import TextSettings, build_frontend
from tts.text.heteronyms import HETERONYMS
from tts.text.normalize import normalize_english
from tts.text.numbers import ordinal, words, year

STRESSED = build_frontend(TextSettings(frontend="english", stress=True))
LINES = (Path(__file__).parent / "english_cases.tsv").read_text(encoding="utf-8").splitlines()
CASES = [line.split("\t") for line in LINES if "\t" in line]


@pytest.mark.parametrize(("written", "spoken"), CASES, ids=[written for written, _ in CASES])
def test_english_is_spelled_out(written, spoken):
    assert normalize_english(written) == spoken
    assert normalize_english(spoken) == spoken


def test_every_line_of_the_table_is_a_case_or_a_heading():
    assert all("\t" in line or line.startswith("# ") for line in LINES)
    assert len({written for written, _ in CASES}) == len(CASES) >= 200


@settings(max_examples=500, deadline=None)
@given(
    st.sampled_from(["", " ", "-", "\n"]),
    st.lists(st.sampled_from(sorted({word for written, _ in CASES for word in written.split()})), max_size=8),
)
def test_pieces_of_the_table_in_any_order_are_normal_after_one_time(between, pieces):
    try:
        normal = normalize_english(between.join(pieces))
    except TextError:
        return
    assert normalize_english(normal) == normal
    assert all(char.isalpha() or char in "',.;:!?- " for char in normal)


def test_every_number_under_a_million_has_its_own_name():
    sample = [*range(1100), *range(1100, 1_000_000, 997)]
    assert len({words(number) for number in sample}) == len(sample)
    assert len({ordinal(str(number)) for number in sample}) == len(sample)
    assert len({year(str(number)) for number in range(1000, 2100)}) == 1100


def test_ljspeech_is_read_as_its_own_normalized_column(shared):
    with tarfile.open(shared / "corpora" / "LJSpeech-1.1.tar.bz2") as archive:
        lines = archive.extractfile("LJSpeech-1.1/metadata.csv").read().decode().splitlines()
    for line in lines:
        _, written, normalized = line.split("|")
        # Its readers say "et cetera"; the column keeps the abbreviation.
        assert _bare(normalize_english(written)) == _bare(normalized.replace("etc.", "et cetera"))


def _bare(text):
    return [word for word in "".join(char if char.isalpha() else " " for char in text.lower()).split() if word]


def phones_of(text, word):
    (said,) = STRESSED.pronounce([text], "en")
    return next(" ".join(each.phones) for each in said if each.text == word)


@pytest.mark.parametrize(
    ("text", "word", "phones"),
    [
        ("I will record it.", "record", "R AH0 K AO1 R D"),
        ("to record", "record", "R AH0 K AO1 R D"),
        ("a record", "record", "R EH1 K ER0 D"),
        ("the records", "records", "R EH1 K ER0 D Z"),
        ("she records", "records", "R AH0 K AO1 R D Z"),
        ("Switch to record mode.", "record", "R EH1 K ER0 D"),
        ("perfect products", "perfect", "P ER1 F IH2 K T"),
        ("to perfect it", "perfect", "P ER0 F EH1 K T"),
        ("They object.", "object", "AH0 B JH EH1 K T"),
        ("the object", "object", "AA1 B JH EH0 K T"),
        ("We present it.", "present", "P R IY0 Z EH1 N T"),
        ("a present", "present", "P R EH1 Z AH0 N T"),
        ("He has read it.", "read", "R EH1 D"),
        ("I've already read it.", "read", "R EH1 D"),
        ("It can be read.", "read", "R EH1 D"),
        ("We can read.", "read", "R IY1 D"),
        ("Don't read it.", "read", "R IY1 D"),
        ("They live here.", "live", "L IH1 V"),
        ("a live show", "live", "L AY1 V"),
        ("he lives", "lives", "L IH1 V Z"),
        ("their lives", "lives", "L AY1 V Z"),
        ("It will lead to war.", "lead", "L IY1 D"),
        ("old lead pipes", "lead", "L EH1 D"),
        ("Wind up the clock.", "Wind", "W AY1 N D"),
        ("the wind", "wind", "W IH1 N D"),
        ("Tear down this wall.", "Tear", "T EH1 R"),
        ("tear gas", "tear", "T IH1 R"),
        ("in tears", "tears", "T IH1 R Z"),
        ("a bass guitar", "bass", "B EY1 S"),
        ("sea bass", "bass", "B AE1 S"),
        ("Close the door.", "Close", "K L OW1 Z"),
        ("close to home", "close", "K L OW1 S"),
        ("very close", "close", "K L OW1 S"),
        ("Use the key.", "Use", "Y UW1 Z"),
        ("It is of no use.", "use", "Y UW1 S"),
        ("the content", "content", "K AA1 N T EH0 N T"),
        ("They were content with that.", "content", "K AH0 N T EH1 N T"),
        ("Excuse me.", "Excuse", "IH0 K S K Y UW1 Z"),
        ("no excuse", "excuse", "IH0 K S K Y UW1 S"),
        ("to separate them", "separate", "S EH1 P ER0 EY2 T"),
        ("a separate room", "separate", "S EH1 P ER0 IH0 T"),
        ("to estimate", "estimate", "EH1 S T AH0 M EY2 T"),
        ("an estimate", "estimate", "EH1 S T AH0 M AH0 T"),
        ("in minute detail", "minute", "M AY0 N UW1 T"),
        ("a minute", "minute", "M IH1 N AH0 T"),
        ("my resume", "resume", "R EH1 Z AH0 M EY2"),
        ("They resume work.", "resume", "R IH0 Z UW1 M"),
        ("a wound", "wound", "W UW1 N D"),
        ("It wound up there.", "wound", "W AW1 N D"),
        ("a bow tie", "bow", "B OW1"),
        ("to bow down", "bow", "B AW1"),
        ("the Polish army", "Polish", "P OW1 L IH0 SH"),
        ("to polish shoes", "polish", "P AA1 L IH0 SH"),
        ("Polish shoes daily.", "Polish", "P AA1 L IH0 SH"),
        ("He lives in Reading now.", "Reading", "R EH1 D IH0 NG"),
        ("Reading is fun.", "Reading", "R IY1 D IH0 NG"),
        ("an invalid option", "invalid", "IH2 N V AE1 L AH0 D"),
        ("plan a.", "a", "EY1"),
        ("a plan", "a", "AH0"),
    ],
)
def test_a_neighbour_decides_how_a_heteronym_is_said(text, word, phones):
    assert phones_of(text, word) == phones


def test_where_no_rule_decides_the_dictionary_does_and_the_other_way_is_named():
    ((_, read, _),) = STRESSED.pronounce(["people read books"], "en")
    assert (read.source, read.phones, read.alternatives) == ("cmudict", ("R", "EH1", "D"), (("R", "IY1", "D"),))


def test_every_heteronym_is_said_in_phones_of_the_alphabet():
    from tts.text.arpabet import require_arpabet

    for senses in HETERONYMS.values():
        for sense in senses:
            require_arpabet(sense.phones)
            assert sense.phones
