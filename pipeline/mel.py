"""Mel of one clip, and the shards of all."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from pipeline.clips import Clip
from pipeline.incremental import Fields, Rejected, Results
from pipeline.kept_shards import ShardStore
from pipeline.ledger import Loss, write_rejections
from tts.audio.mel_definition import MelDefinition, min_samples
from tts.config import to_plain
from tts.data.shards import layout
from tts.data.tables import MEL, write_table


def mel_of(clip: Clip, definition: MelDefinition) -> Fields | Rejected:
    """Log-mel [frames, mels] of a clip."""
    if clip.num_samples < min_samples(definition):
        detail = f"{clip.num_samples} samples, n_fft {definition.n_fft} needs {min_samples(definition)}"
        return Rejected("too short for a frame", detail)
    import torch  # takes seconds, which those need not wait for who only hand this function to workers

    from tts.audio.spectrogram import mel_spectrogram

    waveform = torch.from_numpy(clip.waveform())[None]
    return {"mel": mel_spectrogram(waveform, definition)[0].T.numpy()}


def write_mel(
    folder: Path, results: Results, clips: Mapping[str, Clip], definition: MelDefinition, store: ShardStore
) -> list[Loss]:
    """Write mel shards, their table and the ledger; give the losses."""
    shards, lengths = {name: clip.shard for name, clip in clips.items()}, results.lengths("mel")
    like = np.empty((0, definition.n_mels), np.float32)
    digest = store.write(folder, "mel", results, shards=shards, like=like)
    write_mel_table(folder, lengths, shards, definition, digest=digest)
    return write_rejections(folder / "dropped.parquet", results.rejected, stage="mel")


def write_mel_table(
    folder: Path, lengths: Mapping[str, int], shards: Mapping[str, int], definition: MelDefinition, *, digest: str
) -> None:
    """Write mel.parquet.

    Args:
        folder: of the shards.
        lengths: frames of each utterance that has a mel.
        shards: of these utterances, and perhaps of others.
        definition: of the mels.
        digest: of all arrays.
    """
    rows = [
        {"utterance_id": name, "shard": shard, "offset": offset, "num_frames": lengths[name]}
        for name, (shard, offset) in layout(lengths, shards).items()
    ]
    metadata = {"mel_definition": json.dumps(to_plain(definition)), "arrays_sha256": digest}
    write_table(folder / "mel.parquet", rows, MEL, metadata=metadata)
