"""Fetch a corpus as it is published, verified; what was downloaded stays in .tts_cache/download.

Writes data/raw/<corpus>. Example: ``tts download demo``.
"""

from __future__ import annotations


def run(corpus: str) -> None:
    """Fetch a corpus as it is published."""
    from pipeline.download import byte_bar, tools_for
    from pipeline.output import replaced_directory
    from pipeline.stage import stage
    from tts.corpora import fetch

    with stage("download", corpus) as current:
        destination = current.paths.raw(corpus)
        with replaced_directory(destination) as folder, byte_bar() as on_progress:
            mirror = current.runtime.mirror
            tools = tools_for(current.paths, corpus, current.executor, mirror=mirror, on_progress=on_progress)
            fetch(current.params.corpus(corpus), folder, tools)
        files = [file for file in destination.rglob("*") if file.is_file()]
        current.say(f"wrote {destination}")
        current.say(f"{len(files)} files, {sum(file.stat().st_size for file in files) / 1e6:.1f} MB")
