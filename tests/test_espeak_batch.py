"""Phones of many texts by espeak-ng: the very ones of `speak`, whatever came before; errors name their text."""

import random
from pathlib import Path

import numpy as np
import pytest

from tts.corpora import demo_sentences
from tts.errors import TextError
from tts.phones import SILENCE
from tts.text.espeak import Manner, speak, spoken_phones
from tts.text.frontend import TextSettings, build_frontend

IPA = build_frontend(TextSettings(frontend="ipa"))
CORPORA = Path(demo_sentences.__file__).parent
OTHERS = {
    "de": ["Er aß um elf Uhr ein Ei, viel zu warm!", "Am 3. Mai waren es 25 Grad."],
    "fr": ["L'été, on va au bord de l'eau; il y a 25 bateaux.", "Ah! oui, c'est vrai: trop tard..."],
    "es": ["¡Ay, no! ¿Qué hora es? Son las 8:30."],
    "ru": ["Старик шёл по мосту, и шёл дождь."],
    "cmn": ["今天天气很好，我们去公园吧。"],
    "vi": ["Hôm nay trời đẹp, chúng ta đi chơi."],
    "ar": ["السلام عليكم، كيف حالك؟"],
    "hi": ["आज मौसम अच्छा है, चलो बाहर चलें।"],
}


def demo(language):
    return (CORPORA / f"demo_{language}.txt").read_text(encoding="utf-8").splitlines()


TEXTS = {"en-us": demo("english")[::4], "ko": demo("korean"), **OTHERS}


def without_times(phones):
    return [(phone.phone, phone.word, phone.word_number, phone.stress) for phone in phones]


@pytest.mark.parametrize("voice", TEXTS)
def test_phones_are_those_of_speaking_at_any_rate_and_pitch(voice):
    chosen = random.Random(voice)
    for text, phones in zip(TEXTS[voice], spoken_phones(TEXTS[voice], Manner(voice)), strict=True):
        manner = Manner(voice, rate=chosen.choice([80, 123, 175, 213, 300, 449]), pitch=chosen.choice([20, 50, 80]))
        assert without_times(speak(text, manner).phones) == without_times(phones), (text, manner)


def test_phones_do_not_depend_on_what_was_said_before():
    pairs = [(voice, text) for voice, texts in TEXTS.items() for text in texts]
    first = {pair: spoken_phones([pair[1]], Manner(pair[0])) for pair in pairs}
    random.Random(0).shuffle(pairs)
    assert all(spoken_phones([text], Manner(voice)) == first[voice, text] for voice, text in pairs)
    for voice, texts in TEXTS.items():
        backwards = spoken_phones(texts[::-1], Manner(voice))
        assert backwards == [phones for text in texts[::-1] for phones in first[voice, text]]


def test_a_language_inside_another_does_not_stay():
    before, mixed, after = spoken_phones(["노래를 불렀어요", "A팀 and KBS", "노래를 불렀어요"], Manner("ko"))
    assert before == after
    assert "eɪ" in [phone.phone for phone in mixed]


def test_what_sounds_is_the_same_after_phones_were_asked_for():
    first = speak("The fox ran home.", Manner("en-us"))
    spoken_phones(["Something quite different.", "And more of it!"], Manner("en-us"))
    assert np.array_equal(speak("The fox ran home.", Manner("en-us")).waveform, first.waveform)


@pytest.mark.parametrize("bad", ["", "   ", "...", "?!"])
def test_the_text_that_cannot_be_said_is_named_and_the_next_batch_is_well(bad):
    with pytest.raises(TextError, match="nothing to say in ") as caught:
        spoken_phones(["one", bad, "two"], Manner("en-us"))
    assert repr(bad) in str(caught.value)
    assert [phone.phone for phone in spoken_phones(["two"], Manner("en-us"))[0]] == ["t", "uː"]


def test_a_voice_that_is_not_there_does_not_spoil_the_next_batch():
    with pytest.raises(TextError, match="'klingonese'"):
        spoken_phones(["hello"], Manner("klingonese"))
    assert spoken_phones(["hello"], Manner("en-us"))


def test_a_sentence_of_two_thousand_words_keeps_them_all():
    words = random.Random(0).choices([word.strip(".,?!;") for text in demo("english") for word in text.split()], k=2000)
    phones = spoken_phones([" ".join(words)], Manner("en-us"))[0]
    said = dict.fromkeys((phone.word_number, phone.word) for phone in phones if phone.phone != SILENCE)
    assert " ".join(word for _, word in said).split() == words


def test_a_quotation_mark_is_no_pause_before_the_first_word():
    speech = speak("“Yes,” he said.", Manner("en-us"))
    assert speech.phones[0].phone == "j"
    assert np.flatnonzero(speech.waveform)[0] < 0.02 * speech.sample_rate


def test_the_glottal_stop_of_german_is_no_pause():
    phones = [phone.phone for phone in spoken_phones(["ein Ei um elf"], Manner("de"))[0]]
    assert SILENCE not in phones


@pytest.mark.parametrize(
    ("text", "language"), [("Привет world", "de"), ("漢字를 쓴다", "ko"), ("日本", "ja"), ("שלום", "en")]
)
def test_a_script_that_the_voice_would_only_name_is_refused(text, language):
    with pytest.raises(TextError, match="cannot read that script"):
        IPA.normalize(text, language)


@pytest.mark.parametrize(
    ("text", "language"), [("hello 여러분", "ko"), ("Ω는 단위", "ko"), ("日本", "cmn"), ("にほん", "ja")]
)
def test_a_script_that_the_voice_reads_is_kept(text, language):
    assert IPA.normalize(text, language) == text
