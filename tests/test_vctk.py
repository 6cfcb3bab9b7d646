"""VCTK 0.92, from an archive in its real layout to a prepared corpus, with the gaps that it was published with."""

import hashlib
import io
import shutil
import zipfile

import numpy as np
import packing
import pytest
import soundfile
from recordings_of_ones_own import Project

from stages import download, prepare
from tts.audio.files import read_audio
from tts.config import build
from tts.corpora import CorpusConfig, vctk
from tts.corpora.archives import fetch_archive
from tts.corpora.downloads import Archive
from tts.corpora.recordings import Speaker
from tts.corpora.tools import Tools
from tts.data.tables import DROPPED, SPEAKERS, read_table
from tts.errors import ConfigError, CorpusError, DownloadError

RATE = 48000
SPEAKER_INFO = """\
ID  AGE  GENDER  ACCENTS  REGION COMMENTS\r
p225  23  F    English    Southern  England\r
p248  23  F    Indian  \r
p280  25  F    Unknown    France (mic2 files unavailable)\r
p315  18  M    American  New  England (Text and mic2 files unavailable)
p326  26  M    Australian,  English,  Sydney
p362  29  F    American

s5
"""


def tone(frequency, seconds=0.5):
    return 0.5 * np.sin(2 * np.pi * frequency * np.arange(round(seconds * RATE)) / RATE)


def flac(frequency):
    file = io.BytesIO()
    soundfile.write(file, tone(frequency), RATE, format="FLAC", subtype="PCM_16")
    return file.getvalue()


MIC1, MIC2 = flac(440), flac(880)


def members():
    """Files of a small VCTK: a clip of every kind."""
    files = {"speaker-info.txt": SPEAKER_INFO.encode(), "README.txt": b"", "wav48_silence_trimmed/log.txt": b""}
    for name in ("p225_001", "p225_002", "p248_001", "p280_001", "p315_001", "p315_002", "s5_001"):
        speaker = name.partition("_")[0]
        files[f"wav48_silence_trimmed/{speaker}/{name}_mic1.flac"] = MIC1
        if speaker not in ("p280", "p315"):
            files[f"wav48_silence_trimmed/{speaker}/{name}_mic2.flac"] = MIC2
        if speaker != "p315":
            files[f"txt/{speaker}/{name}.txt"] = f"Clip {name[-1]}.\r\n".encode()
    files["txt/p362/p362_001.txt"] = b"Not recorded."
    return files


def pack(path, files):
    with zipfile.ZipFile(path, "w") as archive:
        for folder in sorted({name.rpartition("/")[0] for name in files} - {""}):
            archive.writestr(f"{folder}/", b"")
        for name, content in files.items():
            archive.writestr(name, content)
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def corpus(tmp_path):
    """Fetches and reads a VCTK of some files."""

    def make(files=None, **settings):
        sha256 = pack(tmp_path / "vctk.zip", files or members())
        defaults = {"url": "vctk.zip", "mirrors": (), "size": None, "sha256": sha256}
        config = vctk.Config(kind="vctk", **{**defaults, **settings})
        raw = tmp_path / "raw"
        shutil.rmtree(raw, ignore_errors=True)
        raw.mkdir()
        vctk.fetch(config, raw, Tools(base=tmp_path, downloads=tmp_path / "none"))
        return config, raw

    return make


def unpacked(raw):
    return sorted(path.relative_to(raw).as_posix() for path in raw.rglob("*") if path.is_file())


def test_clips_have_their_speakers_and_texts(corpus):
    recordings, _ = vctk.read(*corpus())
    assert [(each.utterance_id, each.speaker, each.text) for each in recordings] == [
        ("p225_001", "p225", "Clip 1."),
        ("p225_002", "p225", "Clip 2."),
        ("p248_001", "p248", "Clip 1."),
        ("p280_001", "p280", "Clip 1."),
        ("s5_001", "s5", "Clip 1."),
    ]
    assert {(each.language, each.style) for each in recordings} == {("en", "neutral")}
    assert {each.audio.name[-9:] for each in recordings} == {"mic1.flac"}


def test_only_the_chosen_microphone_and_speakers_are_unpacked(corpus):
    _, raw = corpus(microphone="mic2", speakers=("p225", "p280"))
    assert unpacked(raw) == sorted(
        [
            *("README.txt", "speaker-info.txt"),
            *("txt/p225/p225_001.txt", "txt/p225/p225_002.txt", "txt/p280/p280_001.txt"),
            "wav48_silence_trimmed/p225/p225_001_mic2.flac",
            "wav48_silence_trimmed/p225/p225_002_mic2.flac",
            "wav48_silence_trimmed/p280/p280_001_mic1.flac",
        ]
    )


