"""The Montreal Forced Aligner as a program beside ours: a stand-in acts like it, and what a real one wrote is read."""

import dataclasses
import json
import logging
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML
from stand_in_mfa import write_model

from pipeline.doctor import Finding, examine
from pipeline.yaml import read_yaml
from tts.alignment.mfa import MfaAligner
from tts.alignment.mfa_command import Mfa
from tts.alignment.mfa_console import complaint, warnings
from tts.alignment.mfa_corpus import write_corpus
from tts.alignment.mfa_dictionary import KnownPhones, phones_of, read_dictionary, spell, unspell
from tts.alignment.mfa_model import find_model, read_model
from tts.alignment.settings import AlignSettings, MfaSettings
from tts.alignment.textgrids import read_textgrid, to_aligned
from tts.alignment.utterances import Aligned, Failed, Utterance, serial_map
from tts.config import build
from tts.errors import AlignmentError, ConfigError
from tts.phones import SILENCE
from tts.text.frontend import PAUSE, Word

RATE = 16000


@dataclasses.dataclass(frozen=True)
class Sound:
    """A clip in memory; it may claim to be longer than it is."""

    samples: np.ndarray
    sample_rate: int = RATE
    claimed: int = 0

    @property
    def num_samples(self):
        return self.claimed or len(self.samples)

    def waveform(self):
        return self.samples


def spoken(name, *words, speaker="ann", seconds=1.234, sample_rate=RATE, loudness=0.1):
    """A clip of noise; words are "text:phone phone", or "," for a pause."""
    noise = np.random.default_rng(0).uniform(-loudness, loudness, int(seconds * sample_rate)).astype(np.float32)
    parts = [PAUSE if word == "," else Word(word.split(":")[0], tuple(word.split(":")[1].split())) for word in words]
    return Utterance(
        name, speaker, Sound(noise, sample_rate), tuple(parts), key=f"{name} {speaker} {parts} {noise.tobytes()!r}"
    )


CORPUS = (
    spoken("a", "good:G UH D", ",", "morning:M AO R N IH NG"),
    spoken("b/안녕 하세요", "안녕:ɐ n ɲ ʌ ŋ", speaker="b ö/b\\"),
    spoken("c c", "tea:t iː", "sea:s iː", ",", speaker="b ö/b\\"),
    spoken("d", "good:G UH D", seconds=0.9),
)


@pytest.fixture
def stand_in(tmp_path, monkeypatch):
    """A folder with the program `mfa`, its calls, and models that were downloaded."""
    folder = tmp_path / "program with spaces"
    folder.mkdir()
    program = folder / "mfa"
    script = Path(__file__).with_name("stand_in_mfa.py")
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{script}" "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("MFA_STAND_IN_FOLDER", str(folder))
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("MFA_ROOT_DIR", str(tmp_path / "Documents"))
    return folder


@pytest.fixture
def fault(monkeypatch):
    def set_fault(**values):
        for name, value in values.items():
            monkeypatch.setenv(f"MFA_STAND_IN_{name.upper()}", value if isinstance(value, str) else json.dumps(value))

    return set_fault


def calls(stand_in, verb=None):
    path = stand_in / "calls.jsonl"
    made = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    return [call for call in made if verb in (None, call["verb"])]


def run(folder, utterances=CORPUS, *, given=None, **settings):
    aligner = MfaAligner(MfaSettings(**settings))
    identity = aligner.fit(utterances, folder, run=serial_map)
    results = list(aligner.align(utterances if given is None else given, folder, run=serial_map))
    return identity, {result.utterance_id: result for result in results}


def pretrained(tmp_path, phones, name="english", **meta):
    folder = tmp_path / "Documents/pretrained_models/acoustic"
    folder.mkdir(parents=True, exist_ok=True)
    write_model(folder / f"{name}.zip", {"phones": phones.split(), **meta})


def pronouncing(tmp_path, text, name="english.dict"):
    folder = tmp_path / "Documents/pretrained_models/dictionary"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text, encoding="utf-8")


def one_line(error):
    assert "\n" not in str(error.value)
    return str(error.value)


