"""Place phones in time.

Reads data/corpus/<corpus>, writes data/alignments/<corpus> and metrics/alignment-<corpus>.json.
Example: ``tts align demo``.
"""

from __future__ import annotations


def run(corpus: str) -> None:
    """Align the phones of a corpus with its recordings."""
    from pipeline.alignment import align_corpus, mapper, measure, read_spoken, write_alignments
    from pipeline.fingerprint import file_key
    from pipeline.output import replaced_directory, write_json
    from pipeline.stage import stage
    from tts.config import to_plain

    with stage("align", corpus) as current:
        params, paths = current.params, current.paths
        parallel = mapper(current.runtime.num_workers)
        spoken = read_spoken(paths.corpus(corpus), params.text, run=parallel)
        manifest = file_key(paths.corpus(corpus) / "manifest.parquet")
        work = current.work(to_plain(params.text), to_plain(params.align), manifest)
        alignments = align_corpus(spoken, params.align, work, run=parallel)
        with replaced_directory(paths.alignments(corpus)) as folder:
            write_alignments(folder, alignments)
        write_json(paths.alignment_metrics(corpus), measure(alignments, paths.corpus(corpus)))
        current.say(f"wrote {paths.alignments(corpus)}")
        current.say(f"{len(alignments.kept)} clips")
        current.say(f"{len(alignments.failed)} dropped")
