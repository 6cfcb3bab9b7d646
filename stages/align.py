"""Place phones in time.

Reads data/corpus/<corpus>, writes data/alignments/<corpus> and metrics/alignment-<corpus>.json.
Example: ``tts align demo``; ``tts align --compare demo my/textgrids`` tells how far two alignments are apart.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tts.errors import ConfigError


def run(
    corpus: Annotated[str | None, typer.Argument(help="A corpus of params.yaml.")] = None,
    compare: Annotated[
        tuple[str, str] | None,
        typer.Option(
            metavar="A B",
            help="Instead of aligning, compare two alignments: corpora, phones.parquet files, folders of TextGrids.",
        ),
    ] = None,
    json: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the comparison to a file.")] = None,
) -> None:
    """Align the phones of a corpus with its recordings, or compare two alignments."""
    from pipeline.alignment_comparison import compare_and_show

    if compare and corpus is None:
        compare_and_show(Path(), *compare, json)
    elif corpus and compare is None and json is None:
        _align(corpus)
    else:
        raise ConfigError("name a corpus to align, or --compare two alignments, then perhaps with --json")


def _align(corpus: str) -> None:
    from pipeline.alignment import align_corpus, measure, read_spoken, write_alignments
    from pipeline.fingerprint import file_key
    from pipeline.output import replaced_directory, write_json
    from pipeline.stage import stage
    from tts.config import to_plain

    with stage("align", corpus) as current:
        params, paths = current.params, current.paths
        backend = params.align.backend
        lexicon = file_key(Path(params.text.lexicon)) if params.text.lexicon else None
        work = current.work(corpus, to_plain(params.text), lexicon, backend, to_plain(getattr(params.align, backend)))
        spoken = read_spoken(paths.corpus(corpus), params.text, work, run=current.executor.map)
        alignments = align_corpus(spoken, params.align, work, run=current.executor.map)
        with replaced_directory(paths.alignments(corpus)) as folder:
            write_alignments(folder, alignments)
        write_json(paths.alignment_metrics(corpus), measure(alignments, paths.corpus(corpus)))
        current.say(f"wrote {paths.alignments(corpus)}")
        current.say(f"{alignments.num_clips} clips, {alignments.num_computed} aligned now ({alignments.identity.note})")
        current.say(f"{len(alignments.failed)} dropped")
