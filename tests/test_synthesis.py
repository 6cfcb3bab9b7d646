"""From text to waveform: what fits together is spoken, what does not is named."""

import dataclasses

import numpy as np
import pytest
import torch
from tiny_voice import INVENTORY, MEL_DEFINITION, SYMBOLS, Letters, write_corpus, write_models

from pipeline.clip_scores import SCORES
from pipeline.evaluation import ROWS, SENTENCES, SPOKEN, Plan, evaluate, summarize
from pipeline.parallel import ThisProcess, open_executor
from pipeline.paths import Paths
from pipeline.runtime import Runtime
from pipeline.speaking import VoiceFolders, draw_utterances, speak_utterances
from pipeline.stage import Stage
from tts.audio.files import read_audio, write_wav
from tts.data.tables import DROPPED, read_table, write_table
from tts.errors import CheckpointError, ConfigError, DataError, TextError
from tts.interfaces import Controls, Inventory
from tts.metrics.scoring import Scores
from tts.metrics.settings import METRICS, EvaluateSettings
from tts.synthesis import Line, Synthesizer, Voice, split_sentences

QUICK = tuple(name for name in METRICS if not name.startswith("dnsmos"))  # which takes seconds a clip
CORPUS, RUN, VOCODER, VOICE = "tones", "acoustic", "vocoder", "tiny"


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    """A project folder with a corpus and two models."""
    found = Paths(tmp_path_factory.mktemp("project"))
    write_corpus(found, CORPUS)
    write_models(found.model(RUN), found.model(VOCODER))
    return found


@pytest.fixture(scope="module")
def synthesizer(paths):
    return Synthesizer.load(paths.model(RUN), paths.model(VOCODER), Letters())


