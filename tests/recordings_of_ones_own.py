"""A project in a folder where stages run in this process, and whose csv corpus a test writes clip by clip."""

import numpy as np
import soundfile

from pipeline.yaml import read_yaml
from stages import download, prepare
from tts.data.shards import ShardReader
from tts.data.tables import DROPPED, MANIFEST, read_table

RATE = 22050


def tone(seconds=0.5, rate=RATE):
    return (0.5 * np.sin(2 * np.pi * 440 * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


class Project:
    """A folder with params.yaml where stages run in this process; recordings of a csv corpus "mine" are in source/."""

    def __init__(self, root, preset):
        self.root = root
        self.params = read_yaml(preset)
        self.change(max_dropped=0.5, **{"corpora.mine": {"kind": "csv", "path": "source"}})
        (root / "runtime.yaml").write_text("workers: 1\n")
        (root / "lexicon.txt").touch()
        (root / "source" / "wavs").mkdir(parents=True)
        self.lines = []

    def change(self, **values):
        from ruamel.yaml import YAML

        for key, value in values.items():
            *parents, last = key.split(".")
            section = self.params
            for parent in parents:
                section = section[parent]
            section[last] = value
        with (self.root / "params.yaml").open("w") as file:
            YAML(typ="safe", pure=True).dump(self.params, file)

    def add(self, name, text="Some words.", waveform=None, *, suffix="wav", rate=RATE, **options):
        waveform = tone(rate=rate) if waveform is None else waveform
        soundfile.write(self.root / f"source/wavs/{name}.{suffix}", waveform, rate, **options)
        self.write(name, text)

    def write(self, name, text="Some words."):
        self.lines.append(f"{name}|{text}\n")
        (self.root / "source/metadata.csv").write_text("".join(self.lines), encoding="utf-8")

    def prepare(self, corpus="mine"):
        download.run(corpus)
        prepare.run(corpus)
        return self.manifest(corpus)

    def manifest(self, corpus="mine"):
        rows = read_table(self.root / f"data/corpus/{corpus}/manifest.parquet", MANIFEST)
        return {row["utterance_id"]: row for row in rows}

    def dropped(self, corpus="mine"):
        rows = read_table(self.root / f"data/corpus/{corpus}/dropped.parquet", DROPPED)
        assert {row["stage"] for row in rows} <= {"prepare"}
        return {row["utterance_id"]: (row["reason"], row["detail"]) for row in rows}

    def samples(self, row, corpus="mine"):
        return ShardReader(self.root / f"data/corpus/{corpus}", "audio").read(
            row["shard"], row["offset"], row["num_samples"]
        )

    def outputs(self, corpus="mine"):
        return {path.name: path.read_bytes() for path in (self.root / "data/corpus" / corpus).iterdir()}

    def shards(self, corpus="mine"):
        return sorted((self.root / "data/corpus" / corpus).glob("audio-*.npy"))

    def let_links_last(self):
        (self.root / ".dvc").mkdir()
        (self.root / ".dvc" / "config.local").write_text("[cache]\n    type = hardlink\n")