@pytest.mark.parametrize(("microphone", "other"), [("mic1", "mic2"), ("mic2", "mic1")])
def test_a_speaker_whom_the_second_microphone_lacks_is_taken_from_the_first(corpus, microphone, other):
    recordings, _ = vctk.read(*corpus(microphone=microphone))
    by_id = {each.utterance_id: each.audio.stem for each in recordings}
    assert by_id.pop("p280_001") == "p280_001_mic1"
    assert {stem.partition("_mic")[2] for stem in by_id.values()} == {microphone[-1]}


def test_gaps_that_are_published_are_listed_and_expected(corpus):
    _, dropped = vctk.read(*corpus())
    assert [(each.utterance_id, each.reason, each.is_expected) for each in dropped] == [
        ("p315_001", "no transcript", True),
        ("p315_002", "no transcript", True),
        ("p362_001", "no audio", True),
    ]


def test_other_gaps_are_losses(corpus):
    files = members()
    del files["txt/p225/p225_001.txt"], files["wav48_silence_trimmed/p225/p225_002_mic1.flac"]
    files["txt/p248/p248_001.txt"] = b" \n"
    _, dropped = vctk.read(*corpus(files))
    assert [(each.utterance_id, each.reason) for each in dropped if not each.is_expected] == [
        ("p225_001", "no transcript"),
        ("p225_002", "no audio"),
        ("p248_001", "empty transcript"),
    ]


def test_what_is_told_of_the_speakers_is_read(corpus):
    assert vctk.speakers(*corpus()) == [
        Speaker("p225", 23, "F", "English", "Southern England"),
        Speaker("p248", 23, "F", "Indian"),
        Speaker("p280", 25, "F", "Unknown", "France", "mic2 files unavailable"),
        Speaker("p315", 18, "M", "American", "New England", "Text and mic2 files unavailable"),
        Speaker("p326", 26, "M", "Australian", "English Sydney"),
        Speaker("p362", 29, "F", "American"),
        Speaker("s5"),
    ]


@pytest.mark.parametrize(
    ("line", "speaker"),
    [
        ("p1 30 M British (a, b)", Speaker("p1", 30, "M", "British", "", "a, b")),
        ("p1 M British", Speaker("p1", None, "M", "British")),
        ("p1 30 French", Speaker("p1", 30, "", "French")),
        ("p1 (no more is known", Speaker("p1", comments="no more is known")),
    ],
)
def test_a_ragged_line_gives_what_it_holds(corpus, line, speaker):
    files = {**members(), "speaker-info.txt": f"ID AGE\n{line}\n".encode()}
    assert vctk.speakers(*corpus(files)) == [speaker]


@pytest.mark.parametrize(("name", "near"), [("225", "p225"), ("p281", "p280")])
def test_an_unknown_speaker_is_said_with_the_nearest(corpus, name, near):
    with pytest.raises(CorpusError, match=rf"VCTK has no speaker '{name}', the nearest is {near}; .* `speakers`"):
        corpus(speakers=("p225", name))


def test_a_corpus_without_its_speakers_is_said(corpus):
    files = members()
    del files["speaker-info.txt"]
    with pytest.raises(CorpusError, match=r"speaker-info.txt: is missing, though VCTK 0.92 has it"):
        corpus(files)


def test_a_folder_that_is_unpacked_may_be_the_source(corpus, tmp_path):
    for name, content in members().items():
        path = tmp_path / "mine" / "VCTK-Corpus-0.92" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    (path.parent / "._hidden_mic1.flac").touch()
    config, raw = corpus(url="mine", microphone="mic2", limit=3)
    recordings, dropped = vctk.read(config, packing.pack(raw, tmp_path / "packed"))
    assert [each.utterance_id for each in recordings] == ["p225_001", "p225_002", "p248_001"]
    assert dropped == []
    assert {path.parent.name for path in raw.rglob("*_mic1.flac")} == {"p280", "p315"}


@pytest.mark.parametrize("folder", ["wav48", "elsewhere/deeper/wav48_silence_trimmed"])
def test_another_release_is_refused(corpus, folder):
    files = {name.replace("wav48_silence_trimmed", folder): content for name, content in members().items()}
    with pytest.raises(CorpusError, match=r"holds 0 folders wav48_silence_trimmed where VCTK 0.92 has one"):
        corpus(files)


def test_an_archive_that_leaves_its_folder_is_refused_though_the_member_is_not_wanted(tmp_path):
    (tmp_path / "out").mkdir()
    with zipfile.ZipFile(tmp_path / "evil.zip", "w") as archive:
        archive.writestr("../evil", b"")
    sha256 = hashlib.sha256((tmp_path / "evil.zip").read_bytes()).hexdigest()
    tools = Tools(base=tmp_path, downloads=tmp_path)
    with pytest.raises(DownloadError, match=r"'\.\./evil' would be written outside"):
        fetch_archive(Archive(("evil.zip",), sha256), tmp_path / "out", tools, wanted=lambda name: False)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"microphone": "mic3"}, r"corpora.vctk.vctk.microphone: .*'mic1' or 'mic2'"),
        ({"speakers": []}, r"corpora.vctk.vctk.speakers"),
        ({"speaker": ["p225"]}, r"did you mean 'speakers'"),
    ],
)
def test_settings_that_do_not_fit_are_said(settings, message):
    with pytest.raises(ConfigError, match=message):
        build(CorpusConfig, {"kind": "vctk", **settings}, where="corpora.vctk")


