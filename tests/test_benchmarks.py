"""Benchmarks run, and their figures are what their names say; how large they are is not for tests to tell."""

import importlib.util
import json
import os
import sys
from contextlib import closing
from functools import partial
from itertools import chain, islice, pairwise
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
import torch
from conftest import ROOT
from praatio import textgrid as praat
from toys import settings as toy_settings

from pipeline.parallel import ThisProcess
from pipeline.training import Run
from tts.alignment.utterances import serial_map
from tts.audio.files import write_wav
from tts.audio.mel_definition import MelDefinition
from tts.audio.prosody import PitchSettings, f0
from tts.audio.samples import to_float
from tts.config import build
from tts.corpora import demo_sentences
from tts.data.tables import PHONES, read_table
from tts.end_to_end.vits2 import TINY
from tts.errors import AlignmentError
from tts.interfaces import Inventory
from tts.models import load_kind
from tts.phones import SILENCE
from tts.registry import load_system
from tts.text.espeak import Speech, SpokenPhone

HOURS = 0.005
MEL = MelDefinition(sample_rate=22050, n_fft=1024, hop_length=256, win_length=1024, n_mels=80, f_min=0.0, f_max=8000.0)


def load(name):
    """A script of benchmarks/ as a module."""
    spec = importlib.util.spec_from_file_location(f"benchmark_{name}", ROOT / "benchmarks" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


alignment, text, feature_reading = load("alignment"), load("text"), load("feature_reading")
sys.modules["feature_reading"] = feature_reading  # as a script finds what lies beside it
sys.modules["made_speech"] = load("made_speech")
sys.modules["training_references"] = training_references = load("training_references")
features, full_size, training = load("features"), load("full_size"), load("training")
end_to_end, attention, styles = load("end_to_end"), load("attention"), load("styles")
evaluation = load("evaluation")
metrics_order, vocoder_table, vocoders = load("metrics_order"), load("vocoder_table"), load("vocoders")


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    folder = tmp_path_factory.mktemp("speech") / "raw"
    alignment.write_speech(folder, HOURS)
    return folder


@pytest.fixture(scope="module")
def small(raw, tmp_path_factory):
    """What the smallest of sizes costs."""
    folder = tmp_path_factory.mktemp("small")
    alignment.prepare_corpus(alignment.SPEECH, raw, alignment.IPA, folder / "corpus")
    return alignment.cost_of_aligning(folder / "corpus", folder)


class TestAlignment:
    def test_speech_is_long_enough_and_its_true_phones_fill_each_clip(self, raw):
        lines = [line.split("|") for line in (raw / "metadata.csv").read_text(encoding="utf-8").splitlines()]
        assert {speaker for _, speaker, _ in lines} == set(alignment.VOICES)
        rows = read_table(raw / "true_phones.parquet", PHONES)
        lengths = {name: soundfile.info(raw / "wavs" / f"{name}.wav").duration for name, _, _ in lines}
        for name, seconds in lengths.items():
            phones = [row for row in rows if row["utterance_id"] == name]
            assert phones[0]["phone"] == phones[-1]["phone"] == SILENCE
            assert phones[0]["start_seconds"] == 0
            assert phones[-1]["end_seconds"] == pytest.approx(seconds)
        assert 0 <= sum(lengths.values()) - HOURS * 3600 < max(lengths.values())

    def test_sentences_are_none_of_the_demos(self):
        ours = alignment.SENTENCES
        assert len(set(ours)) == len(ours)
        assert set(ours).isdisjoint(demo_sentences.sentences("en", 300, seed=0))

    def test_every_sentence_is_said_by_both_voices_before_manners_change(self):
        spoken = alignment.spoken_in_turn()
        first = [next(spoken) for _ in range(2 * len(alignment.SENTENCES))]
        assert len({(speaker, said) for speaker, _, said in first}) == len(first)
        assert len({manner for _, manner, _ in first}) == len(alignment.VOICES)
        assert next(spoken)[1] not in {manner for _, manner, _ in first}

    def test_every_boundary_of_every_clip_is_compared_with_the_truth(self, raw, small):
        rows = read_table(raw / "true_phones.parquet", PHONES)
        num_phones = sum(row["phone"] != SILENCE for row in rows)
        assert small.metrics["boundaries"] >= num_phones - small.metrics["clips"]
        assert small.metrics["aligned_share"] == 1

    def test_ratios_are_of_the_large_size_over_the_small(self, small):
        large = alignment.Cost(4 * small.hours, 2 * small.cpu_seconds, 3 * small.peak_bytes, small.metrics)
        found = alignment.ratios(small, large)
        assert found["linear"] == pytest.approx(0.5)
        assert found["memory_growth"] == pytest.approx(3)
        assert found["real_time_per_core"] == pytest.approx(large.hours * 3600 / large.cpu_seconds)
        assert found["boundary_mean_ms"] == small.metrics["boundary_error_ms"]["mean"]
        assert alignment.GOALS.keys() <= found.keys()

    def test_the_figures_are_printed_last(self, small, monkeypatch, capsys):
        monkeypatch.setattr(alignment, "cost_of_speech", {1.0: small, 2.0: small}.get)
        monkeypatch.setattr(sys, "argv", ["alignment.py", "--json", "--hours", "1", "2"])
        alignment.main()
        found = json.loads(capsys.readouterr().out.splitlines()[-1])
        assert found == pytest.approx(alignment.ratios(small, small), abs=1e-4)

    def test_a_fresh_process_is_another(self):
        assert alignment.in_fresh_process(os.getpid) != os.getpid()

    def test_recordings_agree_with_textgrids_of_their_own_alignment(self, raw, tmp_path):
        recordings = tmp_path / "recordings"
        recordings.mkdir()
        (recordings / "wavs").symlink_to(raw / "wavs")
        lines = (line.split("|") for line in (raw / "metadata.csv").read_text(encoding="utf-8").splitlines())
        (recordings / "metadata.csv").write_text("".join(f"{name}|{said}\n" for name, _, said in lines))
        alignment.prepare_corpus(alignment.RECORDINGS, recordings, alignment.ENGLISH, tmp_path / "corpus")
        spoken = alignment.read_spoken(tmp_path / "corpus", alignment.ENGLISH, tmp_path / "spoken", run=serial_map)
        for name, rows in alignment.align(spoken, tmp_path / "work").kept.items():
            write_textgrid(tmp_path / "grids" / f"{name.removeprefix('anika-')}.TextGrid", rows)
        found = alignment.agreement(str(recordings), str(tmp_path / "grids"), "anika-")
        assert found["clips_compared"] == len(list((tmp_path / "grids").glob("0*")))
        assert found["mean_ms"] == pytest.approx(0, abs=0.01)
        assert found["within_10_ms"] == 1
        with pytest.raises(AlignmentError, match=r"grids: has no clip of .* name the --prefix that it lacks"):
            alignment.agreement(str(recordings), str(tmp_path / "grids"), "x")


class TestText:
    def test_figures_of_every_front_end_are_printed_last(self, monkeypatch, capsys, tmp_path):
        (tmp_path / "texts").write_text("One line.\nAnd 2 others.\n", encoding="utf-8")
        options = ["--json", "--sentences", "5", "--workers", "1", "--texts", str(tmp_path / "texts")]
        monkeypatch.setattr(sys, "argv", ["text.py", *options])
        text.main()
        found = json.loads(capsys.readouterr().out.splitlines()[-1])
        steps = {f"{name}_{step}_per_cpu_second" for name in text.FRONT_ENDS for step in ("normalized", "pronounced")}
        assert found.keys() == {*steps, "ipa_batched_over_single"}
        assert min(found.values()) > 0

    def test_drawn_texts_are_repeatable_and_of_the_length_that_is_wanted(self):
        texts = text.drawn("en", 400)
        assert texts == text.drawn("en", 500)[:400]
        assert len(set(texts)) > 390
        assert sum(len(each.split()) for each in texts) / 400 == pytest.approx(17, abs=1)

    def test_seconds_of_workers_count_and_those_of_this_process_do_not_twice(self):
        metered = text.Metered(lambda function, items, label: iter([("a", 1, 2.0), ("b", 1, 5.0), ("c", 2, 3.0)]))
        assert list(metered(str, ["x", "y", "z"], label="")) == ["a", "b", "c"]
        assert metered.elsewhere() == 8
        own = text.Metered(serial_map)
        assert list(own(str, [1, 2], label="")) == ["1", "2"]
        assert own.elsewhere() == 0


class TestFeatureReading:
    def test_figures_of_both_readers_are_printed_last(self, monkeypatch, capsys):
        monkeypatch.setattr(sys, "argv", ["feature_reading.py", "--json", "--clips", "40"])
        feature_reading.main()
        found = json.loads(capsys.readouterr().out.splitlines()[-1])
        assert {"shards_over_files", "frames_per_10_ms"} <= found.keys()
        assert found["shards_over_files_low"] <= found["shards_over_files"] <= found["shards_over_files_high"]
        assert min(found.values()) > 0

    def test_readers_that_give_different_batches_are_not_compared(self, tmp_path):
        clips = feature_reading.draw_clips(5)
        ids = list(clips.frames)
        shards = feature_reading.shard_reader(tmp_path / "shards", clips)
        files = feature_reading.file_reader(tmp_path / "files", clips)
        feature_reading.require_equal({"shards": shards, "files": files}, ids)
        with pytest.raises(ValueError, match="differ in utterance_ids"):
            feature_reading.require_equal({"shards": shards, "files": lambda ids: files(ids[::-1])}, ids)

    def test_clips_are_as_long_as_those_of_ljspeech(self):
        frames = list(feature_reading.draw_clips(13100).frames.values())
        seconds = [each * 256 / 22050 for each in frames]
        assert sum(seconds) / 3600 == pytest.approx(23.9, rel=0.05)
        assert 0.98 <= min(seconds) < 2
        assert 9.9 < max(seconds) <= 10


class TestMetricsOrder:
    @pytest.fixture
    def values(self, tmp_path, monkeypatch):
        monkeypatch.setenv("HOME", str(tmp_path / "home"))
        monkeypatch.setattr(metrics_order, "MEASURED", ("mel_l1", "mr_stft"))
        time = np.arange(12000) / 22050
        for number in range(6):
            voice = sum(np.sin(2 * np.pi * (120 + number) * k * time) / k for k in range(1, 20)) * (
                np.sin(20 * time) + 1.1
            )
            (tmp_path / "clips").mkdir(exist_ok=True)
            write_wav(tmp_path / "clips" / f"{number}.wav", 0.1 * voice.astype(np.float32), sample_rate=22050)
        metrics_order.make_rungs(tmp_path / "clips", tmp_path / "rungs", limit=6)
        return metrics_order.measure(tmp_path / "rungs", None, ThisProcess())

    def test_rungs_are_told_apart_and_a_recording_is_no_distance_from_itself(self, values):
        found = metrics_order.as_json(values)
        assert found["means"]["ground_truth"]["mel_l1"]["mean"] == 0
        assert found["neighbours"]["mr_stft"][0] == found["neighbours"]["mr_stft"][-1] == 1
        assert {len(told) for told in found["neighbours"].values()} == {len(metrics_order.RUNGS) - 1}
        lines = metrics_order.table(values)
        assert lines[1].startswith("mel_l1 ↓ ")
        assert lines[1].count("[") == len(metrics_order.RUNGS)

    def test_noise_is_as_loud_as_its_ratio_says(self):
        recording = np.sin(np.arange(40000) / 9).astype(np.float32)
        noise = metrics_order._noisy(recording, snr_db=10) - recording
        assert np.square(recording).mean() / np.square(noise).mean() == pytest.approx(10, rel=0.03)


class TestEvaluation:
    def test_what_is_kept_is_not_measured_again(self, tmp_path, monkeypatch):
        assert evaluation.make_clips(tmp_path, 3, None) > 1
        calls = []
        score = evaluation.score_folder
        monkeypatch.setattr(evaluation, "score_folder", lambda *arguments: calls.append(score(*arguments)))
        found = evaluation.measure(tmp_path, 1, None, metrics=("mr_stft", "wv_mos"))
        assert set(found) == {"first_seconds", "second_seconds", "one_changed_seconds"}
        values = [each.values["clips"]["mr_stft"] for each in calls]
        assert values[0] == values[1]
        assert [name for name in values[0] if values[0][name] != values[2][name]] == ["s000"]


class TestTraining:
    def test_a_ratio_is_of_frames_per_second(self):
        pair = training.Pair(lambda: 300, lambda: 100)
        pair.race(2)
        assert [(ours, theirs) for ours, _, theirs, _ in pair.rounds] == [(300, 100)] * 2
        pair.rounds = [(100, 1.0, 100, 2.0), (300, 1.0, 100, 2.0)]
        assert pair.ratio == pytest.approx(4)
        assert "4.00 (2.00 to 6.00 in 2 rounds); 200 frames/s, theirs 50" in str(pair)

    def test_small_networks_learn_in_its_loops(self, tmp_path):
        clips, device = feature_reading.draw_clips(40), torch.device("cpu")
        loops = [training._fastspeech2(tmp_path, clips, "fp32", device, training.SMALL)]
        loops.append(training._hifigan("small", "fp32", device))
        for loop in loops:
            with closing(loop.batches):
                assert loop.step() > 0
                assert loop.seconds > loop.waited >= 0
                for without in training.ABLATIONS.values():
                    assert training._step_in(without, loop) > 0
                assert loop.number == 1 + len(training.ABLATIONS)

    def test_checkouts_are_told_apart_and_leave_no_modules_behind(self, tmp_path):
        (tmp_path / "preprocessor").mkdir()
        (tmp_path / "utils").mkdir()
        (tmp_path / "utils" / "tools.py").write_text("import unidecode\nvalue = 5\n", encoding="utf-8")
        (tmp_path / "model.py").write_text("from utils.tools import value\n", encoding="utf-8")
        assert training_references.find([tmp_path]) == {"fastspeech2": tmp_path}
        assert training_references.imported(tmp_path, "model")["model"].value == 5
        assert not {"model", "utils", "utils.tools", "unidecode"} & sys.modules.keys()
        with pytest.raises(SystemExit, match="neither"):
            training_references.find([tmp_path / "utils"])

    def test_their_batches_are_sorted_by_phones_in_groups_of_four(self):
        clips = feature_reading.draw_clips(130)
        batches = list(islice(training_references._in_groups(clips, 16), 8))
        assert sorted(name for batch in batches for name in batch[0]) == sorted(set(chain(*(b[0] for b in batches))))
        for group in (batches[:4], batches[4:]):
            lengths = [length for batch in group for length in batch[4].tolist()]
            assert lengths == sorted(lengths, reverse=True)
        assert batches[0][6].shape[:2] == (16, batches[0][8])


class TestVocoders:
    def test_what_is_slower_than_real_time_speaks_in_two_rounds_only(self, monkeypatch):
        costs = {"fast": 0.1, "hifigan_v1": 0.4, "slow": 9.0}
        voices = {name: lambda mel, name=name: name for name in costs}
        monkeypatch.setattr(vocoders, "_seconds", lambda speak, mel: costs[speak(mel)])
        rounds = vocoders.timed(voices, torch.zeros(1, 80, 100), 3)
        assert [list(each) for each in rounds] == [list(costs)[::-1], list(costs), ["hifigan_v1", "fast"]]
        assert vocoders.ratios(rounds, "fast", "hifigan_v1") == pytest.approx([4, 4, 4])
        lines = vocoders.table(rounds, list(costs), seconds=2.0)
        assert "fast" in lines[0]
        assert "0.0500 s per s of speech   4.00 (4.00 to 4.00, n = 3)" in lines[0]
        assert "n = 2" in lines[2]

    def test_the_difference_is_relative_to_the_loudest_sample(self):
        wave = torch.tensor([[0.1, -0.5, 0.2]])
        assert vocoders.difference(lambda _: wave, lambda _: wave, wave) == 0
        assert vocoders.difference(lambda _: wave + 0.05, lambda _: wave, wave) == pytest.approx(0.1)


class TestVocoderTable:
    def test_rows_tell_who_beats_griffin_lim(self):
        def row(name, mcd, **costs):
            scores = {metric: dict.fromkeys("abcdef", 0.5) for metric in vocoder_table.METRICS}
            return vocoder_table.Row(name, scores | {"mcd_db": dict(zip("abcdef", mcd, strict=True))}, 0.25, **costs)

        base = row(vocoder_table.BASELINE, [1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
        better = row("demo_good", [0.5, 1.5, 2.5, 3.5, 4.5, 5.5], parameters=12345, steps=300, seconds=60.0)
        lines = vocoder_table.table([base, better])
        assert len(lines) == 4
        assert {line.count("|") for line in lines} == {lines[0].count("|")}
        cells = [cell.strip() for cell in lines[3].split("|")]
        assert cells[1:] == [
            "demo_good", "0.500", "0.500", "3.000", "0.500", "-0.50 (-0.50 to -0.50)", "12,345", "0.250", "300", "5.00",
            "",
        ]  # fmt: skip
        assert vocoder_table.figures([better])["demo_good"]["mcd_db"] == 3.0

    def test_rows_are_kept_and_not_made_again(self, tmp_path):
        row = vocoder_table.Row("a", {"mcd_db": {"x": 1.5}}, 0.5, steps=3)
        made = []
        for _ in range(2):
            found = vocoder_table._kept(tmp_path / "a.json", lambda: made.append(1) or row)
        assert (found, made) == (row, [1])

    def test_the_clock_ends_the_training(self, tmp_path, recordings):
        system = load_system("vocoders/neural_griffin_lim")
        model = {"channels": 8, "intermediate": 8, "layers": 1}
        run = toy_settings(
            system="vocoders/neural_griffin_lim",
            model=model,
            loss_weights={"magnitude": 1, "convergence": 1, "mel": 1},
            batch={"size": 2, "segment_frames": 16},
            steps=vocoder_table.ENDLESS,
        )
        config, inventory = build(system.config, model, where="model"), Inventory(mel=recordings.mel_definition)
        steps, seconds = vocoder_table.train(Run(run, system, config, recordings, inventory, None), tmp_path, seconds=0)
        assert steps == 1
        assert seconds > 0
        network = load_kind(tmp_path, "vocoder").network
        test = vocoder_table._Test(recordings, None, tuple(recordings.ids[:1]), tmp_path)
        assert len(test.voice(network)(recordings.ids[0])) == len(recordings.mel(recordings.ids[0])) * 64


def write_textgrid(path, intervals):
    path.parent.mkdir(exist_ok=True)
    end = intervals[-1].end
    marks = [(each.start, each.end, each.phone) for each in intervals if each.phone != SILENCE]
    grid = praat.Textgrid(0, end)
    grid.addTier(praat.IntervalTier("phones", marks, 0, end))
    grid.save(str(path), format="short_textgrid", includeBlankSpaces=True)


class TestFeatures:
    def test_both_sides_read_the_same_phones(self, tmp_path):
        features.make_project(tmp_path / "project", 2)
        for grid in (tmp_path / "project" / "recordings" / "TextGrid").rglob("*.TextGrid"):
            theirs = features._StandIn(str(grid)).get_tier_by_name("phones")._objects
            ours = praat.openTextgrid(str(grid), includeEmptyIntervals=True).getTier("phones").entries
            assert [(each.start_time, each.end_time) for each in theirs] == [(each.start, each.end) for each in ours]
            assert [each.text for each in theirs] == [each.label or "sp" for each in ours]
            assert theirs[0].start_time == 0

    def test_pitch_and_durations_that_differ_from_the_references_are_told_by_cause(self, tmp_path):
        """A clip of 51.8 hops with phones up to 3.9, 5.5 and 8.5, whose end is one sample short at their rate."""
        ends = [1000, 1408, 2176, 13260]
        assert int(ends[-1] / 22050 * 22050) == ends[-1] - 1
        buzz = sum(np.sin(2 * np.pi * 120 * k * np.arange(ends[-1]) / 22050) / k for k in range(1, 11))
        samples = np.rint(5000 * buzz).astype(np.int16)
        phones = [SpokenPhone("a", "a", 0, 0, *place) for place in pairwise([0, *ends])]
        recordings, output = tmp_path / "recordings", tmp_path / "reference"
        for folder in (recordings / "wavs", output / "pitch", output / "duration"):
            folder.mkdir(parents=True)
        (tmp_path / "params.yaml").write_text(json.dumps(features.data_params("a", {})))
        write_wav(recordings / "wavs" / "c.wav", samples, sample_rate=22050)
        features.write_textgrid(output / "TextGrid" / "one" / "c.TextGrid", Speech(samples, 22050, tuple(phones)))
        np.save(output / "duration" / "one-duration-c.npy", [4, 2, 2, 44])  # by their np.round; ours are 4, 1, 3, 43
        framing = features.mel_definition(tmp_path, framing="centered")
        np.save(output / "pitch" / "one-pitch-c.npy", f0(to_float(samples[:-1]), framing, features.PITCH))
        found = features.agreement(tmp_path, output)
        assert found["pitch_equal"] == pytest.approx(51 / 52)
        assert found["pitch_equal_same_samples"] == 1
        assert found["durations_equal"] == pytest.approx(1 / 4)
        assert found["durations_equal_but_last"] == pytest.approx(1 / 3)
        assert found["durations_equal_untied"] == 1

    def test_a_round_gives_every_ratio(self, tmp_path, monkeypatch):
        monkeypatch.setattr(features, "ROUNDS", 1)
        features.make_project(tmp_path / "project", 3)
        features.run_stages(tmp_path / "project", ("download", "prepare", "align"), workers=1)
        found = features.costs(tmp_path / "project")
        assert found["cpu_over_floor_low"] == found["cpu_over_floor"] == found["cpu_over_floor_high"] > 0
        assert found["speedup_2_processes"] > 0


def test_stages_of_a_large_run_are_read_from_what_they_say():
    said = "> tts mel big\nmel big: wrote data/x, 9 clips (0 reused), 0 dropped, 5.2 s\nother\n"
    assert full_size.stage_seconds(said) == {"mel": 5.2}


def test_a_large_corpus_grows_without_changing_its_clips(tmp_path):
    for ranges in ([range(5)], [range(3), range(3, 5)]):
        for numbers in ranges:
            full_size.speak_clips(tmp_path / str(len(ranges)), numbers)
    one, two = (
        {path.name: path.read_bytes() for path in sorted((tmp_path / name).rglob("*.*"))} for name in ("1", "2")
    )
    assert len(one) == 6
    assert one == two


def test_twins_of_end_to_end_systems_differ_in_nothing_but_the_decoder():
    ratios = end_to_end.measure({"tiny": TINY}, seconds=0.2, rounds=2)
    assert [len(each) for each in ratios.values()] == [2]
    assert ratios.keys() == {"tiny_over_hifigan_twin"}
    twin = end_to_end.twin_of(TINY)
    assert (twin.decoder, twin.trunk.channels, twin.hidden) == ("hifigan", 32, 16)


def test_attention_is_near_where_the_aligner_hears_the_phone():
    durations = torch.tensor([2, 4, 2, 4])  # four frames a step: the middles are frames 2, 6 and 10
    assert attention.near(torch.tensor([1, 2, 3]), durations, 4) == 1
    assert attention.near(torch.tensor([0, 3, 1]), durations, 4) == pytest.approx(2 / 3)
    assert attention.near(torch.tensor([1, 2, 3, 3]), durations, 4) == 1, "the last step is not full"


class Humming:
    """A voice of one tone: excited is half of the way higher, and all of it faster, that recordings are."""

    inventory = SimpleNamespace(mel=MEL, styles=("excited", "neutral"))

    def speak(self, lines):
        return [self._said(excited=line.style == "excited") for line in lines]

    def _said(self, *, excited):
        time = np.arange(16000 if excited else 20000) / MEL.sample_rate
        hz = 200 * 1.21**0.5 if excited else 200
        return SimpleNamespace(waveform=np.sin(2 * np.pi * hz * time).astype(np.float32))


def test_the_share_of_a_gap_that_a_voice_covers_is_measured():
    recorded = {"excited": (242.0, 40), "neutral": (200.0, 50)}
    clip = partial(SimpleNamespace, speaker="ann", phones=("a", "b"))
    utterances = {style: clip(style=style, num_frames=frames) for style, (_, frames) in recorded.items()}
    corpus = SimpleNamespace(
        mel_definition=MEL,
        utterances=utterances,
        select=lambda _: list(utterances),
        prosody=lambda name: SimpleNamespace(pitch=np.full(9, recorded[name][0])),
    )
    found = styles.spoken(Humming(), corpus, {"ann": PitchSettings()}, neutral="neutral", names=list(utterances))
    assert set(found) == {"excited, F0", "excited, rate"}
    assert found["excited, F0"].mean == pytest.approx(0.5, abs=0.02)
    assert found["excited, rate"].mean == pytest.approx(1)
    assert found["excited, rate"].n == 2