class TestSay:
    def test_a_text_becomes_a_waveform_of_whole_frames(self, synthesizer):
        waveform = synthesizer.say("Hello, bob", language="en", speaker="ann", style="calm")
        assert waveform.dtype == np.float32
        assert len(waveform) > 0
        assert len(waveform) % MEL_DEFINITION.hop_length == 0
        assert np.abs(waveform).max() <= 1

    def test_a_long_text_is_its_sentences_one_after_the_other(self, synthesizer):
        who = {"language": "en", "speaker": "bob", "style": "loud"}
        together = synthesizer.say("Hello. A bold cab! Bee?", **who)
        alone = np.concatenate([synthesizer.say(each, **who) for each in ("Hello.", "A bold cab!", "Bee?")])
        np.testing.assert_allclose(together, alone, atol=2e-4)  # 16-bit steps are 3e-5

    def test_a_speaker_may_be_a_blend(self, synthesizer):
        phones = ("sil", *"bedcold", "sil")
        whole, half, bob = synthesizer.voice.speak(
            [Line(phones, who, "calm") for who in ({"bob": 2.0}, {"ann": 1.0, "bob": 1.0}, "bob")]
        )
        np.testing.assert_allclose(whole.waveform, bob.waveform, atol=2e-4)
        assert len(half.waveform) != len(bob.waveform) or np.abs(half.waveform - bob.waveform).max() > 1e-3
        with pytest.raises(ConfigError, match="speaker 'eve' is unknown; the voice has: ann, bob"):
            synthesizer.say("Hello", language="en", speaker={"eve": 1.0}, style="calm")

    def test_a_line_sounds_in_a_batch_as_it_does_alone(self, synthesizer):
        lines = [Line(("sil", *word, "sil"), "ann", "calm") for word in ("hello", "a", "bedcoldace")]
        together = synthesizer.voice.speak(lines)
        for line, speech in zip(lines, together, strict=True):
            (alone,) = synthesizer.voice.speak([line])
            np.testing.assert_array_equal(alone.durations, speech.durations)
            np.testing.assert_allclose(alone.waveform, speech.waveform, atol=2e-4)
            assert len(speech.waveform) == speech.durations.sum() * MEL_DEFINITION.hop_length
            assert len(speech.durations) == len(line.phones)

    def test_each_phone_of_each_line_can_have_its_own_time(self, synthesizer):
        texts = ("abc", "o", "hello", "bad", "cab", "ace", "old", "cold", "he", "bolo")
        lines = [Line(tuple(text), "ann", "calm") for text in texts]
        scales = torch.linspace(0.5, 3, 50).view(10, 5)
        together = synthesizer.voice.speak(lines, controls=Controls(duration_scale=scales))
        for row, (line, speech) in enumerate(zip(lines, together, strict=True)):
            own = scales[row : row + 1, : len(line.phones)]
            (alone,) = synthesizer.voice.speak([line], controls=Controls(duration_scale=own))
            assert speech.durations.tolist() == alone.durations.tolist()

    def test_a_duration_scale_of_two_takes_about_twice_as_long(self, synthesizer):
        line = Line(("sil", *"hellobadcab", "sil"), "ann", "calm")
        lengths = [
            len(synthesizer.voice.speak([line], controls=Controls(duration_scale=scale))[0].waveform)
            for scale in (1, 2)
        ]
        assert lengths[1] / lengths[0] == pytest.approx(2, rel=0.1)

    @pytest.mark.parametrize(
        ("who", "message"),
        [
            ({"speaker": "eve", "style": "calm"}, "speaker 'eve' is unknown; the voice has: ann, bob"),
            ({"style": "calm"}, "speaker must be named; the voice has: ann, bob"),
            ({"speaker": "ann", "style": "sad"}, "style 'sad' is unknown; the voice has: calm, loud"),
        ],
    )
    def test_an_unknown_speaker_or_style_lists_those_there_are(self, synthesizer, who, message):
        with pytest.raises(ConfigError, match=message):
            synthesizer.say("hello", language="en", **who)

    def test_an_unknown_phone_lists_those_there_are(self, synthesizer):
        with pytest.raises(TextError, match=f"never heard the phone 'x', it knows {' '.join(SYMBOLS)}"):
            synthesizer.say("ax", language="en", speaker="ann", style="calm")

    def test_a_text_without_a_word_is_refused(self, synthesizer):
        with pytest.raises(TextError, match="nothing to say"):
            synthesizer.say(",", language="en", speaker="ann", style="calm")

    def test_one_speaker_and_style_need_no_name(self, tmp_path):
        alone = dataclasses.replace(INVENTORY, speakers=("ann",), styles=("calm",))
        write_models(tmp_path / "a", tmp_path / "v", inventory=alone)
        synthesizer = Synthesizer.load(tmp_path / "a", tmp_path / "v", Letters())
        assert len(synthesizer.say("hello", language="en"))
        with pytest.raises(ConfigError, match=r"the voice has: calm; a voice learns more where the corpus labels them"):
            synthesizer.say("hello", language="en", style="lively")
        with pytest.raises(ConfigError, match=r"'lively' is unknown; .* learns more"):
            synthesizer.say("hello", language="en", style={"calm": 0.5, "lively": 0.5})

    def test_a_voice_without_silence_speaks_without_pauses(self, tmp_path):
        symbols = tuple(each for each in SYMBOLS if each != "sil")
        write_models(tmp_path / "a", tmp_path / "v", inventory=dataclasses.replace(INVENTORY, symbols=symbols))
        tight = Synthesizer.load(tmp_path / "a", tmp_path / "v", Letters())
        assert tight.pronounce(["a, b"], "en") == [("a", "b")]


class TestPairing:
    def test_models_of_other_mels_are_refused_with_the_fields_that_differ(self, tmp_path):
        other = Inventory(mel=dataclasses.replace(MEL_DEFINITION, hop_length=200, f_max=7000.0))
        write_models(tmp_path / "a", tmp_path / "v", vocoder_inventory=other)
        with pytest.raises(ConfigError, match=r"hop_length 256 against 200, f_max 8000\.0 against 7000\.0"):
            Voice.load(tmp_path / "a", tmp_path / "v")

    def test_a_vocoder_is_no_acoustic_model(self, paths):
        with pytest.raises(CheckpointError, match=r"holds vocoders/griffin_lim, not a model of kind acoustic"):
            Voice.load(paths.model(VOCODER), paths.model(VOCODER))


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("one two", ["one two"]),
        ("One. Two! Three?", ["One.", "Two!", "Three?"]),
        ("He said “go.” She went.", ["He said “go.", "She went."]),
        ("Wait... What", ["Wait...", "What"]),
        ("pi is 3.14 now", ["pi is 3.14 now"]),
        ("一。二？三", ["一。", "二？", "三"]),
        ("Hm. ... !", ["Hm. ... !"]),
        ("", [""]),
    ],
)
def test_texts_are_cut_after_sentences(text, sentences):
    assert split_sentences(text) == sentences


@pytest.fixture(scope="module")
def folders(paths):
    return VoiceFolders(paths.model(RUN), paths.model(VOCODER), "cpu")


