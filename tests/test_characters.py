"""Letters for phones, in any language."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tts.errors import TextError
from tts.text.frontend import PAUSE, TextSettings, Word, build_frontend, speakable

CHARACTERS = build_frontend(TextSettings(frontend="characters"))


def said(text, language):
    return CHARACTERS.pronounce([CHARACTERS.normalize(text, language)], language)[0]


@pytest.mark.parametrize(
    ("text", "language", "phones"),
    [
        ("Hyvää yötä!", "fi", "sil h y v ä ä y ö t ä sil"),
        ("Don't go, Ann.", "en", "sil d o n t g o sil a n n sil"),
        ("I have 2", "en", "sil i h a v e t w o sil"),
        ("사과 2개", "ko", "sil 사 과 두 개 sil"),
        ("«Привет», мир", "ru", "sil п р и в е т sil м и р sil"),
        ("¿Qué? Nada…", "es", "sil q u é sil n a d a sil"),
        ("नमस्ते।", "hi", "sil न म स् ते sil"),
        ("好，走。", "cmn", "sil 好 sil 走 sil"),
        ("e\u0301te\u0301", "fr", "sil é t é sil"),
    ],
)
def test_letters_are_phones(text, language, phones):
    assert speakable(said(text, language)) == tuple(phones.split())


def test_words_are_parted_by_spaces_and_marks():
    assert said("Go, go", "en") == (Word("go", ("g", "o")), PAUSE, Word("go", ("g", "o")))


def test_a_number_that_nobody_spells_out_is_refused():
    with pytest.raises(TextError, match="write them in words"):
        CHARACTERS.normalize("Es ist 12 Uhr", "de")


@pytest.mark.parametrize("text", ["", "...", "😀"])
def test_nothing_to_say_is_an_error(text):
    with pytest.raises(TextError, match="nothing to say"):
        CHARACTERS.normalize(text, "fi")


def test_a_text_without_letters_cannot_be_pronounced():
    with pytest.raises(TextError, match=r"'-, \.'"):
        CHARACTERS.pronounce(["-, ."], "fi")


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=30))
def test_normalizing_twice_is_normalizing_once_and_every_phone_is_a_letter(text):
    try:
        normal = CHARACTERS.normalize(text, "fi")
        words = CHARACTERS.pronounce([normal], "fi")[0]
    except TextError:
        return
    assert CHARACTERS.normalize(normal, "fi") == normal
    assert all(phone[0].isalpha() for word in words for phone in word.phones)