def test_a_model_is_trained_and_every_clip_aligned_whatever_its_name_speaker_and_phones(tmp_path, stand_in):
    work = tmp_path / "work"
    identity, results = run(work)
    assert results.keys() == {each.utterance_id for each in CORPUS}
    for utterance in CORPUS:
        aligned = results[utterance.utterance_id]
        assert aligned.words == utterance.words
        assert tuple(phone for phone in aligned.phones if phone != SILENCE) == utterance.phones
        assert aligned.phones[0] == aligned.phones[-1] == SILENCE
        assert len(aligned.boundaries) == len(aligned.phones) + 1
        assert (aligned.boundaries[0], aligned.boundaries[-1]) == (0, utterance.seconds)
        assert (np.diff(aligned.boundaries) > 0).all()
        assert aligned.log_likelihood < 0
    assert identity.facts == {
        "aligner": "Montreal Forced Aligner 3.4.3", "model": "trained on the corpus", "clips_learned_from": 4,
        "model_sha256": read_model(work / "model.zip").sha256,
    }  # fmt: skip
    assert sorted(path.name for path in work.iterdir()) == ["model.json", "model.zip"]


def test_mfa_is_given_nothing_but_plain_letters_and_a_state_of_its_own(tmp_path, stand_in):
    run(tmp_path / "work")
    train, align = calls(stand_in)
    assert (train["verb"], align["verb"]) == ("train", "align")
    assert train["root"] != align["root"]
    assert train["corpus"] != align["corpus"]
    assert align["options"]["--output_format"] == "long_textgrid"
    assert int(align["options"]["--num_jobs"]) in range(1, 3)
    for call in (train, align):
        entries = [line.split() for line in call["dictionary"].splitlines()]
        known = {word for word, *_ in entries}
        assert len(entries) == len(known) == 5  # good, morning, 안녕, tea, sea
        assert all(re.fullmatch("[a-z]+", word) for word in known)
        assert all(re.fullmatch("[A-Za-z0-9]+", phone) for _, *phones in entries for phone in phones)
        assert {word for text in call["texts"].values() for word in text.split()} == known
        assert all(name.isascii() and "/" not in name for name in (*call["clips"], *call["speakers"]))


@given(st.text(min_size=1))
def test_a_phone_can_be_spelled_and_read_again(phone):
    assert unspell(spell(phone)) == phone
    assert re.fullmatch("[A-Za-z0-9]+", spell(phone))
    assert spell(phone).lower() not in {"sil", "spn", "sp", "eps", "unk"}


def test_arpabet_keeps_its_spelling():
    assert [spell(phone) for phone in ("AA", "AA1", "NG", "B")] == ["AA", "AA1", "NG", "B"]
    assert [spell(phone) for phone in ("ɔː", "a", "SIL", "sil")] == ["x254x2d0", "x61", "x53x49x4c", "x73x69x6c"]


def test_a_kept_model_is_used_until_phones_or_many_clips_are_new(tmp_path, stand_in, caplog):
    many = [spoken(f"u{number}", "good:G UH D") for number in range(10)]
    first, _ = run(tmp_path / "work", many)
    kept, _ = run(tmp_path / "work", [*many[1:], spoken("new", "good:G UH D")], given=many[:1])
    assert kept.key == first.key
    assert (kept.facts, kept.note) == (first.facts, "model kept")
    assert len(calls(stand_in, "train")) == 1
    caplog.set_level(logging.INFO)
    for extra, why in (
        ([spoken(f"n{number}", "good:G UH D") for number in range(3)], "has not learned from 23% of the clips"),
        ([spoken("n", "tea:T IY")], "does not know IY, T"),
    ):
        caplog.clear()
        identity, _ = run(tmp_path / "work", [*many, *extra])
        assert identity.note == "model trained"
        assert f"the kept one {why}" in caplog.text
    assert len(calls(stand_in, "train")) == 3


def test_a_clip_that_cannot_be_used_does_not_make_every_run_train_again(tmp_path, stand_in):
    corpus = [*CORPUS, spoken("silent", "oh:OW", loudness=0)]
    run(tmp_path / "work", corpus)
    identity, _ = run(tmp_path / "work", corpus)
    assert identity.note == "model kept"
    assert identity.facts["clips_learned_from"] == 4


