"""How fast batches are read: from shards, and from one NPY file per clip and kind, as others keep features.

    python benchmarks/feature_reading.py [--json] [--clips 2000] [--folder FOLDER]

Clips of noise, as long as those of LJSpeech, are written twice into a temporary folder (twice 400 MB for 2000): as
the project's shards, and as files of mel, pitch, energy and durations for each clip. Both readers take the same
batches of the same sampler, whole epochs of them, in turn; each gives the same tensors, padded by the same function.
The reader of files has its phones in memory, as the lists of files of those who keep features so give them. Files and
shards have been read before they are timed, so they are in the system's cache: what is measured is the work of
opening, finding and copying, not the disk. `frames_per_10_ms` counts mel frames without their padding that threads of
the trainer's own loader deliver.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from tts.audio.mel_definition import MelDefinition
from tts.config import to_plain
from tts.data.features import CorpusFeatures
from tts.data.shards import Array, assign_shards, layout, pad, write_shards
from tts.data.tables import MEL, UTTERANCES, write_table
from tts.interfaces import AcousticBatch, Inventory
from tts.training.batching import AcousticBatches
from tts.training.loading import prefetch
from tts.training.sampling import LengthSampler
from tts.training.settings import BatchSettings

DEFINITION = MelDefinition(
    sample_rate=22050, n_fft=1024, hop_length=256, win_length=1024, n_mels=80, f_min=0.0, f_max=8000.0
)
SYMBOLS = tuple(f"phone{number}" for number in range(40))
PHONES_PER_SECOND = 12
MEAN_SECONDS, SPREAD, SHORTEST, LONGEST = 6.6, 0.4, 1.0, 10.0  # LJSpeech: 6.57 s, from 1.1 to 10.1 s
BATCHES = BatchSettings(max_frames=16384)
SHARD_CLIPS = 128
ROUNDS = 7
KINDS = ("mel", "durations", "pitch", "energy")
FRAMES_PER_10_MS = 20_000  # what is to be reached, with two threads
RATIO = 10  # likewise

Read = Callable[[Sequence[str]], AcousticBatch]


@dataclass(frozen=True)
class Clips:
    """Noise in the shape of speech.

    Attributes:
        frames: by id.
    """

    frames: Mapping[str, int]

    def arrays(self, name: str) -> dict[str, Array]:
        """What a reader keeps of a clip; equal names give equal arrays."""
        draw = np.random.default_rng(int(name))
        frames, start = self.frames[name], int(draw.integers(len(NOISE) - self.frames[name]))
        cuts = np.sort(draw.integers(0, frames, len(self.phones(name)) - 1))
        return {
            "mel": NOISE[start : start + frames],
            "durations": np.diff([0, *cuts, frames]).astype(np.int32),
            "pitch": draw.uniform(80, 300, len(cuts) + 1).astype(np.float32),
            "energy": draw.uniform(1, 90, len(cuts) + 1).astype(np.float32),
        }

    def phones(self, name: str) -> npt.NDArray[np.int64]:
        """Ids of its phones."""
        count = max(1, round(self.frames[name] * DEFINITION.hop_length / DEFINITION.sample_rate * PHONES_PER_SECOND))
        return (np.arange(count) * 7 + int(name)) % len(SYMBOLS)


NOISE = np.random.default_rng(0).normal(-5, 2, (20_000, DEFINITION.n_mels)).astype(np.float32)


def main() -> None:
    """Print what readers deliver."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print the figures as one JSON object, on the last line")
    parser.add_argument("--clips", type=int, default=2000)
    parser.add_argument("--folder", help="on the disk to be used; default: the system's temporary folder")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        figures = shards_over_files(Path(folder), num_clips=options.clips)
    if options.json:
        print(json.dumps({name: round(value, 4) for name, value in figures.items()}))


