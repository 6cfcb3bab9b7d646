"""`tts score` measures folders of any sounds, and `tts compare` two sets of scores; bad input is a line or a reason."""

import json

import numpy as np
import pytest
from test_cli import one_line, tts

from pipeline.clip_scores import SCORES, score_row
from pipeline.comparison import compare, read_scores, require_common
from pipeline.folder_scores import (
    DEFINITION,
    MEASURED,
    Request,
    absences,
    as_json,
    choose_metrics,
    find_sounds,
    score_folder,
    write_csv,
)
from pipeline.known_voices import voices_beside
from pipeline.parallel import ThisProcess
from pipeline.paths import Paths
from pipeline.scores_table import show_comparison, show_scores
from tts.audio.files import write_wav
from tts.data.tables import write_table
from tts.errors import ConfigError, CorpusError, DataError
from tts.metrics.measurable import NotMeasurableError
from tts.metrics.speakers import KnownVoices

QUICK = ("mcd_db", "vuv_error", "mel_l1", "mr_stft")


def sound(seconds=0.6, *, hz=150, rate=22050, noise=0.003):
    time = np.arange(int(seconds * rate)) / rate
    voice = sum(np.sin(2 * np.pi * hz * k * time) / k for k in range(1, 12)) * (np.sin(9 * time) + 1.1)
    return (0.1 * voice + noise * np.random.default_rng(0).normal(size=len(time))).astype(np.float32)


def folder_of(path, sounds, rate=22050):
    for name, waveform in sounds.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        write_wav(path / f"{name}.wav", waveform, sample_rate=rate)
    return path


@pytest.fixture(autouse=True)
def _home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("DVC_ROOT", raising=False)


def scored(folder, reference=None, metrics=QUICK, root=None, **options):
    return score_folder(Request(folder, reference, metrics=metrics, **options), root or folder, ThisProcess())