@pytest.mark.parametrize("change", ["config", "version", "model", "notes"])
def test_a_model_of_another_making_is_trained_anew(tmp_path, stand_in, fault, change):
    config = tmp_path / "mono.yaml"
    config.write_text("training: [monophone]")
    before, _ = run(tmp_path / "work", config=str(config))
    if change == "config":
        config.write_text("training: [triphone]")
    elif change == "version":
        fault(version="3.5.0")
    elif change == "model":
        (tmp_path / "work/model.zip").write_bytes(b"half a mod")
    else:
        (tmp_path / "work/model.json").write_text("{}")
    after, _ = run(tmp_path / "work", config=str(config))
    assert after.note == "model trained"
    assert len(calls(stand_in, "train")) == 2
    assert calls(stand_in, "train")[0]["options"]["--config_path"] == str(config)
    if change in ("config", "version"):
        assert after.key != before.key


def test_the_key_changes_with_whatever_changes_results_and_only_with_that(tmp_path, stand_in, fault):
    pretrained(tmp_path, "G UH D")
    pretrained(tmp_path, "G UH D", "other", version="3.0")
    pronouncing(tmp_path, "good G UH D\n")
    clips = [CORPUS[0].__class__("a", "ann", CORPUS[0].audio, (Word("good", ("G", "UH", "D")),), key="a")]

    def key(**settings):
        return MfaAligner(MfaSettings(**{"acoustic_model": "english", **settings})).fit(
            clips, tmp_path / "work", run=serial_map
        ).key  # fmt: skip

    same = {key(), key(timeout_minutes=5.0), key(retrain_above=0.5), key(command=f"'{stand_in}/mfa'")}
    assert len(same) == 1
    others = [key(beams=(10, 100)), key(dictionary="english"), key(acoustic_model="other")]
    pronouncing(tmp_path, "good G UH D\nbad G UH D\n")
    others.append(key(dictionary="english"))
    fault(version="3.4.4")
    others.append(key())
    assert len({*same, *others}) == 6


def test_a_pretrained_model_is_found_by_name_or_file_and_aligns_the_front_ends_phones(tmp_path, stand_in):
    pretrained(tmp_path, "G UH D M AO R N IH NG")
    clips = (CORPUS[0], CORPUS[3])
    identity, results = run(tmp_path / "work", clips, acoustic_model="english")
    assert [results[clip.utterance_id].words for clip in clips] == [clip.words for clip in clips]
    assert identity.facts["model"] == "english"
    assert not calls(stand_in, "train")
    file = tmp_path / "Documents/pretrained_models/acoustic/english.zip"
    assert run(tmp_path / "work", clips, acoustic_model=str(file))[0].key == identity.key


def test_a_clip_whose_phones_the_model_lacks_fails_alone(tmp_path, stand_in):
    pretrained(tmp_path, "G UH D M AO R N IH NG")
    _, results = run(tmp_path / "work", acoustic_model="english")
    assert {name for name, result in results.items() if isinstance(result, Aligned)} == {"a", "d"}
    assert results["c c"] == Failed(
        "c c", "no pronunciation for the model", "'tea' is t iː, which has phones that the model lacks"
    )


@pytest.mark.parametrize(
    ("phones", "said"),
    [
        ("G UH0 UH1 UH2 D", "has vowels with stress only, not UH; set text.stress: true, or give align.mfa.dictionary"),
        ("ɡ ʊ d", "does not know the front end's D, G, UH, so that no clip can be aligned"),
    ],
)
def test_a_model_of_other_phones_is_refused_with_the_remedy(tmp_path, stand_in, phones, said):
    pretrained(tmp_path, phones)
    with pytest.raises(AlignmentError) as error:
        run(tmp_path / "work", [CORPUS[3]], acoustic_model="english")
    assert said in one_line(error)
    assert not calls(stand_in)