@pytest.fixture(scope="module")
def spoken(paths, folders):
    rows = draw_utterances(paths.index(CORPUS), INVENTORY, limit=10)
    paths.audio(VOICE).mkdir(parents=True)
    assert speak_utterances(rows, folders, Letters(), paths.audio(VOICE), executor=ThisProcess(), label="test") == []
    return rows


class TestSynthesizeStage:
    def test_the_test_split_is_spoken_and_its_durations_kept(self, paths, spoken):
        folder = paths.audio(VOICE)
        table = read_table(folder / "synthesized.parquet", SPOKEN)
        assert [row["utterance_id"] for row in table] == [row["utterance_id"] for row in spoken]
        assert {row["split"] for row in spoken} == {"test"}
        for row in table:
            waveform = read_audio(folder / f"{row['utterance_id']}.wav", sample_rate=22050)
            assert len(waveform) == row["num_samples"] == sum(row["durations"]) * MEL_DEFINITION.hop_length
            assert len(row["phones"]) == len(row["durations"])

    def test_workers_change_no_byte(self, paths, folders, spoken, tmp_path):
        with open_executor(Runtime(workers=2)) as executor:
            speak_utterances(spoken, folders, Letters(), tmp_path, executor=executor, label="test")
        for file in sorted(paths.audio(VOICE).iterdir()):
            assert (tmp_path / file.name).read_bytes() == file.read_bytes()

    def test_what_cannot_be_pronounced_is_in_the_ledger(self, folders, spoken, tmp_path):
        rows = [*spoken[:1], {**spoken[1], "normalized_text": "xylophone"}]
        losses = speak_utterances(rows, folders, Letters(), tmp_path, executor=ThisProcess(), label="test")
        assert [row["utterance_id"] for row in losses] == [spoken[1]["utterance_id"]]
        assert read_table(tmp_path / "dropped.parquet", DROPPED) == losses
        assert "never heard the phone 'x'" in losses[0]["detail"]
        assert [file.stem for file in tmp_path.glob("*.wav")] == [spoken[0]["utterance_id"]]

    def test_the_draw_is_of_the_voices_own_speakers_and_within_the_limit(self, paths):
        assert len(draw_utterances(paths.index(CORPUS), INVENTORY, limit=2)) == 2
        asked = draw_utterances(paths.index(CORPUS), INVENTORY, limit=9, speakers=["bob"])
        assert {row["speaker"] for row in asked} == {"bob"}
        with pytest.raises(ConfigError, match="speaker 'eve' is unknown; the voice has: ann, bob"):
            draw_utterances(paths.index(CORPUS), INVENTORY, limit=9, speakers=["eve"])
        only_bob = dataclasses.replace(INVENTORY, speakers=("bob",))
        drawn = draw_utterances(paths.index(CORPUS), only_bob, limit=9)
        assert {row["speaker"] for row in drawn} == {"bob"}

    def test_no_clip_to_speak_is_an_error(self, paths):
        with pytest.raises(DataError, match="no clip of the voice's speakers"):
            draw_utterances(paths.index(CORPUS), dataclasses.replace(INVENTORY, speakers=("eve",)), limit=9)


def stage_in(root, *, workers=1):
    stage = Stage("evaluate", VOICE, Paths(root))
    stage.runtime = Runtime(workers=workers)
    if workers == 1:
        stage.executor = ThisProcess()
    return stage


@pytest.fixture(scope="module")
def plan(paths, folders, spoken):
    return Plan(
        voice=folders,
        spoken=paths.audio(VOICE),
        corpus=paths.corpus(CORPUS),
        mel=paths.mel(CORPUS),
        prosody=paths.prosody(CORPUS),
        index=paths.index(CORPUS),
        settings=EvaluateSettings(metrics=QUICK),
    )


@pytest.fixture(scope="module")
def means(paths, plan):
    paths.scores(VOICE).mkdir(parents=True)
    return evaluate(plan, paths.scores(VOICE), stage_in(paths.root))


