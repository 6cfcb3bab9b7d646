"""Compute log-mel spectrograms.

Reads data/corpus/<corpus>, writes data/features/<corpus>/mel. Example: ``tts mel demo``.
"""

from __future__ import annotations


def run(corpus: str) -> None:
    """Compute the log-mel spectrograms of a corpus."""
    from functools import partial

    from pipeline.clips import read_clips
    from pipeline.incremental import map_cached
    from pipeline.mel import mel_of, write_mel
    from pipeline.output import replaced_directory
    from pipeline.stage import stage
    from tts.config import to_plain

    with stage("mel", corpus) as current:
        definition = current.params.audio
        clips = read_clips(current.paths.corpus(corpus))
        results = map_cached(
            partial(mel_of, definition=definition),
            clips,
            keys=current.utterance_keys(
                {name: [clip.audio_sha256] for name, clip in clips.items()}, to_plain(definition)
            ),
            store=current.store(),
            executor=current.executor,
            label=f"mel {corpus}",
        )
        shards = current.shards()
        with replaced_directory(current.paths.mel(corpus)) as folder:
            losses = write_mel(folder, results, clips, definition, shards)
            current.check_losses(losses, num_clips=len(clips))
        shards.prune()
        current.say_results(current.paths.mel(corpus), results)