def test_models_that_are_not_there_or_not_models_are_refused_with_the_remedy(tmp_path, stand_in):
    pretrained(tmp_path, "G")
    with pytest.raises(AlignmentError) as error:
        find_model("acoustic", "englich")
    assert "'englich' is neither a file nor a model in" in one_line(error)
    assert "(there: english); `mfa model download acoustic NAME` gets one" in one_line(error)
    with pytest.raises(AlignmentError, match=r"align.mfa.dictionary: .* \(there: none\)"):
        find_model("dictionary", "english")
    for content in (b"no zip", None):
        path = tmp_path / "bad.zip"
        if content:
            path.write_bytes(content)
        else:
            shutil.make_archive(str(path.with_suffix("")), "zip", stand_in)
        with pytest.raises(AlignmentError) as error:
            read_model(path)
        assert "is not an acoustic model of MFA 2 or later" in one_line(error)


DICTIONARY = """\
good\t0.99\t0.2\t1.39\t0.7\tG UH1 D
good\t0.01\t0.3\t1.0\t1.0\tG AH0 D
Tea T IY1
sea Q Q
"""


def with_dictionary(tmp_path, *clips):
    pretrained(tmp_path, "G UH1 AH0 D T S IY1 M")
    pronouncing(tmp_path, DICTIONARY)
    return run(tmp_path / "work", clips, acoustic_model="english", dictionary="english")[1]


def test_mfa_chooses_among_the_pronunciations_of_a_dictionary(tmp_path, stand_in, fault, caplog):
    fault(chooses="last")
    clip = spoken("a", "GOOD:G UH1 D", ",", "tea:T IY1", "good:G UH1 D")
    aligned = with_dictionary(tmp_path, clip)["a"]
    assert aligned.words == (
        Word("GOOD", ("G", "AH0", "D")), PAUSE, Word("tea", ("T", "IY1")), Word("good", ("G", "AH0", "D"))
    )  # fmt: skip
    assert "0.99 0.2 1.39 0.7 G UH1 D" in calls(stand_in)[0]["dictionary"]
    warned = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert len(warned) == 1
    assert "says 66.7 % of the words otherwise than the front end, most often GOOD (G AH0 D, not G UH1 D)" in warned[0]
    assert "text.lexicon" in warned[0]


def test_words_that_the_dictionary_lacks_take_the_front_ends_phones_if_the_model_has_them(tmp_path, stand_in, caplog):
    lacking = spoken("lacking", "goods:G UH1 D S")
    foreign = spoken("foreign", "see:S IY1", "zee:Z IY1")
    useless = spoken("useless", "sea:S IY1")  # the model lacks the phones of its entry
    results = with_dictionary(tmp_path, lacking, foreign, useless)
    assert results["lacking"].words == lacking.words
    assert results["useless"].words == useless.words
    assert results["foreign"].reason == "no pronunciation for the model"
    assert not caplog.records


def test_a_front_end_without_stress_gets_the_dictionarys_phones_without_stress(tmp_path, stand_in):
    clip = spoken("a", "good:G UH D", "tea:T IY")
    assert with_dictionary(tmp_path, clip)["a"].words == clip.words


def test_a_dictionary_is_read_by_line(tmp_path):
    path = tmp_path / "a.dict"
    path.write_text("\ufeffａ 1 b\nA b c\n\na b c\n", encoding="utf-8")
    assert read_dictionary(path) == {"a": ("1 b", "b c")}
    assert [phones_of(entry) for entry in ("0.5 0.1 1.0 1.0 b c", "b 1", "1")] == [["b", "c"], ["b", "1"], []]
    path.write_text("a b\nb 0.5\n")
    with pytest.raises(AlignmentError, match=r"a.dict:2: 'b 0.5' has no phones"):
        read_dictionary(path)
    path.write_bytes(b"\xff\xfe\xfa")
    with pytest.raises(AlignmentError, match="cannot be read as UTF-8"):
        read_dictionary(path)