class TestEvaluateStage:
    def test_every_row_has_its_metrics_with_intervals(self, means, spoken):
        assert tuple(means) == ROWS
        assert set(means["voice"]) >= {
            "mcd_db",
            "vuv_error",
            "energy_mae_db",
            "mel_l1",
            "duration_mae_ms",
        }
        assert means["voice"]["mcd_db"]["n"] == len(spoken)
        for row in means.values():
            assert all(found["low"] <= found["mean"] <= found["high"] for found in row.values())

    def test_anchors_are_ordered_and_ground_truth_is_no_distance_from_itself(self, means):
        assert means["ground_truth"]["mcd_db"]["mean"] == 0 < means["copy_synthesis"]["mcd_db"]["mean"]
        assert means["copy_synthesis"]["mcd_db"]["mean"] < means["voice"]["mcd_db"]["mean"]

    def test_what_cannot_be_measured_is_absent_with_its_reason(self, paths, means):
        assert "mr_stft" not in means["voice"]
        assert "duration_mae_ms" not in means["copy_synthesis"]
        assert "real_time_factor" not in means["ground_truth"]
        rows = read_table(paths.scores(VOICE) / "scores.parquet", SCORES)
        assert all((row["value"] is None) == bool(row["reason"]) for row in rows)
        reasons = {row["reason"] for row in rows if row["row"] == "voice" and row["metric"] == "mr_stft"}
        assert reasons == {"a voice chooses its own timing, so samples have no counterpart"}

    def test_anchors_can_be_heard_and_ground_truth_is_the_recording(self, paths, plan, means):
        for row in read_table(paths.scores(VOICE) / "utterances.parquet", SENTENCES):
            name = row["utterance_id"]
            heard = {
                each: read_audio(paths.scores(VOICE) / "audio" / each / f"{name}.wav", sample_rate=22050)
                for each in ROWS[1:]
            }
            np.testing.assert_array_equal(heard["ground_truth"], plan.features().audio(name))
            assert abs(len(heard["copy_synthesis"]) - len(heard["ground_truth"])) < MEL_DEFINITION.hop_length

    def test_scores_are_the_same_bytes_with_more_workers(self, paths, plan, means, tmp_path):
        untimed = EvaluateSettings(metrics=tuple(name for name in QUICK if name != "real_time_factor"))
        elsewhere = stage_in(tmp_path / "project", workers=2)
        with elsewhere.resources:
            evaluate(dataclasses.replace(plan, settings=untimed), tmp_path / "scores", elsewhere)
        for file in sorted(paths.scores(VOICE).rglob("*.*")):
            assert (tmp_path / "scores" / file.relative_to(paths.scores(VOICE))).read_bytes() == file.read_bytes(), file

    def test_clips_that_stay_the_same_are_not_measured_again(self, paths, plan, means, tmp_path, monkeypatch):
        measured = []
        monkeypatch.setattr("tts.metrics.scoring.score", lambda take, *_, **__: measured.append(take) or Scores({}, {}))
        for name in ("pipeline.anchors._made", "pipeline.evaluation._speeds"):
            monkeypatch.setattr(name, lambda *_, **__: pytest.fail("is kept"))
        for file in paths.audio(VOICE).iterdir():
            (tmp_path / file.name).write_bytes(file.read_bytes())
        changed = next(tmp_path.glob("*.wav"))
        write_wav(changed, np.zeros(9000, np.float32), sample_rate=22050)
        (tmp_path / "scores").mkdir()
        evaluate(dataclasses.replace(plan, spoken=tmp_path), tmp_path / "scores", stage_in(paths.root))
        assert [len(take.waveform) for take in measured] == [9000]

    def test_a_voice_that_said_nothing_is_refused(self, plan, tmp_path):
        write_table(tmp_path / "synthesized.parquet", [], SPOKEN)
        with pytest.raises(DataError, match="holds no utterance"):
            evaluate(dataclasses.replace(plan, spoken=tmp_path), tmp_path, stage_in(tmp_path))

    def test_only_the_metrics_of_the_settings_are_measured(self, plan, tmp_path):
        settings = EvaluateSettings(metrics=("mcd_db",))
        found = evaluate(dataclasses.replace(plan, settings=settings), tmp_path, stage_in(tmp_path))
        assert {metric for row in found.values() for metric in row} == {"mcd_db"}


def test_means_leave_out_what_has_no_value():
    rows = [
        {"utterance_id": "a", "row": "voice", "metric": "mcd_db", "value": 2.0, "reason": ""},
        {"utterance_id": "b", "row": "voice", "metric": "mcd_db", "value": None, "reason": "too short"},
    ]
    found = summarize(rows, EvaluateSettings())
    assert found["voice"] == {"mcd_db": {"mean": 2.0, "low": 2.0, "high": 2.0, "n": 1}}
    assert found["griffin_lim"] == {}
