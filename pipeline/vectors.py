"""Speaker vector of one clip, and the table of all."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pipeline.clips import Clip
from pipeline.incremental import Fields, Rejected, Results
from pipeline.ledger import Loss, write_rejections
from tts.data.tables import VECTORS, write_table
from tts.errors import AudioError


def vector_of(clip: Clip) -> Fields | Rejected:
    """Speaker vector [SPEAKER_VECTOR_SIZE] of a clip."""
    # They take seconds to import, which those need not wait for who only hand this function to workers.
    from tts.speakers.speech import speech_of
    from tts.speakers.weights import load_encoder

    try:
        speech = speech_of(clip.waveform(), clip.sample_rate)
    except AudioError as error:
        return Rejected("too little speech", str(error))
    (vector,) = load_encoder().embed([speech])
    return {"vector": vector}


def write_vectors(folder: Path, results: Results) -> list[Loss]:
    """Write vectors.parquet, sorted by id, and the ledger; give the losses."""
    rows = ({"utterance_id": name, "vector": results.read(name, "vector").tolist()} for name in results.ids)
    write_table(folder / "vectors.parquet", rows, VECTORS)
    return write_rejections(folder / "dropped.parquet", results.rejected, stage="vectors")


def reference_vector(recordings: Sequence[Path]) -> tuple[float, ...]:
    """Speaker vector of recordings of one voice: the mean of theirs.

    Raises:
        AudioError: a recording cannot be read, or has too little speech.
        ConfigError: the encoder's weights are absent.
    """
    from tts.audio.files import read_audio
    from tts.data.speaker_vectors import mean_vector
    from tts.speakers.encoder import SAMPLE_RATE
    from tts.speakers.speech import speech_of
    from tts.speakers.weights import load_encoder

    encoder = load_encoder()
    heard = []
    for path in recordings:
        waveform = read_audio(path, sample_rate=SAMPLE_RATE)
        try:
            heard.append(speech_of(waveform, SAMPLE_RATE))
        except AudioError as error:
            raise AudioError(f"{path}: {error}") from error
    return tuple(mean_vector(encoder.embed(heard)).tolist())