def test_what_is_left_is_tried_again_with_wider_beams(tmp_path, stand_in, fault):
    fault(beams={"c0000001": 100, "c0000002": 400, "c0000003": 4000})
    _, results = run(tmp_path / "work")
    tries = calls(stand_in, "align")
    assert [call["extra"] for call in tries] == [
        {"--beam": str(beam), "--retry_beam": str(4 * beam)} for beam in (10, 100, 400)
    ]
    assert [len(call["clips"]) for call in tries] == [4, 3, 2]
    assert [len(call["speakers"]) for call in tries] == [2, 2, 1]
    failed = [result for result in results.values() if isinstance(result, Failed)]
    assert [(each.utterance_id, each.reason) for each in failed] == [("c c", "no alignment found")]
    assert failed[0].detail == "no path within beams of 400 and 1600; does the text match the audio?"
    assert sum(isinstance(result, Aligned) for result in results.values()) == 3


def test_that_no_clip_at_all_is_aligned_is_a_failure_of_clips_and_not_of_the_program(tmp_path, stand_in, fault):
    fault(beams={"c0000000": 4000})
    _, results = run(tmp_path / "work", given=CORPUS[:1])
    assert len(calls(stand_in, "align")) == 3
    assert results["a"].reason == "no alignment found"
    assert "There were no successful alignments for 1 utterances" in results["a"].detail
    assert not list((tmp_path / "work").glob("run-*"))


def test_an_unknown_word_and_a_broken_textgrid_fail_alone(tmp_path, stand_in, fault):
    fault(spn=["c0000000"], garbage=["c0000002"])
    _, results = run(tmp_path / "work")
    reasons = {name: result.reason for name, result in results.items() if isinstance(result, Failed)}
    assert reasons == {"a": "unknown word", "b/안녕 하세요": "unreadable TextGrid"}


def test_clips_without_a_chance_never_reach_mfa(tmp_path, stand_in):
    bad = {
        "no phones": spoken("mute", ","),
        "silent audio": spoken("silent", "good:G UH D", loudness=1e-4),
        "text too long for the audio": spoken("short", "good:G UH D", seconds=0.02),
        "sample rate too low": spoken("telephone", "good:G UH D", sample_rate=8000),
        "no samples": spoken("nothing", "good:G UH D", seconds=0),
    }
    _, results = run(tmp_path / "work", [*CORPUS, *bad.values()])
    assert {r.utterance_id: r.reason for r in results.values() if isinstance(r, Failed)} == {
        "mute": "no phones", "silent": "silent audio", "short": "text too long for the audio",
        "telephone": "sample rate too low", "nothing": "text too long for the audio",
    }  # fmt: skip
    assert [len(call["clips"]) for call in calls(stand_in)] == [4, 4]


def test_no_clips_are_nothing_to_learn_from_and_nothing_to_align(tmp_path, stand_in):
    with pytest.raises(AlignmentError) as error:
        run(tmp_path / "work", [])
    assert one_line(error) == "MFA has nothing to learn from: no clip can be used (there are none)"
    with pytest.raises(AlignmentError, match=r"no clip can be used .*silent audio: peak"):
        run(tmp_path / "work", [spoken("a", "good:G UH D", loudness=0)])
    assert run(tmp_path / "work", given=[])[1] == {}
    assert not calls(stand_in, "align")


def test_one_clip_is_a_corpus(tmp_path, stand_in):
    _, results = run(tmp_path / "work", CORPUS[1:2])
    assert isinstance(results["b/안녕 하세요"], Aligned)
    assert calls(stand_in, "align")[0]["options"]["--num_jobs"] == "1"


def test_speakers_are_parted_into_shares_of_ten_minutes_that_do_not_depend_on_cores(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(64)), raising=False)
    noise = CORPUS[0].audio.samples
    claims = {f"{speaker}{n:03}": 15 * RATE for speaker, count in (("ann", 101), ("bob", 7)) for n in range(count)}
    clips = [
        Utterance(name, name[:3], Sound(noise, claimed=claim), CORPUS[3].words, key=name)
        for name, claim in claims.items()
    ]
    (tmp_path / "run-1").mkdir()
    lexicon = KnownPhones(frozenset(CORPUS[3].phones))
    corpus = write_corpus(clips, tmp_path / "run-1", lexicon, sample_rate=RATE, run=serial_map)
    folders = {}
    for path in sorted(corpus.folder.glob("*/*.wav")):
        folders.setdefault(path.parent.name, []).append(corpus.clips[path.stem])
    assert [len(share) for share in folders.values()] == [34, 33, 34, 7]
    assert all(len({clip.speaker for clip in share}) == 1 for share in folders.values())
    assert corpus.num_jobs == 4


