"""Join the features, assign splits, gather statistics, and check everything before any GPU is paid for.

Reads data/corpus/<corpus> and data/features/<corpus>/{mel,prosody}, writes data/features/<corpus>/index and
metrics/data-<corpus>.json. Example: ``tts index demo``.
"""

from __future__ import annotations


def run(corpus: str) -> None:
    """Join and check the features of a corpus."""
    from pipeline.fingerprint import code_key
    from pipeline.gate import Gate
    from pipeline.index import all_losses, data_metrics, join, mel_definition, write_names
    from pipeline.kept import Kept
    from pipeline.ledger import write_ledger
    from pipeline.output import replaced_directory, write_json
    from pipeline.stage import stage
    from tts.config import to_plain
    from tts.data.invariants import check_corpus
    from tts.data.tables import UTTERANCES, write_table

    with stage("index", corpus) as current:
        rows = join(current.paths, corpus, current.params.split)
        check_corpus(rows)
        gate = Gate(
            mel=current.paths.mel(corpus),
            prosody=current.paths.prosody(corpus),
            definition=mel_definition(current.paths, corpus),
            kept=Kept(current.store()),
            base=code_key("stages.index"),
            executor=current.executor,
        )
        statistics = gate.pass_all(rows)
        metrics = data_metrics(current.paths, corpus, rows, current.params.audio.sample_rate)
        with replaced_directory(current.paths.index(corpus)) as folder:
            write_table(folder / "utterances.parquet", rows, UTTERANCES)
            write_names(folder, rows)
            write_json(folder / "statistics.json", to_plain(statistics))
            write_ledger(folder / "dropped.parquet", all_losses(current.paths, corpus))
        write_json(current.paths.data_metrics(corpus), metrics)
        current.say(f"wrote {current.paths.index(corpus)}")
        current.say(f"{metrics['clips']} clips, {metrics['hours']:.2f} h, {metrics['speakers']} speakers")
        current.say(f"{sum(metrics['dropped'].values())} dropped since the download")
