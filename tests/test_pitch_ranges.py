"""A speaker's clips are searched in the speaker's own range, and only what a new clip touches is measured again."""

import dataclasses
import hashlib
import json

import numpy as np
import pytest
from conftest import ROOT
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from pipeline import clips as clips_module
from pipeline import pitch_ranges
from pipeline.evaluation import read_pitch
from pipeline.yaml import read_yaml
from stages import prosody
from tts.audio.mel_definition import MelDefinition
from tts.audio.pitch_range import own_range, pitch_histogram
from tts.audio.prosody import PitchSettings, f0
from tts.data.shards import assign_shards, layout, write_shards
from tts.data.tables import MANIFEST, PHONES, PROSODY, read_metadata, read_table, write_table
from tts.errors import DataError

RATE = 22050
DEFINITION = MelDefinition(
    sample_rate=RATE, n_fft=1024, hop_length=256, win_length=1024, n_mels=80, f_min=0.0, f_max=8000.0
)
WIDE = PitchSettings(f_min=60.0, f_max=800.0, per_speaker=True)


def buzz(hz, seconds=0.5):
    """A tone of ten harmonics that glides a little, so that there are quartiles."""
    phase = 2 * np.pi * np.cumsum(np.linspace(0.95 * hz, 1.05 * hz, int(RATE * seconds))) / RATE
    return (0.1 * sum(np.sin(k * phase) / k for k in range(1, 11))).astype(np.float32)


def histogram_of(hz):
    """Of frames of known pitch, as `pitch_histogram` counts them."""
    return np.bincount((24 * np.log2(np.asarray(hz) / 20)).astype(int), minlength=168)


def test_a_histogram_counts_voiced_frames_at_their_pitch():
    sound = np.concatenate([buzz(200.0), np.zeros(RATE, np.float32)])
    histogram = pitch_histogram(sound, DEFINITION, WIDE)
    pitch = f0(sound, DEFINITION, WIDE)
    assert histogram.sum() == pytest.approx((pitch > 0).sum(), abs=2)
    bins = np.flatnonzero(histogram)
    assert 20 * 2 ** (bins.min() / 24) == pytest.approx(190, rel=0.03)
    assert 20 * 2 ** (bins.max() / 24) == pytest.approx(210, rel=0.03)


def test_the_histogram_of_silence_is_empty_and_leaves_the_range_wide():
    histogram = pitch_histogram(np.zeros(5000, np.float32), DEFINITION, WIDE)
    assert not histogram.any()
    assert own_range(histogram, WIDE) == dataclasses.replace(WIDE, per_speaker=False)


def test_a_range_of_known_quartiles():
    """Quartiles 200 and 240 Hz: from 150 down to D3, from 360 up to F4 sharp."""
    own = own_range(histogram_of([200.0] * 60 + [240.0] * 60), WIDE)
    assert own == PitchSettings(f_min=146.83, f_max=369.99)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(60, 799), min_size=1, max_size=50))
def test_a_range_lies_within_the_wide_one_and_a_semitone_around_the_rule(hz):
    own = own_range(histogram_of(np.array(hz)), WIDE)
    assert WIDE.f_min <= own.f_min < own.f_max <= WIDE.f_max
    low, high = np.percentile(hz, [25, 75], method="inverted_cdf")
    slack = 2 ** (1 / 24)
    assert own.f_min <= max(60, 0.75 * low * slack)
    assert own.f_max >= min(800, 1.5 * high / slack)


def test_a_few_more_clips_leave_a_range_where_it_is():
    draw = np.random.default_rng(0)
    counts = [histogram_of(np.clip(draw.normal(median, 20, 5000), 60, 799)) for median in (110, 140, 180, 220, 250)]
    more = [histogram_of(np.clip(draw.normal(240, 20, 25), 60, 799)) for _ in range(5)]
    moved = [own_range(count, WIDE) != own_range(count + new, WIDE) for count in counts for new in more]
    assert sum(moved) <= 2


def test_half_the_pitch_is_not_found_below_a_range():
    """A voice whose every second period differs: a wide search finds half its pitch, its own range does not."""
    time = np.arange(RATE) / RATE
    creaky = buzz(180.0, 1.0) + 0.08 * np.sin(np.pi * 180.0 * time).astype(np.float32)
    own = own_range(pitch_histogram(buzz(180.0), DEFINITION, WIDE), WIDE)
    wide, narrow = (f0(creaky, DEFINITION, each) for each in (WIDE, own))
    assert (wide[10:-10] < 100).mean() > 0.5
    assert not ((narrow > 0) & (narrow < 130)).any()