FAULTS = {
    "crash": "mfa train failed with exit code 1: LibsndfileError: Error opening 'corpus/spk/agent-pass.wav': "
    "Format not recognised.; ",
    "killed": "mfa train was killed (SIGKILL), as happens when memory runs out, after 'Loading corpus from source",
    "usage": "mfa train refuses its arguments: Invalid value for 'ACOUSTIC_MODEL_PATH': PretrainedModelNotFoundError: "
    'Could not find a model named "x" for acoustic.; check acoustic_model',
    "empty": "mfa train ended well but wrote no model ",
}


@pytest.mark.parametrize("kind", FAULTS)
def test_a_failed_run_is_one_line_and_keeps_its_log_until_the_next(tmp_path, stand_in, fault, kind):
    fault(fault=kind)
    with pytest.raises(AlignmentError) as error:
        run(tmp_path / "work")
    assert one_line(error).startswith(FAULTS[kind])
    assert "Traceback" not in str(error.value)
    folder = next((tmp_path / "work").glob("run-*"))
    assert str(folder) in str(error.value)
    assert "INFO" in (folder / "mfa-train.log").read_text()
    fault(fault="")
    run(tmp_path / "work")
    assert not list((tmp_path / "work").glob("run-*"))


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("half", "mfa align failed with exit code 1: RuntimeError: kalpy ran into a wall; "),
        ("empty", "mfa align ended well but wrote nothing to "),
    ],
)
def test_an_alignment_that_breaks_off_gives_nothing_half(tmp_path, stand_in, fault, kind, said):
    aligner = MfaAligner(MfaSettings())
    aligner.fit(CORPUS, tmp_path / "work", run=serial_map)
    fault(fault=kind)
    results = []
    with pytest.raises(AlignmentError) as error:
        results.extend(aligner.align(CORPUS, tmp_path / "work", run=serial_map))
    assert one_line(error).startswith(said)
    assert not results


def is_alive(pid):
    try:
        state = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return state.rpartition(")")[2].split()[0] != "Z"


def wait_for(condition):
    for _ in range(1200):
        if condition():
            return True
        time.sleep(0.05)
    return False


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks at processes by /proc")
def test_a_run_that_takes_too_long_is_ended_with_all_its_workers(tmp_path, stand_in, fault, monkeypatch):
    monkeypatch.setattr("tts.alignment.mfa_command._GRACE_SECONDS", 0.1)
    fault(fault="hang")
    with pytest.raises(AlignmentError) as error:
        run(tmp_path / "work", timeout_minutes=0.05)
    assert one_line(error).startswith(
        "mfa train took longer than align.mfa.timeout_minutes, 0.05, and was ended; "
        "it stood at 'monophone - Iteration 12 of 40'. If it was still at work, raise it, or give align.mfa.config few"
    )
    assert wait_for(lambda: not is_alive(int((stand_in / "worker").read_text())))


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks at processes by /proc")
def test_ctrl_c_ends_the_program_with_all_its_workers_and_leaves_nothing(tmp_path, stand_in, fault):
    fault(fault="hang")
    script = (
        "from test_mfa import *; import tts.alignment.mfa_command as c; c._GRACE_SECONDS = 0.1; run(Path(sys.argv[1]))"
    )
    path = os.pathsep.join([str(Path(__file__).parent), str(ROOT)])
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path / "work")],
        env={**os.environ, "PYTHONPATH": path},
        stderr=subprocess.PIPE,
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),  # shells ignore it for what runs behind
    )
    assert wait_for((stand_in / "worker").exists)
    worker = int((stand_in / "worker").read_text())
    assert is_alive(worker)
    process.send_signal(signal.SIGINT)
    assert b"KeyboardInterrupt" in process.communicate(timeout=20)[1]
    assert wait_for(lambda: not is_alive(worker))
    assert not list((tmp_path / "work").iterdir())


