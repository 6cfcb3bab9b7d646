"""Bring a corpus to one sample rate, normalized texts and one manifest.

Reads data/raw/<corpus>, writes data/corpus/<corpus>. Example: ``tts prepare demo``.
"""

from __future__ import annotations


def run(corpus: str) -> None:
    """Bring a corpus to one sample rate, normalized texts and one manifest."""
    from functools import partial

    from pipeline import prepare
    from pipeline.fingerprint import code_key
    from pipeline.incremental import map_cached
    from pipeline.ledger import write_ledger
    from pipeline.output import replaced_directory
    from pipeline.stage import stage
    from tts.corpora import speakers
    from tts.corpora.packs import open_packs

    with stage("prepare", corpus) as current:
        settings, sample_rate = current.params.corpus(corpus), current.params.audio.sample_rate
        raw, destination = open_packs(current.paths.raw(corpus)), current.paths.corpus(corpus)
        found, unread = prepare.read_recordings(settings, raw)
        answers = current.paths.cache / "prepare" / "texts"
        texts, silent = prepare.normalize(found, current.params.text, answers, code_key("stages.prepare"))
        audio = {each.utterance_id: each.audio for each in found if each.utterance_id in texts}
        contents = prepare.audio_contents(audio, current.executor, label=f"read {corpus}")
        results = map_cached(
            partial(prepare.samples_of, sample_rate=sample_rate),
            audio,
            keys=current.utterance_keys(contents, sample_rate),
            store=current.store(),
            executor=current.executor,
            label=f"prepare {corpus}",
        )
        dropped = [*unread, *silent, *prepare.unusable(results, settings, sample_rate)]
        unforeseen = prepare.as_losses([each for each in dropped if not each.is_expected])
        losses = prepare.as_losses(dropped)
        num_expected = len(losses) - len(unforeseen)
        current.check_losses(unforeseen, num_clips=len(found) + len(unread) - num_expected)
        lost = {each.utterance_id for each in dropped}
        kept = [each for each in found if each.utterance_id not in lost]
        prepared = prepare.Prepared(kept, texts, results, sample_rate)
        shards = current.shards()
        with replaced_directory(destination) as folder:
            prepare.write_corpus(folder, prepared, shards, shard_clips=current.params.shards.clips)
            prepare.write_speakers(folder, prepared, speakers(settings, raw))
            prepare.copy_true_phones(raw, folder, prepared)
            write_ledger(folder / "dropped.parquet", losses)
        shards.prune()
        current.say(f"wrote {destination}")
        current.say(f"{len(kept)} clips ({len(audio) - results.num_computed} reused)")
        current.say(f"{len(losses)} dropped")
