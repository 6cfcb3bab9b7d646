"""The aligner on sounds whose boundaries are known, and its stage on speech: near the truth, repeatable, never half."""

import dataclasses
import errno
import itertools
import multiprocessing
import shutil
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from plain_sounds import QUICK, RATE, Project, align, outcome, sound_of, spoken, utterance
from threadpoolctl import threadpool_limits

from pipeline.ledger import read_ledger
from stages import align as align_stage
from tts.alignment.chunks import chunks
from tts.alignment.features import Framing
from tts.alignment.kaldi import KaldiAligner
from tts.alignment.settings import KaldiSettings
from tts.alignment.utterances import Failed, serial_map
from tts.audio.files import read_audio
from tts.corpora import demo
from tts.corpora.packs import open_packs
from tts.data.tables import DROPPED, QUALITY
from tts.errors import AlignmentError
from tts.phones import SILENCE
from tts.text.frontend import TextSettings, Word, build_frontend, speakable

TEXTS = (" asi ia ", " isa as ", " sa sia ", " as isi ", " ia sasi ", " ais ai ", " sisa ", " aisa si ")
CORPUS = [spoken(f"u{number}", text, seed=number) for number, text in enumerate(TEXTS)]
UTTERANCES = [utterance for utterance, _ in CORPUS]


# Where the boundaries are


def off_by(results, corpus=CORPUS):
    """Largest distance of a boundary from its true time, in seconds, of clips whose phones are the true ones."""
    assert [each.utterance_id for each in results] == [clip.utterance_id for clip, _ in corpus]
    return max(np.abs(result.boundaries - times).max() for result, (_, times) in zip(results, corpus, strict=True))


def test_boundaries_of_plain_sounds_are_found(tmp_path):
    results = align(UTTERANCES, tmp_path, KaldiSettings())
    assert off_by(results) < 0.010
    for result, text, (clip, times) in zip(results, TEXTS, CORPUS, strict=True):
        assert result.phones == tuple(SILENCE if phone == " " else phone for phone in text)
        assert result.words == clip.words
        assert (result.boundaries[0], result.boundaries[-1]) == (0, times[-1])


def test_without_refinement_boundaries_are_those_of_whole_frames(tmp_path):
    hop = Framing(RATE, 10.0).hop / RATE
    for result in align(UTTERANCES, tmp_path, dataclasses.replace(QUICK, refine=False)):
        frames = result.boundaries[:-1] / (2 * hop)
        np.testing.assert_allclose(frames, np.rint(frames), atol=1e-9)


def test_a_speaker_of_another_pitch_and_another_sample_rate_is_aligned_too(tmp_path):
    other = [
        spoken(f"v{number}", text, seed=number, speaker="bob", rate=16000, pitch=0.9)
        for number, text in enumerate(TEXTS[:4])
    ]
    results = align([*UTTERANCES, *(clip for clip, _ in other)], tmp_path, KaldiSettings())
    assert off_by(results, [*CORPUS, *other]) < 0.012


def test_silences_that_the_text_does_not_have_are_found(tmp_path):
    """Half a second of quiet between two words, without a comma in the text."""
    clip, times = spoken("v", " as    ia ", seed=9)
    found = align([*UTTERANCES, clip], tmp_path)[-1]
    assert found.phones == (SILENCE, "a", "s", SILENCE, "i", "a", SILENCE)
    np.testing.assert_allclose(found.boundaries, times[[0, 1, 2, 3, 7, 8, 9, 10]], atol=0.015)


# The same bits, whatever happens


def model_of(folder):
    return (folder / "model.npz").read_bytes()