def test_its_progress_is_ours(tmp_path, stand_in, caplog):
    caplog.set_level(logging.INFO)
    run(tmp_path / "work")
    said = [record.getMessage() for record in caplog.records if record.getMessage().startswith("MFA: ")]
    assert "MFA: monophone - Iteration 1 of 40" in said
    assert said[-1] == "MFA: Done! Everything took 12.401 seconds"


@pytest.mark.parametrize(
    ("settings", "faults", "said"),
    [
        ({"command": "no-such-mfa -x"}, {}, "`no-such-mfa -x` cannot be started (No such file or directory); install"),
        ({"command": "/etc"}, {}, "`/etc` cannot be started (Permission denied); install it by `conda create -n"),
        ({"command": "false"}, {}, "`false version` failed with exit code 1: it said nothing; install it by"),
        ({"command": "echo mfa"}, {}, "`echo mfa version` gives no version but 'mfa version'; install it by"),
        ({}, {"fault": "import"}, "failed with exit code 1: ModuleNotFoundError: No module named '_kalpy'; install"),
        ({}, {"version": "2.2.17"}, "`mfa` is version 2.2.17, and 3.0 or newer is needed; `conda update"),
        ({"config": "none.yaml"}, {}, "align.mfa.config: none.yaml is not a file; correct the path, or set null"),
    ],
)
def test_a_program_that_is_missing_broken_or_old_is_refused_with_the_remedy(
    tmp_path, stand_in, fault, settings, faults, said
):
    fault(**faults)
    with pytest.raises(AlignmentError) as error:
        run(tmp_path / "work", **settings)
    assert said in one_line(error)


def test_the_command_is_read_as_a_shell_would(tmp_path, stand_in, monkeypatch):
    monkeypatch.setenv("MFA_HOME", str(stand_in))
    assert Mfa("env A='b c' '${MFA_HOME}/mfa'", 1).version() == "3.4.3"


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"command": "mfa 'x"}, "No closing quotation"),
        ({"command": " "}, "command is empty"),
        ({"dictionary": "english"}, "dictionary goes with a pretrained acoustic_model"),
        ({"config": "a.yaml", "acoustic_model": "english"}, "config is for training"),
        ({"beams": []}, "each wider than the one before"),
        ({"beams": [10, 10]}, "each wider than the one before"),
        ({"beams": [0, 10]}, "from 1 up"),
    ],
)
def test_settings_that_cannot_take_effect_are_refused(values, said):
    with pytest.raises(ConfigError, match=said):
        build(AlignSettings, {"mfa": values}, where="align")


def doctors_line(root, **align):
    values = read_yaml(ROOT / "params.yaml") | {"align": align}
    with (root / "params.yaml").open("w") as file:
        YAML(typ="safe", pure=True).dump(values, file)
    return next(finding for finding in examine(root) if finding.what == "mfa")


@pytest.mark.filterwarnings("ignore:pkg_resources is deprecated")  # pyworld, which the doctor imports too
def test_the_doctor_tells_of_mfa_and_faults_its_absence_only_where_it_is_asked_for(tmp_path, stand_in):
    assert doctors_line(tmp_path, backend="kaldi") == Finding("mfa", is_good=True, detail="3.4.3 (mfa)")
    missing = {"command": "no-such-mfa"}
    idle, needed = (doctors_line(tmp_path, backend=backend, mfa=missing) for backend in ("kaldi", "mfa"))
    assert idle.is_good
    assert not needed.is_good
    assert idle.detail.startswith("not usable, needed for align.backend: mfa only; ")
    for found in (idle, needed):
        assert "conda create -n aligner -c conda-forge montreal-forced-aligner" in found.detail


GOLDEN = "golden/mfa"


def test_recorded_textgrids_of_a_real_run_become_alignments(shared):
    kinds = {Aligned: 0, Failed: 0}
    for path in sorted((shared / GOLDEN / "textgrids").rglob("*.TextGrid")):
        if not path.with_suffix(".lab").exists():
            continue
        grid = read_textgrid(path)
        words = tuple(Word(text, ("AH0",)) for text in path.with_suffix(".lab").read_text(encoding="utf-8").split())
        clip = Utterance(
            path.stem, path.parent.name, Sound(np.zeros(0), RATE, round(grid.end * RATE)), words, key=path.stem
        )
        result = to_aligned(clip, grid, pronunciations="own", tolerance_seconds=0.02)
        kinds[type(result)] += 1
        if isinstance(result, Failed):
            assert result.reason == "unknown word"
        else:
            assert [word.text for word in result.words] == [word.text for word in words]
            assert result.boundaries[-1] == clip.seconds
            assert (np.diff(result.boundaries) > 0).all()
    assert kinds[Aligned] > 50


