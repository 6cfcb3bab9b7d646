"""Speaker vectors: the encoder, what it hears of a clip, where its weights come from, and what is kept of a corpus."""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_voice import INVENTORY, MEL_DEFINITION, Letters, tone
from toys import MEL_DEFINITION as TOY_MEL
from toys import acoustic_run, settings

import tts.speakers.weights
from pipeline.clips import Clip
from pipeline.incremental import Rejected, map_cached
from pipeline.parallel import ThisProcess
from pipeline.params import VoiceSettings, load_params
from pipeline.paths import Paths
from pipeline.speaking import by_speaker, draw_utterances
from pipeline.training import content_of, read_run
from pipeline.vectors import reference_vector, vector_of, write_vectors
from pipeline.yaml import read_yaml
from tts.acoustic import fastspeech2
from tts.audio.files import write_wav
from tts.audio.samples import to_int16
from tts.config import build, to_plain
from tts.data.features import CorpusFeatures
from tts.data.shards import write_shards
from tts.data.speaker_vectors import SpeakerVectorTable, mean_vector
from tts.data.tables import VECTORS, read_table, write_table
from tts.errors import AudioError, ConfigError, DataError
from tts.interfaces import SPEAKER_VECTOR_SIZE, Inventory
from tts.metrics.measurable import NotMeasurableError
from tts.metrics.speakers import cosine, speaker_similarity
from tts.models import load_model
from tts.speakers.encoder import SAMPLE_RATE, SpeakerEncoder, _window_starts
from tts.speakers.speech import speech_of
from tts.speakers.weights import find_weights, load_encoder
from tts.synthesis import Line, Synthesizer, Voice
from tts.training.batching import AcousticBatches
from tts.training.export import export_model, read_model
from tts.training.starting import start_from
from tts.vocoders import griffin_lim

WHEEL = tts.speakers.weights.WHEEL


@pytest.fixture
def encoder():
    torch.manual_seed(0)
    return SpeakerEncoder().eval()


@pytest.fixture
def untrained(encoder, monkeypatch):
    """The encoder with random weights wherever the trained one would be loaded."""
    monkeypatch.setattr(tts.speakers.weights, "load_encoder", lambda: encoder)
    return encoder


@pytest.fixture(scope="session")
def wheel():
    try:
        return find_weights().parent
    except ConfigError as error:
        pytest.skip(f"needs the weights of {WHEEL}: {error}")


def noise(seconds, *, seed=0, level=0.1):
    drawn = np.random.default_rng(seed).normal(size=int(seconds * SAMPLE_RATE))
    return (level * drawn).astype(np.float32)


def unit(*directions):
    """A vector between axes."""
    vector = np.zeros(SPEAKER_VECTOR_SIZE, np.float32)
    vector[list(directions)] = 1 / np.sqrt(len(directions))
    return vector


class TestEncoder:
    @pytest.mark.parametrize("seconds", [0.05, 0.5, 1.6, 1.61, 2.37, 5.0])
    def test_a_vector_has_unit_length_and_no_negative_component(self, encoder, seconds):
        (vector,) = encoder.embed([noise(seconds)])
        assert vector.shape == (SPEAKER_VECTOR_SIZE,)
        assert vector.dtype == np.float32
        assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-6)
        assert vector.min() >= 0

    def test_clips_of_other_lengths_beside_it_do_not_change_a_vector(self, encoder):
        clips = [noise(seconds, seed=i) for i, seconds in enumerate((0.7, 6.0, 2.0))]
        for together, clip in zip(encoder.embed(clips), clips, strict=True):
            np.testing.assert_allclose(together, encoder.embed([clip])[0], atol=1e-6)

    def test_silence_behind_a_short_clip_changes_nothing_within_its_window(self, encoder):
        clip = noise(1.0)
        padded = np.pad(clip, (0, 6000))
        np.testing.assert_allclose(encoder.embed([padded])[0], encoder.embed([clip])[0], atol=1e-6)

    @pytest.mark.parametrize(
        ("seconds", "starts"),
        # The last window counts where 1.2 s of it are sound: 0.77 + 1.2 = 1.97.
        [(0.1, [0]), (1.6, [0]), (1.96, [0]), (1.98, [0, 77]), (2.73, [0, 77]), (2.75, [0, 77, 154])],
    )
    def test_windows_begin_every_770_ms_and_the_last_is_sound_to_three_quarters(self, seconds, starts):
        assert _window_starts(round(seconds * SAMPLE_RATE)) == starts

    def test_a_clip_of_three_windows_has_the_mean_of_theirs(self, encoder):
        clip = noise(3.14)  # windows at 0, 0.77 and 1.54 s
        hop = SAMPLE_RATE // 100
        whole = encoder.embed([clip])[0]
        parts = [encoder.embed([clip[start * hop : (start + 160) * hop]])[0] for start in (0, 77, 154)]
        # Alone, a part is silent beyond its ends, which its first and last frames see.
        assert cosine(whole, mean_vector(parts)) > 0.999