class TestScore:
    def test_clips_are_measured_beside_recordings_of_their_names(self, tmp_path):
        clips = folder_of(tmp_path / "clips", {"안녕 é": sound(), "b": sound(noise=0.05)})
        recordings = folder_of(tmp_path / "recordings", {"안녕 é": sound(), "b": sound(), "c": sound()})
        found = scored(clips, recordings, in_step=True)
        assert found.clips == ["b", "안녕 é"]
        assert found.without_clip == ["c"]
        values = found.values["clips"]
        assert {name: each["안녕 é"] for name, each in values.items()} == dict.fromkeys(QUICK, 0.0)
        assert min(values[name]["b"] for name in ("mcd_db", "mel_l1", "mr_stft")) > 0
        assert as_json(found)["rows"]["clips"]["mcd_db"]["n"] == 2
        assert absences(found) == {}

    def test_other_rates_and_lengths_are_compared_as_well(self, tmp_path):
        clips = folder_of(tmp_path / "clips", {"a": sound(0.7, rate=16000)}, rate=16000)
        recordings = folder_of(tmp_path / "recordings", {"a": sound(0.6, rate=44100)}, rate=44100)
        found = scored(clips, recordings, ("mcd_db", "mr_stft"))
        assert 0 < found.values["clips"]["mcd_db"]["a"] < 8
        (reason,) = absences(found)["mr_stft"]
        assert "its own timing" in reason

    def test_what_has_no_value_has_a_reason(self, tmp_path):
        clips = folder_of(
            tmp_path / "clips",
            {"silent": np.zeros(9000, np.float32), "short": sound(0.01), "alone": sound(), "a": sound()},
        )
        (clips / "empty.wav").touch()
        (clips / "text.wav").write_text("no sound")
        recordings = folder_of(
            tmp_path / "recordings", {name: sound() for name in ("silent", "short", "empty", "text", "a")}
        )
        found = scored(clips, recordings, ("mcd_db", "log_f0_rmse", "wer"))
        reasons = {(row["utterance_id"], row["metric"]): row["reason"] for row in found.rows if row["reason"]}
        assert reasons["alone", "mcd_db"] == "there is no recording to compare with"
        assert reasons["silent", "log_f0_rmse"] == "no frame is voiced in both clips"
        assert reasons["short", "mcd_db"] == "a clip of 220 samples is shorter than a frame"
        assert "is an empty file" in reasons["empty", "mcd_db"]
        assert "cannot be read as audio" in reasons["text", "mcd_db"]
        assert reasons["a", "wer"] == "there is no transcript"
        assert set(found.values["clips"]["mcd_db"]) == {"silent", "a"}
        assert as_json(found)["absent"]["wer"]["there is no transcript"] == 4

    def test_one_clip_has_an_interval_of_no_width(self, tmp_path):
        clips = folder_of(tmp_path / "clips", {"a": sound(noise=0.05)})
        found = scored(clips, folder_of(tmp_path / "recordings", {"a": sound()}), ("mcd_db",))
        mean = as_json(found)["rows"]["clips"]["mcd_db"]
        assert mean["low"] == mean["mean"] == mean["high"]
        assert mean["n"] == 1

    def test_a_second_run_measures_nothing_and_a_changed_clip_is_measured_again(self, tmp_path, monkeypatch):
        clips = folder_of(tmp_path / "clips", {"a": sound(noise=0.05), "b": sound()})
        recordings = folder_of(tmp_path / "recordings", {"a": sound(), "b": sound()})
        first = scored(clips, recordings)
        assert list((tmp_path / "home" / ".cache" / "tts-pipeline").rglob("*.chunk"))
        measured = []
        from pipeline import folder_scores

        real = folder_scores.score_clip
        monkeypatch.setattr(folder_scores, "score_clip", lambda how, clip: measured.append(clip) or real(how, clip))
        assert scored(clips, recordings).rows == first.rows
        assert measured == []
        folder_of(clips, {"b": sound(noise=0.1)})
        assert scored(clips, recordings).values["clips"]["mcd_db"]["b"] > 0
        assert [each.waveform.stem for each in measured] == ["b"]

    def test_a_package_that_is_installed_later_is_used(self, tmp_path, monkeypatch):
        clips = folder_of(tmp_path / "clips", {"a": sound()})
        recordings = folder_of(tmp_path / "recordings", {"a": sound()})
        with monkeypatch.context() as patch:
            patch.setattr("tts.metrics.packages.find_spec", lambda _: None)
            patch.setattr("tts.metrics.packages._version", lambda _: "absent")
            assert "stoi" in absences(scored(clips, recordings, ("stoi",), in_step=True))
        assert scored(clips, recordings, ("stoi",), in_step=True).values["clips"]["stoi"]["a"] == pytest.approx(1)

    def test_in_a_project_results_are_kept_there(self, tmp_path):
        (tmp_path / "project").mkdir()
        (tmp_path / "project" / "params.yaml").touch()
        scored(folder_of(tmp_path / "clips", {"a": sound()}), metrics=("vuv_error",), root=tmp_path / "project")
        assert list((tmp_path / "project" / ".tts_cache" / "score").rglob("*.chunk"))
        assert not (tmp_path / "home").exists()

    def test_folders_that_do_not_fit_are_refused(self, tmp_path):
        clips = folder_of(tmp_path / "clips", {"a": sound()})
        with pytest.raises(CorpusError, match="there is no such folder"):
            scored(tmp_path / "nowhere")
        (tmp_path / "empty").mkdir()
        with pytest.raises(CorpusError, match="holds no sound files"):
            scored(tmp_path / "empty")
        with pytest.raises(CorpusError, match=r"no recording is named as a clip of .* such as a"):
            scored(clips, folder_of(tmp_path / "recordings", {"b": sound()}))
        with pytest.raises(CorpusError, match="no such file or folder; the transcripts"):
            scored(clips, transcripts=tmp_path / "absent.csv")
        (clips / "a.flac").touch()
        with pytest.raises(CorpusError, match="is one clip with"):
            scored(clips)

    def test_metrics_are_chosen_by_name(self):
        assert choose_metrics(None) == MEASURED
        assert choose_metrics("wer, mcd_db") == ("mcd_db", "wer")
        with pytest.raises(ConfigError, match=r"--metrics: 'mdc' is none of mcd_db, "):
            choose_metrics("mdc")


