"""Durations, pitch and energy of one clip, and the shards of all."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pipeline.clips import AlignedClip
from pipeline.incremental import Fields, Rejected, Results
from pipeline.kept_shards import ShardStore
from pipeline.ledger import Loss, write_rejections
from tts.alignment.durations import frame_durations
from tts.audio.mel_definition import MelDefinition, min_samples
from tts.audio.prosody import PitchSettings, f0, phone_energy, phone_pitch
from tts.config import to_plain
from tts.data.shards import layout
from tts.data.tables import PROSODY, write_table

PER_PHONE = {"durations": np.int32, "pitch_phone": np.float32, "energy_phone": np.float32}
PER_FRAME = {"pitch": np.float32, "energy": np.float32}


def prosody_of(
    aligned: AlignedClip, definition: MelDefinition, speaker_pitch: Mapping[str, PitchSettings]
) -> Fields | Rejected:
    """Durations, pitch and energy of a clip, per phone and per frame."""
    clip, settings = aligned.clip, speaker_pitch[aligned.clip.speaker]
    if clip.num_samples < min_samples(definition):
        detail = f"{clip.num_samples} samples, n_fft {definition.n_fft} needs {min_samples(definition)}"
        return Rejected("too short for a frame", detail)
    waveform = clip.waveform()
    durations = frame_durations(aligned.ends, clip.num_samples, definition)
    pitch = f0(waveform, definition, settings)
    if not (pitch > 0).any():
        return Rejected("no voiced frame", f"no F0 between {settings.f_min:g} and {settings.f_max:g} Hz")
    energy = _energy(waveform, definition)
    return {
        "durations": durations,
        "pitch_phone": phone_pitch(pitch, durations),
        "energy_phone": phone_energy(energy, durations),
        "pitch": pitch,
        "energy": energy,
    }


def write_prosody(
    folder: Path,
    results: Results,
    clips: Mapping[str, AlignedClip],
    speaker_pitch: Mapping[str, PitchSettings],
    store: ShardStore,
) -> list[Loss]:
    """Write durations, pitch and energy shards, their table and the ledger; give the losses.

    The table says in its metadata how each speaker's pitch was measured.
    """
    shards = {name: each.clip.shard for name, each in clips.items()}
    digests = {
        field: store.write(folder, field, results, shards=shards, like=np.empty(0, dtype))
        for field, dtype in (PER_PHONE | PER_FRAME).items()
    }
    num_phones, num_frames = results.lengths("durations"), results.lengths("pitch")
    frame_places = layout(num_frames, shards)
    rows = [
        {
            "utterance_id": name,
            "shard": shard,
            "phone_offset": offset,
            "num_phones": num_phones[name],
            "frame_offset": frame_places[name][1],
            "num_frames": num_frames[name],
            "phones": list(clips[name].phones),
        }
        for name, (shard, offset) in layout(num_phones, shards).items()
    ]
    pitch = {name: to_plain(settings) for name, settings in speaker_pitch.items()}
    metadata = {"arrays_sha256": json.dumps(digests), "pitch": json.dumps(pitch)}
    write_table(folder / "prosody.parquet", rows, PROSODY, metadata=metadata)
    return write_rejections(folder / "dropped.parquet", results.rejected, stage="prosody")


def _energy(waveform: npt.NDArray[np.float32], definition: MelDefinition) -> npt.NDArray[np.float32]:
    import torch  # takes seconds, which those need not wait for who only hand `prosody_of` to workers

    from tts.audio.spectrogram import frame_energy, magnitude

    energy: npt.NDArray[np.float32] = frame_energy(magnitude(torch.from_numpy(waveform)[None], definition))[0].numpy()
    return energy
