"""The corpus that espeak-ng speaks: what is said, by whom, and the true times of its phones."""

from itertools import groupby
from pathlib import Path

import numpy as np
import pytest

from tts.audio.files import read_audio
from tts.audio.mel_definition import MelDefinition
from tts.audio.prosody import PitchSettings, f0
from tts.config import build
from tts.corpora import demo
from tts.corpora.demo_sentences import sentences
from tts.corpora.tools import Tools
from tts.data.tables import PHONES, read_table
from tts.errors import ConfigError, CorpusError
from tts.phones import SILENCE
from tts.text import espeak
from tts.text.frontend import TextSettings, build_frontend, speakable

RATE = 22050


def fetched(folder, **settings):
    config = build(demo.Config, {"kind": "demo", **settings}, where="corpora.demo")
    folder.mkdir()
    demo.fetch(config, folder, Tools(base=folder, downloads=folder))
    return demo.read(config, folder)[0]


def true_phones(folder):
    rows = read_table(folder / "true_phones.parquet", PHONES)
    return {name: list(group) for name, group in groupby(rows, key=lambda row: row["utterance_id"])}


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def english(tmp_path_factory):
    folder = tmp_path_factory.mktemp("english") / "demo"
    return folder, fetched(folder, sentences=24)


@pytest.fixture(scope="module")
def korean(tmp_path_factory):
    folder = tmp_path_factory.mktemp("korean") / "demo"
    return folder, fetched(folder, sentences=12, language="ko")


