"""What a user says of phones: in the text itself, and in a lexicon."""

import pytest

from tts.errors import ConfigError, TextError
from tts.text.frontend import PAUSE, TextSettings, Word, build_frontend
from tts.text.lexicon import read_lexicon

ENGLISH = build_frontend(TextSettings(frontend="english"))
STRESSED = build_frontend(TextSettings(frontend="english", stress=True))
IPA = build_frontend(TextSettings(frontend="ipa"))
STRESSED_IPA = build_frontend(TextSettings(frontend="ipa", stress=True))


@pytest.fixture
def build(tmp_path):
    """A front end with a lexicon of these lines."""

    def make(lines, frontend="english", **settings):
        path = tmp_path / "words.txt"
        path.write_text(lines, encoding="utf-8")
        return build_frontend(TextSettings(frontend=frontend, lexicon=str(path), **settings))

    return make


def said(frontend, text, language="en"):
    (words,) = frontend.pronounce([frontend.normalize(text, language)], language)
    return words


@pytest.mark.parametrize("written", ["{HH AH0 L OW1}", "[[HH AH0 L OW1]]"])
@pytest.mark.parametrize(
    ("frontend", "phones"),
    [
        (ENGLISH, "HH AH L OW"),
        (STRESSED, "HH AH0 L OW1"),
        (IPA, "HH AH0 L OW1"),
    ],
)
def test_raw_phones_are_one_word_with_exactly_these_phones(frontend, phones, written):
    assert said(frontend, f"Say {written}, 2 times.")[1] == Word(written, tuple(phones.split()))


def test_a_missing_stress_digit_is_no_stress():
    assert said(STRESSED, "{HH AH L OW1}") == (Word("{HH AH L OW1}", ("HH", "AH0", "L", "OW1")),)


def test_ipa_marks_of_stress_stay_where_stress_is_on():
    assert said(STRESSED_IPA, "{h ə l ˈoʊ}")[0].phones == ("h", "ə", "l", "ˈoʊ")
    assert said(IPA, "{h ə l ˈoʊ}")[0].phones == ("h", "ə", "l", "oʊ")


def test_an_unknown_phone_is_named_with_the_nearest():
    with pytest.raises(TextError, match=r"\{HH AX0\}: 'AX0' is no ARPAbet phone; did you mean 'A\w0'\?"):
        said(ENGLISH, "Say {HH AX0}.")
    with pytest.raises(TextError, match="'hh' is no ARPAbet phone; did you mean 'HH'"):
        said(ENGLISH, "{hh}")
    with pytest.raises(TextError, match="'HH1'"):
        said(ENGLISH, "{HH1}")


@pytest.mark.parametrize("written", ["a {b c", "a b} c", "a [[b c", "a [b] c", "a }b{ c", "{} a b c", "a [[]] b c"])
@pytest.mark.parametrize("frontend", [ENGLISH, IPA])
def test_braces_that_do_not_match_are_punctuation(frontend, written):
    assert [word.text for word in said(frontend, written) if word != PAUSE] == ["a", "b", "c"]


def test_marks_beside_raw_phones_are_pauses():
    words = said(IPA, "Yes, {h ə}! {l oʊ} No: {x}.")
    assert [word.text for word in words] == ["Yes", ",", "{h ə}", ",", "{l oʊ}", "No", ",", "{x}"]
    assert said(IPA, "Yes, no.") == IPA.pronounce(["Yes, no."], "en")[0]


@pytest.mark.parametrize(
    "line",
    [
        "wug\tW AH1 G",
        "WUG  W AH1 G",
        "wug W AH1 G # as in the test",
        "# a comment\n\nwug\tW AH1 G",
        "wug\t0.99\t0.5\t1.2\t0.9\tW AH1 G",
        "wug\t1.0\tW AH1 G",
        "wug(2) W AH1 G",
        "wug W AH1 G\nwug W UH1 G",
        "\ufeffwug W AH1 G",
        "<unk>\tspn\nwug W AH1 G",
    ],
)
def test_lines_of_a_lexicon(build, line):
    assert said(build(line), "Two Wug fly.")[1] == Word("Wug", ("W", "AH", "G"))


@pytest.mark.parametrize(
    ("lines", "fault"),
    [
        ("ok OW2 K EY1\nwug\n", r"words.txt:2: 'wug' has no phones.*\(line: 'wug'\)"),
        ("wug 0.5\n", "words.txt:1: 'wug' has no phones"),
        ("wug W AH1 GG\n", "words.txt:1: 'GG' is no ARPAbet phone; did you mean 'G'"),
        ("new york\tN UW1 Y AO1 R K\n", "words.txt:1: a word must not hold spaces"),
        ("... P AO1 Z\n", "words.txt:1: '...' is no word"),
    ],
)
def test_a_broken_line_is_named(build, lines, fault):
    with pytest.raises(ConfigError, match=fault):
        build(lines)


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"none.txt: the lexicon cannot be read.*text.lexicon"):
        read_lexicon(tmp_path / "none.txt")
    (tmp_path / "latin.txt").write_bytes("café K AH0".encode("latin-1"))
    with pytest.raises(ConfigError, match="is not UTF-8"):
        read_lexicon(tmp_path / "latin.txt")


def test_a_lexicon_goes_before_everything_and_is_read_once(build, tmp_path):
    frontend = build("read R AA1 D\nfbi F IH1 B IY0\nblorp B AA1\n", stress=True)
    (tmp_path / "words.txt").unlink()
    words = said(frontend, "He has read the FBI's blorps, blorp.")
    assert [" ".join(word.phones) for word in words][2:] == [
        *("R AA1 D", "DH AH0", "F IH1 B IY0 Z", "B L AO1 R P S", "", "B AA1", ""),
    ]
    assert [word.source for word in words][2:5] == ["lexicon", "cmudict", "possessive"]


@pytest.mark.parametrize("frontend", ["english", "ipa"])
def test_words_that_normalization_would_change_can_be_in_a_lexicon(build, frontend):
    words = said(build("C3PO S IY\nwell-known W EH L\n", frontend), "My 2 c3po are well-known, self-made.")
    assert [word.phones for word in words if word.source == "lexicon"] == [("S", "IY"), ("W", "EH", "L")]
    assert words[1].text == "two"


def test_other_words_of_a_sentence_are_spoken_as_espeak_does(build):
    frontend = build("wug v ʌ ɡ\n중요한 j u ŋ\n", "ipa")
    plain = said(IPA, "The old fox saw")
    assert said(frontend, "The old fox saw Wug, twice!") == (
        *plain,
        Word("Wug", ("v", "ʌ", "ɡ")),
        PAUSE,
        *said(IPA, "twice!"),
    )
    assert said(frontend, "정말 중요한 말", "ko")[1] == Word("중요한", ("j", "u", "ŋ"))


def test_parts_of_a_hyphenated_word_are_found(build):
    for kind in ("english", "ipa"):
        words = said(build("wug W AH G\n", kind), "a wug-like thing")
        assert [word.text for word in words] == ["a", "wug", "like", "thing"]


def test_a_batch_with_overridden_words_gives_what_single_texts_give(build):
    frontend = build("wug v ʌ ɡ\n", "ipa")
    texts = ["A wug.", "No such word.", "{x} wug", "wug"]
    assert frontend.pronounce(texts, "en") == [frontend.pronounce([text], "en")[0] for text in texts]