class TestSpeech:
    def test_long_silences_are_cut_and_short_ones_stay(self):
        loud, long, short = noise(1.0), np.zeros(3 * SAMPLE_RATE, np.float32), np.zeros(SAMPLE_RATE // 5, np.float32)
        assert len(speech_of(np.concatenate([loud, short, loud]), SAMPLE_RATE)) == pytest.approx(2.2 * 16000, abs=500)
        heard = speech_of(np.concatenate([long, loud, long, loud, long]), SAMPLE_RATE)
        assert len(heard) == pytest.approx((2 + 4 * 0.18) * SAMPLE_RATE, abs=2000)

    def test_quiet_speech_is_raised_to_30_db_below_full_scale_and_loud_speech_stays(self):
        for level, expected in ((0.001, 10 ** (-30 / 20)), (0.2, 0.2)):
            heard = speech_of(noise(2.0, level=level), SAMPLE_RATE)
            assert np.sqrt(np.square(heard).mean()) == pytest.approx(expected, rel=0.02)

    def test_other_rates_are_resampled(self):
        assert len(speech_of(noise(3.0), 48000)) == pytest.approx(SAMPLE_RATE, abs=500)

    @pytest.mark.parametrize("clip", [np.zeros(SAMPLE_RATE, np.float32), noise(0.1), np.zeros(0, np.float32)])
    def test_silence_and_a_tenth_of_a_second_are_refused(self, clip):
        with pytest.raises(AudioError, match=r"0\.\d s of speech are too few to know a voice by; give 0\.5 s or more"):
            speech_of(clip, SAMPLE_RATE)


class TestWeights:
    def test_without_the_wheel_one_line_says_how_to_install_it(self, monkeypatch):
        monkeypatch.setattr(tts.speakers.weights, "find_spec", lambda name: None)
        with pytest.raises(
            ConfigError, match=r"resemblyzer, which is absent; run `pip install --no-deps resemblyzer=="
        ):
            find_weights()

    def test_weights_of_another_version_are_refused_and_no_code_of_the_wheel_runs(self, tmp_path, monkeypatch):
        package = tmp_path / "resemblyzer"
        package.mkdir()
        (package / "__init__.py").write_text("raise SystemExit('imported')")
        (package / "pretrained.pt").write_bytes(b"other")
        monkeypatch.setattr(sys, "path", [str(tmp_path)])
        with pytest.raises(ConfigError, match=r"pretrained\.pt: is not the file of resemblyzer==0\.1\.4; run `pip"):
            find_weights()

    def test_the_wheels_own_encoder_gives_the_same_vectors(self, wheel, monkeypatch):
        pytest.importorskip("librosa")
        monkeypatch.setitem(sys.modules, "webrtcvad", type(sys)("webrtcvad"))  # for silences, which are not compared
        theirs = pytest.importorskip("resemblyzer").VoiceEncoder("cpu", verbose=False)
        for seconds in (0.3, 1.6, 1.97, 2.4, 7.3):
            clip = noise(seconds) * np.abs(np.sin(np.arange(int(seconds * SAMPLE_RATE)) / 3000)).astype(np.float32)
            np.testing.assert_allclose(load_encoder().embed([clip])[0], theirs.embed_utterance(clip), atol=1e-5)

    def test_tones_of_one_kind_are_nearer_than_others(self, wheel):
        low, again, other = (
            tone(3, hz=hz, seed=seed) + noise(3 * 22050 / 16000, seed=seed, level=level)
            for hz, seed, level in ((110, 1, 0.001), (112, 2, 0.001), (400, 3, 0.02))
        )
        assert speaker_similarity(low, again, 22050) > speaker_similarity(low, other, 22050) + 0.05


class TestSimilarity:
    def test_cosines_of_known_vectors(self):
        assert cosine(unit(0), unit(0)) == pytest.approx(1)
        assert cosine(unit(0), unit(1)) == 0
        assert cosine(unit(0), unit(0, 1)) == pytest.approx(np.sqrt(0.5))
        assert cosine(3 * unit(0), unit(0, 1, 2, 3)) == pytest.approx(0.5)

    def test_a_clip_is_wholly_like_itself_at_any_level(self, untrained):
        clip = noise(2.0, level=0.002)
        assert speaker_similarity(clip, clip, SAMPLE_RATE) == pytest.approx(1, abs=1e-6)
        assert speaker_similarity(clip, clip * 2, SAMPLE_RATE) == pytest.approx(1, abs=1e-4)
        assert speaker_similarity(clip, np.sin(np.arange(32000) / 9).astype(np.float32), SAMPLE_RATE) < 1 - 1e-6

    def test_silence_is_not_measurable(self, untrained):
        with pytest.raises(NotMeasurableError, match=r"0\.0 s of speech"):
            speaker_similarity(noise(2.0), np.zeros(SAMPLE_RATE, np.float32), SAMPLE_RATE)


# A corpus


@pytest.fixture
def vectors(tmp_path, acoustic):
    """A folder of vectors of the small corpus, all but one clip; those of a speaker lie about an axis."""
    rows = []
    for number, name in enumerate(acoustic.ids[1:]):
        axis = ("ann", "bob").index(acoustic.utterances[name].speaker)
        rows.append({"utterance_id": name, "vector": mean_vector([unit(axis), unit(2 + number)]).tolist()})
    folder = tmp_path / "vectors"
    folder.mkdir()
    write_table(folder / "vectors.parquet", rows, VECTORS)
    return folder


@pytest.fixture
def features(toy_folders, vectors):
    names = ("corpus", "mel", "prosody", "index")
    corpus, mel, prosody, index = (toy_folders[name] for name in names)
    return CorpusFeatures(corpus, mel, prosody=prosody, index=index, vectors=vectors)


@pytest.fixture
def with_vectors(features, inventory):
    return replace(inventory, speaker_vectors=features.speaker_vectors.means(inventory.speakers))


class TestCorpus:
    def test_means_are_those_of_a_speakers_training_clips_alone(self, features, vectors):
        rows = {row["utterance_id"]: row["vector"] for row in read_table(vectors / "vectors.parquet", VECTORS)}
        train = [rows[name] for name in features.select("train", speakers=["bob"])]
        found = features.speaker_vectors.means(["bob"])["bob"]
        assert len(train) < sum(features.utterances[name].speaker == "bob" for name in rows)
        np.testing.assert_allclose(found, np.mean(train, axis=0) / np.linalg.norm(np.mean(train, axis=0)), atol=1e-6)
        assert np.linalg.norm(found) == pytest.approx(1)

    def test_a_clip_without_a_vector_of_its_own_has_its_speakers(self, features):
        first, second = features.ids[:2]
        own = features.speaker_vectors.read([first, second])
        np.testing.assert_array_equal(own[0], features.speaker_vectors.means(["ann"])["ann"])
        assert own[1][1] > 0.5

    def test_batches_carry_the_vectors_of_their_clips(self, features, with_vectors, acoustic, inventory):
        ids = features.ids[3:7]
        batch = AcousticBatches(features, with_vectors, "phone").read(ids)
        np.testing.assert_array_equal(batch.speaker_vectors.numpy(), features.speaker_vectors.read(ids))
        assert AcousticBatches(acoustic, inventory, "phone").read(ids).speaker_vectors is None

    def test_a_corpus_without_vectors_says_how_to_compute_them(self, toy_folders, tmp_path):
        with pytest.raises(DataError, match=r"vectors\.parquet is missing; name the corpus in run\.speaker_vectors"):
            CorpusFeatures(
                toy_folders["corpus"], toy_folders["mel"], index=toy_folders["index"], vectors=tmp_path / "none"
            )

    def test_a_speaker_without_any_vector_is_named(self, vectors, acoustic):
        speakers = {name: acoustic.utterances[name].speaker for name in acoustic.ids}
        only_bob = [name for name in acoustic.ids if speakers[name] == "bob"]
        table = SpeakerVectorTable(vectors, speakers, only_bob)
        with pytest.raises(DataError, match="no training clip of ann has a vector"):
            table.means(["ann", "bob"])

    def test_the_stages_table_is_sorted_the_same_bytes_each_time_and_says_what_it_lacks(
        self, tmp_path, untrained, monkeypatch
    ):
        clips = _clips(tmp_path / "corpus", {"b": tone(1.5, hz=120, seed=1), "a": tone(1.1, hz=200, seed=2)})
        clips |= _clips(tmp_path / "silent", {"c": np.zeros(30000, np.float32)})
        keys = {name: name * 8 for name in clips}
        tables = []
        for attempt in ("once", "again"):
            results = map_cached(
                vector_of, clips, keys=keys, store=tmp_path / "store", executor=ThisProcess(), label="vectors"
            )
            (tmp_path / attempt).mkdir()
            losses = write_vectors(tmp_path / attempt, results)
            tables.append((tmp_path / attempt / "vectors.parquet").read_bytes())
        assert results.num_computed == 0, "kept from the first time"
        assert tables[0] == tables[1]
        rows = read_table(tmp_path / "once" / "vectors.parquet", VECTORS)
        assert [row["utterance_id"] for row in rows] == ["a", "b"]
        assert [np.linalg.norm(row["vector"]) for row in rows] == pytest.approx([1, 1])
        assert [(row["utterance_id"], row["reason"]) for row in losses] == [("c", "too little speech")]
        assert isinstance(vector_of(clips["c"]), Rejected)


def _clips(folder, waveforms):
    folder.mkdir()
    lengths = {name: len(waveform) for name, waveform in waveforms.items()}
    like = np.zeros(0, np.int16)
    write_shards(
        folder, "audio", lengths, lambda name: to_int16(waveforms[name]), shards=dict.fromkeys(waveforms, 0), like=like
    )
    starts = np.cumsum([0, *(lengths[name] for name in sorted(lengths))])
    return {
        name: Clip(folder, 0, int(start), lengths[name], 22050, name, "ann")
        for name, start in zip(sorted(lengths), starts, strict=False)
    }


# Models


STACK = {"layers": 1, "heads": 1, "filter": 16, "kernels": [3, 1]}


def config_of(speaker):
    return build(
        fastspeech2.Config, {"hidden": 16, "encoder": STACK, "decoder": STACK, "speaker": speaker}, where="test"
    )


def saved_model(folder, speaker, inventory):
    """Export an untrained network whose phones last about six frames; give it and its folder."""
    torch.manual_seed(0)
    network = fastspeech2.FastSpeech2(config_of(speaker), inventory)
    with torch.no_grad():
        network.variance.durations.output.bias.fill_(2.0)
        if network.speaker_vectors is not None:  # which begins by hearing nothing
            network.speaker_vectors.projection.weight.normal_(std=0.05)
    folder.mkdir()
    plain = to_plain(config_of(speaker))
    export_model(folder, network, system="acoustic/fastspeech2", model=plain, inventory=inventory, training={})
    return network, folder


class TestModels:
    @pytest.mark.parametrize("speaker", ["vector", "both"])
    def test_it_trains_on_a_corpus_with_vectors_and_reads_back(self, tmp_path, features, with_vectors, speaker):
        weights = dict.fromkeys(("mel", "duration", "pitch", "voicing", "energy"), 1.0)
        run = settings(loss_weights=weights, steps=2, accumulate=1)
        network = fastspeech2.FastSpeech2(config_of(speaker), with_vectors)
        task, data = acoustic_run(features, with_vectors, run, network=network)
        assert all(torch.isfinite(term) for term in task.network.loss(data.largest()).values())
        _, folder = saved_model(tmp_path / "model", speaker, with_vectors)
        loaded = load_model(folder)
        for name, mean in with_vectors.speaker_vectors.items():
            row = with_vectors.speakers.index(name)
            np.testing.assert_array_equal(loaded.network.speaker_vectors.means[row].numpy(), mean)
        assert loaded.inventory.mel == TOY_MEL
        assert "speaker_vectors" not in json.loads((folder / "config.json").read_text())

    def test_a_run_by_vectors_starts_from_one_by_table(self, tmp_path, with_vectors):
        table, folder = saved_model(tmp_path / "table", "table", with_vectors)
        for speaker in ("vector", "both"):
            torch.manual_seed(1)
            network = fastspeech2.FastSpeech2(config_of(speaker), with_vectors)
            means, projection = network.speaker_vectors.means.clone(), network.speaker_vectors.projection.weight.clone()
            start_from(network, read_model(folder), system="acoustic/fastspeech2", inventory=with_vectors)
            assert torch.equal(network.symbols.weight, table.symbols.weight)
            assert torch.equal(network.speaker_vectors.means, means)
            assert torch.equal(network.speaker_vectors.projection.weight, projection)
        assert torch.equal(network.speakers.weight, table.speakers.weight)

    def test_a_run_takes_over_the_projection_and_keeps_the_means_of_its_own_speakers(self, tmp_path, with_vectors):
        old, folder = saved_model(tmp_path / "old", "vector", with_vectors)
        one = replace(with_vectors, speakers=("bob",))
        network = fastspeech2.FastSpeech2(config_of("vector"), one)
        start_from(network, read_model(folder), system="acoustic/fastspeech2", inventory=one)
        assert torch.equal(network.speaker_vectors.projection.weight, old.speaker_vectors.projection.weight)
        np.testing.assert_array_equal(network.speaker_vectors.means[0].numpy(), with_vectors.speaker_vectors["bob"])

    def test_a_run_by_table_leaves_the_vectors_of_its_start_behind(self, tmp_path, with_vectors, caplog):
        old, folder = saved_model(tmp_path / "old", "both", with_vectors)
        network = fastspeech2.FastSpeech2(config_of("table"), with_vectors)
        start_from(network, read_model(folder), system="acoustic/fastspeech2", inventory=with_vectors)
        assert torch.equal(network.speakers.weight, old.speakers.weight)
        assert "the projection of speaker vectors is not taken over" in caplog.text


class TestRuns:
    @pytest.fixture
    def paths(self, tmp_path, toy_folders):
        """A project folder whose run is told its speakers by vectors, without vectors."""
        root = tmp_path / "project"
        places = {"corpus": "data/corpus/demo"}
        places |= {name: f"data/features/demo/{name}" for name in ("mel", "prosody", "index")}
        for name, place in places.items():
            shutil.copytree(toy_folders[name], root / place)
        (root / places["prosody"] / "prosody.parquet").touch()  # runs know it by its bytes, and read the index
        values = read_yaml(Path(__file__).parents[1] / "presets" / "demo.yaml")
        run = settings(system="acoustic/fastspeech2", corpus="demo", model=to_plain(config_of("vector")))
        values |= {"runs": {"toy": to_plain(run)}, "run": {"corpora": ["demo"]}, "voices": {}}
        (root / "params.yaml").write_text(json.dumps(values))
        return Paths(root)

    def test_it_is_built_with_the_means_and_begins_anew_when_vectors_change(self, paths, vectors, features):
        params = load_params(paths.root)
        shutil.copytree(vectors, paths.vectors("demo"))
        run = read_run(params, paths, "toy")
        for name, mean in features.speaker_vectors.means(["ann", "bob"]).items():
            np.testing.assert_array_equal(run.inventory.speaker_vectors[name], mean)
        before = content_of(params, paths, "toy")
        table = paths.vectors("demo") / "vectors.parquet"
        write_table(table, read_table(table)[1:], VECTORS)
        assert content_of(params, paths, "toy") != before

    def test_without_vectors_it_says_how_to_compute_them(self, paths):
        with pytest.raises(DataError, match=r"speakers/vectors\.parquet is missing; .*`tts vectors`"):
            read_run(load_params(paths.root), paths, "toy")

    def test_a_voice_speaks_as_anyone_of_a_corpus_by_their_vectors(self, paths, vectors, features, inventory):
        shutil.copytree(vectors, paths.vectors("demo"))
        only_ann = replace(inventory, speakers=("ann",))
        rows = draw_utterances(paths.index("demo"), only_ann, limit=20, split="train", by_anyone=True)
        assert {row["speaker"] for row in rows} == {"ann", "bob"}
        voice = VoiceSettings(corpus="demo", acoustic="toy", vocoder="toy", speaker="vector")
        means = features.speaker_vectors.means(["ann", "bob"])
        for row, told in zip(rows, by_speaker(rows, voice, paths), strict=True):
            assert told["speaker"] == tuple(means[row["speaker"]].tolist())
            assert told["utterance_id"] == row["utterance_id"]
        assert by_speaker(rows, replace(voice, speaker="name"), paths) == rows

    def test_a_voice_by_vectors_wants_a_corpus_that_has_them(self, paths):
        values = json.loads((paths.root / "params.yaml").read_text())
        voice = {"acoustic": "toy", "vocoder": "sound", "corpus": "demo", "speaker": "vector"}
        sound = {"sound": to_plain(settings(system="vocoders/griffin_lim", corpus="demo", model={}))}
        run = values["run"] | {"voices": {"any": voice}}
        written = values | {"run": run, "runs": values["runs"] | sound, "voices": {"any": voice}}
        (paths.root / "params.yaml").write_text(json.dumps(written))
        with pytest.raises(ConfigError, match=r"voices\.any\.speaker is 'vector'.*name it in run\.speaker_vectors"):
            load_params(paths.root)
        (paths.root / "params.yaml").write_text(json.dumps(written | {"run": run | {"speaker_vectors": ["demo"]}}))
        assert load_params(paths.root).voice("any").speaker == "vector"
        with pytest.raises(ValueError, match="an end-to-end voice knows its speakers by name"):
            VoiceSettings(corpus="demo", end_to_end="toy", speaker="vector")


# Speaking


def voice_of(folder, speaker):
    known = {"ann": unit(0), "bob": unit(1)}
    _, acoustic_folder = saved_model(folder / "acoustic", speaker, replace(INVENTORY, speaker_vectors=known))
    quick, vocoder = griffin_lim.Config(iterations=2), Inventory(mel=MEL_DEFINITION)
    (folder / "vocoder").mkdir()
    network = griffin_lim.SYSTEM.build(quick, vocoder)
    export_model(
        folder / "vocoder",
        network,
        system="vocoders/griffin_lim",
        model=to_plain(quick),
        inventory=vocoder,
        training={},
    )
    return Voice.load(acoustic_folder, folder / "vocoder")


class TestSpeaking:
    def test_named_and_described_speakers_share_a_batch_and_sound_as_alone(self, tmp_path):
        voice = voice_of(tmp_path, "both")
        who = ("ann", tuple(unit(0).tolist()), tuple(unit(1, 5).tolist()), "bob")
        lines = [Line(("sil", *"hello", "sil"), each, "calm") for each in who]
        together = [speech.waveform for speech in voice.speak(lines)]
        np.testing.assert_array_equal(together[0], together[1])  # the vector of ann is ann
        for line, waveform in zip(lines, together, strict=True):
            np.testing.assert_allclose(voice.speak([line])[0].waveform, waveform, atol=2e-4)
        assert not np.array_equal(together[2], together[3])

    def test_a_voice_that_knows_names_only_refuses_a_vector(self, tmp_path):
        voice = voice_of(tmp_path, "table")
        with pytest.raises(ConfigError, match=r"by name only: ann, bob; .*model\.speaker 'vector' or 'both'"):
            Synthesizer(voice, Letters()).say("hello", language="en", speaker=tuple(unit(0).tolist()), style="calm")

    def test_references_give_the_mean_of_their_vectors(self, tmp_path, untrained):
        clips = [noise(2.0, seed=seed) for seed in (1, 2)]
        files = [tmp_path / f"{number}.wav" for number in range(2)]
        for file, clip in zip(files, clips, strict=True):
            write_wav(file, clip, sample_rate=SAMPLE_RATE)
        one, other = (np.array(reference_vector([file])) for file in files)
        np.testing.assert_allclose(reference_vector(files), mean_vector([one, other]), atol=1e-6)

    @pytest.mark.parametrize("clip", [np.zeros(SAMPLE_RATE, np.float32), noise(0.1)])
    def test_a_reference_of_silence_or_a_tenth_of_a_second_is_named(self, tmp_path, untrained, clip):
        write_wav(tmp_path / "reference.wav", clip, sample_rate=SAMPLE_RATE)
        with pytest.raises(AudioError, match=r"reference\.wav: 0\.\d s of speech are too few"):
            reference_vector([tmp_path / "reference.wav"])
        with pytest.raises(AudioError, match=r"missing\.wav: does not exist"):
            reference_vector([Path("missing.wav")])
