"""The invariant gate: every clip is checked shard by shard in workers, and what is found of a shard is kept."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from pipeline.fingerprint import content_key
from pipeline.kept import Kept
from pipeline.parallel import Executor
from tts.audio.mel_definition import MelDefinition
from tts.config import to_plain
from tts.data.invariants import Clip, require_no_faults, violations
from tts.data.shards import ShardReader, shard_path
from tts.data.statistics import StatisticsBuilder
from tts.interfaces import Statistics

Row = Mapping[str, Any]

_OF_PHONES = ("durations", "pitch_phone", "energy_phone")
_OF_FRAMES = ("pitch", "energy")


@dataclass(frozen=True)
class Gate:
    """Checks the clips of a corpus and gathers the statistics of its training split in the same pass.

    Attributes:
        mel, prosody: folders of the shards.
        definition: of the mels.
        kept: findings by content key; a file is known by its size, time and inode, as DVC knows it.
        base: key of code.
        executor: where shards are checked.
    """

    mel: Path
    prosody: Path
    definition: MelDefinition
    kept: Kept
    base: str
    executor: Executor

    def pass_all(self, rows: Sequence[Row]) -> Statistics:
        """Check clips that have an audio `sample_rate` beside what utterances.parquet says of them.

        Raises:
            DataError: names what does not hold, and where.
        """
        shards = _by_shard(rows)
        keys = {shard: self._key(shard, of_shard) for shard, of_shard in shards.items()}
        missing = [shard for shard, key in keys.items() if key not in self.kept]
        look = partial(_look, self.mel, self.prosody, self.definition)
        found = self.executor.map(look, [shards[shard] for shard in missing], label="check")
        self.kept.keep((keys[shard], each) for shard, each in zip(missing, found, strict=True))
        findings = [self.kept.read(key) for key in keys.values()]
        require_no_faults([fault for each in findings for fault in each["faults"]])
        total = StatisticsBuilder()
        for each in findings:
            total.add_all(StatisticsBuilder.from_plain(each["moments"]))
        return total.build(sorted({row["speaker"] for row in rows if row["split"] == "train"}))

    def _key(self, shard: int, rows: Sequence[Row]) -> str:
        names = {"mel": self.mel, **dict.fromkeys((*_OF_PHONES, *_OF_FRAMES), self.prosody)}
        files = [shard_path(folder, name, shard).stat() for name, folder in names.items()]
        known_by = [(each.st_size, each.st_mtime_ns, each.st_ino) for each in files]
        return content_key(self.base, to_plain(self.definition), known_by, rows)


def _by_shard(rows: Sequence[Row]) -> dict[int, list[Row]]:
    shards: dict[int, list[Row]] = defaultdict(list)
    for row in rows:
        shards[row["shard"]].append(row)
    return dict(sorted(shards.items()))


def _look(mel: Path, prosody: Path, definition: MelDefinition, rows: Sequence[Row]) -> dict[str, Any]:
    """Faults of a shard's clips, and the moments of those in the training split."""
    faults: list[str] = []
    builder = StatisticsBuilder()
    mels, arrays = ShardReader(mel, "mel"), {name: ShardReader(prosody, name) for name in (*_OF_PHONES, *_OF_FRAMES)}
    for row in rows:
        clip = _clip(row, mels, arrays)
        faults += [f"{row['utterance_id']}: {fault}" for fault in violations(clip, definition)]
        if row["split"] == "train":
            builder.add(row["speaker"], pitch=clip.pitch_phone, energy=clip.energy_phone, mel=clip.mel)
    return {"faults": faults, "moments": asdict(builder)}


def _clip(row: Row, mels: ShardReader, arrays: Mapping[str, ShardReader]) -> Clip:
    of_phones = (row["shard"], row["phone_offset"], row["num_phones"])
    of_frames = (row["shard"], row["frame_offset"], row["num_frames"])
    return Clip(
        row=row,
        mel=mels.load(row["shard"], row["mel_offset"], row["num_frames"]),
        **{name: arrays[name].load(*of_phones) for name in _OF_PHONES},
        **{name: arrays[name].load(*of_frames) for name in _OF_FRAMES},
    )
