"""Real recordings through the same chain: an LJSpeech archive up to the report, a csv corpus up to the index."""

import hashlib
import json

import pytest

from tts.data.tables import DROPPED, read_table

pytestmark = pytest.mark.slow

SHORT = {
    "_acoustic.steps": 4,
    "_acoustic.schedule.warmup_steps": 2,
    "_acoustic.batch.size": 2,
    "_acoustic.precision": "fp32",
    "_acoustic.model.hidden": 32,
    "_acoustic.model.encoder.layers": 1,
    "_acoustic.model.decoder.layers": 1,
    "_vocoder.steps": 4,
    "_vocoder.batch.size": 2,
    "_vocoder.precision": "fp32",
}
SMALL = {
    "_vocoder.model.channels": 16,
    "_vocoder.model.discriminator": "{periods: [2], period_channels: [4, 4, 4, 4, 4], scales: 0}",
}


def overrides(run, **more):
    """Settings for `dvc exp run`; a plus marks those that params.yaml does not have."""
    sets = {f"runs.{run}{key}": value for key, value in SHORT.items()} | more
    sets |= {f"+runs.{run}{key}": value for key, value in SMALL.items()}
    return " ".join(f"-S '{key}={value}'" for key, value in sets.items())


def commit(project, message):
    project.run(f"git add -A && git -c user.name=t -c user.email=t@t commit -qm {message}")


def measured(project, name):
    return json.loads((project.root / "metrics" / f"{name}.json").read_text())


def lost(project, corpus):
    rows = read_table(project.root / f"data/features/{corpus}/index/dropped.parquet", DROPPED)
    return {row["utterance_id"] for row in rows}


def test_an_ljspeech_archive_becomes_a_voice(project, shared):
    archive = shared / "corpora" / "LJSpeech-1.1.tar.bz2"
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    project.run("tts preset use ljspeech")
    commit(project, "ljspeech")
    where = {
        "corpora.ljspeech.url": archive.as_uri(),
        "corpora.ljspeech.sha256": digest,
        "corpora.ljspeech.size": archive.stat().st_size,
        "max_dropped": 0.03,
        "shards.clips": 16,
        "split.validation": 0.1,
        "split.test": 0.1,
        "evaluate.num_utterances": 1,
    }
    project.run(f"dvc exp run {overrides('ljspeech', **where)}")
    assert measured(project, "alignment-ljspeech")["aligned_share"] >= 33 / 34
    assert measured(project, "data-ljspeech")["clips"] + len(lost(project, "ljspeech")) == 34
    assert (project.root / "data/report/index.html").stat().st_size > 100_000


def test_recordings_of_ones_own_can_be_trained_on(project, shared):
    """16 kHz FLAC and a metadata.csv, resampled to the tiny preset's 22,050 Hz, up to the gate before training."""
    folder = shared / "corpora" / "asterisk-en"
    project.set("corpora.tiny", f"{{kind: csv, path: {folder}, limit: 60, speaker: allison}}")
    project.set("text.frontend", "english")
    project.set("max_dropped", "0.1")
    project.run("dvc repro index@tiny")
    assert measured(project, "alignment-tiny")["aligned_share"] >= 0.9
    assert measured(project, "data-tiny")["clips"] + len(lost(project, "tiny")) == 60