class Corpus:
    """A prepared and aligned corpus "mine" in a project folder, its clips in memory."""

    def __init__(self, root, **pitch):
        self.root = root
        self.params = read_yaml(ROOT / "presets" / "tiny.yaml")
        self.params["corpora"]["mine"] = {"kind": "csv", "path": "source"}
        self.params["pitch"] = {"method": "dio", "f_min": 60.0, "f_max": 800.0, "per_speaker": True, **pitch}
        self.clips = {}

    def measure(self, monkeypatch, capsys):
        """Run the stage; give what it said, and how many clips went through the first pass."""
        self.write()
        passes, first_pass = [], pitch_ranges.map_cached
        with monkeypatch.context() as patch:
            patch.chdir(self.root)
            patch.delenv("DVC_ROOT", raising=False)
            patch.setattr(
                pitch_ranges, "map_cached", lambda *given, **k: passes.append(first_pass(*given, **k)) or passes[-1]
            )
            clips_module._reader.cache_clear()
            prosody.run("mine")
        return capsys.readouterr().out, sum(each.num_computed for each in passes)

    def write(self):
        corpus, alignments = self.root / "data/corpus/mine", self.root / "data/alignments/mine"
        for folder in (corpus, alignments):
            folder.mkdir(parents=True, exist_ok=True)
        samples = {name: (32767 * sound).astype(np.int16) for name, (_, sound) in sorted(self.clips.items())}
        lengths = {name: len(each) for name, each in samples.items()}
        shards = assign_shards(lengths, 2)
        write_shards(corpus, "audio", lengths, samples.__getitem__, shards=shards, like=np.empty(0, np.int16))
        places = layout(lengths, shards)
        manifest = [
            {"utterance_id": name, "speaker": self.clips[name][0], "language": "en", "style": "", "text": "a"}
            | {"normalized_text": "a", "num_samples": len(each), "sample_rate": RATE}
            | {"audio_sha256": hashlib.sha256(each).hexdigest(), "shard": places[name][0], "offset": places[name][1]}
            for name, each in samples.items()
        ]
        write_table(corpus / "manifest.parquet", manifest, MANIFEST)
        phones = [
            {"utterance_id": name, "position": 0, "phone": "a", "word": "a", "start_seconds": 0.0}
            | {"end_seconds": len(each) / RATE}
            for name, each in samples.items()
        ]
        write_table(alignments / "phones.parquet", phones, PHONES)
        with (self.root / "params.yaml").open("w") as file:
            YAML(typ="safe", pure=True).dump(self.params, file)
        (self.root / "runtime.yaml").write_text("workers: 1\n")

    @property
    def folder(self):
        return self.root / "data/features/mine/prosody"

    def files(self):
        return {path.name: path.read_bytes() for path in self.folder.iterdir()}

    def pitch(self):
        return json.loads(read_metadata(self.folder / "prosody.parquet")["pitch"])


VOICES = {"ann": 210.0, "bob": 100.0}


@pytest.fixture
def corpus(tmp_path):
    made = Corpus(tmp_path / "one")
    made.clips = {f"{name}{k}": (name, buzz(hz + k)) for name, hz in VOICES.items() for k in range(4)}
    return made


def test_each_speaker_has_a_range_that_the_table_and_the_closing_line_tell(corpus, monkeypatch, capsys):
    said, first_pass = corpus.measure(monkeypatch, capsys)
    pitch = corpus.pitch()
    assert first_pass == 8
    assert pitch["ann"]["f_min"] > pitch["bob"]["f_min"] > 60
    assert pitch["bob"]["f_max"] < pitch["ann"]["f_max"] < 800
    assert not pitch["ann"]["per_speaker"]
    assert f"pitch of ann {pitch['ann']['f_min']:.0f} to {pitch['ann']['f_max']:.0f} Hz; bob " in said


def test_new_speakers_cost_themselves_and_the_bytes_are_those_from_scratch(corpus, tmp_path, monkeypatch, capsys):
    corpus.measure(monkeypatch, capsys)
    added = {f"new{k}": (f"new{k}", buzz(125.0 + 30 * k)) for k in range(5)}
    corpus.clips |= added
    said, first_pass = corpus.measure(monkeypatch, capsys)
    assert first_pass == 5
    assert "13 clips (8 reused)" in said
    assert "; 4 more" in said
    fresh = Corpus(tmp_path / "two")
    fresh.clips = corpus.clips
    assert fresh.measure(monkeypatch, capsys)[1] == 13
    assert fresh.files() == corpus.files()


def test_a_range_that_moves_measures_its_speaker_again_and_no_other(corpus, tmp_path, monkeypatch, capsys):
    corpus.measure(monkeypatch, capsys)
    before = corpus.pitch()
    corpus.clips["ann9"] = ("ann", buzz(300.0, 4.0))
    said, first_pass = corpus.measure(monkeypatch, capsys)
    assert first_pass == 1
    assert corpus.pitch()["ann"] != before["ann"]
    assert corpus.pitch()["bob"] == before["bob"]
    assert "9 clips (4 reused)" in said
    fresh = Corpus(tmp_path / "two")
    fresh.clips = corpus.clips
    fresh.measure(monkeypatch, capsys)
    assert fresh.files() == corpus.files()


def test_without_ranges_there_is_no_first_pass(corpus, monkeypatch, capsys):
    corpus.params["pitch"]["per_speaker"] = False
    said, first_pass = corpus.measure(monkeypatch, capsys)
    assert first_pass == 0
    assert "pitch of" not in said
    assert {(each["f_min"], each["f_max"]) for each in corpus.pitch().values()} == {(60.0, 800.0)}
    assert len(read_table(corpus.folder / "prosody.parquet", PROSODY)) == 8


@pytest.mark.parametrize("changed", [{"f_max": 790.0}, {"f_min": 61.0}])
def test_wide_ends_that_no_speaker_reaches_measure_nobody_again(corpus, monkeypatch, capsys, changed):
    corpus.measure(monkeypatch, capsys)
    corpus.params["pitch"] |= changed
    said, first_pass = corpus.measure(monkeypatch, capsys)
    assert first_pass == 8
    assert "8 clips (8 reused)" in said


def test_a_voice_is_measured_in_its_speaker_s_range(corpus, monkeypatch, capsys):
    corpus.measure(monkeypatch, capsys)
    pitch = read_pitch(corpus.folder)
    assert set(pitch) == set(VOICES)
    assert pitch["ann"].f_min == corpus.pitch()["ann"]["f_min"] > pitch["bob"].f_min


def test_a_table_that_does_not_tell_how_pitch_was_measured_is_refused(tmp_path):
    write_table(tmp_path / "prosody.parquet", [], PROSODY)
    with pytest.raises(DataError, match="run `tts prosody` again"):
        read_pitch(tmp_path)