@pytest.fixture(scope="module")
def made_up(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made_up") / "demo"
    return folder, fetched(folder, sentences=6, speakers=[], made_speakers=6, styles=["neutral"])


def test_every_speaker_and_style_speaks(english):
    _, recordings = english
    assert {each.speaker for each in recordings} == {"annie", "carl", "nils", "olga"}
    assert {each.style for each in recordings} == {"neutral", "calm", "excited"}
    assert len({each.text for each in recordings}) == len({each.utterance_id for each in recordings}) == 24


@pytest.mark.parametrize("corpus", ["english", "korean", "made_up"])
def test_true_phones_are_those_of_the_ipa_front_end(corpus, request):
    folder, recordings = request.getfixturevalue(corpus)
    frontend = build_frontend(TextSettings(frontend="ipa"))
    truth = true_phones(folder)
    for each in recordings:
        words = frontend.pronounce([frontend.normalize(each.text, each.language)], each.language)[0]
        assert [row["phone"] for row in truth[each.utterance_id]] == list(speakable(words)), each.text


@pytest.mark.parametrize("corpus", ["english", "korean", "made_up"])
def test_true_phones_fill_each_clip(corpus, request):
    folder, recordings = request.getfixturevalue(corpus)
    truth = true_phones(folder)
    for each in recordings:
        rows = truth[each.utterance_id]
        assert rows[0]["start_seconds"] == 0
        ends, starts = [row["end_seconds"] for row in rows], [row["start_seconds"] for row in rows]
        assert ends[:-1] == starts[1:]
        assert ends[-1] == pytest.approx(len(read_audio(each.audio, sample_rate=RATE, stated_rate=RATE)) / RATE)
        assert all((row["phone"] == SILENCE) == (row["word"] == "") for row in rows)


def test_korean_sentences_are_jamo_to_the_korean_front_end():
    frontend = build_frontend(TextSettings(frontend="korean"))
    texts = [frontend.normalize(each, "ko") for each in sentences("ko", 300, seed=0)]
    said = [speakable(words) for words in frontend.pronounce(texts, "ko")]
    assert all(len(phones) > 5 for phones in said)
    jamo = {phone for phones in said for phone in phones} - {SILENCE}
    assert 40 < len(jamo) <= 46


def test_true_silences_are_quieter_than_phones(english):
    folder, recordings = english
    levels = {True: [], False: []}
    for each in recordings:
        waveform = read_audio(each.audio, sample_rate=RATE)
        for row in true_phones(folder)[each.utterance_id]:
            part = waveform[round(row["start_seconds"] * RATE) : round(row["end_seconds"] * RATE)]
            levels[row["phone"] == SILENCE].append(np.sqrt(np.mean(part**2)))
    assert max(levels[True]) < 0.0015  # the noise, at -60 dB, and no speech
    assert np.median(levels[False]) > 0.03


def test_the_same_settings_give_the_same_bytes(tmp_path, english):
    fetched(tmp_path / "again", sentences=24)
    assert contents(tmp_path / "again") == contents(english[0])


def test_more_sentences_leave_the_first_ones_as_they_are(tmp_path, english):
    fetched(tmp_path / "more", sentences=26)
    more, fewer = contents(tmp_path / "more"), contents(english[0])
    wavs = [name for name in fewer if name.endswith(".wav")]
    assert all(more[name] == fewer[name] for name in wavs)


def test_speakers_who_are_made_up_sound_different_and_fewer_are_the_first_of_more(tmp_path, made_up):
    folder, recordings = made_up
    assert [each.speaker for each in recordings] == [f"made-{number:03d}" for number in range(6)]
    voices = {each: demo._made_voice(each) for each in range(200)}
    assert len(set(voices.values())) == 200
    assert all(0.84 <= each.tract <= 1.2 for each in voices.values())
    fetched(tmp_path / "fewer", sentences=2, speakers=[], made_speakers=2, styles=["neutral"])
    fewer = contents(tmp_path / "fewer")
    for name in ("made-000-neutral-00000.wav", "made-001-neutral-00001.wav"):
        assert fewer[name] == contents(folder)[name]


def test_a_longer_tract_is_lower_by_as_much_in_the_same_time(tmp_path):
    said = "Why are you always in such a hurry?"
    plain = espeak.speak(said, espeak.Manner("en-us"))
    longer = demo._slower(plain, 1.25)
    assert len(longer.waveform) == pytest.approx(1.25 * len(plain.waveform), abs=1)
    assert [each.end for each in longer.phones] == pytest.approx([1.25 * each.end for each in plain.phones], abs=1)
    assert [each.start for each in longer.phones[1:]] == [each.end for each in longer.phones[:-1]]
    definition = MelDefinition(
        sample_rate=RATE, n_fft=1024, hop_length=256, win_length=1024, n_mels=80, f_min=0.0, f_max=8000.0
    )
    settings = PitchSettings(f_min=50.0, f_max=500.0)
    low, high = (f0(each.waveform / 32768, definition, settings) for each in (longer, plain))
    assert np.median(low[low > 0]) == pytest.approx(np.median(high[high > 0]) / 1.25, rel=0.03)


def test_without_noise_pauses_are_zeros(tmp_path):
    (recording,) = fetched(tmp_path / "silent", sentences=1, noise_db=None, speakers=["carl"], styles=["calm"])
    assert recording.utterance_id == "carl-calm-00000"
    assert not read_audio(recording.audio, sample_rate=RATE)[: RATE // 20].any()


@pytest.mark.parametrize(("language", "count"), [("en", 5000), ("ko", 2000)])
def test_sentences_do_not_repeat(language, count):
    assert len(set(sentences(language, count, seed=3))) == count


def test_fewer_sentences_are_the_beginning_of_more():
    assert sentences("en", 400, seed=1)[:310] == sentences("en", 310, seed=1)
    assert sentences("en", 10, seed=1) != sentences("en", 10, seed=2)


@pytest.mark.parametrize(
    "settings",
    [
        {"speakers": ["anni"]},
        {"speakers": []},
        {"made_speakers": -1},
        {"styles": []},
        {"sentences": 0},
        {"language": "xx"},
        {"sentence": 3},
    ],
)
def test_settings_that_cannot_be_are_refused(settings):
    with pytest.raises(ConfigError, match=r"corpora\.demo"):
        build(demo.Config, {"kind": "demo", **settings}, where="corpora.demo")


def test_a_folder_that_was_not_fetched_says_so(tmp_path):
    with pytest.raises(CorpusError, match="tts download"):
        demo.read(build(demo.Config, {"kind": "demo"}, where=""), Path(tmp_path))
