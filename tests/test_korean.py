"""Korean: letters of syllables, text as it is spoken, and the Standard Pronunciation."""

import unicodedata
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tts.corpora.demo_sentences import sentences
from tts.errors import ConfigError, TextError
from tts.text.frontend import PAUSE, TextSettings, Word, build_frontend, speakable
from tts.text.jamo import FINALS, INITIALS, VOWELS, Syllable, compose, decompose, letter_name
from tts.text.korean_normalize import normalize_korean
from tts.text.korean_numbers import chinese, native
from tts.text.korean_pronunciation import pronounce, sound

KOREAN = build_frontend(TextSettings(frontend="korean"))
PHONES = {*INITIALS, *VOWELS, *(f"-{final}" for final in "ㄱㄴㄷㄹㅁㅂㅇ")} - {"ㅇ"}
HANGUL = st.text(st.characters(min_codepoint=0xAC00, max_codepoint=0xD7A3), min_size=1, max_size=8)
AWKWARD = st.sampled_from(
    [
        *(
            "1",
            "10",
            "6월",
            "3시",
            "45분",
            "20살",
            "5km",
            "₩",
            "$3.50",
            "3.14",
            "-",
            "~",
            "=",
            "+",
            "제",
            "번째",
            "만",
            "%",
            ":",
        ),
        *(
            "/",
            "·",
            "…",
            "(",
            ")",
            "漢",
            "KBS",
            "a.b",
            "Dr.",
            "ㅋ",
            "ㅏ",
            "ㄳ",
            "각",
            "。",
            "？",
            "½",
            "℃",
            "㎡",
            "é",
            "①",
            "１",
            ",",
        ),
        *(
            "010-1234-5678",
            "2024-06-15",
            "12:30",
            " ",
            "\t",
            "\u200b",
            "\u11a8",
            "😀",
            "값",
            "있다",
            "·",
            "'98년",
            "A4",
            "0",
        ),
    ]
)
ANY_TEXT = st.one_of(
    st.text(max_size=30), st.lists(AWKWARD, max_size=8).map("".join), st.lists(AWKWARD, max_size=8).map(" ".join)
)


def table(name):
    lines = (Path(__file__).parent / f"{name}.tsv").read_text(encoding="utf-8").splitlines()
    return [tuple(line.split("\t")) for line in lines if not line.startswith("#")]


def test_every_syllable_has_its_letters_and_they_make_it_again():
    syllables = [chr(code) for code in range(0xAC00, 0xD7A4)]
    letters = [decompose(syllable) for syllable in syllables]
    assert len(set(letters)) == len(INITIALS) * len(VOWELS) * len(FINALS) == 11172
    assert [compose(each) for each in letters] == syllables
    assert decompose("값") == Syllable("ㄱ", "ㅏ", "ㅄ")


def test_letters_agree_with_unicode():
    for syllable in "가각힣뷁쏀웬":
        initial, vowel, *final = unicodedata.normalize("NFD", syllable)
        names = [letter_name(each) for each in decompose(syllable) if each]
        assert [letter_name(each) for each in (initial, vowel, *final)] == names


@pytest.mark.parametrize("bad", ["a", "ㄱ", "漢"])
def test_what_is_no_syllable_has_no_letters(bad):
    with pytest.raises(ValueError, match="no Hangul syllable"):
        decompose(bad)


@pytest.mark.parametrize(("written", "spoken"), table("korean_cases"))
def test_korean_is_spelled_out(written, spoken):
    assert normalize_korean(written) == spoken


@pytest.mark.parametrize(("number", "words"), [(0, "영"), (10**4, "만"), (10**8, "일억"), (10**16 + 1, "일경 일")])
def test_great_numbers(number, words):
    assert chinese(number) == words


def test_counting_from_one_to_ninety_nine_never_repeats():
    assert len({native(number) for number in range(1, 100)}) == 99


@settings(max_examples=300, deadline=None)
@given(ANY_TEXT)
def test_normal_korean_is_hangul_and_stays_as_it_is(text):
    try:
        normal = normalize_korean(text)
    except TextError:
        return
    assert all("가" <= char <= "힣" or char in ",.;:!? " for char in normal)
    assert normalize_korean(normal) == normal


@pytest.mark.parametrize(("spelling", "pronounced"), table("korean_pronunciations"))
def test_the_standard_pronunciation(spelling, pronounced):
    assert " ".join(pronounce(spelling)) == pronounced


@settings(max_examples=300, deadline=None)
@given(HANGUL)
def test_any_word_sounds_by_the_46_phones_and_keeps_its_vowels(word):
    phones = KOREAN.pronounce([word], "ko")[0][0].phones
    assert set(phones) <= PHONES
    assert len([phone for phone in phones if phone in VOWELS]) == len(word)


def test_words_do_not_change_each_other_but_after_a_future_form():
    assert pronounce("밥 먹는 사람") == ["밥", "멍는", "사람"]
    assert pronounce("먹을 것 책을 것") == ["머글", "껃", "채글", "껃"]
    assert pronounce("오늘 사람이 물 바를") == ["오늘", "사라미", "물", "바를"]


def test_phones_tell_finals_from_initials():
    assert KOREAN.pronounce(["국물, 맛!"], "ko") == [
        (Word("국물", ("ㄱ", "ㅜ", "-ㅇ", "ㅁ", "ㅜ", "-ㄹ")), PAUSE, Word("맛", ("ㅁ", "ㅏ", "-ㄷ")), PAUSE)
    ]


def test_marks_of_any_width_are_pauses():
    normal = KOREAN.normalize("네，맞아요。정말？그래요…", "ko")
    assert normal == "네, 맞아요. 정말? 그래요."
    assert KOREAN.pronounce([normal], "ko")[0].count(PAUSE) == 4


@pytest.mark.parametrize("text", sentences("ko", 200, seed=0))
def test_the_demo_corpus_is_pronounced(text):
    phones = speakable(KOREAN.pronounce([KOREAN.normalize(text, "ko")], "ko")[0])
    assert set(phones) <= PHONES | {"sil"}
    assert KOREAN.normalize(text, "ko") == text


@pytest.mark.parametrize(
    ("text", "named"), [("Привет 여러분", "CYRILLIC CAPITAL LETTER PE"), ("大韓民國", "'大'"), ("ø", "'Ø'")]
)
def test_a_letter_of_another_script_is_named(text, named):
    with pytest.raises(TextError, match=named):
        KOREAN.normalize(text, "ko")


@pytest.mark.parametrize("text", ["", "   ", "!!!", "😀", "(漢)", "\u200b"])
def test_nothing_to_say_is_an_error(text):
    with pytest.raises(TextError):
        KOREAN.normalize(text, "ko")


def test_other_languages_are_sent_elsewhere():
    with pytest.raises(TextError, match="frontend: ipa"):
        KOREAN.normalize("hello", "en")
    with pytest.raises(TextError, match="frontend: ipa"):
        KOREAN.pronounce(["hello"], "en")


def test_a_text_that_was_not_normalized_is_an_error():
    with pytest.raises(TextError, match="'3' in '사과 3개' is not Hangul"):
        KOREAN.pronounce(["사과 3개"], "ko")


@pytest.mark.parametrize("frontend", ["korean", "characters"])
def test_stress_that_is_not_there_cannot_be_asked_for(frontend):
    with pytest.raises(ConfigError, match="no stress"):
        build_frontend(TextSettings(frontend=frontend, stress=True))


def test_a_long_text_is_pronounced():
    assert len(KOREAN.pronounce(["값이 " * 2000], "ko")[0]) == 2000
    assert sound("값이") == "갑씨"