def test_an_interrupted_alignment_ends_in_the_same_bits(tmp_path):
    done = []

    def dies(at):
        def run(function, items, *, label):
            if label.startswith(at):
                raise KeyboardInterrupt
            done.append(label)
            return serial_map(function, items, label=label)

        return run

    broken, whole = tmp_path / "broken", tmp_path / "whole"
    for at in ("cepstra", "train 1", "train 4", "align"):
        with pytest.raises(KeyboardInterrupt):
            align(UTTERANCES, broken, run=dies(at))
    assert [label for label in done if label.startswith("train")] == [f"train {number} of 5" for number in range(1, 6)]
    assert outcome(align(UTTERANCES, broken, run=dies("train"))) == outcome(align(UTTERANCES, whole))
    assert model_of(broken) == model_of(whole)
    assert sorted(path.name for path in broken.iterdir()) == ["faults.json", "model.npz"]


def test_a_clip_is_looked_at_once_for_faults(tmp_path):
    labels = []

    def run(function, items, *, label):
        labels.extend(label for _ in items)
        return serial_map(function, items, label=label)

    silent = BAD["silent"][0]
    for _ in range(2):
        results = align([*UTTERANCES, silent], tmp_path, run=run)
        assert [each.reason for each in results if isinstance(each, Failed)] == ["silent audio"]
    assert labels.count("check") == 1


@pytest.mark.parametrize("threads", [2, 3, 4])
def test_the_number_of_threads_changes_no_bit(tmp_path, threads):
    with threadpool_limits(1, "blas"):
        alone = outcome(align(UTTERANCES, tmp_path / "one"))
    with threadpool_limits(threads, "blas"):
        together = outcome(align(UTTERANCES, tmp_path / "more"))
    assert together == alone
    assert model_of(tmp_path / "more") == model_of(tmp_path / "one")


def test_two_workers_give_the_same_bits_as_one(tmp_path):
    clips = [*UTTERANCES, *(spoken(f"v{seed}", " sia as ", seed=seed, speaker="bob")[0] for seed in range(3))]
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("forkserver")) as pool:
        two = outcome(align(clips, tmp_path / "two", run=lambda function, items, *, label: pool.map(function, items)))
    assert two == outcome(align(clips, tmp_path / "one"))
    assert model_of(tmp_path / "two") == model_of(tmp_path / "one")


def test_the_order_of_the_corpus_changes_no_bit(tmp_path):
    forwards, backwards = align(UTTERANCES, tmp_path / "on"), align(UTTERANCES[::-1], tmp_path / "back")
    assert outcome(forwards) == outcome(backwards)


def test_another_seed_gives_another_model(tmp_path):
    clips = [spoken(f"v{seed}", " asi ia sais ", seed=seed)[0] for seed in range(12)]
    for seed in (0, 1):
        align(clips, tmp_path / str(seed), dataclasses.replace(QUICK, seed=seed))
    assert model_of(tmp_path / "0") != model_of(tmp_path / "1")


# Bad clips


BAD = {
    "wordless": (spoken("bad", "   ")[0], "no phones", "its text has nothing to align"),
    "short": (spoken("bad", "as" * 9, seconds=0.015)[0], "text too long for the audio", "18 phones in 0.3"),
    "empty": (utterance("bad", np.zeros(0, np.float32), [Word("a", ("a",))]), "text too long for the audio", "0.00 s"),
    "silent": (
        utterance("bad", np.zeros(RATE, np.float32), UTTERANCES[0].words),
        "silent audio",
        "peak 0.00000 of full scale",
    ),
    "endless": (
        utterance("bad", np.full(RATE * 1800, 0.1, np.float32), [Word("a", ("a",) * 2000)]),
        "clip too long",
        "1800 s; cut it at its pauses",
    ),
}


@pytest.mark.parametrize("fault", BAD)
def test_a_bad_clip_fails_alone_and_changes_no_other(tmp_path, fault):
    bad, reason, detail = BAD[fault]
    results = align([bad, *UTTERANCES], tmp_path / "with")
    assert isinstance(results[0], Failed)
    assert (results[0].utterance_id, results[0].reason) == ("bad", reason)
    assert detail in results[0].detail
    assert outcome(results[1:]) == outcome(align(UTTERANCES, tmp_path / "without"))