class TestTranscripts:
    def heard_as(self, monkeypatch, words):
        monkeypatch.setattr("tts.metrics.scoring.recognise", lambda *_, **__: words)

    @pytest.mark.parametrize("layout", ["file", "folder", "beside", "beside the recordings"])
    def test_they_are_found_by_name(self, tmp_path, monkeypatch, layout):
        self.heard_as(monkeypatch, "two cuts")
        clips = folder_of(tmp_path / "clips", {"ann/é": sound()})
        recordings = folder_of(tmp_path / "recordings", {"ann/é": sound()})
        texts, transcripts = {"folder": tmp_path / "texts", "beside": clips}.get(layout, recordings), None
        (texts / "ann").mkdir(parents=True, exist_ok=True)
        if layout == "file":
            transcripts = tmp_path / "metadata.csv"
            transcripts.write_text("é|2 cats\nother|words\n", encoding="utf-8")
        else:
            (texts / "ann" / "é.txt").write_text("2 cats\n", encoding="utf-8")
            transcripts = texts if layout == "folder" else None
        found = scored(clips, recordings, ("wer", "cer"), transcripts=transcripts)
        assert found.values["clips"] == {"wer": {"ann/é": 0.5}, "cer": {"ann/é": pytest.approx(1 / 8)}}
        assert as_json(found)["compared_with_reference"]["cer"]["difference"]["mean"] == 0

    def test_words_of_real_speech_are_heard(self, tmp_path, shared):
        import tarfile

        with tarfile.open(shared / "corpora" / "LJSpeech-1.1.tar.bz2") as archive:
            for name in ("LJ001-0002.wav", "LJ001-0004.wav"):
                (tmp_path / name).write_bytes(archive.extractfile(f"LJSpeech-1.1/wavs/{name}").read())
        (tmp_path / "LJ001-0002.txt").write_text("in being comparatively modern.")
        (tmp_path / "LJ001-0004.txt").write_text(
            "produced the block books, which were the immediate predecessors of the true printed book,"
        )
        found = scored(tmp_path, metrics=("wer", "cer")).values["clips"]
        assert 0 <= max(found["wer"].values()) <= 0.5
        assert max(found["cer"].values()) <= 0.25


class TestVoices:
    def test_a_clip_is_compared_with_other_recordings_of_its_speaker_and_other_speakers(self):
        vectors = dict(zip(("a1", "a2", "b1"), np.eye(3, dtype=np.float32), strict=True))
        found = voices_beside(vectors, {"a1": "a", "a2": "a", "a3": "a", "b1": "b", "c1": "c"})
        np.testing.assert_allclose(found["a1"].own, vectors["a2"])
        np.testing.assert_allclose(found["a3"].own, (vectors["a1"] + vectors["a2"]) / np.sqrt(2))
        np.testing.assert_allclose(found["a1"].others, [vectors["b1"]])
        assert found["b1"].own is None
        assert found["c1"].own is None
        assert len(found["c1"].others) == 2

    def test_a_clip_is_told_apart_where_its_speaker_is_the_most_similar(self):
        own, other, third = np.eye(3, dtype=np.float32)
        voices = KnownVoices(own, (other, third))
        assert voices.accuracy(np.float32([0.9, 0.8, 0])) == 1
        assert voices.accuracy(np.float32([0.7, 0.8, 0])) == 0
        with pytest.raises(NotMeasurableError, match="no other recording of the speaker"):
            KnownVoices(None, (other,)).accuracy(own)
        with pytest.raises(NotMeasurableError, match="no other speaker"):
            KnownVoices(own, ()).accuracy(own)


OURS = {"mcd_db": {f"s{n}": 4.0 + n for n in range(8)}, "stoi": {f"s{n}": 0.9 for n in range(8)}}
THEIRS = {"mcd_db": {f"s{n}": 5.0 + n for n in range(1, 9)}, "stoi": {f"s{n}": 0.9 for n in range(8)}}


