"""Compute a speaker vector of each clip, for models that are told by vectors who speaks.

Reads data/corpus/<corpus>, writes data/features/<corpus>/speakers. Needs the weights of the wheel resemblyzer
(`pip install --no-deps resemblyzer==0.1.4`). Example: ``tts vectors demo``.
"""

from __future__ import annotations


def run(corpus: str) -> None:
    """Compute the speaker vectors of a corpus."""
    from pipeline.clips import read_clips
    from pipeline.incremental import map_cached
    from pipeline.output import replaced_directory
    from pipeline.stage import stage
    from pipeline.vectors import vector_of, write_vectors
    from tts.speakers.weights import find_weights

    with stage("vectors", corpus) as current:
        find_weights()  # or every worker would say that they are absent
        clips = read_clips(current.paths.corpus(corpus))
        results = map_cached(
            vector_of,
            clips,
            keys=current.utterance_keys({name: [clip.audio_sha256, clip.sample_rate] for name, clip in clips.items()}),
            store=current.store(),
            executor=current.executor,
            label=f"vectors {corpus}",
        )
        with replaced_directory(current.paths.vectors(corpus)) as folder:
            losses = write_vectors(folder, results)
            current.check_losses(losses, num_clips=len(clips))
        current.say_results(current.paths.vectors(corpus), results)
