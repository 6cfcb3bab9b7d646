"""Compute durations in frames, pitch and energy, per frame and per phone.

Reads data/corpus/<corpus> and data/alignments/<corpus>, writes data/features/<corpus>/prosody.
Example: ``tts prosody demo``.
"""

from __future__ import annotations


def run(corpus: str) -> None:
    """Compute durations, pitch and energy of a corpus."""
    from functools import partial

    from pipeline.clips import read_aligned_clips
    from pipeline.incremental import map_cached
    from pipeline.output import replaced_directory
    from pipeline.pitch_ranges import speaker_pitch
    from pipeline.prosody import prosody_of, write_prosody
    from pipeline.stage import stage
    from tts.config import to_plain

    with stage("prosody", corpus) as current:
        definition = current.params.audio
        clips = read_aligned_clips(current.paths.corpus(corpus), current.paths.alignments(corpus))
        pitch = speaker_pitch(clips, current)
        plain = {speaker: to_plain(each) for speaker, each in pitch.items()}
        contents = {
            name: [each.clip.audio_sha256, each.phones, each.ends.tolist(), plain[each.clip.speaker]]
            for name, each in clips.items()
        }
        results = map_cached(
            partial(prosody_of, definition=definition, speaker_pitch=pitch),
            clips,
            keys=current.utterance_keys(contents, to_plain(definition)),
            store=current.store(),
            executor=current.executor,
            label=f"prosody {corpus}",
        )
        shards = current.shards()
        with replaced_directory(current.paths.prosody(corpus)) as folder:
            losses = write_prosody(folder, results, clips, pitch, shards)
            current.check_losses(losses, num_clips=len(clips))
        shards.prune()
        current.say_results(current.paths.prosody(corpus), results)