@pytest.mark.parametrize("num_samples", [1, 54, 55, RATE // 100])
def test_clips_of_a_few_samples_are_too_short_and_no_more(tmp_path, num_samples):
    tiny = utterance("bad", np.full(num_samples, 0.5, np.float32), [Word("a", ("a",))])
    assert align([tiny, *UTTERANCES], tmp_path)[0].reason == "text too long for the audio"


def test_the_shortest_clip_that_can_be_aligned_is(tmp_path):
    """Six frames for two phones."""
    samples, _ = sound_of("as", seconds=0.15)
    short = utterance("bad", samples[: 12 * Framing(RATE, 10.0).hop], [Word("as", ("a", "s"))])
    found = align([short, *UTTERANCES], tmp_path)[0]
    assert found.phones == ("a", "s")
    assert (np.diff(found.boundaries) > 0).all()


def test_a_clip_that_says_something_else_is_the_least_likely(tmp_path):
    """A path there always is; that it is a poor one is told by the likelihood."""
    clips = [spoken(f"u{seed:02d}", TEXTS[seed % 8], seed=seed)[0] for seed in range(24)]
    clips[7] = dataclasses.replace(
        clips[7], words=(Word("ssss", tuple("ssss")), Word("iss", tuple("iss"))), key="other"
    )
    results = align(clips, tmp_path)
    assert min(results, key=lambda each: each.log_likelihood).utterance_id == "u07"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full, a file on a full disk")
def test_a_full_disk_is_said_and_the_next_run_is_whole(tmp_path):
    full = chunks(UTTERANCES, tmp_path / "cepstra", QUICK.frame_shift_ms)[0].file.with_suffix(".tmp")
    full.symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left on device") as caught:
        align(UTTERANCES, tmp_path)
    assert caught.value.errno == errno.ENOSPC
    full.unlink()
    assert outcome(align(UTTERANCES, tmp_path)) == outcome(align(UTTERANCES, tmp_path / "other"))


@pytest.mark.parametrize("utterances", [[], [BAD["silent"][0]]], ids=["none", "silent"])
def test_nothing_to_learn_from_teaches_nothing(tmp_path, utterances):
    identity = KaldiAligner(QUICK).fit(utterances, tmp_path, run=serial_map)
    assert (identity.note, identity.facts["clips_learned_from"]) == ("nothing to learn from", 0)
    assert [type(each) for each in align(utterances, tmp_path)] == [Failed] * len(utterances)
    assert not list(tmp_path.rglob("*.npz"))


# When the model is kept


TEN = [spoken(f"k{number}", TEXTS[number % 8], seed=number)[0] for number in range(10)]


def more(count, *, text=" sia as ", **options):
    return [spoken(f"new{number}", text, seed=50 + number, **options)[0] for number in range(count)]


@pytest.fixture
def learned(tmp_path):
    """Fits again to other clips, having learned from ten; gives what it says then."""
    first = KaldiAligner(QUICK).fit(TEN, tmp_path, run=serial_map)
    assert (first.note, first.facts["clips_learned_from"]) == ("model trained", 10)

    def fit(clips, **settings):
        second = KaldiAligner(dataclasses.replace(QUICK, **settings)).fit(clips, tmp_path, run=serial_map)
        assert (second.key == first.key) == (second.note == "model kept")
        assert (second.facts == first.facts) == (second.note == "model kept")
        return second.note

    return fit


@pytest.mark.parametrize(
    ("clips", "settings", "note"),
    [
        (TEN, {}, "model kept"),
        (TEN[:4], {}, "model kept"),
        ([*TEN, *more(2)], {}, "model kept"),
        ([*TEN, *more(3)], {}, "model trained"),  # 3 of 13 are more than a fifth
        ([*TEN, *more(3)], {"retrain_above": 3 / 13}, "model kept"),
        ([*TEN, *more(1)], {"retrain_above": 0.0}, "model trained"),
        (more(5), {"retrain_above": 1.0}, "model kept"),
        ([*TEN, *more(2, speaker="bob")], {}, "model kept"),
        ([*TEN, *more(1, rate=16000)], {"retrain_above": 1.0}, "model trained"),
        ([*TEN, dataclasses.replace(TEN[0], words=(Word("ao", ("a", "o")),))], {}, "model trained"),
        ([*TEN, *(bad for bad, _, _ in BAD.values())], {}, "model kept"),
    ],
    ids=[
        "same",
        "fewer",
        "few new",
        "many new",
        "many allowed",
        "none allowed",
        "all new",
        "speaker",
        "rate",
        "phone",
        "bad",
    ],
)
def test_the_model_is_kept_until_too_much_is_new(learned, clips, settings, note):
    assert learned(clips, **settings) == note


def test_a_model_trained_anew_is_that_of_a_fresh_start(tmp_path, learned):
    """No trace of what it knew before."""
    clips = [*TEN, *more(3)]
    assert learned(clips) == "model trained"
    KaldiAligner(QUICK).fit(clips, tmp_path / "fresh", run=serial_map)
    assert model_of(tmp_path) == model_of(tmp_path / "fresh")


def test_a_new_speakers_clips_come_out_alike_together_and_one_by_one(tmp_path, learned):
    """As after a kill, when some of them are aligned already."""
    added = [spoken(f"v{number}", text, seed=number, speaker="bob")[0] for number, text in enumerate(TEXTS[:2])]
    assert learned([*TEN, *added]) == "model kept"
    aligner = KaldiAligner(QUICK)
    together = sorted(aligner.align(added, tmp_path, run=serial_map), key=lambda each: each.utterance_id)
    apart = [result for clip in added for result in aligner.align([clip], tmp_path, run=serial_map)]
    assert outcome(apart) == outcome(together)


def test_a_kept_model_aligns_a_speaker_it_has_not_met(tmp_path, learned):
    added = [spoken(f"v{number}", text, seed=number, speaker="bob") for number, text in enumerate(TEXTS[:2])]
    assert learned([*TEN, *(clip for clip, _ in added)]) == "model kept"
    found = KaldiAligner(QUICK).align([clip for clip, _ in added], tmp_path, run=serial_map)
    assert off_by(sorted(found, key=lambda each: each.utterance_id), added) < 0.015


def test_refinement_is_part_of_what_an_alignment_depends_on(tmp_path):
    refined, rough = (
        KaldiAligner(dataclasses.replace(QUICK, refine=refine)).fit(TEN, tmp_path / str(refine), run=serial_map)
        for refine in (True, False)
    )
    assert refined.facts == rough.facts
    assert refined.key != rough.key


# The stage, on speech whose true times are known


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    project = Project(tmp_path_factory.mktemp("tiny"))
    project.align(corpus="tiny")
    return project


@pytest.fixture(scope="module")
def clips(tiny):
    """Text, samples and language of each clip of the tiny corpus."""
    recordings, _ = demo.read(None, open_packs(tiny.root / "data/raw/tiny"))
    return {
        each.utterance_id: (each.text, read_audio(each.audio, sample_rate=RATE), each.language) for each in recordings
    }


def test_boundaries_of_real_speech_are_near_their_true_times(tiny):
    """Measured: median 4.1 ms, mean 14.9 ms, 83 % within 20 ms; a minute and a half of speech teaches no more."""
    metrics = tiny.metrics("tiny")
    assert (metrics["aligned_share"], metrics["clips"]) == (1, 24)
    assert metrics["boundaries"] > 600
    assert metrics["boundary_error_ms"]["median"] < 6
    assert metrics["boundary_error_ms"]["mean"] < 20
    assert metrics["boundary_within"]["20_ms"] > 0.8
    assert 0.08 < metrics["silence_share"] < 0.13


def words_of(text, language):
    frontend = build_frontend(TextSettings(frontend="ipa"))
    return frontend.pronounce([frontend.normalize(text, language)], language)[0]


def clip_rows(project, corpus):
    grouped = itertools.groupby(project.rows(corpus=corpus), key=lambda row: row["utterance_id"])
    return {name: list(rows) for name, rows in grouped}


def test_every_clip_is_covered_by_the_phones_of_its_text(tiny, clips):
    found = clip_rows(tiny, "tiny")
    assert set(found) == set(clips)
    for name, rows in found.items():
        text, samples, language = clips[name]
        assert [row["position"] for row in rows] == list(range(len(rows)))
        assert (rows[0]["start_seconds"], rows[-1]["end_seconds"]) == (0, len(samples) / RATE)
        assert all(before["end_seconds"] == after["start_seconds"] for before, after in itertools.pairwise(rows))
        assert all(row["start_seconds"] < row["end_seconds"] for row in rows if row["phone"] != SILENCE)
        owned = [(phone, word.text) for word in words_of(text, language) for phone in word.phones]
        assert [(row["phone"], row["word"]) for row in rows if row["phone"] != SILENCE] == owned


def test_with_all_silences_folded_the_phones_are_those_of_synthesis(tiny, clips):
    tiny.params["align"] = {"backend": "kaldi", "fold_silence_ms": 60_000}
    try:
        tiny.run(align_stage, corpus="tiny")
        found = clip_rows(tiny, "tiny")
    finally:
        tiny.params["align"] = {"backend": "kaldi"}
        tiny.run(align_stage, corpus="tiny")
    for name, rows in found.items():
        text, _, language = clips[name]
        assert tuple(row["phone"] for row in rows) == speakable(words_of(text, language))


def test_every_clip_is_judged(tiny, clips):
    judged = {row["utterance_id"]: row for row in tiny.rows(QUALITY, corpus="tiny")}
    assert set(judged) == set(clips)
    assert all(row["seconds"] == len(clips[name][1]) / RATE for name, row in judged.items())
    assert sum(bool(row["suspicion"]) for row in judged.values()) == tiny.metrics("tiny")["doubtful_clips"] == 0


def test_a_second_run_gives_the_same_bytes(tiny):
    before = tiny.outputs("tiny")
    shutil.rmtree(tiny.root / ".tts_cache" / "align")
    tiny.run(align_stage, corpus="tiny")
    assert tiny.outputs("tiny") == before


# The stage, on clips of all sorts


@pytest.fixture
def project(tmp_path):
    return Project(tmp_path)


def copy(project, clips, *names):
    for name in names:
        text, samples, language = clips[name]
        project.add(name, text, samples, language=language)


def test_bad_clips_are_rows_with_their_reasons(project, clips):
    good = list(clips)[:6]
    copy(project, clips, *good)
    text, samples, _ = clips[good[0]]
    project.add("hasty", text, samples[: RATE // 2])
    project.add("wordy", "many words " * 1000, samples)
    project.add("silent", text, np.zeros_like(samples))
    project.add("strange", text, samples, language="klingonese")
    project.params["align"]["max_unaligned"] = 0.4
    project.align()
    assert {name: reason for name, (reason, _) in project.dropped().items()} == {
        "hasty": "text too long for the audio",
        "wordy": "text too long for the audio",
        "silent": "silent audio",
        "strange": "cannot be pronounced",
    }
    assert project.dropped()["wordy"][1] == f"8000 phones in {len(samples) / RATE:.2f} s"
    assert all(row["stage"] == "align" and row["detail"] for row in project.rows(DROPPED))
    assert set(clip_rows(project, "mine")) == set(good)
    metrics = project.metrics()
    assert metrics["aligned_share"] == 0.6
    assert "boundaries" not in metrics  # its true times are not known


def test_texts_of_another_script_pictures_and_empty_files_never_get_as_far_as_the_aligner(project, clips):
    good = next(iter(clips))
    copy(project, clips, good)
    text, samples, _ = clips[good]
    project.add("foreign", "\u041f\u0440\u0438\u0432\u0435\u0442", samples)
    project.add("smiling", "\N{GRINNING FACE}" * 3, samples)
    project.add("empty", text, samples[:0])
    project.params["max_dropped"] = 0.8
    project.align()
    dropped = {
        row["utterance_id"]: row["detail"] for row in read_ledger(project.root / "data/corpus/mine/dropped.parquet")
    }
    assert set(dropped) == {"foreign", "smiling", "empty"}
    assert "cannot read that script" in dropped["foreign"]
    assert "nothing to say" in dropped["smiling"]
    assert "holds no samples" in dropped["empty"]
    assert set(clip_rows(project, "mine")) == {good}
    assert project.rows(DROPPED) == []


@pytest.mark.parametrize("said", ["\u0430\u0441\u0438 \u0438\u0430", "\u03b1\u03c3\u03b9"], ids=["cyrillic", "greek"])
def test_letters_of_any_script_can_be_aligned_as_letters(project, said):
    project.say(a1="asi ia", a2="isa as", a3="sa sia")
    project.add("b4", said, sound_of("asi" if len(said) == 3 else "asi ia", seed=4)[0])
    project.align()
    assert [row["phone"] for row in clip_rows(project, "mine")["b4"] if row["phone"] != SILENCE] == [
        *said.replace(" ", "")
    ]


def test_when_three_in_ten_cannot_be_aligned_the_stage_stops_and_names_them(project):
    project.say(**{f"a{number}": TEXTS[number % 8] for number in range(7)})
    for number in range(3):
        project.add(f"bad{number}", "asi " * 50, sound_of(" asi ")[0])
    message = (
        r"\A3 of 10 clips could not be aligned, align.max_unaligned is 0.01: 3 × text too long for the audio. "
        r"First: bad0 \(text too long for the audio: 150 phones in 0\.\d\d s\); bad1 .*; bad2 .*raise the limit\Z"
    )
    with pytest.raises(AlignmentError, match=message):
        project.align()
    assert not (project.root / "data/alignments").exists()
    assert not (project.root / "metrics").exists()
    project.params["align"]["max_unaligned"] = 0.3
    project.align()
    assert project.metrics()["aligned_share"] == 0.7


def test_too_many_bad_clips_stop_the_stage_and_the_old_alignments_stay(project):
    project.say(a1="asi ia")
    project.add("bad", "asi " * 50, sound_of(" asi ")[0])
    project.params["align"]["max_unaligned"] = 0.5
    project.align()
    before = project.outputs()
    project.params["align"]["max_unaligned"] = 0.4
    with pytest.raises(AlignmentError, match="1 of 2 clips could not be aligned"):
        project.align()
    assert project.outputs() == before
    assert [path.name for path in (project.root / "data/alignments").iterdir()] == ["mine"]


def test_a_corpus_of_one_clip_is_aligned(project, clips):
    copy(project, clips, next(iter(clips)))
    project.align()
    assert set(clip_rows(project, "mine")) == {next(iter(clips))}


def test_a_corpus_of_one_bad_clip_is_an_error_whatever_the_limit(project):
    project.say()
    project.add("only", "asi", np.zeros(RATE, np.float32))
    project.params["align"]["max_unaligned"] = 1.0
    with pytest.raises(AlignmentError, match=r"1 of 1 clips could not be aligned.*silent audio"):
        project.align()
    assert not (project.root / "data/alignments").exists()


def test_a_clip_that_does_not_say_its_text_is_told(project, clips):
    copy(project, clips, *clips)
    project.align()
    one, other = list(clips)[10], list(clips)[12]
    project.add(one, clips[other][0], clips[one][1], language=clips[other][2])
    project.align()
    suspicions = {row["utterance_id"]: row["suspicion"] for row in project.rows(QUALITY) if row["suspicion"]}
    assert set(suspicions) == {one}
    assert "unlikely for its text" in suspicions[one]
    assert project.metrics()["doubtful_clips"] == 1
    assert min(project.metrics()["least_likely"].items(), key=lambda item: item[1])[0] == one