@pytest.fixture
def project(tmp_path, monkeypatch, request):
    monkeypatch.delenv("DVC_ROOT", raising=False)
    monkeypatch.chdir(tmp_path)
    project = Project(tmp_path, request.path.parents[1] / "presets" / "tiny.yaml")
    sha256 = pack(tmp_path / "VCTK-Corpus-0.92.zip", members())
    settings = {"kind": "vctk", "url": "VCTK-Corpus-0.92.zip", "mirrors": [], "sha256": sha256, "size": None}
    project.change(max_dropped=0.0, **{"corpora.vctk": settings})
    return project


def test_the_archive_becomes_a_corpus_in_spite_of_the_published_gaps(project):
    manifest = project.prepare("vctk")
    assert sorted(manifest) == ["p225_001", "p225_002", "p248_001", "p280_001", "s5_001"]
    assert {(row["sample_rate"], row["num_samples"]) for row in manifest.values()} == {(22050, 11025)}
    assert {name: reason for name, (reason, _) in project.dropped("vctk").items()} == {
        "p315_001": "no transcript",
        "p315_002": "no transcript",
        "p362_001": "no audio",
    }
    expected = 0.5 * np.sin(2 * np.pi * 440 * np.arange(11025) / 22050)
    samples = project.samples(manifest["p225_001"], "vctk") / 32768
    assert np.abs(samples - expected)[300:-300].max() < 1e-4


def test_the_speakers_of_the_corpus_are_a_table(project):
    project.prepare("vctk")
    rows = read_table(project.root / "data/corpus/vctk/speakers.parquet", SPEAKERS)
    assert [row["speaker"] for row in rows] == ["p225", "p248", "p280", "s5"]
    assert rows[2] == {
        "speaker": "p280", "age": 25, "gender": "F", "accent": "Unknown", "region": "France",
        "comments": "mic2 files unavailable",
    }  # fmt: skip
    assert rows[3] == {"speaker": "s5", "age": None, "gender": "", "accent": "", "region": "", "comments": ""}


def test_a_corpus_that_knows_nothing_of_its_speakers_has_the_table_too(project):
    project.add("a")
    project.prepare()
    rows = read_table(project.root / "data/corpus/mine/speakers.parquet", SPEAKERS)
    assert [row["speaker"] for row in rows] == ["speaker"]
    assert set(rows[0].values()) == {"speaker", None, ""}


def test_gaps_that_are_not_published_still_stop_the_stage(project):
    files = members()
    del files["txt/p225/p225_001.txt"]
    sha256 = pack(project.root / "VCTK-Corpus-0.92.zip", files)
    project.change(**{"corpora.vctk.sha256": sha256})
    with pytest.raises(CorpusError, match=r"1 of 5 clips would be dropped, .*1 × no transcript. First: p225_001 "):
        project.prepare("vctk")


def test_only_clips_without_texts_are_no_corpus(project):
    project.change(**{"corpora.vctk.speakers": ["p315"]})
    download.run("vctk")
    with pytest.raises(CorpusError, match=r"holds no recordings; look at corpora\.vctk"):
        prepare.run("vctk")
    assert not (project.root / "data/corpus").exists()


def test_published_gaps_are_in_the_ledger_as_others_are(project):
    project.prepare("vctk")
    rows = read_table(project.root / "data/corpus/vctk/dropped.parquet", DROPPED)
    assert all(row["stage"] == "prepare" and row["detail"] for row in rows)


@pytest.mark.parametrize(("frequency", "gain_db"), [(100, 0.0), (1000, 0.0), (8000, 0.0), (9500, 0.0)])
def test_resampling_from_48_khz_keeps_what_mels_see(tmp_path, frequency, gain_db):
    measured = spectrum_after_resampling(tmp_path, frequency)
    assert 20 * np.log10(measured.max() / 0.5) == pytest.approx(gain_db, abs=0.01)


@pytest.mark.parametrize("frequency", [12500, 15000, 20000, 23000])
def test_resampling_from_48_khz_folds_nothing_back(tmp_path, frequency):
    assert 20 * np.log10(spectrum_after_resampling(tmp_path, frequency).max() / 0.5) < -110


def spectrum_after_resampling(folder, frequency):
    """Amplitudes of the sinusoids in a tone's second half-second at 22,050 Hz."""
    soundfile.write(folder / "tone.flac", tone(frequency, 2), RATE, subtype="PCM_24")
    waveform = read_audio(folder / "tone.flac", sample_rate=22050)[11025:33075].astype(np.float64)
    window = np.hanning(len(waveform))
    return np.abs(np.fft.rfft(waveform * window)) * 2 / window.sum()
