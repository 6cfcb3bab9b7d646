"""Real recordings through the same chain: an LJSpeech archive from download to report, and one's own as a csv corpus."""

import hashlib
import json

import pytest

from tts.data.tables import DROPPED, read_table

pytestmark = pytest.mark.slow

SHORT = {
    "{run}_acoustic.steps": 4, "{run}_acoustic.schedule.warmup_steps": 2, "{run}_acoustic.batch.size": 2,
    "{run}_acoustic.model": "{hidden: 32, encoder: {layers: 1, filter: 32}, decoder: {layers: 1, filter: 32}, postnet: {channels: 16}}",
    "{run}_vocoder.steps": 4, "{run}_vocoder.batch.size": 2, "{run}_vocoder.precision": "fp32",
    "{run}_acoustic.precision": "fp32",
    "{run}_vocoder.model": "{channels: 16, discriminator: {periods: [2], period_channels: [4, 4, 4, 4, 4], scales: 0}}",
}  # fmt: skip


def overrides(run, **more):
    sets = {f"runs.{key.format(run=run)}": value for key, value in SHORT.items()} | more
    return " ".join(f"-S '{key}={value}'" for key, value in sets.items())


def test_an_ljspeech_archive_becomes_a_voice(project, shared):
    archive = shared / "corpora" / "LJSpeech-1.1.tar.bz2"
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    project.run("tts preset use ljspeech && git add -A && git -c user.name=t -c user.email=t@t commit -qm ljspeech")
    where = {
        "corpora.ljspeech.url": archive.as_uri(), "corpora.ljspeech.sha256": digest,
        "corpora.ljspeech.size": archive.stat().st_size, "max_dropped": 0.03, "shards.count": 2,
        "split.validation": 0.1, "split.test": 0.1, "evaluate.num_utterances": 2,
    }  # fmt: skip
    project.run(f"dvc exp run {overrides('ljspeech', **where)}")
    alignment = json.loads((project.root / "metrics/alignment-ljspeech.json").read_text())
    assert alignment["aligned_share"] >= 33 / 34
    lost = read_table(project.root / "data/features/ljspeech/index/dropped.parquet", DROPPED)
    clips = json.loads((project.root / "metrics/data-ljspeech.json").read_text())["clips"]
    assert clips + len({row["utterance_id"] for row in lost}) == 34
    assert (project.root / "data/report/index.html").stat().st_size > 100_000