@pytest.mark.parametrize(
    ("log", "said"),
    [
        ("corrupt_wav", "LibsndfileError: Error opening 'mfa_work/fail/corrupt_wav/spk/agent-pass.wav': Format not "),
        ("emptydir", "CorpusError: There were no files found for this corpus. Please validate the corpus."),
        ("nocorpus", "Invalid value for 'CORPUS_DIRECTORY': Corpus directory does not exist."),
        ("nodict", "Invalid value for 'DICTIONARY_PATH': FileArgumentNotFoundError: Could not find \"mfa_work/none"),
        ("train_nodict", "Invalid value for 'DICTIONARY_PATH': FileArgumentNotFoundError: Could not find \"mfa_work/"),
        ("nomodel", "Invalid value for 'ACOUSTIC_MODEL_PATH': PretrainedModelNotFoundError: Could not find a model "),
        ("validate_bad", "LibsndfileError: Error opening 'mfa_work/fail/corrupt_wav/spk/agent-pass.wav'"),
        ("unalignable", "Done! Everything took 12.401 seconds"),
    ],
)
def test_the_heart_of_a_recorded_log_is_found(shared, log, said):
    text = (shared / GOLDEN / "failures" / f"{log}.log").read_text(encoding="utf-8")
    assert complaint(text).startswith(said)
    assert "\n" not in complaint(text)


def test_recorded_warnings_are_found(shared):
    text = (shared / GOLDEN / "failures/empty_text.log").read_text(encoding="utf-8")
    assert [warning[:60] for warning in warnings(text)] == [
        "There were 1 utterances ignored due to an issue in feature g"
    ]


def test_the_stand_in_takes_only_options_that_the_real_program_lists(shared):
    from stand_in_mfa import OPTIONS, SHORT

    for verb, options in OPTIONS.items():
        listed = (shared / GOLDEN / f"mfa_help_{verb}.txt").read_text(encoding="utf-8")
        assert all(re.search(rf"{option}\b", listed) for option in options)
        assert all(re.search(rf"{long}\s+{short}\b", listed) for short, long in SHORT.items())


@pytest.mark.mfa
def test_the_real_program_trains_and_aligns(tmp_path, shared):
    if not shutil.which("mfa"):
        pytest.skip("needs Montreal Forced Aligner, and there is no mfa on the PATH")
    from tts.audio.files import read_audio
    from tts.text.frontend import TextSettings, build_frontend

    frontend = build_frontend(TextSettings(frontend="english"))
    speech, clips = shared / "corpora/asterisk-en", []
    for line in (speech / "metadata.csv").read_text(encoding="utf-8").splitlines()[:60]:
        name, text, _ = line.split("|")
        samples = read_audio(speech / f"wavs/{name}.flac", sample_rate=RATE)
        words = frontend.pronounce([frontend.normalize(text, "en")], "en")[0]
        clips.append(Utterance(f"asterisk/{name}", "allison", Sound(samples), words, key=name))
    config = tmp_path / "mono.yaml"
    config.write_text("training:\n  - monophone: {num_iterations: 40, max_gaussians: 1000, boost_silence: 1.25}\n")
    identity, results = run(tmp_path / "work", clips, config=str(config), timeout_minutes=20.0)
    assert identity.facts["clips_learned_from"] == len(clips)
    assert results.keys() == {clip.utterance_id for clip in clips}
    assert sum(isinstance(result, Aligned) for result in results.values()) >= 0.9 * len(clips)
    for clip in clips:
        result = results[clip.utterance_id]
        if isinstance(result, Aligned):
            assert result.words == clip.words
            assert result.boundaries[-1] == clip.seconds
