"""Fetch a corpus as it is published, verified; what was downloaded stays in .tts_cache/download.

Writes data/raw/<corpus>: a few tar files of what is published, and a table of them. Example: ``tts download demo``.
"""

from __future__ import annotations


def run(corpus: str) -> None:
    """Fetch a corpus as it is published."""
    from pipeline.download import byte_bar, tools_for
    from pipeline.kept_files import links_last
    from pipeline.output import passing_directory, replaced_directory
    from pipeline.packs import PackStore
    from pipeline.stage import stage
    from tts.corpora import fetch

    with stage("download", corpus) as current:
        destination = current.paths.raw(corpus)
        kept, links = current.paths.cache / "download" / "packs", links_last(current.paths.root)
        packs = PackStore(kept, current.executor, links=links)
        with passing_directory(destination) as fetched:
            with byte_bar() as on_progress:
                mirror = current.runtime.mirror
                tools = tools_for(current.paths, corpus, current.executor, mirror=mirror, on_progress=on_progress)
                fetch(current.params.corpus(corpus), fetched, tools)
            with replaced_directory(destination) as folder:
                files = packs.pack(fetched, folder, label=f"pack {corpus}")
        packs.prune()
        current.say(f"wrote {destination}")
        current.say(f"{len(files)} files, {sum(each.size for each in files) / 1e6:.1f} MB")