def shards_over_files(folder: Path, *, num_clips: int = 2000, rounds: int = ROUNDS) -> dict[str, float]:
    """Write clips as shards and as files, read both, print and give the figures.

    Args:
        folder: an existing, empty one.
        num_clips: how many.
        rounds: epochs that each reader reads in turn with the other.

    Returns:
        `shards_over_files`, the median over rounds of clips per second over clips per second, with its least and
        greatest; both rates; frames per 10 ms with 1 and with 2 threads; share of padding.
    """
    clips = draw_clips(num_clips)
    sampler = LengthSampler(clips.frames, BATCHES, seed=0)
    readers = {"shards": shard_reader(folder / "shards", clips), "files": file_reader(folder / "files", clips)}
    require_equal(readers, sampler.ids(0))
    rates = clips_per_second(readers, sampler, rounds=rounds)
    ratios = [mine / theirs for mine, theirs in zip(rates["shards"], rates["files"], strict=True)]
    frames = {threads: frames_per_10_ms(readers["shards"], sampler, threads, rounds=rounds) for threads in (1, 2)}
    figures = {
        "shards_over_files": statistics.median(ratios),
        "shards_over_files_low": min(ratios),
        "shards_over_files_high": max(ratios),
        "clips_per_second_of_shards": statistics.median(rates["shards"]),
        "clips_per_second_of_files": statistics.median(rates["files"]),
        "frames_per_10_ms": frames[2],
        "frames_per_10_ms_of_1_thread": frames[1],
        "padding_share": padding_share(sampler, clips),
    }
    show(figures, sampler, rounds=rounds)
    return figures


def draw_clips(count: int) -> Clips:
    """Draw lengths: lognormal, cut at LJSpeech's least and greatest."""
    location = np.log(MEAN_SECONDS) - SPREAD**2 / 2
    seconds = np.random.default_rng(1).lognormal(location, SPREAD, count).clip(SHORTEST, LONGEST)
    frames = (seconds * DEFINITION.sample_rate).astype(int) // DEFINITION.hop_length
    return Clips({f"{number:06d}": each for number, each in enumerate(frames.tolist())})


def shard_reader(folder: Path, clips: Clips) -> Read:
    """Write clips as the pipeline does, and open them as training does."""
    for name in ("mel", "prosody", "index"):
        (folder / name).mkdir(parents=True)
    phones = {name: len(clips.phones(name)) for name in clips.frames}
    _write(folder / "mel", "mel", clips, "mel")
    for name, kind in (("durations", "durations"), ("pitch_phone", "pitch"), ("energy_phone", "energy")):
        _write(folder / "prosody", name, clips, kind)
    shards = assign_shards(clips.frames, SHARD_CLIPS)
    of_frames, of_phones = layout(clips.frames, shards), layout(phones, shards)
    rows = [
        {"utterance_id": name, "split": "train", "speaker": "one", "language": "en", "style": "plain"}
        | {"text": name, "normalized_text": name, "phones": [SYMBOLS[each] for each in clips.phones(name)]}
        | {"num_phones": phones[name], "num_frames": frames, "num_samples": frames * DEFINITION.hop_length}
        | {"shard": of_frames[name][0], "audio_offset": 0, "mel_offset": of_frames[name][1]}
        | {"phone_offset": of_phones[name][1], "frame_offset": of_frames[name][1]}
        for name, frames in clips.frames.items()
    ]
    write_table(folder / "index" / "utterances.parquet", rows, UTTERANCES)
    write_table(folder / "mel" / "mel.parquet", [], MEL, metadata={"mel_definition": json.dumps(to_plain(DEFINITION))})
    features = CorpusFeatures(folder, folder / "mel", prosody=folder / "prosody", index=folder / "index")
    inventory = Inventory(mel=DEFINITION, symbols=SYMBOLS, speakers=("one",), styles=("plain",))
    return AcousticBatches(features, inventory, "phone").read


def _write(folder: Path, name: str, clips: Clips, kind: str) -> None:
    lengths = {each: len(clips.arrays(each)[kind]) for each in clips.frames}
    like = clips.arrays(next(iter(clips.frames)))[kind]
    write_shards(
        folder,
        name,
        lengths,
        lambda each: clips.arrays(each)[kind],
        shards=assign_shards(lengths, SHARD_CLIPS),
        like=like,
    )