class TestCompare:
    def test_means_are_of_common_sentences_and_better_follows_the_metric(self):
        found = {each.metric: each for each in compare(OURS, THEIRS)}
        assert found["mcd_db"].difference.n == 7
        assert found["mcd_db"].ours.mean == pytest.approx(8)
        assert found["mcd_db"].difference.mean == pytest.approx(-1)
        assert found["mcd_db"].better == 1
        assert found["stoi"].better == 0
        higher = {"stoi": dict.fromkeys(OURS["stoi"], 0.95)}
        assert [each.better for each in compare(higher, THEIRS)] == [1]
        assert [each.better for each in compare(THEIRS, higher)] == [-1]

    def test_voices_are_read_from_their_scores(self, tmp_path):
        folder = Paths(tmp_path).scores("mine")
        folder.mkdir(parents=True)
        rows = [score_row("a", "griffin_lim", "mcd_db", value=9.0), score_row("a", "voice", "mcd_db", value=2.0)]
        write_table(folder / "scores.parquet", [*rows, score_row("a", "voice", "mr_stft", reason="why")], SCORES)
        assert read_scores("mine", tmp_path) == {"mcd_db": {"a": 2.0}}
        with pytest.raises(DataError, match=r"scores\.parquet is missing; run `tts evaluate other`"):
            read_scores("other", tmp_path)

    def test_tables_of_score_can_be_compared(self, tmp_path, capsys):
        recordings = folder_of(tmp_path / "recordings", {f"s{n}": sound(hz=120 + n) for n in range(6)})
        found = [
            scored(
                folder_of(tmp_path / str(noise), {f"s{n}": sound(hz=120 + n, noise=noise) for n in range(6)}),
                recordings,
            )
            for noise in (0.01, 0.1)
        ]
        for number, each in enumerate(found):
            write_csv(tmp_path / f"{number}.csv", each)
            show_scores(each)
        names = [str(tmp_path / f"{number}.csv") for number in (0, 1)]
        assert (tmp_path / "0.csv").read_text(encoding="utf-8").splitlines()[0].split(",") == SCORES.names
        compared = compare(*(read_scores(name, tmp_path) for name in names))
        assert [each.better for each in compared if each.metric in ("mcd_db", "mel_l1")] == [1, 1]
        show_comparison(compared, "ours", "theirs")
        said = capsys.readouterr().out
        assert "mcd_db ↓" in said
        assert "absent for 6 of 6: mr_stft: a voice chooses its own timing" in said

    def test_what_is_no_table_of_scores_is_refused(self, tmp_path):
        (tmp_path / "bad.csv").write_text("a,b\n1,2\n")
        with pytest.raises(DataError, match=r"bad\.csv: is not a table of scores"):
            read_scores(str(tmp_path / "bad.csv"), tmp_path)
        with pytest.raises(DataError, match=r"absent\.csv: there is no such file"):
            read_scores(str(tmp_path / "absent.csv"), tmp_path)
        with pytest.raises(DataError, match="one and other: no sentence was measured"):
            require_common(compare({}, THEIRS), "one", "other")


def test_score_and_compare_are_commands_that_need_no_project(tmp_path):
    folder_of(tmp_path / "clips", {"a": sound()})
    folder_of(tmp_path / "recordings", {"a": sound()})
    files = ("--json", "found.json", "--csv", "found.csv")
    done = tts(tmp_path, "score", "clips", "--reference", "recordings", "--metrics", "mcd_db,stoi", *files)
    assert done.returncode == 0, done.stderr
    assert "mcd_db ↓  1  0.000 [0.000, 0.000]" in done.stdout
    assert "--in-step" in done.stdout
    assert json.loads((tmp_path / "found.json").read_text())["rows"]["clips"]["mcd_db"]["n"] == 1
    assert "mcd_db" in tts(tmp_path, "compare", "found.csv", "found.csv").stdout
    assert "nowhere: there is no such folder" in one_line(tts(tmp_path, "score", "nowhere"))
    assert sorted(each.name for each in tmp_path.iterdir()) == [
        "clips",
        "found.csv",
        "found.json",
        "home",
        "recordings",
    ]


def test_the_definition_is_the_usual_one():
    assert (DEFINITION.sample_rate, DEFINITION.hop_length, DEFINITION.n_mels) == (22050, 256, 80)


def test_hidden_files_are_no_clips(tmp_path):
    folder_of(tmp_path, {"a": sound(), ".b": sound(), ".c/d": sound()})
    assert list(find_sounds(tmp_path)) == ["a"]