def file_reader(folder: Path, clips: Clips) -> Read:
    """Write ``<kind>/<id>.npy``, and give what reads them."""
    for kind in KINDS:
        (folder / kind).mkdir(parents=True)
    for name in clips.frames:
        for kind, array in clips.arrays(name).items():
            np.save(folder / kind / f"{name}.npy", array)
    phones = {name: clips.phones(name) for name in clips.frames}

    def read(ids: Sequence[str]) -> AcousticBatch:
        loaded = {kind: [np.load(folder / kind / f"{name}.npy") for name in ids] for kind in KINDS}
        return AcousticBatch(
            utterance_ids=tuple(ids),
            phones=torch.from_numpy(pad([phones[name] for name in ids])),
            phone_lengths=torch.tensor([len(phones[name]) for name in ids]),
            mel=torch.from_numpy(pad(loaded["mel"])),
            mel_lengths=torch.tensor([len(each) for each in loaded["mel"]]),
            durations=torch.from_numpy(pad(loaded["durations"], np.int64)),
            pitch=torch.from_numpy(pad(loaded["pitch"])),
            energy=torch.from_numpy(pad(loaded["energy"])),
            speaker_ids=torch.zeros(len(ids), dtype=torch.int64),
            style_ids=torch.zeros(len(ids), dtype=torch.int64),
        )

    return read


def require_equal(readers: Mapping[str, Read], ids: Sequence[str]) -> None:
    """Refuse to compare readers that give different batches."""
    mine, theirs = (vars(read(ids)) for read in readers.values())
    for name, value in mine.items():
        same = torch.equal(value, theirs[name]) if isinstance(value, torch.Tensor) else value == theirs[name]
        if not same:
            raise ValueError(f"readers differ in {name}")


def clips_per_second(readers: Mapping[str, Read], sampler: LengthSampler, *, rounds: int) -> dict[str, list[float]]:
    """Rates by reader, one for each round, after an epoch that warms the cache."""
    rates: dict[str, list[float]] = {name: [] for name in readers}
    for number in range(rounds + 1):
        batches = [sampler.ids(index) for index in epoch(sampler, number)]
        for name, read in readers.items():
            started = time.perf_counter()
            for ids in batches:
                read(ids)
            rates[name].append(sum(map(len, batches)) / (time.perf_counter() - started))
    return {name: each[1:] for name, each in rates.items()}


def frames_per_10_ms(read: Read, sampler: LengthSampler, threads: int, *, rounds: int) -> float:
    """Mel frames that the trainer's loader delivers, the median of rounds."""
    return statistics.median(_frames_per_10_ms(read, sampler, threads, number) for number in range(rounds))


def _frames_per_10_ms(read: Read, sampler: LengthSampler, threads: int, number: int) -> float:
    frames, started = 0, time.perf_counter()
    with closing(prefetch(lambda index: read(sampler.ids(index)), epoch(sampler, number), workers=threads)) as batches:
        for batch in batches:
            frames += int(batch.mel_lengths.sum())
    return frames / (time.perf_counter() - started) / 100


def epoch(sampler: LengthSampler, number: int) -> range:
    """Running numbers of an epoch's batches."""
    return range(number * sampler.batches_per_epoch, (number + 1) * sampler.batches_per_epoch)


def padding_share(sampler: LengthSampler, clips: Clips) -> float:
    """Padded frames over all frames of an epoch's batches."""
    batches = [[clips.frames[name] for name in sampler.ids(index)] for index in epoch(sampler, 0)]
    return 1 - sum(clips.frames.values()) / sum(max(each) * len(each) for each in batches)


def show(figures: Mapping[str, float], sampler: LengthSampler, *, rounds: int) -> None:
    """Print a line per figure."""
    for line in _lines(figures, sampler, rounds):
        print(line)


def _lines(figures: Mapping[str, float], sampler: LengthSampler, rounds: int) -> Iterator[str]:
    for name in ("shards", "files"):
        yield f"{name:7}{figures[f'clips_per_second_of_{name}']:10,.0f} clips per second, cache warm"
    low, high = figures["shards_over_files_low"], figures["shards_over_files_high"]
    yield (
        f"shards over files: {figures['shards_over_files']:.1f} ({low:.1f} to {high:.1f} in {rounds} rounds; "
        f"to be reached: {RATIO})"
    )
    for threads, key in ((1, "frames_per_10_ms_of_1_thread"), (2, "frames_per_10_ms")):
        rate = f"{figures[key]:,.0f} mel frames per 10 ms"
        yield f"{threads} loader thread{'s' * (threads > 1)}: {rate} (to be reached: {FRAMES_PER_10_MS:,d})"
    padding = figures["padding_share"]
    yield f"padding: {padding:.2%} of frames, in {sampler.batches_per_epoch} batches of {BATCHES.max_frames} at most"


if __name__ == "__main__":
    main()
